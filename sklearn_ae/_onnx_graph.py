"""What methods compute, as torch modules: of tensors, without checks, for other runtimes."""

from torch import nn


class Graph(nn.Module):
    """What a method of an autoencoder makes of rows, or of codes.

    Parameters
    ----------
    module : AutoencoderModule
    function : callable
        ``function(module, x)``.
    """

    def __init__(self, module, function):
        super().__init__()
        self.module = module
        self.function = function

    def forward(self, x):
        """Return what the method returns for a tensor."""
        return self.function(self.module, x)


def reconstruct(module, x):
    """Return what a module makes of rows."""
    return module(x).reconstruction


def score_samples(module, x):
    """Return minus the squared distances of rows to their reconstruction."""
    return -(reconstruct(module, x) - x).square().sum(dim=1)


METHODS = {
    "transform": lambda module, x: module.encode(x),
    "inverse_transform": lambda module, code: module.decode(code),
    "reconstruct": reconstruct,
    "score_samples": score_samples,
}

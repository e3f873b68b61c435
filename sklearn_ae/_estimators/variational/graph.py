"""The evidence lower bound as one graph, for `export.to_onnx`."""

from torch import nn

from ...penalties import gaussian_kl
from .evidence import minus_log_likelihood

AT_A_TIME = 16  # draws: each by itself would take the exporter five times as long, all more memory


class BoundGraph(nn.Module):
    """What `EvidenceLowerBound` computes, with several draws decoded at a time.

    Parameters
    ----------
    bound : EvidenceLowerBound
    """

    def __init__(self, bound):
        super().__init__()
        self.bound = bound

    def forward(self, x):
        """Return the bounds, shape (n_rows,), in nats."""
        draws, module, loss = self.bound.draws, self.bound.module, self.bound.loss
        mean, log_variance = module.distribution(x)
        spread, cost = (log_variance / 2).exp(), 0.0
        for start in range(0, len(draws), AT_A_TIME):
            some = draws[start : start + AT_A_TIME]
            decoded = module.decode((mean + spread * some[:, None]).flatten(0, 1))
            values = minus_log_likelihood(loss, module, decoded, x.repeat(len(some), 1))
            cost = cost + values.unflatten(0, (len(some), x.shape[0])).sum(dim=0)
        divergence = gaussian_kl(mean, log_variance).sum(dim=1)
        return -len(module.offset) * cost / len(draws) - divergence

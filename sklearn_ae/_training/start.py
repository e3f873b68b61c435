"""Where training starts, and where it may go back to: a module that reconstructs as PCA does."""

import numpy as np
import torch

from .module import codes_of
from .pca import frame_of, principal_axes


def check_linear_paths(module, architecture):
    """Raise ValueError unless both coders of a module can be started as linear maps.

    Parameters
    ----------
    module : AutoencoderModule
    architecture : object
        What built the coders.
    """
    for coder in (module.encoder, module.decoder):
        startable = hasattr(coder, "start_linear")
        if not (startable and getattr(coder, "has_linear_path", False)):
            raise ValueError(
                f"init='pca' starts from linear paths, and {architecture!r} has "
                "not got them. Use init='random'; or MLP with skip=True and "
                "code_activation='identity'; or wrap the coders of your own architecture "
                "in sklearn_ae.architectures.LinearPlusNetwork."
            )


def start_at_pca(module, loss, n_components, rows, seed):
    """Make a module reconstruct as the PCA of some rows does.

    Parameters
    ----------
    module : AutoencoderModule
    loss : callable
        Its link may bend what the decoder puts out.
    n_components : int
    rows : Rows
    seed : int
    """
    axes = axes_of_units(module, n_components, rows, seed)
    module.encoder.start_linear(axes, torch.zeros(len(axes)))
    start_decoder(module, loss, axes.T)


def axes_of_units(module, n_components, rows, seed):
    """Return orthonormal axes, as many as there are components: rows, or columns if wide."""
    random_state, n_features = np.random.RandomState(seed), len(module.offset)
    if n_components <= n_features:
        offset, weights = module.offset.cpu().double().numpy(), rows.weights()
        axes = principal_axes(rows.X, offset, n_components, weights, random_state)
    else:
        # Any orthonormal columns encode without loss, and so every unit takes part.
        axes = np.linalg.qr(random_state.normal(size=(n_components, n_features)))[0]
    return torch.from_numpy(np.ascontiguousarray(axes))


def start_decoder(module, loss, weight):
    """Make the decoder linear: the mean of the data, and these directions in units of scale."""
    offset = module.offset.cpu().double()
    bias = torch.zeros_like(offset)
    if hasattr(loss, "tangent"):  # the link bends: PCA's line is its tangent at the mean
        bias, slope = loss.tangent(offset)
        weight = slope[:, None] * module.scale.item() * weight
    module.decoder.start_linear(weight, bias)


def turn_to_principal_axes(module, X, weight):
    """Centre the code of some rows and turn it to its principal axes; the decoder turns with it."""
    frame = frame_of(codes_of(module, X), weight)
    centre, axes = (torch.from_numpy(part).to(module.offset) for part in frame)
    module.encoder.turn_output(centre, axes)
    module.decoder.turn_input(centre, axes)

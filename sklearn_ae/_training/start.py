"""Where training starts, and where it may go back to: a module that reconstructs as PCA does."""

import copy

import numpy as np
import torch
from scipy.optimize import minimize

from .module import codes_of, represented, share_weights
from .pca import frame_of, principal_axes
from .world import here

LINEAR_VALUES = 1_000_000  # of the data that a linear model through a link is fitted to, at most
LINEAR_ITER = 60


def check_linear_paths(module, architecture):
    """Raise ValueError unless both coders of a module can be started as linear maps.

    Parameters
    ----------
    module : AutoencoderModule
    architecture : object
        What built the coders.
    """
    if not has_linear_paths(module):
        given = getattr(architecture, "architecture", architecture)  # rather than what wraps it
        raise ValueError(
            f"init='pca' starts from linear paths, and {given!r} has "
            "not got them. Use init='random'; or MLP with skip=True and "
            "code_activation='identity'; or wrap the coders of your own architecture "
            "in sklearn_ae.architectures.LinearPlusNetwork."
        )


def has_linear_paths(module):
    """Whether both coders of a module can be started as linear maps.

    Parameters
    ----------
    module : AutoencoderModule
    """
    return all(
        hasattr(coder, "start_linear") and getattr(coder, "has_linear_path", False)
        for coder in (module.encoder, module.decoder)
    )


def start_at_pca(module, loss, n_components, rows, seed):
    """Make a module reconstruct as the PCA of some rows does, or as what is PCA for its loss.

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
    tied = share_weights(module.encoder, module.decoder)
    if hasattr(loss, "tangent") and n_components < len(module.offset) and not tied:
        encode, decode, bias = generalised_pca(module, loss, axes, rows, seed)
        module.encoder.start_linear(encode, torch.zeros(len(axes)))
        module.decoder.start_linear(decode, bias)


def generalised_pca(module, loss, axes, rows, seed):
    """Return the linear encoder, the linear decoder and its bias that lose least through a link.

    For the squared error, without a link, this would be PCA (Collins et al. 2001).

    Parameters
    ----------
    module : AutoencoderModule
        Scaled to the data.
    loss : callable
        Has a ``tangent``.
    axes : Tensor of shape (n_components, n_features)
        Principal axes of what the encoder is given: where the search starts.
    rows : Rows
    seed : int

    Returns
    -------
    encode : Tensor of shape (n_components, n_features)
    decode : Tensor of shape (n_features, n_components)
    bias : Tensor of shape (n_features,)
    """
    x, weight = some_rows(rows, max(LINEAR_VALUES // axes.shape[1], 1), seed)
    module = copy.deepcopy(module).cpu()
    x = x.to(module.offset)
    seen = module.standardise(x).float()
    x, weight, axes = x.float(), weight.float(), axes.float()
    spread = (weight @ (seen @ axes.T).square()).sqrt().clamp_min(1e-3)
    bias, slope = tangent(module, loss)
    start = [axes / spread[:, None], slope.float()[:, None] * axes.T * spread, bias.float()]
    sizes = [part.numel() for part in start]
    float_module = module.float()
    prior = 0.5 / x.numel()  # standard normal: of what codes of variance 1 do, and of such codes

    def parts_of(flat):
        parts = torch.from_numpy(flat).float().split(sizes)
        return [part.view_as(own) for part, own in zip(parts, start, strict=True)]

    def value_and_gradient(flat):
        encode, decode, bias = parts = [part.requires_grad_() for part in parts_of(flat)]
        natural = torch.addmm(bias, seen @ encode.T, decode.T)
        value = weight @ loss(float_module.to_data(natural), x)
        apart = (encode - start[0]) * spread[:, None]
        size = decode.square().sum() + len(bias) * apart.square().sum()
        gradients = torch.autograd.grad(value + prior * size, parts)
        return (value + prior * size).item(), _flat(gradients)

    result = minimize(
        value_and_gradient,
        _flat(start),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": LINEAR_ITER},
    )
    encode, decode, bias = parts_of(result.x)
    return encode * spread[:, None], decode / spread, bias


def start_at_mean(module, loss):
    """Make a module reconstruct every row as the mean of the data.

    Parameters
    ----------
    module : AutoencoderModule
        Whose decoder has a linear path.
    loss : callable
    """
    bias, _ = tangent(module, loss)
    n_components = module.encode(module.offset[None]).shape[1]
    module.decoder.start_linear(bias.new_zeros(len(bias), n_components), bias)


def _flat(parts):
    return torch.cat([part.detach().flatten() for part in parts]).double().numpy()


def some_rows(rows, n_rows, seed):
    """Return at most so many rows as a tensor, and their weights, which add up to 1."""
    order = np.random.RandomState(seed).permutation(len(rows))[:n_rows]
    x, weight, *_ = rows.take(np.sort(order))
    weight = torch.ones(len(x)) if weight is None else weight
    x, weight = here().concat(x), here().concat(weight)
    return x, weight / weight.sum()


def axes_of_units(module, n_components, rows, seed):
    """Return orthonormal axes, as many as there are components: rows, or columns if wide."""
    random_state, n_features = np.random.RandomState(seed), len(module.offset)
    if n_components <= n_features:
        seen, offset, _ = what_is_seen(module, rows.X)
        axes = principal_axes(seen, offset, n_components, rows.weights(), random_state)
    else:
        # Any orthonormal columns encode without loss, and so every unit takes part.
        axes = np.linalg.qr(random_state.normal(size=(n_components, n_features)))[0]
    return torch.from_numpy(np.ascontiguousarray(axes))


def what_is_seen(module, X):
    """Return what the encoder of a module is given for X, and the mean and the scale of that.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    seen : ndarray of shape (n_samples, n_features)
    offset : ndarray of shape (n_features,)
    scale : float
    """
    offset, scale = module.offset, module.scale
    if module.represent is not None:
        offset, scale = module.seen_offset, module.seen_scale
    return represented(module, X), offset.cpu().double().numpy(), scale.item()


def start_decoder(module, loss, weight):
    """Make the decoder linear: the mean of the data, and these directions in units of scale."""
    bias, slope = tangent(module, loss)
    module.decoder.start_linear(slope[:, None] * weight, bias)


def tangent(module, loss):
    """Return what the decoder puts out at the mean of the data, and the slope of PCA's line there.

    Parameters
    ----------
    module : AutoencoderModule
    loss : callable

    Returns
    -------
    natural, slope : Tensor of shape (n_features,)
        The slope by what the encoder is given.
    """
    offset = module.offset.cpu().double()
    if not hasattr(loss, "tangent"):
        return torch.zeros_like(offset), torch.ones_like(offset)
    natural, slope = loss.tangent(offset)  # the link bends: PCA's line is its tangent at the mean
    if module.represent is not None:  # by the link's own logarithm, or nearly
        return natural, module.seen_scale.item() * torch.ones_like(natural)
    return natural, slope * module.scale.item()


def turn_to_principal_axes(module, X, weight):
    """Centre the code of some rows and turn it to its principal axes; the decoder turns with it."""
    frame = frame_of(codes_of(module, X), weight)
    centre, axes = (torch.from_numpy(part).to(module.offset) for part in frame)
    module.encoder.turn_output(centre, axes)
    module.decoder.turn_input(centre, axes)

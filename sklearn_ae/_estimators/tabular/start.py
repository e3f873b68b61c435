"""Where the training of a table starts: the linear model of its losses, from its principal axes."""

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import minimize
from sklearn.utils import gen_batches

from ..._training.pca import principal_axes
from ..._training.tables import ROWS_AT_A_TIME

VALUES = 1_000_000  # of what the encoder is given, that the linear model is fitted to, at most
ITER = 60
FEW = 10.0  # rows: the embedding of a category with fewer is nearer to that of the mean


@torch.no_grad()
def start_embeddings(module, X, seed):
    """Start the embedding of each category at what the other columns are like where it stands.

    Parameters
    ----------
    module : TableModule
    X : ndarray of shape (n_samples, n_columns)
    seed : int
    """
    cells, layout = module.cells, module.cells.layout
    others = ~np.isin(layout.owner, layout.many)
    for embedding, j in zip(cells.embeddings, layout.many, strict=True):
        size, width = embedding.shape
        total, count = np.zeros((size, others.sum())), np.zeros(size)
        for rows in gen_batches(len(X), ROWS_AT_A_TIME):
            part = X[rows][~np.isnan(X[rows, j])]
            given = cells.expand(torch.from_numpy(part))[:, : len(others)].numpy()[:, others]
            place = part[:, j].astype(int)
            ones, first = np.ones(len(place)), np.arange(len(place) + 1)
            total += sparse.csr_array((ones, place, first), (len(place), size)).T @ given
            count += np.bincount(place, minlength=size)
        means = total / (count + FEW)[:, None]
        started = np.random.RandomState(seed).normal(size=(size, width)) / width
        if means.any():
            axes = principal_axes(means, means.mean(axis=0), width, count)
            scores = (means - means.mean(axis=0)) @ axes.T
            scale = np.sqrt(np.average(np.square(scores).sum(axis=1), weights=count))
            started[:, : scores.shape[1]] += scores / max(scale, 1e-6)
        embedding.copy_(torch.from_numpy(started))


def start_linear(module, X, n_components, seed, max_iter=ITER):
    """Make a module the linear model of its losses: both coders linear, and fitted to some rows.

    The search starts at the principal axes of what the encoder is given, where each column has the
    same variance in all (a factor analysis of mixed data, Pagès 2004).

    Parameters
    ----------
    module : TableModule
    X : ndarray of shape (n_samples, n_columns)
    n_components : int
    seed : int
    max_iter : int, default=60
        Of the search.
    """
    cells = module.cells
    n_rows = max(VALUES // cells.layout.n_inputs, 200)
    chosen = np.sort(np.random.RandomState(seed).permutation(len(X))[:n_rows])
    x = torch.from_numpy(X[chosen])
    with torch.no_grad():
        seen = cells.expand(x)
    axes = _axes(cells, seen, n_components, seed)
    axes = torch.from_numpy(axes).to(seen)
    module.encoder.network.start_linear(axes, torch.zeros(n_components))
    encode, decode, bias = _linear_model(module, x, seen, axes, max_iter)
    module.encoder.network.start_linear(encode, torch.zeros(n_components))
    module.decoder.network.start_linear(decode, bias)


def _axes(cells, seen, n_components, seed):
    """Return principal axes of what the encoder is given, but for the mask: rows."""
    n_outputs = cells.layout.n_outputs
    weight = cells.share.gt(0)[cells.index("owner")].double().numpy()
    given = seen[:, :n_outputs].double().numpy() * weight
    axes = np.zeros((n_components, seen.shape[1]))
    found = principal_axes(given, given.mean(axis=0), n_components)
    axes[: len(found), :n_outputs] = found
    if n_components > len(found):  # wide codes: the rest repeats the first ones, turned
        random = np.random.RandomState(seed).normal(size=(n_components - len(found), len(found)))
        axes[len(found) :, :n_outputs] = random @ found / np.sqrt(len(found))
    return axes


def _linear_model(module, x, seen, axes, max_iter):
    """Return the linear encoder, decoder and bias of the smallest loss."""
    cells = module.cells
    is_few = ~np.isin(cells.layout.owner, cells.layout.many)
    is_few = torch.as_tensor(is_few).to(seen)  # a softmax over many would take too long
    codes = seen @ axes.T
    spread = codes.std(dim=0, correction=0)
    # Along an axis without any spread a step would be a leap for new rows.
    spread = torch.where(spread > 1e-3 * spread.max(), spread, spread.max().clamp_min(1e-3))
    slope = _slopes(cells)
    start = [
        axes / spread[:, None],
        slope[:, None] * axes[:, : cells.layout.n_outputs].T * spread * is_few[:, None],
        seen.new_zeros(cells.layout.n_outputs),
    ]
    sizes = [part.numel() for part in start]
    prior = 0.5 / x.numel()

    def parts_of(flat):
        parts = torch.from_numpy(flat).to(seen).split(sizes)
        return [part.view_as(own) for part, own in zip(parts, start, strict=True)]

    def value_and_gradient(flat):
        encode, decode, bias = parts = [part.requires_grad_() for part in parts_of(flat)]
        out = torch.addmm(bias, seen @ encode.T, decode.T) * is_few
        value = (cells.losses(cells.natural(out), x, with_many=False) @ cells.share).mean()
        apart = (encode - start[0]) * spread[:, None]
        size = decode.square().sum() + len(bias) * apart.square().sum()
        gradients = torch.autograd.grad(value + prior * size, parts)
        return (value + prior * size).item(), _flat(gradients)

    options = {"maxiter": max_iter}
    result = minimize(
        value_and_gradient, _flat(start), jac=True, method="L-BFGS-B", options=options
    )
    encode, decode, bias = parts_of(result.x)
    return encode * spread[:, None], decode / spread, bias


def _slopes(cells):
    """Return how natural parameters follow what the encoder is given, at the constant model."""
    first, n = cells.layout.parts[0], len(cells.layout.counts)
    few = slice(first + n, first + n + cells.layout.parts[2])
    slope = cells.spread.clone()
    slope[few] = slope[few] / cells.constant[few].exp().clamp_min(0.05)
    return slope


def _flat(parts):
    return torch.cat([part.detach().flatten() for part in parts]).double().numpy()

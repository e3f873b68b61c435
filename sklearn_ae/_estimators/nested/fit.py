"""How a nested autoencoder is trained: wide, then cut to what is needed, then on."""

from dataclasses import replace
from numbers import Integral

import numpy as np
import torch

from ..._training.build import Trained, build_module, build_net, started_module
from ..._training.fit import continued_module, is_better_as_pca, monitor_of, run, split
from ..._training.module import in_batches
from ..._training.pca import mean_over_rows, variances_along
from ..._training.progress import say
from ..._training.start import axes_of_units
from ..._training.step import Stepper
from ..._training.world import here
from .prefixes import keep_first_units, shares_of_widths, shares_with_whole


def train_nested(recipe, X, weight, seed, tasks=None):
    """Train a net of ordered units, cut it to as many as are needed, and train it on.

    Parameters
    ----------
    recipe : NestedRecipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    tasks : EpochTasks or None, default=None

    Returns
    -------
    trained : Trained
    curve : ndarray of shape (n_tried,)
        R² from the first 1, 2, ... units of the first training.
    """
    rows, held_out = split(recipe, X, weight, seed)
    loop = recipe.loop(len(rows))

    def net_of(recipe, module):
        monitor = monitor_of(recipe, held_out, loop)
        return build_net(recipe, module, monitor, Stepper(), seed, loop, tasks)

    recipe = replace(recipe, n_components=recipe.n_tried(X.shape[1]))
    wide = started_module(recipe, X, weight, rows, seed)
    shares = shares_of_widths(unexplained_by_pca(wide, recipe.n_components, rows, seed))
    recipe = replace(recipe, shares=shares)
    first = net_of(recipe, wide)
    say(recipe, f"Stage 1 of 2: {recipe.n_components} components in order.")
    run(first, rows, recipe)
    is_pca = is_better_as_pca(recipe, first.monitor, wide, X)
    if is_pca:
        recipe.start(wide, rows.to_start_from(), seed)
    curve = reconstruction_curve(wide, rows if held_out is None else held_out)
    n_components = chosen_components(recipe.asked, curve, X.shape[1])
    shares = shares_with_whole(n_components)
    recipe = replace(recipe, n_components=n_components, shares=shares)
    narrow = build_module(recipe, X.shape[1], X.dtype, seed)
    keep_first_units(wide, narrow)
    second = net_of(recipe, narrow)
    if first.monitor.stopped_by_ == "interrupt":
        second.monitor = first.monitor
    else:
        say(recipe, f"Stage 2 of 2: {n_components} components are kept, and trained on.")
        run(second, rows, recipe)
        is_pca = is_pca and is_better_as_pca(recipe, second.monitor, narrow, X)
        second.monitor.put_in_front(first.monitor)
    if is_pca:
        recipe.start(narrow, here().rows(X, weight).to_start_from(), seed)
    return Trained(narrow, second, recipe, seed, loop, is_pca), curve


def train_nested_on(recipe, X, weight, seed, tasks, before):
    """Train a nested autoencoder on from what was trained before; as `train_nested` otherwise."""
    rows, held_out = split(recipe, X, weight, seed)
    loop = recipe.loop(len(rows))
    module = continued_module(recipe, before, X, weight, X.dtype)
    net = build_net(
        recipe, module, monitor_of(recipe, held_out, loop), Stepper(), seed, loop, tasks
    )
    run(net, rows, recipe)
    curve = reconstruction_curve(module, rows if held_out is None else held_out)
    return Trained(module, net, recipe, seed, loop), curve


def unexplained_by_pca(module, n_components, rows, seed):
    """Return the share of the variance that 1, 2, ... principal components leave."""
    n_features, rows = len(module.offset), rows.to_start_from()
    axes = axes_of_units(module, min(n_components, n_features), rows, seed).numpy()
    variances = variances_along(rows.X, axes, rows.weights())
    explained = np.cumsum(variances) / (n_features * module.scale.item() ** 2)
    return np.pad(1 - explained, (0, n_components - len(axes))).clip(0)


def chosen_components(asked, curve, n_features):
    """Return the number of components that n_components asks for."""
    if isinstance(asked, Integral):
        return asked
    if asked == "auto":
        return knee(curve, n_features)
    enough = curve >= asked
    return int(enough.argmax()) + 1 if enough.any() else len(curve)


def reconstruction_curve(module, rows):
    """Return R² of some rows from the first 1, 2, ... units, relative to the mean of X.

    Parameters
    ----------
    module : AutoencoderModule
    rows : Rows

    Returns
    -------
    curve : ndarray of shape (n_components,)
    """
    X, weight = rows.X, rows.weight
    if rows.index is not None:
        X, weight = X[rows.index], None if weight is None else weight[rows.index]
    n_components = module.decoder.n_components

    def errors(x):
        """Return the squared error at each number of units, and without any."""
        code = module.encode(x)
        decoded = (module.decode(code[:, :k]) for k in range(1, n_components + 1))
        every = [(z - x).square().sum(dim=1) for z in (*decoded, module.offset)]
        return torch.stack(every, dim=1)

    def errors_of_rows(X):
        return in_batches(errors, X, module, n_components + 1)

    *error, total = mean_over_rows(errors_of_rows, X, weight)
    rounding = 10 * np.finfo(X.dtype).eps * np.linalg.norm(module.offset.cpu().numpy())
    if total <= rounding**2:  # constant columns
        return np.ones(n_components)
    return 1 - np.array(error) / total


def knee(curve, n_features):
    """Return how many components precede the knee of a curve of R².

    They are those up to the last one that is worth it: whose gain is more than 0.7 of the average
    gain (Jolliffe 1972, of eigenvalues), so that the curve is flatter afterwards than the line to
    its end; or which leaves less than half unexplained of what was, and gains at least a tenth of
    the average. The latter says nothing of as many components as features, which leave nothing.

    Parameters
    ----------
    curve : ndarray of shape (n_components,)
        R² with 1, 2, ... components.
    n_features : int

    Returns
    -------
    n_components : int
    """
    gains = np.diff(curve, prepend=0)
    average = curve[-1] / len(curve)
    halves = 2 * (1 - curve) < 1 - (curve - gains)
    halves[n_features - 1 :] = False
    worth = np.flatnonzero((gains > 0.7 * average) | (halves & (gains > 0.1 * average)))
    return int(worth[-1]) + 1 if len(worth) else 1

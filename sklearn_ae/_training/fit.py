"""From rows to a trained module: split, build, start, run, go back to PCA or turn the code."""

from math import ceil

import numpy as np

from .build import Trained, build_module, build_net, loop_of, started_module
from .device import single_precision
from .loader import Rows
from .monitor import MAX_RESTARTS, Diverged, Monitor
from .start import turn_to_principal_axes
from .state import arrays_of, load_arrays, progress_of, resume
from .step import WARM_UP, Stepper
from .survival import survival_of

SIGNIFICANCE = 0.01  # of a gain over PCA on held-out rows; from 0.05 on, chance wins now and then


def train(recipe, X, weight, seed, tasks=None, before=None):
    """Train a module on some rows, while others decide when to stop and what is best.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    tasks : EpochTasks or None, default=None
    before : Trained or None, default=None
        Whose weights training goes on from. None starts anew.

    Returns
    -------
    trained : Trained
        The start, where training was in vain.
    """
    rows, held_out = split(recipe, X, weight, seed)
    if before is None:
        module = started_module(recipe, X, weight, rows, seed)
    else:
        module = continued_module(recipe, before, X.shape[1], X.dtype)
    loop = loop_of(recipe, len(rows))
    net = build_net(recipe, module, monitor_of(recipe, held_out), Stepper(), seed, loop, tasks)
    run(net, rows, recipe)
    is_pca = before is None and is_better_as_pca(recipe, net.monitor)
    if is_pca:
        recipe.start(module, Rows(X, weight), seed)
    elif module.can_turn and _ignores_rotation(recipe.penalty):
        turn_to_principal_axes(module, X, weight)
    return Trained(module, net, recipe, seed, loop, is_pca)


def train_one_pass(recipe, X, weight, seed, before=None):
    """Train a module for one pass over some rows.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    before : Trained or None, default=None
        What training goes on from; its optimizer, too, if the recipe still takes steps like it.

    Returns
    -------
    trained : Trained
    """
    rows = Rows(X, weight)
    if before is None:
        module = started_module(recipe, X, weight, rows, seed)
    else:
        module = continued_module(recipe, before, X.shape[1], before.module.dtype)
    resumed = before is not None and before.streaming and recipe.steps_like(before.recipe)
    stepper = Stepper(n_before=before.n_steps if resumed else 0)
    loop = loop_of(recipe, len(X), MAX_RESTARTS + 1)
    net = build_net(recipe, module, Monitor(max_epochs=1), stepper, seed, loop)
    if resumed:
        with single_precision(module):
            resume(net, progress_of(before.net))
    run(net, rows, recipe)
    n_steps = min(stepper.n_taken_, WARM_UP)
    return Trained(module, net, recipe, seed, loop, streaming=True, n_steps=n_steps)


def split(recipe, X, weight, seed):
    """Return the rows to train on and the rows held out, or None.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int

    Raises
    ------
    ValueError
        If no rows would be left to train on.
    """
    n_samples, stopping, fraction = len(X), recipe.early_stopping, recipe.validation_fraction
    # Of fewer rows no test could say that they are reconstructed better than by PCA.
    n_held_out = max(ceil(fraction * n_samples), min(8, n_samples // 4))
    if stopping is False or (stopping == "auto" and n_samples == 1):
        return Rows(X, weight), None
    if n_held_out >= n_samples:
        raise ValueError(
            f"early_stopping={stopping} with validation_fraction="
            f"{fraction} holds out {n_held_out} of {n_samples} different rows "
            "and leaves none to train on. Use a smaller validation_fraction, or "
            "early_stopping=False."
        )
    order = np.random.RandomState(seed).permutation(n_samples)
    return Rows(X, weight, order[n_held_out:]), Rows(X, weight, order[:n_held_out])


def continued_module(recipe, before, n_features, dtype):
    """Return a module of the same weights as a trained one, to train on.

    Parameters
    ----------
    recipe : Recipe
    before : Trained
    n_features : int
        Of the rows to come.
    dtype : dtype

    Raises
    ------
    ValueError
        If the recipe asks for another module, or the rows are of another width.
    """
    fitted = len(before.module.offset), before.recipe.n_components
    if fitted != (n_features, recipe.n_components):
        raise ValueError(
            f"The fitted net has {fitted[0]} features and n_components={fitted[1]}; training "
            f"cannot go on with {n_features} features and n_components={recipe.n_components}. "
            "Call fit with warm_start=False to start anew."
        )
    recipe.check_continues(before.recipe, before.module)
    module = build_module(recipe, n_features, dtype, before.seed)
    load_arrays(module, arrays_of(before.module))
    return module


def monitor_of(recipe, held_out):
    """Return what ends a training that has rows held out, or None."""
    return Monitor(held_out, tol=recipe.tol, n_iter_no_change=recipe.n_iter_no_change)


def run(net, rows, recipe):
    """Train a net in single precision, and let go of the data.

    Parameters
    ----------
    net : AutoencoderNet
    rows : Rows
    recipe : Recipe
        What the user gave; for the error.

    Raises
    ------
    Diverged
        If the loss diverges even at a much smaller learning rate.
    """
    try:
        with single_precision(net.module):
            net.criterion_.to(net.module.offset.dtype)  # a penalty may have buffers
            with survival_of(net, rows, recipe):
                net.partial_fit(rows)
    except Diverged:
        low, high = np.nanmin(rows.X), np.nanmax(rows.X)  # the imputer's rows have gaps
        raise Diverged(
            f"The loss diverged, although learning_rate_init={recipe.learning_rate_init} was "
            f"halved {MAX_RESTARTS} times. Use a smaller learning_rate_init, or rescale X, "
            f"whose values lie in [{low:.3g}, {high:.3g}]."
        ) from None
    finally:
        net.monitor.held_out = net.monitor.start = None
        net.module.eval()


def is_better_as_pca(recipe, monitor):
    """Whether training started at PCA and did not help on the held-out rows.

    A penalty or a corruption asks for something else than PCA, and gets it.

    Parameters
    ----------
    recipe : Recipe
    monitor : Monitor
    """
    if recipe.init != "pca" or recipe.is_constrained or not monitor.has_held_out_:
        return False
    return bool(monitor.p_value() > SIGNIFICANCE)


def _ignores_rotation(penalty):
    """Whether a penalty would not care if the code was turned and shifted."""
    return getattr(penalty, "ignores_rotation", penalty is None)

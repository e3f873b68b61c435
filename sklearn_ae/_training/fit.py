"""From rows to a trained module: split, build, start, run, go back to PCA or turn the code."""

from dataclasses import replace
from math import ceil

import numpy as np
import torch

from .blocks import BlockTable
from .build import Trained, build_module, build_net, started_module, suit_data
from .device import single_precision
from .loader import parts_of
from .module import runaway_rows, squared_errors
from .monitor import MAX_RESTARTS, Diverged, Monitor
from .start import start_at_mean
from .state import arrays_of, load_arrays, progress_of, resume
from .step import WARM_UP, Stepper
from .streaming import representative, split_stream
from .survival import survival_of
from .tables import range_of
from .trial import told_of_parts, try_corruption
from .world import here

MAX_HELD_OUT = 5000  # rows; more judge no better, and are missing in training
MANY_ROWS = 10_000  # of a stream; more change nothing
# Of the weight decay in a stream, whose rows are mostly new, so that there is less to be held back.
STREAM_ALPHA = 0.3
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
        module = continued_module(recipe, before, X, weight, X.dtype)
    loop = recipe.loop(len(rows))
    monitor = monitor_of(recipe, held_out, loop)
    net = build_net(recipe, module, monitor, Stepper(), seed, loop, tasks)
    run(net, rows, recipe)
    is_pca = before is None and is_better_as_pca(recipe, monitor, module, X)
    is_mean = before is None and is_better_as_mean(recipe, module, held_out, monitor)
    if is_pca or is_mean:
        recipe.start(module, here().rows(X, weight).to_start_from(), seed)
        if is_mean:
            start_at_mean(module, recipe.loss)
    else:
        recipe.finish(module, *representative(X, weight))
    return Trained(module, net, recipe, seed, loop, is_pca or is_mean)


def train_one_pass(recipe, X, weight, seed, before=None):
    """Train a module for one pass over some rows.

    In a stream of chunks the weights go on from where they were, not from their average, which is
    what is kept; the average goes on, too. Batches grow, up to a chunk, to those for as many rows
    as there have been.

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
    rows = here().rows(X, weight)
    if before is None:
        module = started_module(recipe, X, weight, rows, seed)
    else:
        module = continued_module(recipe, before, X, weight, before.module.dtype)
    resumed = before is not None and before.streaming and recipe.steps_like(before.recipe)
    n_rows = len(rows) + (before.n_rows if resumed else 0)
    loop = recipe.loop(n_rows, MAX_RESTARTS + 1)
    if resumed:
        stepper = Stepper(n_before=before.n_steps, before=before.net.stepper)
        steps = replace(recipe, alpha=STREAM_ALPHA * recipe.alpha)
    else:
        stepper, steps = Stepper(), recipe
    net = build_net(steps, module, Monitor(max_epochs=1), stepper, seed, loop)
    if resumed:
        with single_precision(module):
            resume(net, progress_of(before.net))
    run(net, rows, recipe)
    n_steps, n_rows = min(stepper.n_taken_, WARM_UP), min(n_rows, MANY_ROWS)
    return Trained(module, net, recipe, seed, loop, streaming=True, n_steps=n_steps, n_rows=n_rows)


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
    world, stopping, fraction = here(), recipe.early_stopping, recipe.validation_fraction
    n_samples = world.n_rows(X)
    # Of fewer rows no test could say that they are reconstructed better than by PCA.
    n_held_out = max(ceil(fraction * n_samples), min(8, n_samples // 4))
    n_held_out = min(n_held_out, MAX_HELD_OUT)
    if stopping is False or (stopping == "auto" and n_samples == 1):
        return world.rows(X, weight), None
    if n_held_out >= n_samples:
        raise ValueError(
            f"early_stopping={stopping} with validation_fraction="
            f"{fraction} holds out {n_held_out} of {n_samples} different rows "
            "and leaves none to train on. Use a smaller validation_fraction, or "
            "early_stopping=False."
        )
    if isinstance(X, BlockTable):
        return split_stream(X, weight, n_held_out, seed)
    order = np.random.RandomState(seed).permutation(n_samples)
    parts = order[n_held_out:], order[:n_held_out]
    return tuple(world.rows(X, weight, part) for part in parts)


def continued_module(recipe, before, X, weight, dtype):
    """Return a module of the same weights as a trained one, to train on.

    Parameters
    ----------
    recipe : Recipe
    before : Trained
    X : ndarray of shape (n_samples, n_features)
        The rows to come.
    weight : ndarray of shape (n_samples,) or None
    dtype : dtype

    Raises
    ------
    ValueError
        If the recipe asks for another module, or the rows are of another width.
    """
    n_features = X.shape[1]
    fitted = len(before.module.offset), before.recipe.n_components
    if fitted != (n_features, recipe.n_components):
        raise ValueError(
            f"The fitted net has {fitted[0]} features and n_components={fitted[1]}; training "
            f"cannot go on with {n_features} features and n_components={recipe.n_components}. "
            "Call fit with warm_start=False to start anew."
        )
    recipe.check_continues(before.recipe, before.module)
    module = build_module(recipe, n_features, dtype, before.seed)
    suit_data(module, recipe.loss, X, weight)
    # What only one of two losses has in the module is new, or goes.
    own = arrays_of(module)
    known = {name: array for name, array in arrays_of(before.module).items() if name in own}
    load_arrays(module, own | known)
    return module


def monitor_of(recipe, held_out, loop):
    """Return what ends a training that has rows held out, or None."""
    n_epochs = loop["max_epochs"] if recipe.counts_epochs else None
    return Monitor(held_out, recipe.tol, recipe.n_iter_no_change, n_epochs)


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
            with here().agreeing():
                try_corruption(net, rows)
            with survival_of(net, rows, recipe), told_of_parts(net, rows):
                net.partial_fit(rows)
    except Diverged as error:
        low, high = range_of(rows.X)
        diverged = Diverged(
            f"The loss diverged, although learning_rate_init={recipe.learning_rate_init} was "
            f"halved {MAX_RESTARTS} times. Use a smaller learning_rate_init, or rescale X, "
            f"whose values lie in [{low:.3g}, {high:.3g}]."
        )
        for note in getattr(error, "__notes__", ()):
            diverged.add_note(note)
        raise diverged from None
    finally:
        net.monitor.held_out = net.monitor.start = None
        net.module.eval()


def is_better_as_pca(recipe, monitor, module, X):
    """Whether training started at PCA and did not help on held-out rows, or ran away elsewhere.

    A penalty or a corruption asks for something else than PCA, and gets it.

    Parameters
    ----------
    recipe : Recipe
    monitor : Monitor
    module : AutoencoderModule
    X : ndarray of shape (n_samples, n_features)
        All rows.
    """
    if recipe.init != "pca" or recipe.is_constrained or not monitor.has_held_out_:
        return False
    in_vain = bool(monitor.p_value() > SIGNIFICANCE)
    X, _ = representative(X, None)
    return in_vain or here().sum(len(runaway_rows(module, X, squared_errors(module, X)))) > 0


def is_better_as_mean(recipe, module, held_out, monitor):
    """Whether the mean of the data would lose less on the held-out rows than what is kept.

    PCA cannot lose more than the mean on the rows it is fitted to, and hardly does on others; what
    passes through a link can.

    Parameters
    ----------
    recipe : Recipe
    module : AutoencoderModule
    held_out : Rows or None
    monitor : Monitor
    """
    may_return = recipe.init == "pca" and not recipe.is_constrained and held_out is not None
    if not (may_return and hasattr(recipe.loss, "tangent")):
        return False
    values = [_loss_of_mean(recipe.loss, module, batch) for batch in parts_of(held_out)]
    values = here().concat(torch.cat(values))
    return bool(values.mean() < monitor.best_values_.double().mean())


@torch.no_grad()
def _loss_of_mean(loss, module, batch):
    x, weight, *_ = batch
    x = x.to(module.offset)
    values = loss(module.offset.expand_as(x), x).double()
    return values if weight is None else values * weight.to(values)

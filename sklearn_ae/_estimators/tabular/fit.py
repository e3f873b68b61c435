"""From the cells of a table to a trained module, and back to what is simpler if that is better."""

from dataclasses import replace
from math import ceil

from ..._training.build import Trained, build_module, build_net
from ..._training.fit import SIGNIFICANCE, monitor_of, run, split
from ..._training.loader import rows_of
from ..._training.start import turn_to_principal_axes
from ..._training.step import Stepper
from .cells import describe, set_range
from .floor import fall_back
from .gaps import Filling
from .module import rows_at_a_time
from .start import start_embeddings, start_linear


def learn(recipe, X, weights, seed, tasks=None):
    """Train a module on cells, and learn to fill gaps of such rows.

    Parameters
    ----------
    recipe : TableRecipe
    X : ndarray of shape (n_samples, n_columns)
        NaN where a cell is missing.
    weights : ndarray of shape (n_columns,)
        What the columns count.
    seed : int
    tasks : EpochTasks or None, default=None

    Returns
    -------
    trained : Trained
        ``is_pca`` says that it is the linear model.
    filling : Filling
    """
    rows, held_out = split(recipe, X, None, seed)
    module = build_module(recipe, X.shape[1], X.dtype, seed)
    own = rows_of(rows)
    describe(module.cells, own, weights)
    set_range(module.cells, X)
    start_embeddings(module, own, seed)
    start_linear(module, own, recipe.n_components, seed)
    loop = recipe.loop(len(rows))
    monitor = monitor_of(recipe, held_out, loop)
    n_rows = rows_at_a_time(module.cells.layout)
    given = {"iterator_valid__batch_size": n_rows} | (recipe.net_params or {})
    net = build_net(
        replace(recipe, net_params=given), module, monitor, Stepper(), seed, loop, tasks
    )
    run(net, rows, recipe)
    is_linear = monitor.has_held_out_ and bool(monitor.p_value() > SIGNIFICANCE)
    if is_linear:
        start_embeddings(module, X, seed)
        start_linear(module, X, recipe.n_components, seed)
    judged = None if held_out is None else rows_of(held_out)
    if judged is not None:
        fall_back(module, judged)
    if module.can_turn:
        turn_to_principal_axes(module, X, None)
    filling = Filling.of(recipe, rows, held_out, seed)
    done = replace(recipe, corruption=None)  # nothing is trained on from here
    return Trained(module, net, done, seed, loop, is_linear), filling


def course_of(trained):
    """Return attributes that say how a training went.

    Parameters
    ----------
    trained : Trained
    """
    monitor = trained.net.monitor
    held_out = monitor.has_held_out_
    return {
        "is_linear_": trained.is_pca,
        "n_iter_": ceil(len(monitor.loss_curve_) / trained.rounds_per_pass),
        "loss_curve_": monitor.loss_curve_,
        "validation_loss_curve_": monitor.validation_loss_curve_ if held_out else None,
        "validation_scores_": monitor.validation_scores_ if held_out else None,
        "best_loss_": monitor.best_loss_,
    }

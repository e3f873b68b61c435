"""From a recipe to a module, and to a net that can train it."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import clone

from .loader import Batches, Steps, as_tensor
from .module import AutoencoderModule, represented
from .net import AutoencoderNet
from .pca import check_scale, moments
from .random import seeded_construction
from .recipe import Recipe
from .step import optimizer_params
from .streaming import representative
from .tables import ROWS_AT_A_TIME
from .trial import told_of_architecture
from .world import here


@dataclass
class Trained:
    """A trained module, and what it takes to train on.

    ``loop`` is how it went through the rows (see `Recipe.loop`). ``is_pca`` says that training was
    in vain, ``streaming`` that the net's optimizer goes on where it was, after ``n_steps`` steps
    with ``n_rows`` rows.
    """

    module: AutoencoderModule
    net: AutoencoderNet
    recipe: Recipe
    seed: int
    loop: dict
    is_pca: bool = False
    streaming: bool = False
    n_steps: int = 0
    n_rows: int = 0

    @property
    def rounds_per_pass(self):
        """How many times the net looks up in a pass over the rows."""
        return self.loop.get("rounds_per_pass", 1)


def build_module(recipe, n_features, dtype, seed):
    """Return an untrained module, whose widths have been tried.

    Parameters
    ----------
    recipe : Recipe
    n_features : int
    dtype : dtype
        Of its weights.
    seed : int

    Returns
    -------
    module : AutoencoderModule

    Raises
    ------
    ValueError
        If the architecture builds coders of other widths.
    """
    n_components = recipe.n_components
    with told_of_architecture(recipe, n_features):
        with seeded_construction(seed):
            module = recipe.build(n_features)
        module.suit(recipe.loss)
        module = module.to(as_tensor(np.empty(0, dtype)).dtype).eval()
        with torch.no_grad():
            code = module.encode(module.offset.expand(2, -1))
            back = module.decoder(code.new_zeros(2, n_components))
    for what, tensor, width in (("code", code, n_components), ("output", back, n_features)):
        if tensor.shape != (2, width):
            given = getattr(recipe.architecture, "architecture", recipe.architecture)
            raise ValueError(
                f"{given!r} builds a net whose {what} for 2 rows has shape "
                f"{tuple(tensor.shape)} instead of (2, {width}), for n_features={n_features} "
                f"and n_components={n_components}."
            )
    return module


def started_module(recipe, X, weight, rows, seed):
    """Return a new module scaled to X and started from some of its rows.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    rows : Rows
        Those that it starts from.
    seed : int
    """
    mean, scale = moments(X, weight)
    check_scale(scale, X.dtype)
    module = build_module(recipe, X.shape[1], X.dtype, seed)
    module.offset.copy_(torch.from_numpy(mean))
    module.scale.fill_(scale)
    suit_data(module, recipe.loss, X, weight)
    recipe.start(module, rows.to_start_from(), seed)
    here().agree(module)
    return module


def suit_data(module, loss, X, weight):
    """Find in X what a module needs for a loss that has its own representation or range.

    Parameters
    ----------
    module : AutoencoderModule
    loss : callable
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    """
    if module.represent is not None:
        some, its_weight = representative(X, weight)
        mean, scale = moments(represented(module, some), its_weight)
        module.seen_offset.copy_(torch.from_numpy(mean))
        module.seen_scale.fill_(scale)
    if module.is_bounded:
        low, high = loss.natural_range(here().columns(X))
        module.low.copy_(torch.from_numpy(low))
        module.high.copy_(torch.from_numpy(high))


def build_net(recipe, module, monitor, stepper, seed, loop, tasks=None):
    """Return an initialised net around a module.

    Parameters
    ----------
    recipe : Recipe
    module : AutoencoderModule
    monitor : Monitor
    stepper : Stepper
    seed : int
        Of the order of the rows and of what the objective draws.
    loop : dict
        As from `Recipe.loop`.
    tasks : EpochTasks or None, default=None
    """
    callbacks = list(clone(recipe.callbacks, safe=False) or [])
    if tasks is not None:
        tasks.follow(module, stepper, recipe.n_components)
        callbacks.append(("scikit_learn_tasks", tasks))
    own = dict(recipe.net_params or {})
    defaults = {
        "iterator_train": Batches,
        "iterator_train__generator": torch.Generator().manual_seed(seed),
        "iterator_valid": Batches,
        "iterator_valid__batch_size": ROWS_AT_A_TIME,
        "train_split": None,
        "callbacks": callbacks,
        "verbose": int(recipe.verbose) if here().rank == 0 else 0,
        "alpha": recipe.alpha,
        "device": recipe.device,
    }
    loop = loop.copy()
    loop.pop("rounds_per_pass", None)
    steps = {name: loop.pop(name) for name in ("n_steps", "n_per_round") if name in loop}
    if steps and "iterator_train" not in own:
        defaults |= {"iterator_train": Steps}
        defaults |= {f"iterator_train__{name}": value for name, value in steps.items()}
    if "optimizer" not in own:
        defaults |= optimizer_params(recipe.solver, recipe.device)
    return AutoencoderNet(
        module,
        recipe.objective(module, here().own_seed(seed)),
        monitor=monitor,
        stepper=stepper,
        **defaults | loop | own,
    ).initialize()

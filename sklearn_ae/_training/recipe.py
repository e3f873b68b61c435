"""A recipe: what is trained and how, as plain values. An estimator writes one, the engine reads it.

===================  ========================================================================
field                what the engine makes of it
===================  ========================================================================
architecture         ``build(n_features, n_components)`` returns encoder and decoder
loss                 ``loss(reconstruction, x)``, one value per row
penalty, corruption  what constrains the code, or None
emphasis             see `Objective`
init                 "pca" starts at the principal axes, and goes back there if need be; "auto"
                     does where there are linear paths, and is "random" elsewhere
wide_architecture    what takes the place of the architecture if a code that something constrains
                     is at least as wide as the data; None if nothing does
max_iter             "auto" is 500; for that architecture 20, or as many as take ``wide_steps``,
                     which are then all there shall be (``counts_epochs``)
solver, alpha, ...   as the parameters of `AutoencoderTransformer` of the same names
===================  ========================================================================

A family of estimators whose module, start, end, objective or batches are its own subclasses
`Recipe` beside its mathematics, adds fields if it needs any, and overrides `build`, `start`,
`finish`, `objective` or `automatic_batch_size`.
"""

from dataclasses import dataclass, fields, replace
from math import ceil

from sklearn.base import clone

from .device import chosen_device
from .loader import FEW_ROWS
from .module import AutoencoderModule
from .objective import Objective
from .random import seeded_construction
from .start import check_linear_paths, has_linear_paths, start_at_pca, turn_to_principal_axes
from .tables import Table
from .trial import told_of_architecture

MAX_ITER = 500
WIDE_EPOCHS = 20  # of wide codes, at least

LONGEST_ROUND = 100  # steps


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. Fields are parts, plain values and arrays, and nothing else."""

    n_components: int
    architecture: object
    loss: object
    penalty: object = None
    corruption: object = None
    emphasis: float = 0.0
    init: str = "random"
    alpha: float = 0.0
    solver: str = "adam"
    batch_size: object = "auto"
    learning_rate_init: float = 0.01
    max_iter: object = MAX_ITER
    tol: float = 1e-3
    n_iter_no_change: int = 12
    early_stopping: object = "auto"
    validation_fraction: float = 0.15
    verbose: object = 0
    device: str = "cpu"
    callbacks: object = None
    net_params: object = None
    wide_architecture: object = None
    wide_steps: int = 300
    counts_epochs: bool = False

    def build(self, n_features):
        """Return the module around a new encoder and decoder, not yet scaled to the data."""
        encoder, decoder = self.architecture.build(n_features, self.n_components)
        return AutoencoderModule(encoder, decoder, n_features, getattr(self.loss, "link", None))

    def start(self, module, rows, seed):
        """Start a module that is scaled to the data, from some of its rows if asked for."""
        if self.init == "pca":
            check_linear_paths(module, self.architecture)
            start_at_pca(module, self.loss, self.n_components, rows, seed)

    def finish(self, module, X, weight):
        """Change a module that has been trained so that its code is easier to read."""
        ignores_rotation = getattr(self.penalty, "ignores_rotation", self.penalty is None)
        if module.can_turn and ignores_rotation:
            turn_to_principal_axes(module, X, weight)

    def objective(self, module, seed):
        """Return what training minimises."""
        scale, n_features = module.scale.item(), len(module.offset)
        loss, penalty = self.loss, self.penalty
        return Objective(
            loss,
            penalty,
            self.corruption,
            unit=loss.unit(scale) if hasattr(loss, "unit") else 1.0,
            penalty_unit=penalty.unit(scale, n_features) if hasattr(penalty, "unit") else 1.0,
            emphasis=self.emphasis,
            seed=seed,
            device=self.device,
        )

    def automatic_batch_size(self, n_rows):
        """Return how many rows a step takes if no one says it.

        All of a few rows, else a sixteenth, at least 32 and at most 200: small tables need more
        steps than passes, large ones have enough of them.
        """
        return n_rows if n_rows <= FEW_ROWS else min(max(n_rows // 16, 32), 200)

    @classmethod
    def chosen_from(cls, parameters):
        """Return those of some parameters, by name, that are fields."""
        names = [field.name for field in fields(cls)]
        return {name: parameters[name] for name in names if name in parameters}

    def loop(self, n_rows, n_epochs=None):
        """Return how a net goes through some rows: plain values.

        A pass of many steps is divided into rounds, after each of which training can end: patience
        that is counted in passes over a million rows learns nothing from most of them.

        Parameters
        ----------
        n_rows : int
        n_epochs : int or None, default=None
            Of however many batches. None for `max_iter` passes.

        Returns
        -------
        loop : dict
            The size of the batches, the learning rate, and the number of epochs or rounds; with
            rounds also the number of steps, of steps in a round, and of rounds in a pass.
        """
        auto = self.batch_size == "auto"
        batch_size = self.automatic_batch_size(n_rows) if auto else self.batch_size
        loop = {"batch_size": batch_size, "lr": self.learning_rate_init}
        if n_epochs is not None:
            return loop | {"max_epochs": n_epochs}
        steps_per_pass = ceil(n_rows / batch_size)
        if steps_per_pass <= LONGEST_ROUND:
            return loop | {"max_epochs": self.max_iter}
        rounds_per_pass = ceil(steps_per_pass / LONGEST_ROUND)
        n_per_round, n_steps = (
            ceil(steps_per_pass / rounds_per_pass),
            self.max_iter * steps_per_pass,
        )
        return loop | {
            "max_epochs": ceil(n_steps / n_per_round),
            "n_steps": n_steps,
            "n_per_round": n_per_round,
            "rounds_per_pass": rounds_per_pass,
        }

    def n_epochs(self, n_rows):
        """Return how many epochs, or rounds, there are for some rows, at most."""
        return self.loop(n_rows)["max_epochs"]

    @property
    def is_constrained(self):
        """Whether anything but its width keeps the code from copying the input."""
        activation = getattr(self.architecture, "code_activation", None)
        sparse = getattr(activation, "constrains", False)
        return sparse or self.penalty is not None or self.corruption is not None

    def may_copy(self, n_features):
        """Whether the net can copy its input and learn nothing."""
        return self.n_components >= n_features and not self.is_constrained

    def warning(self, n_features):
        """Return what to warn of before training, or None."""
        if not self.may_copy(n_features):
            return None
        return (
            f"n_components={self.n_components} is not below the {n_features} features of X and "
            "nothing else constrains the code, so the net can copy its input and learn nothing. "
            "Use fewer components, a penalty (penalty=L2()) or a corruption "
            "(corruption=GaussianNoise()); that is what sets DenoisingAutoencoder, "
            "ContractiveAutoencoder and SparseAutoencoder apart."
        )

    def check(self, X):
        """Raise ValueError if X cannot be learned from, or a part cannot be used with it."""
        if isinstance(X, Table):
            X.check()
        self.check_loss(X)
        for part in (self.penalty, self.corruption):
            if hasattr(part, "check"):
                part.check(X)

    def check_loss(self, X):
        """Raise ValueError if the loss is not meant for values like those of X."""
        if hasattr(self.loss, "check"):
            self.loss.check(X)

    def fitted_to(self, X):
        """Return a recipe of copies of the parts, ready for X; of None where one does nothing."""
        names = ("architecture", "loss", "penalty", "corruption")
        parts = {name: clone(getattr(self, name), safe=False) for name in names}
        for name in ("penalty", "corruption"):
            if getattr(parts[name], "does_nothing", False):
                parts[name] = None
        for part in (parts["loss"], parts["penalty"], parts["corruption"]):
            if hasattr(part, "fit"):
                part.fit(X)
        return replace(self, **parts).settled(*X.shape)

    def settled(self, n_rows, n_features):
        """Return a recipe in which the shape of the data has decided what was left to it."""
        is_wide = self.n_components >= n_features and self.is_constrained
        settled = replace(self, wide_architecture=None)
        if self.wide_architecture is not None and is_wide:
            settled = replace(settled, architecture=self.wide_architecture, init="random")
            if self.max_iter == "auto":
                n_steps = ceil(n_rows / self.automatic_batch_size(n_rows))
                n_epochs = max(WIDE_EPOCHS, ceil(self.wide_steps / n_steps))
                settled = replace(settled, max_iter=n_epochs, counts_epochs=True)
        init = settled._possible_init(n_features) if settled.init == "auto" else settled.init
        max_iter = MAX_ITER if settled.max_iter == "auto" else settled.max_iter
        device = chosen_device(self.device)
        return replace(settled, init=init, max_iter=max_iter, device=device)

    def _possible_init(self, n_features):
        """Return "pca" where the coders have the linear paths that it takes, else "random"."""
        can_start = getattr(self.architecture, "has_linear_paths", None)
        if can_start is None:  # only what it builds tells
            with told_of_architecture(self, n_features), seeded_construction(0):
                can_start = has_linear_paths(self.build(n_features))
        return "pca" if can_start else "random"

    def steps_like(self, other):
        """Whether steps are taken as another recipe takes them, but for the size of the batches."""
        names = ("solver", "alpha", "learning_rate_init", "device")
        same = all(getattr(self, name) == getattr(other, name) for name in names)
        return same and (self.net_params or {}) == (other.net_params or {})

    def check_continues(self, other, module):
        """Raise ValueError unless training can go on from what another recipe has trained.

        Parameters
        ----------
        other : Recipe
        module : AutoencoderModule
            The module that it has trained.
        """
        fitted, asked = other.architecture, self.architecture
        if repr(fitted) != repr(asked):
            raise ValueError(
                f"The fitted net is that of {fitted!r}, and training cannot go on with {asked!r}, "
                "which hidden_layer_sizes, activation, init, architecture or what constrains the "
                "code ask for now. Call fit with warm_start=False to start anew."
            )

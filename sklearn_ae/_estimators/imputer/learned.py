"""What an imputer has learned: what fills gaps, and its state of plain values and arrays."""

from dataclasses import dataclass, replace

import numpy as np

from ..._base import BaseAutoencoder
from ..._training.loader import as_tensor
from .autoencoders import is_variational
from .columns import Columns
from .full_normal import FullNormal
from .low_rank import LowRankNormal
from .mixture import Mixture

PLAIN = {"corrects": bool, "seed": int, "share": float}  # what a state holds as it is


@dataclass
class Learned:
    """What an imputer has learned. ``share`` is that of the autoencoder, 0 if it is not needed."""

    columns: Columns
    linear: LowRankNormal | FullNormal
    own: object
    corrects: bool
    loss: object
    seed: int
    noise: np.ndarray | None = None
    share: float = 1.0
    dispersion: float | None = None
    validation_error: np.ndarray | None = None
    n_steps: int = 0

    def mixture(self, dtype=np.float64):
        """Return what fills rows of a dtype."""
        linear, noise = self.linear, self.noise
        if dtype != np.float64:
            linear = linear.copy(as_tensor(np.empty(0, dtype)).dtype)
        return Mixture(self.columns, linear, self.own, self.corrects, self.loss, noise, self.seed)

    def attributes(self):
        """Return the attributes of an imputer that has learned this."""
        columns, kept = self.columns, self.share > 0 or is_variational(self.own)
        name = "correcting" if self.corrects else "alone"
        return {
            "autoencoders_": {name: self.own} if kept else {},
            "shares_": {name: self.share},
            "is_linear_": self.share == 0,
            "rank_": self.linear.rank,
            "center_": columns.center,
            "scale_": columns.scale,
            "noise_variance_": None if self.noise is None else self.noise * columns.scale**2,
            "dispersion_": self.dispersion,
            "validation_error_": self.validation_error,
            "n_steps_": self.n_steps,
            "_learned": self if kept else replace(self, own=None),
        }

    def state(self):
        """Return plain values and arrays, from which all that fills gaps is made again.

        The autoencoder, which has a state of its own, is not among them.
        """
        return {
            "columns": vars(self.columns).copy(),
            "linear": self.linear.state(),
            "loss": self.loss,
            "noise": self.noise,
            "dispersion": self.dispersion,
            **{name: getattr(self, name) for name in PLAIN},
        }

    @classmethod
    def from_state(cls, state, autoencoders, n_features):
        """Return what `state` has described.

        Parameters
        ----------
        state : dict
        autoencoders : dict of str to estimator
            The trained one, if it takes part or is variational.
        n_features : int

        Raises
        ------
        ValueError
            If it cannot be such a state.
        """
        _check(isinstance(state, dict), "it is no dict")
        names = {"columns", "linear", "loss", "noise", "dispersion", *PLAIN}
        _check(state.keys() == names, "entries are missing")
        for name, kind in PLAIN.items():
            _check(type(state[name]) is kind, name)
        share, noise, loss = state["share"], state["noise"], state["loss"]
        _check(0 <= share <= 1, "share")
        _check(0 <= state["seed"] < 2**32, "seed")
        _check(isinstance(loss, str) or callable(loss), "loss")
        _check(noise is None or _is_vector(noise, n_features), "noise")
        dispersion = state["dispersion"]
        _check(dispersion is None or (type(dispersion) is float and dispersion >= 0), "dispersion")
        columns, own = state["columns"], _only_one(autoencoders, n_features)
        known = {"center", "scale", "low", "high"}
        _check(isinstance(columns, dict) and columns.keys() == known, "columns")
        _check(all(_is_vector(array, n_features) for array in columns.values()), "columns")
        _check((columns["scale"] > 0).all(), "columns")
        _check(own is not None or share == 0, "there is no autoencoder")
        parts = {
            "columns": Columns(**columns),
            "linear": _linear_of(state["linear"], n_features),
        }
        return cls(own=own, **state | parts)


def _linear_of(state, n_features):
    is_full = isinstance(state, dict) and "covariance" in state
    return (FullNormal if is_full else LowRankNormal).from_state(state, n_features)


def _only_one(autoencoders, n_features):
    valid = isinstance(autoencoders, dict) and len(autoencoders) < 2
    _check(valid, "autoencoders_ is no dict of at most one")
    for own in autoencoders.values():
        valid = isinstance(own, BaseAutoencoder) and getattr(own, "n_features_in_", 0) == n_features
        _check(valid, f"autoencoders_ holds none that is fitted to {n_features} features")
        return own
    return None


def _is_vector(array, n_features):
    valid = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return valid and array.shape == (n_features,)


def _check(valid, what):
    if not valid:
        raise ValueError(f"What the imputer has learned is damaged: {what}.")

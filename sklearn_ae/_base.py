"""What every autoencoder does, whatever its module and its objective."""

import inspect
import warnings
from abc import ABCMeta, abstractmethod
from math import ceil
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from ._activations import ACTIVATIONS, TopK
from ._device import single_precision, usable_device
from ._loader import (
    FEW_ROWS,
    ROWS_AT_A_TIME,
    Batches,
    Rows,
    as_tensor,
    automatic_batch_size,
    in_batches,
    merge_equal_rows,
)
from ._module import AutoencoderModule, codes_of
from ._net import (
    MAX_RESTARTS,
    WARM_UP,
    AutoencoderNet,
    Diverged,
    EpochTasks,
    Monitor,
    optimizer_params,
)
from ._objective import Objective
from ._pca import check_scale, frame_of, moments, principal_axes
from ._random import borrowed_global_state, seeded_construction
from ._state import arrays_of, load_arrays, progress_of, resume, unchanged_on_error
from ._whole import Whole, is_whole
from .architectures import MLP
from .losses import LogLoss, Poisson, SquaredError

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in for scikit-learn's mixin where there is none."""


LOSSES = {"squared_error": SquaredError, "log_loss": LogLoss, "poisson": Poisson}
SIGNIFICANCE = 0.01  # of a gain over PCA on held-out rows; from 0.05 on, chance wins now and then


class Learned(NamedTuple):
    """A trained net, what it was made from, and whether it went back to PCA."""

    net: AutoencoderNet
    settings: dict
    is_pca: bool = False


class BaseAutoencoder(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """An autoencoder as a scikit-learn transformer; the common part of all of them.

    A subclass states its parameters in its ``__init__`` and says in `_regularizers` what its
    objective has besides the loss. Where its nets, its module, its start, its objective or what is
    known after training differ, it overrides `_default_architecture`, `_make_module`,
    `_start_at_pca`, `_make_objective` or `_describe`.
    """

    _parameter_constraints: dict = {
        "n_components": [Whole()],
        "hidden_layer_sizes": ["array-like", Whole()],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "architecture": [HasMethods(["build", "get_params"]), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "init": [StrOptions({"pca", "random"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"adam", "sgd"})],
        "batch_size": [StrOptions({"auto"}), Whole()],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Whole()],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Whole()],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "device": [str],
        "callbacks": [list, None],
        "net_params": [dict, None],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn to encode and to decode the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored, present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. A row of weight 2 counts as two equal rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter cannot be used. A fitted estimator stays as it was.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        with unchanged_on_error(self):
            given = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
            X, weight = self._check_training_data(X, sample_weight, reset=True)
            seed = self._draw_seed()
            with borrowed_global_state(seed, self.device):
                parts = self._collect_parts(X)
                continued = self.warm_start and hasattr(self, "module_")
                if not continued:
                    self._warn_if_copying_is_easy(parts)
                tasks = self._fit_tasks(given)
                learned = self._learn(X, weight, parts, seed, tasks, continued)
            self._keep(learned.net, parts, seed, learned.settings, streaming=False)
            monitor = learned.net.monitor
            self.is_pca_ = learned.is_pca
            self.n_iter_ = len(monitor.loss_curve_)
            self.loss_curve_ = monitor.loss_curve_
            self.validation_scores_ = monitor.validation_scores_ if monitor.has_held_out_ else None
            self.best_loss_ = monitor.best_loss_
            self._describe(X, weight)
            if tasks is not None:
                tasks.finish()
        self._warn_if_interrupted(monitor)
        if not monitor.finished_:
            warnings.warn(
                f"Training stopped at max_iter={self.max_iter} epochs before the loss settled. "
                "Increase max_iter, or tol if the result is good enough.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._warn_of_result()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train on the rows of X for one epoch, from where the last call left off.

        The first call sets the centring, the scale and the start from its X; make it a
        representative one. Nothing is held out, and the optimizer keeps its state from call to
        call, as long as the parameters stay the same.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The next rows.
        y : None
            Ignored, present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, relative to the others of this call.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter cannot be used.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        first = not hasattr(self, "module_")
        with unchanged_on_error(self):
            X, weight = self._check_training_data(X, sample_weight, reset=first)
            rows = Rows(X, weight)
            seed = self._draw_seed() if first else self._seed
            past = [] if first else self.loss_curve_
            # Dropout must not draw the same mask in every call.
            with borrowed_global_state((seed + len(past)) % 2**31, self.device):
                settings = self._net_settings(len(X), max_epochs=MAX_RESTARTS + 1)
                parts = self._collect_parts(X)
                if first:
                    self._warn_if_copying_is_easy(parts)
                    module = self._new_module(parts, X, weight, rows, seed)
                else:
                    module = self._continued_module(parts, self._dtype)
                resumed = not first and self._streaming and self._differs_in_size_only(settings)
                monitor = Monitor(max_epochs=1, n_before=self._n_steps if resumed else 0)
                net = self._make_net(module, parts, monitor, seed, settings)
                if resumed:
                    with single_precision(module):
                        resume(net, progress_of(self.net_))
                self._train(net, rows)
            self._keep(net, parts, seed, settings, streaming=True)
            self._n_steps = min(monitor.n_taken_, WARM_UP)
            self.is_pca_ = False
            self.loss_curve_ = past + monitor.loss_curve_
            self.n_iter_ = len(self.loss_curve_)
            self.validation_scores_ = None
            self.best_loss_ = float(np.nanmin([np.inf, *self.loss_curve_]))
            self._describe(X, weight)
        self._warn_if_interrupted(monitor)
        return self

    def transform(self, X):
        """Return the codes of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_components)
            In the dtype that the estimator was fitted in; a DataFrame after `set_output`.
        """
        X = self._check(X)
        return self._apply(self.module_.encode, X, self._n_features_out)

    def inverse_transform(self, X):
        """Return the rows of data that codes stand for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        reconstruction : ndarray or DataFrame of shape (n_samples, n_features)
            After ``set_output(transform="pandas")`` or ``"polars"`` a DataFrame with the columns
            that `fit` saw (``x0``, ``x1``, ... if they had no names) and the index of X.

        Raises
        ------
        ValueError
            If X does not have n_components columns.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=self._dtype, input_name="X", estimator=self)
        self._check_code_width(codes.shape[1])
        return self._like_input(self._apply(self.module_.decode, codes, self.n_features_in_), X)

    def reconstruct(self, X):
        """Encode and decode the rows of X: what of them the code retains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        reconstruction : ndarray or DataFrame of shape (n_samples, n_features)
            Equal to ``inverse_transform(transform(X))``, without the codes in between.
        """
        return self._like_input(self._reconstruct(self._check(X)), X)

    def score(self, X, y=None):
        """Return the share of the variance of X that the reconstruction explains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.
        y : None
            Ignored, present for pipelines.

        Returns
        -------
        r2 : float
            R² over all columns, each weighted by its variance; at most 1. The same as
            ``r2_score(X, Z, multioutput="variance_weighted")`` with ``Z = reconstruct(X)``, so
            PCA can be measured alike.
        """
        X = self._check(X)
        return r2_score(X, self._reconstruct(X), multioutput="variance_weighted")

    def score_samples(self, X):
        """Return minus the squared reconstruction error of each row; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the sum of squared errors over the features, in squared units of the data.
        """
        return -self._squared_errors(self._check(X))

    def interpolate(self, a, b, n_steps=10, *, codes=False):
        """Decode points on the segment between the codes of two rows.

        Between two rows of data lies, on the straight way, a blend of both. The straight way
        between their codes stays near the data if the code is good.

        Parameters
        ----------
        a, b : array-like of shape (n_features,) or (n_components,)
            Both ends: rows of data, or codes if `codes`.
        n_steps : int, default=10
            How many points, ends included; at least 2.
        codes : bool, default=False
            Whether the ends are codes, as `transform` returns them.

        Returns
        -------
        points : ndarray or DataFrame of shape (n_steps, n_features)
            The first is the reconstruction of a, the last that of b.

        Raises
        ------
        ValueError
            If a or b is not one row, or n_steps is below 2.
        """
        return self._interpolate(a, b, n_steps, codes, segment)

    def _interpolate(self, a, b, n_steps, codes, path):
        """Decode ``path(start, end, share)`` between two codes, share being a column in [0, 1]."""
        check_is_fitted(self)
        if not is_whole(n_steps, at_least=2):
            raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2: both ends.")
        ends = np.vstack([self._one_row(name, row, codes) for name, row in (("a", a), ("b", b))])
        if not codes:
            ends = self._apply(self.module_.encode, ends, self._n_features_out)
        share = np.linspace(0, 1, n_steps, dtype=self._dtype)[:, None]
        return self.inverse_transform(path(*ends, share))

    def _one_row(self, name, row, codes):
        """Return one row of data, or one code, as an array of shape (1, n)."""
        what, n = ("code", self._n_features_out) if codes else ("row", self.n_features_in_)
        array = np.asarray(row, dtype=self._dtype)
        if array.ravel().shape != (n,):
            other = "codes=True takes codes, as transform returns them"
            if codes:
                other = "codes=False takes rows of data"
            raise ValueError(
                f"{name} has shape {array.shape}, but one {what} has shape ({n},); {other}."
            )
        return check_array(array.reshape(1, n), dtype=self._dtype, input_name=name)

    @abstractmethod
    def _regularizers(self):
        """Return the penalty and the corruption of the objective, each a callable or None."""

    def _check_code_width(self, width):
        """Raise ValueError unless the decoder takes codes of this width."""
        if width != self._n_features_out:
            raise ValueError(
                f"X has {width} columns, but the decoder of {type(self).__name__} expects codes "
                f"with {self._n_features_out} (n_components). Pass the output of transform, not "
                "the original data."
            )

    def _default_architecture(self):
        """Return what builds the coders if no `architecture` is given."""
        return MLP(self.hidden_layer_sizes, self.activation, skip=self.init == "pca")

    def _make_module(self, parts):
        """Return the module around a new encoder and decoder, not yet scaled to the data."""
        n_features = self.n_features_in_
        encoder, decoder = parts["architecture"].build(n_features, parts["n_components"])
        return AutoencoderModule(encoder, decoder, n_features, getattr(parts["loss"], "link", None))

    def _make_objective(self, parts, module, seed, device):
        """Return what training minimises."""
        scale, n_features = module.scale.item(), len(module.offset)
        loss, penalty = parts["loss"], parts["penalty"]
        return Objective(
            loss,
            penalty,
            parts["corruption"],
            unit=loss.unit(scale) if hasattr(loss, "unit") else 1.0,
            penalty_unit=penalty.unit(scale, n_features) if hasattr(penalty, "unit") else 1.0,
            seed=seed,
            device=device,
        )

    def _describe(self, X, weight):
        """Set the attributes that say what the fitted module makes of the training data."""
        self.reconstruction_err_ = float(self._mean(self._squared_errors, X, weight))

    def _warn_of_result(self):
        """Warn of what `fit` has found, now that the estimator is a fitted one."""

    def _mean(self, function, X, weight):
        """Return the weighted mean over the rows of X of what a function makes of some rows."""
        weight = np.ones(len(X)) if weight is None else weight
        batches = gen_batches(len(X), ROWS_AT_A_TIME)
        return sum(weight[rows] @ function(X[rows]) for rows in batches) / weight.sum()

    def _check(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def _check_training_data(self, X, sample_weight, reset):
        """Return the rows of X that count, and their weights of mean 1 or None if all are equal."""
        self._check_parameters()
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=reset)
        for part in (self._loss(), *self._regularizers()):
            if hasattr(part, "check"):
                part.check(X)
        weight = self._check_weight(X, sample_weight)
        if len(X) <= FEW_ROWS:
            X, weight = merge_equal_rows(X, weight)
        if weight is None or np.all(weight == weight[0]):
            return X, None
        counts = weight > 0
        if not counts.all():
            X, weight = X[counts], weight[counts]
        return X, weight / weight.mean()

    def _check_weight(self, X, sample_weight):
        if sample_weight is None:
            return None
        if not np.any(np.asarray(sample_weight)):
            raise ValueError(
                "sample_weight is zero for all rows, so there is nothing to fit. Give at least one "
                "row a positive weight, or leave sample_weight at None."
            )
        return _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)

    def _check_parameters(self):
        """Raise ValueError for parameters that are each valid, but not together or not here."""
        if usable_device(self.device) != self.device:
            raise ValueError(
                f"device={self.device!r} is not available here. Use device='cpu', or a device that "
                "torch can reach."
            )
        parts = {name: getattr(self, name) for name in ("loss", "architecture")}
        parts["penalty"], parts["corruption"] = self._regularizers()
        for name, part in parts.items():
            if isinstance(part, type):
                raise ValueError(
                    f"{name}={part.__name__} is a class. Give an object of it: {part.__name__}()."
                )
        if self.architecture is None:
            return
        defaults = inspect.signature(type(self).__init__).parameters
        for name in {"hidden_layer_sizes", "activation"} & set(defaults):
            if not np.array_equal(getattr(self, name), defaults[name].default):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} and architecture={self.architecture!r} are "
                    f"both given, but an architecture has its own {name}. Set it there, or leave "
                    "architecture at None."
                )

    def _check_width(self, n_components):
        """Raise ValueError unless the fitted module has the widths that are asked for."""
        n_features = len(self.module_.offset)
        if (self.n_features_in_, n_components) != (n_features, self._n_features_out):
            raise ValueError(
                f"The fitted net has {n_features} features and n_components="
                f"{self._n_features_out}; training cannot go on with {self.n_features_in_} "
                f"features and n_components={n_components}. Call fit with warm_start=False to "
                "start anew."
            )

    def _draw_seed(self):
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _learn(self, X, weight, parts, seed, tasks, continued):
        """Return what `fit` makes of X: a trained net, or the start where training was in vain."""
        train, held_out = self._split(X, weight, seed)
        if continued:
            module = self._continued_module(parts, X.dtype)
        else:
            module = self._new_module(parts, X, weight, train, seed)
        monitor = Monitor(held_out, tol=self.tol, n_iter_no_change=self.n_iter_no_change)
        settings = self._net_settings(len(train), self.max_iter)
        net = self._make_net(module, parts, monitor, seed, settings, tasks)
        self._train(net, train)
        is_pca = not continued and self._is_better_as_pca(parts, monitor)
        if is_pca:
            self._start_at_pca(module, parts, Rows(X, weight), seed)
        elif self._may_turn(parts, module):
            frame = frame_of(codes_of(module, X), weight)
            centre, axes = (torch.from_numpy(part).to(module.offset) for part in frame)
            module.encoder.turn_output(centre, axes)
            module.decoder.turn_input(centre, axes)
        return Learned(net, settings, is_pca)

    def _may_turn(self, parts, module):
        """Whether the code can be turned and shifted, and neither loss nor penalty would care."""
        if not getattr(parts["penalty"], "ignores_rotation", parts["penalty"] is None):
            return False
        encoder, decoder = module.encoder, module.decoder
        can_turn = getattr(encoder, "can_turn_output", False)
        return can_turn and getattr(decoder, "can_turn_input", False)

    def _split(self, X, weight, seed):
        """Return the rows to train on and the rows held out, or None."""
        n_samples = len(X)
        # Of fewer rows no test could say that they are reconstructed better than by PCA.
        n_held_out = max(ceil(self.validation_fraction * n_samples), min(8, n_samples // 4))
        if self.early_stopping is False or (self.early_stopping == "auto" and n_samples == 1):
            return Rows(X, weight), None
        if n_held_out >= n_samples:
            raise ValueError(
                f"early_stopping={self.early_stopping} with validation_fraction="
                f"{self.validation_fraction} holds out {n_held_out} of {n_samples} different rows "
                "and leaves none to train on. Use a smaller validation_fraction, or "
                "early_stopping=False."
            )
        order = np.random.RandomState(seed).permutation(n_samples)
        return Rows(X, weight, order[n_held_out:]), Rows(X, weight, order[:n_held_out])

    def _collect_parts(self, X):
        """Return copies of what module and objective are made of, by name, ready for the data."""
        penalty, corruption = self._regularizers()
        architecture = self.architecture
        parts = {
            "architecture": self._default_architecture() if architecture is None else architecture,
            "loss": self._loss(),
            "penalty": penalty,
            "corruption": corruption,
        }
        parts = {name: clone(part, safe=False) for name, part in parts.items()}
        parts["n_components"] = self.n_components
        for name in ("penalty", "corruption"):
            if getattr(parts[name], "does_nothing", False):
                parts[name] = None
            elif hasattr(parts[name], "fit"):
                parts[name].fit(X)
        return parts

    def _loss(self):
        return LOSSES[self.loss]() if isinstance(self.loss, str) else self.loss

    def _is_constrained(self, parts):
        """Whether anything but its width keeps the code from copying the input."""
        sparse = isinstance(getattr(parts["architecture"], "code_activation", None), TopK)
        return sparse or parts["penalty"] is not None or parts["corruption"] is not None

    def _warn_if_copying_is_easy(self, parts):
        n_features, n_components = self.n_features_in_, parts["n_components"]
        if n_components >= n_features and not self._is_constrained(parts):
            warnings.warn(
                f"n_components={n_components} is not below the {n_features} features "
                "of X and nothing else constrains the code, so the net can copy its input and "
                "learn nothing. Use fewer components, a penalty (penalty=L2()) or a corruption "
                "(corruption=GaussianNoise()); that is what sets DenoisingAutoencoder, "
                "ContractiveAutoencoder and SparseAutoencoder apart.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_if_interrupted(self, monitor):
        if monitor.stopped_by_ == "interrupt":
            warnings.warn(
                f"Training was interrupted after {len(monitor.loss_curve_)} epochs; the best "
                "weights so far are kept.",
                UserWarning,
                stacklevel=4,
            )

    def _build_module(self, parts, dtype, seed):
        """Return an untrained module, whose widths have been tried."""
        n_features, n_components = self.n_features_in_, parts["n_components"]
        with seeded_construction(seed):
            module = self._make_module(parts)
        module = module.to(as_tensor(np.empty(0, dtype)).dtype).eval()
        with torch.no_grad():
            code = module.encode(module.offset.expand(2, -1))
            back = module.decoder(code.new_zeros(2, n_components))
        for what, tensor, width in (("code", code, n_components), ("output", back, n_features)):
            if tensor.shape != (2, width):
                raise ValueError(
                    f"{parts['architecture']!r} builds a net whose {what} for 2 rows has shape "
                    f"{tuple(tensor.shape)} instead of (2, {width}), for n_features={n_features} "
                    f"and n_components={n_components}."
                )
        return module

    def _new_module(self, parts, X, weight, start_from, seed):
        """Return a module scaled to X and started from some of its rows."""
        mean, scale = moments(X, weight)
        check_scale(scale, X.dtype)
        module = self._build_module(parts, X.dtype, seed)
        module.offset.copy_(torch.from_numpy(mean))
        module.scale.fill_(scale)
        self._start(module, parts, start_from, seed)
        return module

    def _start(self, module, parts, rows, seed):
        """Start a new module at the PCA of some rows, if asked for."""
        if self.init != "pca":
            return
        for coder in (module.encoder, module.decoder):
            startable = hasattr(coder, "start_linear")
            if not (startable and getattr(coder, "has_linear_path", False)):
                raise ValueError(
                    f"init='pca' starts from linear paths, and {parts['architecture']!r} has "
                    "not got them. Use init='random'; or MLP with skip=True and "
                    "code_activation='identity'; or wrap the coders of your own architecture "
                    "in sklearn_ae.architectures.LinearPlusNetwork."
                )
        self._start_at_pca(module, parts, rows, seed)

    def _start_at_pca(self, module, parts, rows, seed):
        """Make the module reconstruct as the PCA of some rows does."""
        axes = self._principal_axes(module, parts["n_components"], rows, seed)
        module.encoder.start_linear(axes, torch.zeros(len(axes)))
        self._start_decoder(module, parts["loss"], axes.T)

    def _principal_axes(self, module, n_components, rows, seed):
        """Return orthonormal axes, as many as there are components: rows, or columns if wide."""
        random_state = np.random.RandomState(seed)
        if n_components <= self.n_features_in_:
            offset, weights = module.offset.cpu().double().numpy(), rows.weights()
            axes = principal_axes(rows.X, offset, n_components, weights, random_state)
        else:
            # Any orthonormal columns encode without loss, and so every unit takes part.
            shape = (n_components, self.n_features_in_)
            axes = np.linalg.qr(random_state.normal(size=shape))[0]
        return torch.from_numpy(np.ascontiguousarray(axes))

    def _start_decoder(self, module, loss, weight):
        """Make the decoder linear: the mean of the data, and these directions in units of scale."""
        offset = module.offset.cpu().double()
        bias = torch.zeros_like(offset)
        if hasattr(loss, "tangent"):  # the link bends: PCA's line is its tangent at the mean
            bias, slope = loss.tangent(offset)
            weight = slope[:, None] * module.scale.item() * weight
        module.decoder.start_linear(weight, bias)

    def _is_better_as_pca(self, parts, monitor):
        """Whether training started at PCA and did not help on the held-out rows.

        A penalty or a corruption asks for something else than PCA, and gets it.
        """
        if self.init != "pca" or self._is_constrained(parts) or not monitor.has_held_out_:
            return False
        return bool(monitor.p_value() > SIGNIFICANCE)

    def _continued_module(self, parts, dtype):
        """Return a module of the same weights as the fitted one, for a warm start."""
        self._check_width(parts["n_components"])
        fitted, asked = self._parts["architecture"], parts["architecture"]
        if repr(fitted) != repr(asked):
            raise ValueError(
                f"The fitted net is that of {fitted!r}, and training cannot go on with {asked!r}, "
                "which hidden_layer_sizes, activation, init, architecture or what constrains the "
                "code ask for now. Call fit with warm_start=False to start anew."
            )
        module = self._build_module(parts, dtype, self._seed)
        load_arrays(module, arrays_of(self.module_))
        return module

    def _net_settings(self, n_rows, max_epochs):
        """Return what a net is made from, apart from its module and its objective."""
        auto = self.batch_size == "auto"
        return {
            "solver": self.solver,
            "alpha": self.alpha,
            "lr": self.learning_rate_init,
            "batch_size": self._automatic_batch_size(n_rows) if auto else self.batch_size,
            "max_epochs": max_epochs,
            "device": self.device,
            "net_params": dict(self.net_params or {}),
        }

    def _automatic_batch_size(self, n_rows):
        return automatic_batch_size(n_rows)

    def _differs_in_size_only(self, settings):
        """Whether these are the settings of the fitted net, but for the size of the batches."""
        return settings == self._settings | {"batch_size": settings["batch_size"]}

    def _make_net(self, module, parts, monitor, seed, settings, tasks=None):
        """Return an initialised net around a module."""
        settings = settings.copy()
        callbacks = list(clone(self.callbacks, safe=False) or [])
        if tasks is not None:
            tasks.follow(module, monitor, parts["n_components"])
            callbacks.append(("scikit_learn_tasks", tasks))
        defaults = {
            "iterator_train": Batches,
            "iterator_train__generator": torch.Generator().manual_seed(seed),
            "iterator_valid": Batches,
            "iterator_valid__batch_size": ROWS_AT_A_TIME,
            "train_split": None,
            "callbacks": callbacks,
            "verbose": int(self.verbose),
        }
        own = settings.pop("net_params")
        solver = settings.pop("solver")
        if "optimizer" not in own:
            defaults |= optimizer_params(solver, settings["device"])
        objective = self._make_objective(parts, module, seed, settings["device"])
        net_params = defaults | settings | own
        return AutoencoderNet(module, objective, monitor=monitor, **net_params).initialize()

    def _fit_tasks(self, data):
        """Return what tells scikit-learn's callbacks of a fit; None if there are none."""
        if not hasattr(self, "_skl_callbacks"):
            return None
        max_epochs = self._max_epochs()
        context = self._init_callback_context(max_subtasks=max_epochs)
        return EpochTasks(context, self, data, max_epochs)

    def _max_epochs(self):
        """Return how many epochs a fit has at most."""
        return self.max_iter

    def _train(self, net, rows):
        """Train a net in single precision, and let go of the data."""
        try:
            with single_precision(net.module):
                net.criterion_.to(net.module.offset.dtype)  # a penalty may have buffers
                net.partial_fit(rows)
        except Diverged:
            low, high = np.nanmin(rows.X), np.nanmax(rows.X)  # the imputer's rows have gaps
            raise Diverged(
                f"The loss diverged, although learning_rate_init={self.learning_rate_init} was "
                f"halved {MAX_RESTARTS} times. Use a smaller learning_rate_init, or rescale X, "
                f"whose values lie in [{low:.3g}, {high:.3g}]."
            ) from None
        finally:
            net.monitor.held_out = net.monitor.start = None
            net.module.eval()

    def _keep(self, net, parts, seed, settings, streaming):
        """Make a net the fitted one."""
        self.net_ = net
        self.module_ = net.module
        self._parts = parts
        self._seed = seed
        self._settings = settings
        self._streaming = streaming
        self._n_features_out = parts["n_components"]

    @property
    def _dtype(self):
        return np.dtype(str(self.module_.offset.dtype).removeprefix("torch."))

    def _apply(self, function, array, *shape):
        """Return what a function of tensors makes of the rows of an array, batch by batch."""
        return in_batches(function, array, self.module_.offset, *shape)

    def _reconstruct(self, X):
        return self._apply(lambda x: self.module_(x).reconstruction, X, self.n_features_in_)

    def _squared_errors(self, X):
        return self._apply(lambda x: (self.module_(x).reconstruction - x).square().sum(dim=1), X)

    def _like_input(self, reconstruction, original):
        """Return a DataFrame with the training data's columns if set_output asks for one."""
        adapter = _get_container_adapter("transform", self)
        if adapter is None:
            return reconstruction
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        return adapter.create_container(reconstruction, original, columns=names)

    def __getstate__(self):
        """Plain values and numpy arrays: what torch and skorch hold is rebuilt from them."""
        from . import __version__

        state = super().__getstate__().copy()
        if "net_" in state:
            state["_arrays"] = arrays_of(self.module_)
            state["_progress"] = progress_of(self.net_) if self._streaming else None
            del state["module_"], state["net_"]
        return state | {"_sklearn_ae_version": __version__}

    def __setstate__(self, state):
        """Rebuild module and net, on the CPU where this machine lacks the device."""
        from . import __version__

        state = state.copy()
        version = state.pop("_sklearn_ae_version", "unknown")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"sklearn_ae.{type(self).__name__}",
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        arrays, progress = state.pop("_arrays", None), state.pop("_progress", None)
        super().__setstate__(state)
        if arrays is None:
            return
        settings = self._settings | {"device": usable_device(self._settings["device"])}
        with borrowed_global_state(self._seed):
            dtype = arrays["offset"].dtype
            module = self._build_module(self._parts, dtype, self._seed)
            load_arrays(module, arrays)
            net = self._make_net(module, self._parts, Monitor(), self._seed, settings)
        if progress is not None:
            with single_precision(module):
                resume(net, progress)
        self.net_, self.module_ = net, module.eval()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def segment(start, end, share):
    """Return points on the segment between two vectors.

    Parameters
    ----------
    start, end : ndarray of shape (n,)
    share : ndarray of shape (n_points, 1)
        Of the way, in [0, 1].

    Returns
    -------
    points : ndarray of shape (n_points, n)
    """
    return (1 - share) * start + share * end

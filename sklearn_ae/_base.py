"""What every autoencoder does, whatever its module and its objective."""

import copy
import inspect
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from numbers import Integral, Real

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

from ._loader import Batches, Rows, as_tensor
from ._module import AutoencoderModule
from ._net import MAX_RESTARTS, AutoencoderNet, Diverged, Monitor, Objective
from ._pca import moments, principal_axes
from ._random import borrowed_global_state, seeded_construction
from .architectures import ACTIVATIONS, MLP
from .losses import LogLoss, Poisson, SquaredError

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in for scikit-learn's mixin where there is none."""


LOSSES = {"squared_error": SquaredError, "log_loss": LogLoss, "poisson": Poisson}
MIN_ROWS_TO_HOLD_OUT = 64
MIN_GAIN = 2.0  # standard errors that training must gain on held-out rows to replace PCA
ROWS_AT_A_TIME = 4096  # when data passes through a fitted module


class BaseAutoencoder(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """An autoencoder as a scikit-learn transformer; the common part of all of them.

    A subclass states its parameters in its ``__init__`` and says in `_regularizers` what its
    objective has besides the loss. Where its module or its objective differs altogether, it
    overrides `_make_module` or `_make_objective`.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "architecture": [HasMethods(["build", "get_params"]), None],
        "loss": [StrOptions(set(LOSSES)), callable],
        "init": [StrOptions({"pca", "random"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"adam", "sgd"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
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
            Training data. float32 and float64 are computed in as they are.
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
        with self._unchanged_on_error():
            X, weight = self._check_training_data(X, sample_weight, reset=True)
            seed = self._draw_seed()
            with borrowed_global_state(seed, self.device):
                train, held_out = self._split(X, weight, seed)
                continued = self.warm_start and hasattr(self, "module_")
                if continued:
                    parts, module = self._parts, self._continue_from(X)
                else:
                    parts = self._collect_parts(X)
                    module = self._new_module(parts, X, weight, train, seed)
                monitor = Monitor(held_out, tol=self.tol, n_iter_no_change=self.n_iter_no_change)
                net = self._make_net(module, parts, monitor, seed, self.max_iter, self.device)
                self._train(net, train)
                if held_out is not None and not continued and self.init == "pca":
                    self._return_to_pca_unless_better(net, parts, Rows(X, weight), seed)
            self._keep(net, parts, seed)
            self._streaming = False
            self.n_iter_ = len(net.history)
            self.loss_curve_ = net.history[:, "train_loss"]
            self.validation_scores_ = None if held_out is None else net.history[:, "valid_r2"]
            self.best_loss_ = monitor.best_loss_
            self.reconstruction_err_ = float(np.average(-self._row_scores(X), weights=weight))
        if self.n_iter_ == self.max_iter and not monitor.finished_:
            warnings.warn(
                f"Training stopped at max_iter={self.max_iter} epochs before the loss settled. "
                "Increase max_iter, or tol if the result is good enough.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train on the rows of X for one epoch, from where the last call left off.

        The first call sets the centring, the scale and the start from its X; make it a
        representative one. Nothing is held out, and the optimizer keeps its state between calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The next rows.
        y : None
            Ignored, present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

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
        with self._unchanged_on_error():
            X, weight = self._check_training_data(X, sample_weight, reset=first)
            seed = self._draw_seed() if first else self._seed
            with borrowed_global_state(seed, self.device):
                rows = Rows(X, weight)
                if first:
                    parts = self._collect_parts(X)
                    module = self._new_module(parts, X, weight, rows, seed)
                    self.n_iter_, self.loss_curve_ = 0, []
                elif not self._streaming:  # the state of the optimizer belongs to other weights
                    parts, module = self._parts, self.module_
                if first or not self._streaming:
                    net = self._make_net(module, parts, Monitor(), seed, 1, self.device)
                    self._keep(net, parts, seed)
                    self._streaming = True
                self._train(self.net_, rows)
            self.n_iter_ += 1
            self.loss_curve_ = [*self.loss_curve_, self.net_.history[-1, "train_loss"]]
            self.validation_scores_ = None
            self.best_loss_ = min(self.loss_curve_)
            self.reconstruction_err_ = float(np.average(-self._row_scores(X), weights=weight))
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
        codes = check_array(X, dtype=self._dtype)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but the decoder of {type(self).__name__} expects "
                f"codes with {self._n_features_out} (n_components). Pass the output of transform, "
                "not the original data."
            )
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
        return self._row_scores(self._check(X))

    def interpolate(self, a, b, n_steps=10):
        """Decode points on the segment between two codes.

        Between two rows of data lies, on the straight way, a blend of both. The straight way
        between their codes stays near the data if the code is good.

        Parameters
        ----------
        a, b : array-like of shape (n_components,)
            The codes at both ends, as `transform` returns them.
        n_steps : int, default=10
            How many points, ends included; at least 2.

        Returns
        -------
        points : ndarray or DataFrame of shape (n_steps, n_features)
            The first is what a decodes to, the last what b does.

        Raises
        ------
        ValueError
            If a or b is not one code, or n_steps is below 2.
        """
        check_is_fitted(self)
        if not isinstance(n_steps, Integral) or n_steps < 2:
            raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2: both ends.")
        ends = {}
        for name, code in (("a", a), ("b", b)):
            ends[name] = np.asarray(code, dtype=self._dtype)
            if ends[name].ravel().shape != (self._n_features_out,):
                raise ValueError(
                    f"{name} has shape {ends[name].shape}, but one code has shape "
                    f"({self._n_features_out},). Encode a row of data first: transform(X)[0]."
                )
        share = np.linspace(0, 1, n_steps, dtype=self._dtype)[:, None]
        return self.inverse_transform((1 - share) * ends["a"].ravel() + share * ends["b"].ravel())

    @abstractmethod
    def _regularizers(self):
        """Return the penalty and the corruption of the objective, each a callable or None."""

    def _make_module(self, encoder, decoder, link):
        """Return the module around an encoder and a decoder, not yet scaled to the data."""
        return AutoencoderModule(encoder, decoder, self.n_features_in_, link)

    def _make_objective(self, parts, scale, seed, device):
        """Return what training minimises."""
        unit = parts["loss"].unit(scale) if hasattr(parts["loss"], "unit") else 1.0
        return Objective(
            parts["loss"],
            parts["penalty"],
            parts["corruption"],
            unit=unit,
            seed=seed,
            device=device,
        )

    @contextmanager
    def _unchanged_on_error(self):
        """Put back what `validate_data` sets when anything in the block fails."""
        names = ("n_features_in_", "feature_names_in_")
        before = {name: vars(self)[name] for name in names if name in vars(self)}
        try:
            yield
        except BaseException:
            for name in names:
                vars(self).pop(name, None)
            vars(self).update(before)
            raise

    def _check(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def _check_training_data(self, X, sample_weight, reset):
        """Return X and the weights, of mean 1, of the rows that have any; None if all are equal."""
        if _usable_device(self.device) != self.device:
            raise ValueError(
                f"device={self.device!r} is not available here. Use device='cpu', or a device that "
                "torch can reach."
            )
        if self.architecture is not None:
            defaults = inspect.signature(type(self).__init__).parameters
            for name in ("hidden_layer_sizes", "activation"):
                if not np.array_equal(getattr(self, name), defaults[name].default):
                    raise ValueError(
                        f"{name}={getattr(self, name)!r} and architecture={self.architecture!r} "
                        f"are both given, but an architecture has its own {name}. Set it there, "
                        f"or leave architecture at None."
                    )
        dtype = [np.float64, np.float32] if reset else self._dtype
        X = validate_data(self, X, dtype=dtype, reset=reset)
        if isinstance(self.loss, str) and hasattr(LOSSES[self.loss], "check"):
            LOSSES[self.loss]().check(X)
        if sample_weight is None:
            return X, None
        if not np.any(np.asarray(sample_weight)):
            raise ValueError(
                "sample_weight is zero for all rows, so there is nothing to fit. Give at least one "
                "row a positive weight, or leave sample_weight at None."
            )
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        if np.all(weight == weight[0]):
            return X, None
        counts = weight > 0
        if not counts.all():
            X, weight = X[counts], weight[counts]
        return X, weight / weight.mean()

    def _draw_seed(self):
        return check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _split(self, X, weight, seed):
        """Return the rows to train on and the rows held out, or None."""
        n_samples = len(X)
        n_held_out = max(1, round(self.validation_fraction * n_samples))
        hold_out = self.early_stopping
        if hold_out == "auto":
            hold_out = n_samples >= MIN_ROWS_TO_HOLD_OUT
        if not hold_out:
            return Rows(X, weight), None
        if n_held_out >= n_samples:
            raise ValueError(
                f"early_stopping=True with validation_fraction={self.validation_fraction} holds "
                f"out {n_held_out} of {n_samples} rows and leaves none to train on. Use "
                "early_stopping='auto', which holds rows out only where there are enough."
            )
        order = np.random.RandomState(seed).permutation(n_samples)
        return Rows(X, weight, order[n_held_out:]), Rows(X, weight, order[:n_held_out])

    def _collect_parts(self, X):
        """Return copies of what the module and the objective are made of, by name."""
        penalty, corruption = self._regularizers()
        if self.n_components >= self.n_features_in_ and penalty is None and corruption is None:
            warnings.warn(
                f"n_components={self.n_components} is not below the {self.n_features_in_} features "
                "of X and nothing else constrains the code, so the net can copy its input and "
                "learn nothing. Use fewer components, a penalty or a corruption; "
                "DenoisingAutoencoder, ContractiveAutoencoder and SparseAutoencoder have one.",
                UserWarning,
                stacklevel=4,
            )
        architecture = self.architecture
        if architecture is None:
            skip = self.init == "pca"
            architecture = MLP(self.hidden_layer_sizes, self.activation, skip=skip)
        parts = {
            "architecture": architecture,
            "loss": LOSSES[self.loss]() if isinstance(self.loss, str) else self.loss,
            "penalty": penalty,
            "corruption": corruption,
        }
        return {name: clone(part, safe=False) for name, part in parts.items()}

    def _build_module(self, parts, n_components, dtype, seed):
        with seeded_construction(seed):
            encoder, decoder = parts["architecture"].build(self.n_features_in_, n_components)
            link = getattr(parts["loss"], "link", None)
            module = self._make_module(encoder, decoder, link)
        return module.to(as_tensor(np.empty(0, dtype)).dtype)

    def _new_module(self, parts, X, weight, start_from, seed):
        """Return a module scaled to X and, if asked for, started at the PCA of some of its rows."""
        mean, scale = moments(X, weight)
        if not np.isfinite(scale):
            raise ValueError(
                f"The variance of X overflows: its largest value is {np.abs(X).max():.3g} in size. "
                "Rescale X, for example with StandardScaler."
            )
        module = self._build_module(parts, self.n_components, X.dtype, seed)
        module.offset.copy_(torch.from_numpy(mean))
        module.scale.fill_(scale)
        if self.init == "pca":
            for coder in (module.encoder, module.decoder):
                if not getattr(coder, "has_linear_path", False):
                    raise ValueError(
                        f"init='pca' starts from linear paths, and {parts['architecture']!r} has "
                        "none. Use init='random', or an architecture with skip=True."
                    )
            self._start_at_pca(module, parts["loss"], start_from, seed)
        return module

    def _start_at_pca(self, module, loss, rows, seed):
        """Make the module reconstruct as the PCA of some rows does."""
        offset = module.offset.cpu().double()
        random_state = np.random.RandomState(seed)
        if self.n_components <= self.n_features_in_:
            weights = rows.weights()
            axes = principal_axes(rows.X, offset.numpy(), self.n_components, weights, random_state)
        else:
            # Any orthonormal columns encode without loss, and so every unit takes part.
            shape = (self.n_components, self.n_features_in_)
            axes = np.linalg.qr(random_state.normal(size=shape))[0]
        axes = torch.from_numpy(np.ascontiguousarray(axes))
        weight, bias = axes.T, torch.zeros_like(offset)
        if hasattr(loss, "tangent"):  # x̂ = link(bias + slope * (linear reconstruction - offset))
            bias, slope = loss.tangent(offset)
            weight = slope[:, None] * module.scale.item() * weight
        module.encoder.start_linear(axes, torch.zeros(self.n_components))
        module.decoder.start_linear(weight, bias)

    def _return_to_pca_unless_better(self, net, parts, rows, seed):
        """Undo training that did not help on the held-out rows, which then help PCA instead."""
        if net.monitor.gain() < MIN_GAIN:
            self._start_at_pca(net.module_, parts["loss"], rows, seed)

    def _continue_from(self, X):
        """Return a copy of the fitted module, for a warm start."""
        n_features = len(self.module_.offset)
        if X.shape[1] != n_features or self.n_components != self._n_features_out:
            raise ValueError(
                f"warm_start=True continues a fit on {n_features} features with "
                f"n_components={self._n_features_out}, but X has {X.shape[1]} features and "
                f"n_components={self.n_components}. Set warm_start=False to start anew."
            )
        return copy.deepcopy(self.module_)

    def _make_net(self, module, parts, monitor, seed, max_epochs, device):
        """Return an initialised net around a module."""
        net_params = {
            "lr": self.learning_rate_init,
            "max_epochs": max_epochs,
            "batch_size": self.batch_size,
            "iterator_train": Batches,
            "iterator_train__generator": torch.Generator().manual_seed(seed),
            "iterator_valid": Batches,
            "iterator_valid__batch_size": ROWS_AT_A_TIME,
            "train_split": None,
            "callbacks": clone(self.callbacks, safe=False),
            "device": device,
            "verbose": int(self.verbose),
        } | (self.net_params or {})
        if "optimizer" not in net_params:
            net_params |= self._optimizer_params(device)
        objective = self._make_objective(parts, module.scale.item(), seed, device)
        return AutoencoderNet(module, objective, monitor=monitor, **net_params).initialize()

    def _optimizer_params(self, device):
        # Weights decay, but not the linear paths: towards a linear autoencoder, not towards zero.
        spared = [(pattern, {"weight_decay": 0.0}) for pattern in ("*bias", "*skip.*")]
        params = {"optimizer__weight_decay": self.alpha, "optimizer__param_groups": spared}
        if self.solver == "sgd":
            momentum = {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
            return params | momentum | {"optimizer": torch.optim.SGD}
        # Fused kernels exist for these two; on the CPU they make small steps a third cheaper.
        fused = torch.device(device).type in ("cpu", "cuda")
        # PCA is a stationary point of the linear paths: what gradient they have at the start is
        # rounding, which the usual eps of 1e-8 would scale up to steps that differ by machine.
        adam = {"optimizer__betas": (0.9, 0.99), "optimizer__eps": 1e-5, "optimizer__fused": fused}
        return params | adam | {"optimizer": torch.optim.AdamW}

    def _train(self, net, rows):
        """Train a net, and let go of the data."""
        try:
            net.partial_fit(rows)
        except Diverged:
            low, high = rows.X.min(), rows.X.max()
            raise RuntimeError(
                f"The loss diverged, although learning_rate_init={self.learning_rate_init} was "
                f"halved {MAX_RESTARTS} times. Use a smaller learning_rate_init, or rescale X, "
                f"whose values lie in [{low:.3g}, {high:.3g}]."
            ) from None
        finally:
            net.monitor.held_out = None
            net.module.eval()

    def _keep(self, net, parts, seed):
        """Make a net the fitted one."""
        self.net_ = net
        self.module_ = net.module
        self._parts = parts
        self._seed = seed
        self._n_features_out = self.n_components

    @property
    def _dtype(self):
        return self.module_.offset.cpu().numpy().dtype

    def _apply(self, function, array, *shape):
        """Return what a function of tensors makes of the rows of an array, batch by batch."""
        device = self.module_.offset.device
        dtype = self._dtype
        out = np.empty((len(array), *shape), dtype=dtype)
        with torch.inference_mode():
            for rows in gen_batches(len(array), ROWS_AT_A_TIME):
                x = as_tensor(array[rows].astype(dtype, copy=False)).to(device)
                out[rows] = function(x).cpu().numpy()
        return out

    def _reconstruct(self, X):
        return self._apply(lambda x: self.module_(x).reconstruction, X, self.n_features_in_)

    def _row_scores(self, X):
        return self._apply(lambda x: -(self.module_(x).reconstruction - x).square().sum(dim=1), X)

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
        if "module_" in state:
            del state["module_"], state["net_"]
            state["_arrays"] = {
                name: tensor.detach().cpu().numpy() for name, tensor in _named_tensors(self.module_)
            }
            if self._streaming:
                state["_progress"] = _progress(self.net_)
        return state | {"_sklearn_ae_version": __version__}

    def __setstate__(self, state):
        """Rebuild module and net, on this machine's CPU where the device is not to be had."""
        from . import __version__

        state = state.copy()
        version = state.pop("_sklearn_ae_version", "unknown")
        if version != __version__:
            name = f"sklearn_ae.{type(self).__name__}"
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        arrays = state.pop("_arrays", None)
        progress = state.pop("_progress", None)
        super().__setstate__(state)
        if arrays is None:
            return
        with borrowed_global_state(self._seed):
            dtype = arrays["offset"].dtype
            module = self._build_module(self._parts, self._n_features_out, dtype, self._seed)
            _load_tensors(module, arrays)
            device = _usable_device(self.device)
            net = self._make_net(module, self._parts, Monitor(), self._seed, 1, device)
            module.eval()
        self.net_, self.module_ = net, module
        if progress is not None:
            _resume(net, progress)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _usable_device(device):
    """Return a device, or the CPU where this machine has no such device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # what torch raises differs from device to device
        return "cpu"
    return device


def _named_tensors(module):
    """Yield parameters and buffers by name; shared ones once."""
    yield from module.named_parameters()
    yield from module.named_buffers()


@torch.no_grad()
def _load_tensors(module, arrays):
    for name, tensor in _named_tensors(module):
        tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def _progress(net):
    """Return what a net needs to go on training as if it had never been saved."""
    optimizer = net.optimizer_.state_dict()
    return {
        "moments": {
            str(i): {name: np.array(value.cpu()) for name, value in moments.items()}
            for i, moments in optimizer["state"].items()
        },
        "learning_rates": [group["lr"] for group in optimizer["param_groups"]],
        "order": net.iterator_train__generator.get_state().numpy(),
        "noise": net.criterion_.generator.get_state().numpy(),
    }


def _resume(net, progress):
    optimizer = net.optimizer_.state_dict()
    optimizer["state"] = {
        int(i): {name: torch.from_numpy(np.array(value)) for name, value in moments.items()}
        for i, moments in progress["moments"].items()
    }
    for group, rate in zip(optimizer["param_groups"], progress["learning_rates"], strict=True):
        group["lr"] = rate
    net.optimizer_.load_state_dict(optimizer)
    net.iterator_train__generator.set_state(torch.from_numpy(np.array(progress["order"])))
    net.criterion_.generator.set_state(torch.from_numpy(np.array(progress["noise"])))

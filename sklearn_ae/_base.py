"""What every autoencoder does for its users, whatever is trained and how."""

from abc import ABCMeta, abstractmethod
from dataclasses import replace
from math import ceil
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from ._constraints import FEW_COMPONENTS, SHARED
from ._dask import takes_dask
from ._data import checked_rows
from ._error_hints import check_names, check_nested, check_values
from ._interpolation import decoded_path, segment
from ._onnx_graph import METHODS, Graph
from ._state import checked_state, stamped
from ._summary import summary_of, with_summary
from ._training.fit import train, train_one_pass
from ._training.judging import explained_variance, judged
from ._training.module import codes_of, in_batches, reconstructions, squared_errors
from ._training.random import borrowed_global_state
from ._training.ranks import together
from ._training.recipe import Recipe
from ._training.state import state_of, trained_from
from ._training.tasks import CallbackSupportMixin, tasks_of
from ._training.world import here
from ._typing import ArrayLike, Weights
from ._validation import (
    check_codes,
    check_parts,
    check_weight,
    like_input,
    unchanged_on_error,
    warn_user,
)
from .architectures import MLP
from .losses import loss_of


@takes_dask
class BaseAutoencoder(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """An autoencoder as a scikit-learn transformer; the common part of all of them.

    A subclass states its parameters in its ``__init__`` and turns them into a recipe in `_recipe`,
    of the class `_recipe_class`. Where training is more than the one of `train`, it overrides
    `_train`; where there is more to say afterwards, `_describe`.
    """

    _recipe_class = Recipe

    _parameter_constraints: dict = SHARED

    def __new__(cls, *args, **kwargs):
        """Refuse names of other libraries, and say which name is meant."""
        check_names(cls, kwargs)
        return super().__new__(cls)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of parts, as ``penalty__weight``.

        Parameters
        ----------
        **params
            Values by name.

        Returns
        -------
        self : object
            The estimator.
        """
        check_nested(self, params)
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None, sample_weight: Weights = None) -> Self:
        """Learn to encode and to decode the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
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
        with unchanged_on_error(self), together(self) as world:
            given = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
            recipe = self._recipe()
            X, weight = self._check_training_data(X, sample_weight, recipe, reset=True)
            seed = self._draw_seed()
            with borrowed_global_state(world.own_seed(seed), self.device):
                recipe = recipe.fitted_to(world.columns(X))
                before = self._trained if self.warm_start and hasattr(self, "module_") else None
                if before is None:
                    warn_user(*world.told_once([recipe.warning(self.n_features_in_)]))
                tasks = tasks_of(self, recipe.n_epochs(world.n_rows(X)), given)
                trained = self._train(recipe, X, weight, seed, tasks, before)
            monitor = trained.net.monitor
            self._keep(trained, X, weight, monitor.loss_curve_, monitor.best_loss_)
            if monitor.has_held_out_:
                self.validation_loss_curve_ = monitor.validation_loss_curve_
                self.validation_scores_ = monitor.validation_scores_
            said = world.told_once([monitor.warning(recipe.max_iter), *self._describe(X, weight)])
            if tasks is not None:
                tasks.finish()
        warn_user(*said)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: Any = None, sample_weight: Weights = None) -> Self:
        """Train on the rows of X for one epoch, from where the last call left off.

        The first call sets the centring, the scale and the start from its X; make it a
        representative one. Nothing is held out, and the optimizer keeps its state from call to
        call, as long as the parameters stay the same.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
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
        with unchanged_on_error(self), together(self) as world:
            recipe = self._recipe()
            X, weight = self._check_training_data(X, sample_weight, recipe, reset=first)
            before, past = (None, []) if first else (self._trained, self.loss_curve_)
            seed = self._draw_seed() if first else before.seed
            # Dropout must not draw the same mask in every call.
            with borrowed_global_state(world.own_seed((seed + len(past)) % 2**31), self.device):
                recipe = recipe.fitted_to(world.columns(X))
                if first:
                    warn_user(*world.told_once([recipe.warning(self.n_features_in_)]))
                trained = train_one_pass(recipe, X, weight, seed, before)
            curve = past + trained.net.monitor.loss_curve_
            self._keep(trained, X, weight, curve, float(np.nanmin([np.inf, *curve])))
            self._describe(X, weight)
            messages = world.told_once([trained.net.monitor.warning(recipe.max_iter)])
        warn_user(*messages)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the codes of the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_components)
            In the dtype that the estimator was fitted in; a DataFrame after `set_output`.
        """
        X = self._check(X)
        return codes_of(self.module_, X, self._n_features_out)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
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
        codes = check_array(X, dtype=self.module_.dtype, input_name="X", estimator=self)
        n, width = self._n_features_out, codes.shape[1]
        if width > n or not getattr(self.module_.decoder, "takes_prefixes", False):
            check_codes(self, width, n)
        rows = in_batches(self.module_.decode, codes, self.module_, self.n_features_in_)
        return like_input(self, rows, X)

    def reconstruct(self, X: ArrayLike) -> np.ndarray:
        """Encode and decode the rows of X: what of them the code retains.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        reconstruction : ndarray or DataFrame of shape (n_samples, n_features)
            Equal to ``inverse_transform(transform(X))``, without the codes in between.
        """
        rows = self._check(X)
        return like_input(self, reconstructions(self.module_, rows), X)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the share of the variance of X that the reconstruction explains.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
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
        return explained_variance(self.module_, X)

    def feature_scores(self, X: ArrayLike) -> np.ndarray | pd.Series:
        """Return the share of the variance of each column that the reconstruction explains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        r2 : ndarray or Series of shape (n_features,)
            R² of each column, at most 1; by name if `fit` saw names. Their mean, weighted by the
            variances of the columns, is `score`.
        """
        X = self._check(X)
        r2 = explained_variance(self.module_, X, multioutput="raw_values")
        names = getattr(self, "feature_names_in_", None)
        return r2 if names is None else pd.Series(r2, index=names, name="r2")

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the squared reconstruction error of each row; higher is more normal.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the sum of squared errors over the features, in squared units of the data.
        """
        X = self._check(X)
        return -squared_errors(self.module_, X)

    def interpolate(
        self, a: ArrayLike, b: ArrayLike, n_steps: int = 10, *, codes: bool = False
    ) -> np.ndarray:
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
        return decoded_path(self, a, b, n_steps, codes, segment)

    @abstractmethod
    def _recipe(self):
        """Return the recipe that the parameters ask for, after a look at what does not fit."""

    def _make_recipe(self, mlp=None, few=FEW_COMPONENTS, wide=None, **own):
        """Return a recipe whose fields are the parameters of the same names, but for its own ones.

        Without an `architecture` there is an `MLP`, with further parameters `mlp`. Where its widths
        are "auto" they are `few`, and for a wide code there is the architecture `wide`, if any.
        """
        given = self.get_params(deep=False)
        values = self._recipe_class.chosen_from(given) | {"loss": loss_of(self.loss)} | own
        check_parts(self, values)
        if self.architecture is None:
            init, sizes = values.get("init"), self.hidden_layer_sizes
            if isinstance(sizes, str):  # "auto"
                sizes = few
                values["wide_architecture"] = None if init == "pca" else wide
            skip = init in ("pca", "auto")
            values["architecture"] = MLP(sizes, self.activation, skip=skip, **mlp or {})
        return self._recipe_class(**values)

    def _train(self, recipe, X, weight, seed, tasks, before):
        """Return what is trained by a recipe, from scratch or from what was trained before."""
        return train(recipe, X, weight, seed, tasks, before)

    def _describe(self, X, weight):
        """Set what there is to say of the fitted module, and return what to warn of."""
        return []

    def _keep(self, trained, X, weight, curve, best_loss):
        """Make a training the fitted one, and say how it went."""
        here().agree(trained.module)
        self._set_trained(trained)
        self.is_pca_ = trained.is_pca
        self.n_iter_ = ceil(len(curve) / trained.rounds_per_pass)
        self.loss_curve_ = curve
        self.validation_loss_curve_ = self.validation_scores_ = None
        self.best_loss_ = best_loss
        self.reconstruction_err_, warning = judged(trained.module, X, weight)
        warn_user(warning)

    def _set_trained(self, trained):
        self._trained = trained
        self.module_, self.net_ = trained.module, trained.net
        self._n_features_out = trained.recipe.n_components

    def _validate_params(self):
        check_values(self, super()._validate_params)

    def _check(self, X):
        check_is_fitted(self)
        X = checked_rows(self, X, reset=False)
        if self.module_.represent is not None:  # there is none of what the loss is not meant for
            self._trained.recipe.check_loss(X)
        return X

    def _check_training_data(self, X, sample_weight, recipe, reset):
        """Return the rows of X that count, and their weights of mean 1 or None if all are equal."""
        with here().agreeing():
            X = checked_rows(self, X, reset, to_learn=True)
            recipe.check(X)
            weight = check_weight(sample_weight, X)
        return here().counted(X, weight)

    def _draw_seed(self):
        return int(here().same(check_random_state(self.random_state).randint(2**31 - 1)))

    @property
    def _repr_html_(self):
        diagram = super()._repr_html_
        return lambda: diagram() + summary_of(self)

    def _repr_mimebundle_(self, **kwargs):
        return with_summary(self, super()._repr_mimebundle_(**kwargs))

    def __sklearn_ae_graph__(self, method):
        """Return what a method computes as a torch module, or None; for `export.to_onnx`."""
        check_is_fitted(self)
        return Graph(self.module_, METHODS[method]) if method in METHODS else None

    def __getstate__(self):
        """Plain values and numpy arrays: what torch and skorch hold is rebuilt from them."""
        state = super().__getstate__().copy()
        if "_trained" in state:
            state["_trained"] = state_of(self._trained)
            del state["module_"], state["net_"]
        return stamped(state)

    def __setstate__(self, state):
        """Rebuild module and net, on the CPU where this machine lacks the device."""
        state = checked_state(type(self), state)
        trained = None
        if "_trained" in state:
            trained = trained_from(state.pop("_trained"), self._recipe_class)
            width = len(trained.module.offset)
            if state.get("n_features_in_") != width:
                raise ValueError(
                    f"The state of {type(self).__name__} is damaged: its net takes {width} "
                    f"features, and n_features_in_={state.get('n_features_in_')!r}."
                )
        super().__setstate__(state)
        if trained is not None:
            self._set_trained(trained)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def recipe_of(estimator, **fields):
    """Return the recipe of an autoencoder, with some fields replaced, to train it another way."""
    estimator._validate_params()
    return replace(estimator._recipe(), **fields)


def fitted_with(estimator, trained):
    """Return an autoencoder, changed so that what was trained another way is its fitted module."""
    estimator._set_trained(trained)
    estimator.n_features_in_ = len(trained.module.offset)
    return estimator

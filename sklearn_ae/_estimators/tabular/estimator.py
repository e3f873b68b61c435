"""TabularAutoencoder: a DataFrame in, codes out, the same DataFrame back."""

from collections.abc import Sequence
from numbers import Real
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
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..._constraints import OF_TRAINING
from ..._error_hints import check_values
from ..._state import checked_state, stamped
from ..._training.module import in_batches
from ..._training.random import borrowed_global_state
from ..._training.ranks import refuse_several
from ..._training.tasks import CallbackSupportMixin, tasks_of
from ..._typing import ArrayLike, Seed
from ..._validation import Whole, check_training, checked_codes, unchanged_on_error, warn_user
from .encoding import Encoding, dtype_of_cells
from .filling import filled
from .fit import course_of, learn
from .frames import checked_table, in_order, index_of_rows
from .kinds import column_weights
from .module import rebuilt, recipe_for, table_of_codes
from .scores import explained, probabilities, relative_losses
from .state import described_fit, fit_from


class TabularAutoencoder(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Autoencoder of tables: numbers, categories, dates and gaps in, and the same columns out.

    Each kind of column has a loss of its own: the squared error of numbers and dates, the
    cross-entropy of categories, the Poisson deviance of counts; each divided by that of the
    constant model. `inverse_transform` returns a table with the columns, dtypes and categories of
    the one that was fitted. Cells may be missing, and so is a category that `fit` has not seen.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    column_types : dict, default=None
        Kinds of columns by their names (or positions), if not those of the dtypes:
        "numeric", "categorical", "binary", "count" or "datetime". By themselves numbers are
        numeric, bools binary, dates and durations datetime, and all else is categorical.
    categorical_features : array-like of bool, int or str, default=None
        Columns that are categorical, whatever their dtype: a mask, positions or names.
    column_weights : dict or array-like of shape (n_features,), default=None
        How much the columns count, by their names or in their order; those left out count 1. A
        column that counts 0 is seen by the encoder only.
    noise : {"swap", "masking"}, default="swap"
        What is done to the rows in training. With "swap" cells take the value of another row, and
        half of the rows lose up to 30 % of their cells. With "masking" cells are missing.
    noise_level : float or "auto", default="auto"
        Probability that a cell is damaged. "auto" is 0.02, and 0.15 for a code that is at least as
        wide as the table, which could copy it otherwise. 0 does without any noise.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder. "auto" is (128, 64).
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    alpha : float, default=0.3
        Weight decay of the nonlinear paths, decoupled from the loss. More of it keeps the result
        nearer to the linear model: more bias, less variance.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" is all of up to 64, else a sixteenth, at least 32 and at most 200.
    learning_rate_init : float, default=0.01
        Step size. It stays constant; what is kept is the moving average of the weights.
    max_iter : int, default=500
        Largest number of epochs, that is passes over X.
    tol : float, default=1e-3
        Smallest decrease of the loss that counts as one. The constant model loses 1.
    n_iter_no_change : int, default=12
        Training ends when more epochs than this pass without a decrease by `tol`; or rounds, into
        which an epoch of more than 100 steps is divided.
    early_stopping : bool or "auto", default="auto"
        Whether to hold rows out, whose loss decides what the best weights are, when to stop, and
        whether they are better than the linear model. "auto" does unless there is but one row.
    validation_fraction : float, default=0.15
        Share of the rows that is held out; at least 8 rows or a quarter, and at most 5000.
    random_state : int, RandomState instance or None, default=None
        Seeds all that is drawn. The same int gives the same bytes on the same machine.
    verbose : int, default=0
        1 prints a line per epoch.
    device : str, default="cpu"
        Where torch computes, for example "cuda". "auto" is a GPU if there is one, else the CPU.
    callbacks : list, default=None
        Callbacks of skorch, copied before use.
    net_params : dict, default=None
        Further parameters of `skorch.NeuralNet`. Not those that have a parameter here.

    Attributes
    ----------
    column_types_ : dict of str
        The kind of each column, by its name.
    module_, net_ : torch.nn.Module, skorch.NeuralNet
        The net, of encoded cells, and what trained it.
    is_linear_ : bool
        Whether the linear model is all there is, as training did not help on the held-out rows.
    n_iter_ : int
        Number of epochs.
    loss_curve_, best_loss_ : list of float, float
        Mean training loss in each epoch (or round), and the smallest of the rows that decide.
    validation_loss_curve_, validation_scores_ : list of float or None
        Mean loss of the rows held out, likewise, without noise; and what share of the constant
        model's loss is explained. None if no rows were held out.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features_in_,)
        Number of columns seen in `fit`, and their names, if X had any that are strings.

    See Also
    --------
    AutoencoderImputer : Fills the gaps of numbers; with several draws, if asked for.
    sklearn.compose.ColumnTransformer : Encodes columns one way; there is no way back.

    Notes
    -----
    Training starts at the linear model of the same losses, from the principal axes of standardised
    numbers and categories (Pagès 2004), and goes back to it if what is learned does not clearly
    help on the held-out rows. Columns that are not clearly better than constant there are so.

    Numbers are standardised, by their quantiles where the excess kurtosis is above 1000, and count
    up to four times as much as categories in training, as the slope of the squared error vanishes
    where it is small; in scores and errors they count the same. Columns of more than 60 categories
    have an embedding of 16 numbers at either end; of more than 1024, steps look at 512 of them.

    References
    ----------
    Pagès (2004). Analyse factorielle de données mixtes. Revue de statistique appliquée 52.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import TabularAutoencoder
    >>> iris = load_iris(as_frame=True)
    >>> table = iris.data.assign(species=iris.target_names[iris.target])
    >>> autoencoder = TabularAutoencoder(n_components=2, random_state=0).fit(table)
    >>> decoded = autoencoder.inverse_transform(autoencoder.transform(table))
    >>> bool((decoded.dtypes == table.dtypes).all())
    True
    >>> bool(autoencoder.score(table) > 0.7)
    True
    """

    _parameter_constraints: dict = {
        **OF_TRAINING,
        "column_types": [dict, None],
        "categorical_features": ["array-like", None],
        "column_weights": [dict, "array-like", None],
        "noise": [StrOptions({"swap", "masking"})],
        "noise_level": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "hidden_layer_sizes": [StrOptions({"auto"}), "array-like", Whole()],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        column_types: dict | None = None,
        categorical_features: ArrayLike | None = None,
        column_weights: dict | ArrayLike | None = None,
        noise: str = "swap",
        noise_level: float | str = "auto",
        hidden_layer_sizes: str | int | Sequence[int] = "auto",
        activation: str = "silu",
        alpha: float = 0.3,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        max_iter: int = 500,
        tol: float = 1e-3,
        n_iter_no_change: int = 12,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.15,
        random_state: Seed = None,
        verbose: int = 0,
        device: str = "cpu",
        callbacks: list | None = None,
        net_params: dict | None = None,
    ) -> None:
        self.n_components = n_components
        self.column_types = column_types
        self.categorical_features = categorical_features
        self.column_weights = column_weights
        self.noise = noise
        self.noise_level = noise_level
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the columns of a table, and to encode and to decode its rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Of pandas or polars; the columns of an array of objects are what they hold.
        y : None
            Ignored, present for pipelines.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used. A fitted estimator stays as it was.
        TypeError
            If a column holds what can be no category.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        with unchanged_on_error(self):
            refuse_several(self)
            given = {"X": X, "y": y, "metadata": {}}
            check_training(self)
            table = checked_table(self, X, reset=True)
            self._encoding = Encoding.of(table, self.column_types, self.categorical_features)
            self.column_types_ = self._encoding.kinds_by_name()
            weights = column_weights(self.column_weights, self._encoding.names)
            cells = self._encoding.encode(table, dtype_of_cells(table))
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            recipe = recipe_for(self, self._encoding)
            tasks = tasks_of(self, recipe.n_epochs(len(cells)), given)
            with borrowed_global_state(seed, self.device):
                trained, self._filling = learn(recipe, cells, weights, seed, tasks)
            self._set_trained(trained)
            self.__dict__.update(course_of(trained))
            if tasks is not None:
                tasks.finish()
        warn_user(trained.net.monitor.warning(self.max_iter))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the codes of the rows of a table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`, in any order. A category that is new counts as missing.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_components)
            In float64 if `fit` was given an array of that, else in float32; a DataFrame after
            `set_output`.
        """
        cells = self._cells(X)[1]
        return in_batches(self.module_.encode, cells, self.module_, self._n_features_out)

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Return the table that codes stand for.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        table : DataFrame or ndarray of shape (n_samples, n_features)
            With columns, dtypes and categories of what `fit` was given, and the index of X. No
            number is beyond those that `fit` has seen.
        """
        codes = checked_codes(self, X)
        return self._encoding.decode(table_of_codes(self.module_, codes), index_of_rows(X))

    def reconstruct(self, X: ArrayLike) -> Any:
        """Encode and decode the rows of a table: what of them the code retains.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        table : DataFrame or ndarray of shape (n_samples, n_features)
            Equal to ``inverse_transform(transform(X))``; no cell is missing.
        """
        table, cells = self._cells(X)
        return self._encoding.decode(rebuilt(self.module_, cells), index_of_rows(table))

    def impute(self, X: ArrayLike) -> Any:
        """Fill the missing cells of a table with what the others of their row make likely.

        A net of its own has learned to fill cells that were hidden from it, and a factor model goes
        with it: the code keeps too little of a row to fill its gaps from. For numbers the two are
        weighed by hidden cells of held-out rows; probabilities of categories are averaged.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        table : DataFrame or ndarray of shape (n_samples, n_features)
            X, with values in its gaps.
        """
        table, cells = self._cells(X)
        return filled(table, self._encoding.decode(self._filling(cells)))

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean over the columns of the share that the reconstruction explains.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.
        y : None
            Ignored, present for pipelines.

        Returns
        -------
        score : float
            Mean of `column_scores`, where there are any; at most 1, and 0 if there are none.
        """
        scores = self.column_scores(X).dropna()
        return float(scores.mean()) if len(scores) else 0.0

    def column_scores(self, X: ArrayLike) -> pd.Series:
        """Return the share of each column that the reconstruction explains.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        scores : Series of shape (n_features,)
            R² of numbers, counts and dates, before integers are rounded; for categories 1 minus
            their cross-entropy over that of their frequencies in `fit`. NaN for a column of which
            no cell is known, here or in `fit`.
        """
        cells = self._cells(X)[1]
        shares = explained(self._encoding, self.module_, cells)
        return pd.Series(shares, index=self._encoding.frame.heading_of(len(shares)))

    feature_scores = column_scores  # as other estimators call it

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the mean of the `feature_errors` of each row; higher is more normal.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            -1 is as bad as the constant model is, and for rows of which nothing is known.
        """
        return -self.feature_errors(X).astype(float).mean(axis=1).fillna(1.0).to_numpy()

    def feature_errors(self, X: ArrayLike) -> pd.DataFrame:
        """Return how badly each cell is reconstructed, in units that columns can be compared in.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        errors : DataFrame of shape (n_samples, n_features)
            Losses, divided by the mean loss of the constant model; NaN for missing cells.
        """
        table, cells = self._cells(X)
        errors = relative_losses(self.module_, cells)
        heading = self._encoding.frame.heading_of(errors.shape[1])
        return pd.DataFrame(errors, index_of_rows(table), heading)

    def decode_proba(self, X: ArrayLike) -> dict[Any, pd.DataFrame]:
        """Return the probabilities of the categories that codes stand for.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        probabilities : dict of DataFrame
            For each column of categories one of shape (n_samples, n_categories), by its name.
        """
        codes = checked_codes(self, X)
        return probabilities(self._encoding, self.module_, codes, index_of_rows(X))

    def _cells(self, X):
        """Return a table with the columns in the order of `fit`, and its cells as numbers."""
        check_is_fitted(self)
        table = checked_table(self, in_order(X, self._encoding.frame.labels), reset=False)
        return table, self._encoding.encode(table, self.module_.dtype)

    def _set_trained(self, trained):
        self._trained = trained
        self.module_, self.net_ = trained.module, trained.net
        self._n_features_out = trained.recipe.n_components

    def _validate_params(self):
        check_values(self, super()._validate_params)

    def __getstate__(self):
        """Plain values, arrays and scalers: all else is rebuilt from them."""
        state = super().__getstate__()
        return stamped(described_fit(state) if "_trained" in state else state)

    def __setstate__(self, state):
        """Rebuild module and net, on the CPU where this machine lacks the device."""
        state = checked_state(type(self), state)
        parts = [state.pop(name, None) for name in ("_trained", "_encoding", "_filling")]
        super().__setstate__(state)
        if parts[0] is not None:
            trained, self._encoding, self._filling = fit_from(*parts, self.n_features_in_)
            self.column_types_ = self._encoding.kinds_by_name()
            self._set_trained(trained)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

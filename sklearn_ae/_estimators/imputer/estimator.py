"""AutoencoderImputer: gaps filled with what an autoencoder makes of the rest of the row."""

from functools import partial
from math import ceil
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state
from sklearn.utils._mask import _get_mask
from sklearn.utils._missing import is_scalar_nan
from sklearn.utils._param_validation import HasMethods, MissingValues, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from ..._dask import takes_dask
from ..._error_hints import checked_data
from ..._state import checked_state, stamped
from ..._training.loader import ROUND
from ..._training.random import borrowed_global_state
from ..._training.ranks import refuse_several
from ..._training.tasks import CallbackSupportMixin, tasks_of
from ..._typing import ArrayLike, Seed
from ..._validation import Whole, is_whole, unchanged_on_error
from .autoencoders import checked_autoencoder, default_autoencoder
from .columns import Columns, limits, whole_columns
from .completion import Completion
from .draws import check_can_sample
from .fit import steps_for
from .graph import ImputerGraph
from .learned import Learned
from .learning import FillingTasks, learn

# Of what has been learned; "n" is the number of features.
VECTORS = ("center_", "scale_", "noise_variance_", "validation_error_", "_is_empty", "_is_whole")
SHAPES = dict.fromkeys(VECTORS, ("n",)) | {"_limits": (2, "n")}


@takes_dask
class AutoencoderImputer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Fill missing values with what an autoencoder makes of the observed ones.

    A denoising autoencoder whose noise is missingness (Gondara & Wang 2018): it is shown rows of
    which entries are hidden, and a mask that says which, and is asked for what was hidden. So it
    learns from rows with gaps, and fills any pattern of gaps in one pass. Observed entries stay as
    they are, to the byte.

    Use it where values depend on each other in a nonlinear way and there are hundreds of rows or
    more: images, spectra, measurements. Where an autoencoder fills no better than a linear model,
    that one is all there is, see `is_linear_`. Columns may have any units: they are scaled inside.

    Parameters
    ----------
    autoencoder : estimator, default=None
        What is trained: one of `AutoencoderTransformer`, `DenoisingAutoencoder`,
        `ContractiveAutoencoder`, `NestedAutoencoder` (with all units that it would try),
        `SparseAutoencoder` and `VariationalAutoencoder`, of any architecture. Its
        `early_stopping`, `validation_fraction`, `solver`, `alpha`, `batch_size`,
        `learning_rate_init`, `device` and `callbacks` are used, `max_iter` and `tol` are not, and
        weights are not tied, as the encoder is given the mask too. It takes standardised rows,
        unless its loss is "log_loss", "poisson" or another one with a link. None is
        ``AutoencoderTransformer(64, hidden_layer_sizes=(256, 128))``, smaller for tables of up to
        2000 values, or, with `sample_posterior`, ``VariationalAutoencoder(16)``, of fewer
        components below 32 features.
    missing_values : int, float or nan, default=nan
        What stands for a missing value.
    add_indicator : bool, default=False
        Whether columns follow that say which values were missing, as from
        `sklearn.impute.MissingIndicator`.
    keep_empty_features : bool, default=False
        Whether columns without any value in `fit` are kept and filled with 0, instead of dropped.
    linear_base : {"auto"} or bool, default="auto"
        Whether there is a linear model, the conditional means of a normal distribution, besides the
        autoencoder. "auto" mixes both, True lets the autoencoder learn to correct a linear model of
        low rank, False leaves it out. A variational autoencoder corrects no other model.
    sample_posterior : bool, default=False
        Whether `transform` fills gaps with values drawn from their distribution given the observed
        ones, instead of its mean. It needs a variational autoencoder. The same X gets the same
        draws from a fitted imputer; `sample` makes others.
    min_value, max_value : float, array-like of shape (n_features,), "observed" or None, \
            default=None
        Smallest and largest filling, of all columns or of each. "observed" is what `fit` saw in the
        column, None no limit but that of the loss: fillings for "log_loss" lie in [0, 1] and those
        for "poisson" are not negative.
    integer_features : array-like of bool, int or str, "observed" or None, default=None
        Columns whose fillings are rounded: a mask, indices or names. "observed" are those in which
        `fit` saw integers only.
    max_steps : int or "auto", default="auto"
        Steps of the optimizer, at most. "auto" is 1200, and 600 above 200 features. Hidden entries
        of rows held out decide when to stop.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order, held-out rows and what is hidden. The same int gives the same bytes on
        the same machine.
    verbose : int or bool, default=0
        Whether the losses of each round of 50 steps are printed.

    Attributes
    ----------
    is_linear_ : bool
        Whether the autoencoder did not help on the held-out rows, so that gaps are filled by the
        linear model.
    autoencoders_ : dict of str to estimator
        The trained autoencoder, if it takes part or is variational: "correcting" if it corrects the
        linear model, else "alone". Its ``module_`` takes rows with NaN.
    shares_ : dict of str to float
        How much of the difference between the autoencoder and the linear model is added to the
        latter, from 0 to 1.
    center_, scale_ : ndarray of shape (n_features_in_,)
        Columns are standardised as ``(X - center_) / scale_``. Mean and standard deviation of what
        is observed, without values that are far off and rare; the scale is at least a tenth of the
        range.
    rank_ : int
        Of the linear model. 0 is the mean of each column, the number of columns any covariance.
    n_steps_ : int
        Steps of the optimizer that were taken.
    noise_variance_ : ndarray of shape (n_features_in_,) or None
        How much each column scatters around what a variational autoencoder's decoder makes of the
        row, in squared units of X. None for other autoencoders and losses.
    dispersion_ : float or None
        What the variance of what is drawn is multiplied by, so that on held-out rows it is that of
        the errors. Above 1 where the model is surer than it should be. None as above.
    validation_error_ : ndarray of shape (n_features_in_,)
        Root of the mean squared error of the fillings of hidden entries of held-out rows, in the
        units of each column; NaN where nothing could be hidden.
    indicator_ : MissingIndicator or None
        What makes the columns of `add_indicator`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    See Also
    --------
    sklearn.impute.IterativeImputer : As good on small tables with linear relations, and sooner.
    sklearn.impute.KNNImputer : As good where each row has close neighbours, and sooner.

    Notes
    -----
    A seventh or so of the rows is held out (`validation_fraction`). What is hidden of them decides
    when the learning rate falls, which weights are the best, and the share of the autoencoder:
    either half of these rows chooses the one that is judged in the other half. If the gain over
    the linear model may be chance (a paired t test, p > 0.05), the share is 0. The linear model is
    chosen alike: the mean, a normal distribution of up to 24 factors, or one of any covariance. All
    are judged by gaps like those of the data: rows hide what other rows miss, if any does. If two
    columns are never seen together, there is nothing to judge by, and the share is 0.

    Values further than 30 interquartile ranges from the median of their column are taken for the
    last one that is not, if they are rarer than one in 200: a wrong unit in one row moves nothing.

    In training each row hides 5 to 85 % of its entries, or what another row of the batch misses.
    Whether an entry is missing may depend on what is observed, but must not depend on its value.

    Filling again what has been filled makes it worse: one pass is all there is.

    One filling looks as if the values had been there. An analysis that takes it for data finds
    intervals too narrow and correlations too strong. With a variational autoencoder inside,
    `sample` fills several times, each with values that could have been there: codes are drawn from
    their distribution given what is observed of the row (by importance sampling around its mode),
    and values from the decoder's distribution. Analyse each and pool the results (Rubin 1987). All
    come from one net, so what its training leaves open has no part in their spread but for
    `dispersion_`. A draw depends on the row, the seed and the draw's number, and not on the other
    rows: equal rows, with equal gaps, get equal draws.

    References
    ----------
    Gondara & Wang (2018). MIDA: multiple imputation using denoising autoencoders. PAKDD.

    Ilin & Raiko (2010). Practical approaches to principal component analysis in the presence of
    missing values. JMLR 11. (the linear model)

    Rubin (1987). Multiple imputation for nonresponse in surveys. Wiley.

    Mattei & Frellsen (2019). MIWAE: deep generative modelling and imputation of incomplete data
    sets. ICML. (imputations drawn from a variational autoencoder)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderImputer
    >>> X = load_digits().data[:500]
    >>> missing = np.random.default_rng(0).random(X.shape) < 0.2
    >>> X_missing = np.where(missing, np.nan, X)
    >>> filled = AutoencoderImputer(max_steps=300, random_state=0).fit_transform(X_missing)
    >>> error = np.sqrt(np.square(filled - X)[missing].mean())
    >>> means = np.broadcast_to(np.nanmean(X_missing, axis=0), X.shape)
    >>> bool(error < 0.7 * np.sqrt(np.square(means - X)[missing].mean()))
    True

    Several fillings, to see how sure they are:

    >>> imputer = AutoencoderImputer(sample_posterior=True, max_steps=300, random_state=0)
    >>> imputations = imputer.fit(X_missing).sample(X_missing, n_imputations=20, random_state=0)
    >>> low, high = np.quantile(imputations, [0.05, 0.95], axis=0)
    >>> inside = (low <= X) & (X <= high)
    >>> bool(0.8 < inside[missing].mean() < 1)
    True
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "get_params"]), None],
        "missing_values": [MissingValues(numeric_only=True)],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "linear_base": [StrOptions({"auto"}), "boolean"],
        "sample_posterior": ["boolean"],
        "min_value": [StrOptions({"observed"}), Real, "array-like", None],
        "max_value": [StrOptions({"observed"}), Real, "array-like", None],
        "integer_features": [StrOptions({"observed"}), "array-like", None],
        "max_steps": [StrOptions({"auto"}), Whole()],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        missing_values: Any = np.nan,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        linear_base: str | bool = "auto",
        sample_posterior: bool = False,
        min_value: ArrayLike | None = None,
        max_value: ArrayLike | None = None,
        integer_features: ArrayLike | str | None = None,
        max_steps: int | str = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.autoencoder = autoencoder
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.linear_base = linear_base
        self.sample_posterior = sample_posterior
        self.min_value = min_value
        self.max_value = max_value
        self.integer_features = integer_features
        self.max_steps = max_steps
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn to fill the gaps of rows like those of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, with or without gaps.
        y : None
            Ignored, present for pipelines.

        Returns
        -------
        self : object
            The fitted imputer.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used, or the autoencoder is none that can be trained on
            rows with gaps.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        with unchanged_on_error(self):
            refuse_several(self)
            given = {"X": X, "y": y, "metadata": {}}
            X = self._check(X, reset=True)
            if self.autoencoder is None:
                autoencoder = default_autoencoder(len(X), X.shape[1], self.sample_posterior)
            else:
                autoencoder = checked_autoencoder(self.autoencoder, self.linear_base)
            if self.sample_posterior:
                check_can_sample(autoencoder, X)
            self._fit(autoencoder, X, given)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Fill the gaps of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with gaps, of whatever pattern. Where nothing of a row is observed, it becomes
            about the mean of the data.

        Returns
        -------
        filled : ndarray or DataFrame of shape (n_samples, n_features_out)
            X, with numbers in its gaps. Without the columns that were empty in `fit`, unless
            `keep_empty_features`, and with those of `add_indicator`.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        if not self.sample_posterior:
            mixture, share = self._learned.mixture(X.dtype), self._learned.share
            return self._completion.complete(X, lambda rows: [mixture.fill(rows, share)])[0]
        return self._drawn(X, 1, self._learned.seed)[0]

    def sample(self, X: ArrayLike, n_imputations: int = 5, random_state: Seed = None) -> list:
        """Fill the gaps of X several times, with values that could have been there.

        For multiple imputation (Rubin 1987): do the same analysis with each, and pool the results.
        The spread between them then tells how much the gaps leave open, for which a single filling
        has no room.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with gaps, of whatever pattern.
        n_imputations : int, default=5
            How many times.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws. None draws anew every time.

        Returns
        -------
        imputations : list of ndarray or of DataFrame
            Each like the output of `transform`, with the same observed entries and different ones
            in the gaps.

        Raises
        ------
        ValueError
            If the autoencoder has no distribution to draw from, or n_imputations is below 1.
        """
        check_is_fitted(self)
        if not is_whole(n_imputations):
            raise ValueError(f"n_imputations={n_imputations!r} must be a positive integer.")
        rows = self._check(X, reset=False)
        # RandomState() draws from the operating system, not from numpy's global state.
        random_state = RandomState() if random_state is None else check_random_state(random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        completed = self._drawn(rows, n_imputations, seed)
        return [_wrap_data_with_container("transform", part, X, self) for part in completed]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X. None for those seen in `fit`, or ``x0``, ``x1``, ...

        Returns
        -------
        names : ndarray of str
            Of the columns that are kept, and of those of `add_indicator`.
        """
        check_is_fitted(self)
        names = kept = _check_feature_names_in(self, input_features)
        if not self.keep_empty_features:
            kept = names[~self._is_empty]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    def _check(self, X, reset):
        """Return a copy of X with NaN at its gaps."""
        nan = is_scalar_nan(self.missing_values)
        finite = "allow-nan" if nan else True
        dtypes = [np.float64, np.float32]
        X = checked_data(self, X, dtype=dtypes, ensure_all_finite=finite, copy=True, reset=reset)
        if not nan:
            X[_get_mask(X, self.missing_values)] = np.nan
        return X

    def _drawn(self, X, n_imputations, seed):
        """Return X, completed so many times with values drawn at random."""
        own = next(iter(self.autoencoders_.values()), None) or self.autoencoder
        check_can_sample(own, X)
        learned, mixture = self._learned, self._learned.mixture(X.dtype)

        def draw(rows):
            return mixture.draw(rows, n_imputations, seed, learned.share, learned.dispersion)

        return self._completion.complete(X, draw, n_imputations)

    @property
    def _completion(self):
        """What puts fillings into gaps."""
        own = self._is_empty, self.keep_empty_features, self._is_whole, self._limits
        return Completion(*own, self.indicator_)

    def _fit(self, autoencoder, X, given):
        """Learn from rows with NaN, of which no one else holds a reference."""
        self._limits = np.stack(limits(X, self.min_value, self.max_value))
        names = getattr(self, "feature_names_in_", None)
        self._is_whole = whole_columns(X, self.integer_features, names)
        self._is_empty = np.isnan(X).all(axis=0)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False).fit(X)
        X[:, self._is_empty] = 0
        X = X[~np.isnan(X).all(axis=1)]  # the others teach nothing
        columns = Columns.of(X)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        autoencoder.set_params(random_state=seed)
        max_steps = steps_for(X.shape[1]) if self.max_steps == "auto" else self.max_steps
        names = ("_is_empty", "_is_whole", "_limits", "indicator_", "n_features_in_")
        known = {name: getattr(self, name) for name in names}
        tasks = tasks_of(self, ceil(max_steps / ROUND), given, partial(FillingTasks, known))
        with borrowed_global_state(seed, autoencoder.device):
            learned = learn(
                autoencoder, X, columns, self.linear_base, max_steps, self.verbose, seed, tasks
            )
        vars(self).update(learned.attributes())
        if tasks is not None:
            tasks.finish()

    def __sklearn_ae_graph__(self, method):
        """Return what a method computes as a torch module, or None; for `export.to_onnx`."""
        check_is_fitted(self)
        if method != "transform":
            return None
        if self.sample_posterior:
            raise ValueError(
                "sample_posterior=True draws what is filled in, and ONNX has no generators like "
                "ours. Fit with sample_posterior=False to export the mean."
            )
        missing = None if is_scalar_nan(self.missing_values) else float(self.missing_values)
        return ImputerGraph(self._learned, self._completion, missing)

    def __getstate__(self):
        """Plain values and arrays, and the autoencoder, which has a state of its own."""
        state = super().__getstate__().copy()
        if "_learned" in state:
            state["_learned"] = self._learned.state()
        return stamped(state)

    def __setstate__(self, state):
        """Put together what has been learned, after a look at it."""
        state = checked_state(type(self), state, SHAPES)
        learned = state.pop("_learned", None)
        super().__setstate__(state)
        if learned is not None:
            given = getattr(self, "autoencoders_", None), getattr(self, "n_features_in_", None)
            self._learned = Learned.from_state(learned, *given)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_scalar_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

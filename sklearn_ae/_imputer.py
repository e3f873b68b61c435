"""AutoencoderImputer: gaps filled with what an autoencoder makes of the rest of the row."""

from math import ceil
from numbers import Integral

import numpy as np
import torch
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._mask import _get_mask
from sklearn.utils._missing import is_scalar_nan
from sklearn.utils._param_validation import HasMethods, Interval, MissingValues, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from ._autoencoder import AutoencoderTransformer
from ._base import BaseAutoencoder
from ._geodesic import GeodesicAutoencoder
from ._imputing import CorrectingModule, HideEntries, ObservedLoss, WithGaps
from ._linear_imputation import LowRankNormal, fit_low_rank_normal, observed_moments
from ._loader import ROUND, ROWS_AT_A_TIME, Rows, Steps, as_tensor
from ._nested import NestedAutoencoder
from ._net import Monitor, OneCycle
from ._pca import check_scale
from ._random import borrowed_global_state
from ._state import arrays_of, unchanged_on_error
from ._variational import VariationalAutoencoder

RANKS = (2, 4, 8, 16, 24)  # of the linear model, tried until the held-out error rises
RANK_ROWS = 1000  # rows that the rank of the linear model is chosen on
LINEAR_ROWS = 10_000  # rows that it is fitted to, at most
HIDDEN_WEIGHT = 0.9  # of the loss at hidden entries; what is visible has the rest
N_JUDGED = 500  # rows that are judged by at least: the same ones with other gaps if need be
NOT_HERE = (GeodesicAutoencoder, NestedAutoencoder, VariationalAutoencoder)


class AutoencoderImputer(TransformerMixin, BaseEstimator):
    """Fill missing values with what an autoencoder makes of the observed ones.

    A denoising autoencoder whose noise is missingness (Gondara & Wang 2018): it is shown rows of
    which entries are hidden, and a mask that says which, and is asked for what was hidden. So it
    learns from rows with gaps, and fills any pattern of gaps in one pass. Observed entries stay as
    they are, to the byte.

    Use it where values depend on each other in a nonlinear way and there are hundreds of rows or
    more: images, spectra, measurements. `sklearn.impute.IterativeImputer` is as good on small
    tables with linear relations, and `sklearn.impute.KNNImputer` where each row has close
    neighbours; both are done far sooner. Columns in different units should be scaled before, for
    example by `StandardScaler`, which passes NaN on.

    Parameters
    ----------
    autoencoder : estimator, default=None
        What is trained: one of `AutoencoderTransformer`, `DenoisingAutoencoder`,
        `ContractiveAutoencoder` and `SparseAutoencoder`, of any architecture. Its
        `early_stopping`, `validation_fraction`, `solver`, `alpha`, `batch_size`,
        `learning_rate_init`, `device` and `callbacks` are used, `max_iter` and `tol` are not, and
        weights are not tied, as the encoder is given the mask too. None is
        ``AutoencoderTransformer(64, hidden_layer_sizes=(256, 128))`` in batches of 256.
    missing_values : int, float or nan, default=nan
        What stands for a missing value.
    add_indicator : bool, default=False
        Whether columns follow that say which values were missing, as from
        `sklearn.impute.MissingIndicator`.
    keep_empty_features : bool, default=False
        Whether columns without any value in `fit` are kept and filled with 0, instead of dropped.
    linear_base : {"auto"} or bool, default="auto"
        Whether the autoencoder corrects a linear model, the conditional means of a normal
        distribution of low rank, or fills the gaps by itself. "auto" trains both and mixes them.
    max_steps : int, default=1500
        Steps of the optimizer in each training.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order, held-out rows and what is hidden. The same int gives the same bytes on
        the same machine.

    Attributes
    ----------
    autoencoders_ : dict of str to estimator
        The trained autoencoders that take part: "correcting" corrects the linear model, "alone"
        fills the gaps by itself. Their ``module_`` takes rows with NaN.
    shares_ : dict of str to float
        How much of the difference between each autoencoder and the linear model is added to the
        latter. All zero is the linear model.
    rank_ : int
        Of the linear model.
    validation_error_ : float
        Root of the mean squared error of the fillings of hidden entries of held-out rows, in the
        units of X.
    indicator_ : MissingIndicator or None
        What makes the columns of `add_indicator`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    Notes
    -----
    A seventh or so of the rows is held out (`validation_fraction`). On them the best weights are
    chosen, and the mixture of both trainings by least squares with shares of at least zero (Breiman
    1996), so where nothing is to be learned beyond the linear model the result is that one.

    In training each row hides 5 to 85 % of its entries, or what another row of the batch misses,
    so that the net meets the patterns of gaps of the data. Whether an entry is missing may depend
    on what is observed, but must not depend on the missing value itself.

    Filling again what has been filled makes it worse: the net has learned to fill from what was
    observed. One pass is all there is.

    References
    ----------
    Gondara & Wang (2018). MIDA: multiple imputation using denoising autoencoders. PAKDD.

    Ilin & Raiko (2010). Practical approaches to principal component analysis in the presence of
    missing values. JMLR 11. (the linear model)

    Breiman (1996). Stacked regressions. Machine Learning 24. (the mixture)

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
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "get_params"]), None],
        "missing_values": [MissingValues(numeric_only=True)],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "linear_base": [StrOptions({"auto"}), "boolean"],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        autoencoder=None,
        *,
        missing_values=np.nan,
        add_indicator=False,
        keep_empty_features=False,
        linear_base="auto",
        max_steps=1500,
        random_state=None,
    ):
        self.autoencoder = autoencoder
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.linear_base = linear_base
        self.max_steps = max_steps
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
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
            self._fit(self._checked_autoencoder(), self._check(X, reset=True))
        return self

    def transform(self, X):
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
        parts = [X.copy()]
        if self.indicator_ is not None:
            parts.append(self.indicator_.transform(X).astype(X.dtype))
        filled, gaps = parts[0], np.isnan(X)
        X[:, self._is_empty] = 0
        incomplete = gaps[:, ~self._is_empty].any(axis=1)
        if incomplete.any():
            filled[incomplete] = np.where(
                gaps[incomplete], self._estimate(X[incomplete]), filled[incomplete]
            )
        if self.keep_empty_features:
            filled[:, self._is_empty] = 0
        elif self._is_empty.any():
            parts[0] = filled[:, ~self._is_empty]
        return np.hstack(parts)

    def get_feature_names_out(self, input_features=None):
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
        X = validate_data(
            self,
            X,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if nan else True,
            copy=True,
            reset=reset,
        )
        if not nan:
            X[_get_mask(X, self.missing_values)] = np.nan
        return X

    def _fit(self, autoencoder, X):
        """Learn from rows with NaN, of which no one else holds a reference."""
        self._is_empty = np.isnan(X).all(axis=0)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False).fit(X)
        X[:, self._is_empty] = 0
        X = X[~np.isnan(X).all(axis=1)]  # the others teach nothing
        check_scale(observed_moments(X)[1], X.dtype)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        autoencoder.set_params(random_state=seed)
        with borrowed_global_state(seed, autoencoder.device):
            train, held_out = autoencoder._split(X, None, seed)
            judged = _array(train if held_out is None else held_out)
            self._fit_linear(_array(train), judged, seed)
            self.autoencoders_ = {
                name: self._train(clone(autoencoder), X, train, held_out, name, seed)
                for name in self._trainings(autoencoder)
            }
        self._mix(judged, seed)

    def _checked_autoencoder(self):
        """Return a copy of the autoencoder, that can be trained on rows with gaps."""
        if self.autoencoder is None:
            return AutoencoderTransformer(
                64,
                hidden_layer_sizes=(256, 128),
                batch_size=256,
                learning_rate_init=5e-3,
                alpha=0.1,
            )
        kind = type(self.autoencoder)
        if not isinstance(self.autoencoder, BaseAutoencoder) or issubclass(kind, NOT_HERE):
            raise ValueError(
                f"autoencoder={self.autoencoder!r} cannot learn from rows with gaps. Use "
                "AutoencoderTransformer, DenoisingAutoencoder, ContractiveAutoencoder or "
                "SparseAutoencoder, with any architecture."
            )
        autoencoder = clone(self.autoencoder)
        autoencoder._validate_params()
        autoencoder._check_parameters()
        if self.linear_base is True and hasattr(autoencoder._loss(), "link"):
            raise ValueError(
                f"linear_base=True needs loss='squared_error', but loss={autoencoder.loss!r} "
                "reconstructs through a link. Use linear_base=False or 'auto'."
            )
        return autoencoder

    def _trainings(self, autoencoder):
        if hasattr(autoencoder._loss(), "link") or self.linear_base is False:
            return ["alone"]
        return ["correcting", "alone"] if self.linear_base == "auto" else ["correcting"]

    def _fit_linear(self, X, judged, seed):
        """Fit the linear model, of the rank that fills some other rows best, to a sample of X."""
        sample = np.random.RandomState(seed).permutation(len(X))[:LINEAR_ROWS]
        X = X[sample].astype(float)
        seen, rows, hidden = _hide(judged, seed)
        seen, rows = seen.astype(float), rows.astype(float)
        best = np.inf
        for rank in RANKS:
            model = fit_low_rank_normal(X[:RANK_ROWS], rank)
            error = np.square(_by_parts(model, seen) - rows)[hidden].sum()
            if error >= best:
                break
            best, self.rank_ = error, rank
        model = fit_low_rank_normal(X, self.rank_)
        self._linear = arrays_of(model) | {"noise": model.noise}

    def _linear_model(self, dtype):
        return LowRankNormal(**self._linear).to(as_tensor(np.empty(0, dtype)).dtype)

    def _train(self, autoencoder, X, train, held_out, name, seed):
        """Return an autoencoder trained to fill the gaps of X."""
        autoencoder.n_features_in_ = self.n_features_in_
        linear = self._linear_model(X.dtype)
        filled = np.where(np.isnan(X), _by_parts(linear, X), X)
        parts = _parts_for_gaps(autoencoder, X, filled)
        start = Rows(filled, None, train.index)
        module = own = autoencoder._new_module(parts, filled, None, start, seed)
        if name == "correcting":
            if getattr(own.decoder, "has_linear_path", False):
                nothing = torch.zeros(X.shape[1], autoencoder.n_components)
                own.decoder.start_linear(nothing, nothing[:, 0])
            module = CorrectingModule(own, linear)
        n_rounds = ceil(self.max_steps / ROUND)
        monitor = Monitor(
            held_out,
            tol=0,
            n_iter_no_change=n_rounds,
            max_epochs=n_rounds,
            schedule=OneCycle(self.max_steps),
        )
        settings = autoencoder._net_settings(len(train), n_rounds)
        steps = {"iterator_train": Steps, "iterator_train__n_steps": self.max_steps}
        net = autoencoder._make_net(module, parts, monitor, seed, settings | steps)
        net.criterion_.emphasis = HIDDEN_WEIGHT
        autoencoder._train(net, Rows(X, None, train.index))
        autoencoder._keep(net, parts, seed, settings, streaming=False)
        autoencoder.module_ = own
        return autoencoder

    def _mix(self, X, seed):
        """Find the shares of the autoencoders with which they fill hidden entries best."""
        seen, rows, hidden = _hide(X, seed + 1)
        linear, differences = self._opinions(seen)
        columns = [difference[hidden] for difference in differences.values()]
        shares, error = nnls(np.column_stack(columns).astype(float), (rows - linear)[hidden])
        self.shares_ = dict(zip(differences, shares.tolist(), strict=True))
        self.autoencoders_ = {
            name: own for name, own in self.autoencoders_.items() if self.shares_[name]
        }
        self.validation_error_ = float(error / np.sqrt(max(hidden.sum(), 1)))

    def _opinions(self, X):
        """Return what the linear model makes of X, and how each autoencoder differs from it."""
        linear = _by_parts(self._linear_model(X.dtype), X)
        differences = {}
        for name, own in self.autoencoders_.items():
            reconstruction = own._reconstruct(X)
            reference = own.module_.offset.cpu().numpy() if name == "correcting" else linear
            differences[name] = reconstruction - reference
        return linear, differences

    def _estimate(self, X):
        """Return what the model makes of all entries of X."""
        estimate, differences = self._opinions(X)
        for name, difference in differences.items():
            estimate += self.shares_[name] * difference
        return estimate

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_scalar_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _parts_for_gaps(autoencoder, X, filled):
    """Return the parts of an autoencoder, made to take rows with NaN."""
    parts = autoencoder._collect_parts(filled)
    if hasattr(parts["loss"], "check"):
        parts["loss"].check(X[~np.isnan(X)])
    return parts | {
        "architecture": WithGaps(parts["architecture"]),
        "loss": ObservedLoss(parts["loss"]),
        "corruption": HideEntries(parts["corruption"]),
    }


def _array(rows):
    return rows.X if rows.index is None else rows.X[rows.index]


def _by_parts(model, X):
    """Return what a linear model makes of the rows of X."""
    parts = [model(as_tensor(X[rows])).numpy() for rows in gen_batches(len(X), ROWS_AT_A_TIME)]
    return np.concatenate(parts)


def _hide(X, seed):
    """Return rows of X with gaps as in training, the rows themselves, and what was hidden."""
    rows = np.tile(X, (ceil(N_JUDGED / len(X)), 1))
    seen = HideEntries()(torch.from_numpy(rows), torch.Generator().manual_seed(seed)).numpy()
    return seen, rows, np.isnan(seen) & ~np.isnan(rows)

"""AutoencoderOutlierDetector: rows that do not lie on the manifold, and the features to blame."""

from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..._dask import takes_dask
from ..._data import checked_rows
from ..._state import checked_state, stamped
from ..._training.pca import check_scale, moments
from ..._training.ranks import refuse_several
from ..._training.tasks import CallbackSupportMixin
from ..._typing import ArrayLike, Seed
from ..._validation import is_whole, unchanged_on_error, warn_user
from .calibration import (
    FALSE_ALARMS,
    TIE,
    conformal_p_values,
    conformal_threshold,
    no_stricter,
    number_held_out,
    number_of_folds,
    threshold_below,
    warning_of_few_rows,
)
from .default import seeded_autoencoder
from .explanation import blamed
from .fits import Fits
from .graph import DetectorGraph
from .normal_rows import MEASURES, NormalRows, normal_size

# Of what has been learned; "n" is the number of features.
SHAPES: dict = dict.fromkeys(["center_", "scale_", "_error_scale"], ("n",))
SHAPES["calibration_scores_"] = (None,)


@takes_dask
class AutoencoderOutlierDetector(CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Outliers: rows that do not lie on the manifold that an autoencoder has learned.

    An autoencoder rebuilds what resembles its training data. A row can be odd in three ways: it
    lies off the manifold and is rebuilt badly, it lies on it but far from where rows usually are,
    or its single values are rare. The default `measure` multiplies all three. `p_values` tell how
    many false alarms to expect, and `explain` which features give a row away.

    The training data may hold outliers itself (`fit_predict`), or be clean, with new rows to be
    judged (`predict`). It needs no scaling: columns are standardised inside. Use
    `sklearn.ensemble.IsolationForest` where columns are categories, or outliers many and alike.

    Parameters
    ----------
    autoencoder : estimator, default=None
        What learns the manifold: any estimator of this package, or another with `fit`, `transform`
        and `inverse_transform`, as PCA. It is copied, and sees standardised columns. None stands
        for an `AutoencoderTransformer` with half as many components as features, at most 16, that
        is trained a little less than to the end.
    contamination : "auto" or float in (0, 0.5], default="auto"
        "auto" calls those rows outliers whose p-value (see `p_values`) is at most 0.05, so about
        5 % of rows like the training data are false alarms. It takes 19 rows to calibrate by: with
        fewer no row is called an outlier, and `fit` warns. A number is the share of the rows of
        `fit` that are to be outliers. Rows of the same score get the same label: more are outliers
        if they tie with the last of this share, unless that were more than half of all rows.
    measure : {"combined", "mahalanobis", "code", "standardised", "squared_error"}, \
            default="combined"
        What makes a row an outlier. "mahalanobis": its distance off the manifold, which is the
        Mahalanobis distance of the residual. "code": its distance along the manifold to the five
        nearest training rows, where codes are compared by what they decode to. "combined": the
        geometric mean of these two, each relative to a typical row, times how rare the single
        values of the row are, by histograms of the columns. "standardised": the mean square of the
        residuals, each relative to its feature's normal residual. "squared_error": the sum of
        squared residuals, in squared standard deviations.
    trim : float in [0, 0.5), default=0.1
        Share of the rows that are taken for outliers beforehand and not trained on: those in the
        most sparsely populated places. It should be above the share of outliers to be expected; 0
        is a little better for data known to be clean.
    calibration_fraction : "auto" or float in [0, 1), default="auto"
        Share of the rows that is held out, to tell the scores of normal rows by. "auto" holds out
        about 0.15 of 500 rows and more. Of fewer it learns from all, and calibrates by all: each is
        scored by a fit to the rows of the other folds, which are three, and more of fewer than 100
        rows (15 of 20 rows). That takes as many fits more; 0.15 saves them. 0 calibrates by the
        training rows, and so do fewer than 8 rows: p-values are then too small.
    random_state : int, RandomState instance or None, default=None
        Seeds which rows are held out, and the autoencoder where it has no seed of its own.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted autoencoder. It takes and returns standardised rows.
    center_ : ndarray of shape (n_features_in_,)
        Mean of the rows that were learned from.
    scale_ : ndarray of shape (n_features_in_,)
        Their standard deviations: ``(X - center_) / scale_`` are standardised rows.
    offset_ : float
        Scores below are outliers. The least of all numbers if none can be one.
    calibration_scores_ : ndarray
        Scores of the rows held out, in increasing order; less 1e-9, so that what ties with one of
        them but for rounding is as low. See Notes for fewer than 500 rows.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    See Also
    --------
    sklearn.neighbors.LocalOutlierFactor : Compares the density around rows; no training.
    sklearn.ensemble.IsolationForest : Isolates rows by random cuts; fast, also for many rows.

    Notes
    -----
    1. Rows that are far from neighbours far down the list are dropped, so that a group of outliers
       cannot vouch for itself. An autoencoder learns to rebuild such groups if it is shown them;
       trimming after its training would be too late.
    2. The autoencoder is trained on the rest, standardised. Dropped rows that turn out to resemble
       it are taken back, as in the reweighting step of robust covariances (Rousseeuw & Van Driessen
       1999): they take part in the covariance of the residuals, which is shrunk (Ledoit & Wolf
       2004), and among the neighbours.
    3. Scores of rows that were not learned from give p-values.

    What the p-values promise depends on how these rows were found:

    - Rows held out (500 rows and more, or `calibration_fraction` a number above 0). New rows that
      are exchangeable with the training data have a p-value of at most a with probability a or
      less, on average over training sets, whatever the autoencoder is like (Laxhammar & Falkman
      2015; Bates et al. 2023).
    - Cross-fitted (fewer rows). Each row is scored by a fit to other rows, and new rows by the fit
      to all. This leaves more to learn from and more to calibrate by, but the promise is kept only
      as far as it matters little which rows are left out (Steinberger & Leeb 2023); no bound holds
      for every autoencoder. The jackknife+ has one, about twice the level (Barber et al. 2021), but
      scores each new row by every fit. Where the final fit is stricter with its own rows than the
      others are with rows unknown to them, the p-values go by the former, so it calls hardly more
      than 5 % of its own rows outliers. Over six kinds of data and four autoencoders, 20 to 400
      rows, 2 to 5 % of new normal rows had p-values up to 0.05: fewer the fewer the rows.

    "auto" cannot find what is common: outliers that make up more than 5 % of the training data,
    identical ones or not, are among the rows that p-values go by, and theirs are above 0.05. Set
    `contamination` and `trim` to the share of outliers to be expected, or fit clean rows.

    A row that decodes to the very place of a training row is taken for that row, and not for its
    own neighbour. So scores of training rows need no separate method.

    `feature_errors` does not use the residuals of the autoencoder. One damaged value moves the code
    and with it all residuals, most of all relative to those features that are rebuilt well: of
    iris flowers with one value four standard deviations off, the largest relative residual found
    the right feature in 27 %. It compares each value with what the other features of its row lead
    one to expect, by linear regression with a shrunk covariance, which found it in 98 %.

    Beyond 5000 training rows, distances are taken to a random 5000 of them.

    References
    ----------
    Barber, Candès, Ramdas, Tibshirani (2021). Predictive inference with the jackknife+. Annals of
    Statistics 49.

    Bates, Candès, Lei, Romano, Sesia (2023). Testing for outliers with conformal p-values. Annals
    of Statistics 51.

    Goldstein & Dengel (2012). Histogram-based outlier score (HBOS): a fast unsupervised anomaly
    detection algorithm. KI 2012, poster and demo track.

    Laxhammar & Falkman (2015). Inductive conformal anomaly detection for sequential detection of
    anomalous sub-trajectories. Annals of Mathematics and Artificial Intelligence 74.

    Ledoit & Wolf (2004). A well-conditioned estimator for large-dimensional covariance matrices.
    Journal of Multivariate Analysis 88.

    Rousseeuw & Van Driessen (1999). A fast algorithm for the minimum covariance determinant
    estimator. Technometrics 41.

    Ruff et al. (2021). A unifying review of deep and shallow anomaly detection. Proceedings of the
    IEEE 109.

    Steinberger & Leeb (2023). Conditional predictive inference for stable algorithms. Annals of
    Statistics 51.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_ae import AutoencoderOutlierDetector
    >>> X = load_wine(as_frame=True).data
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> odd = X[:1].assign(magnesium=250.0)
    >>> detector.predict(odd)
    array([-1])
    >>> detector.explain(odd, top=1)["feature"].tolist()
    ['magnesium']
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "measure": [StrOptions(set(MEASURES))],
        "trim": [Interval(Real, 0, 0.5, closed="left")],
        "calibration_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        contamination: float | str = "auto",
        measure: str = "combined",
        trim: float = 0.1,
        calibration_fraction: float | str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.measure = measure
        self.trim = trim
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn what normal rows are like.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, which may hold outliers. All of it is made dense, in float64.
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
        """
        with unchanged_on_error(self):
            refuse_several(self)
            given = {"X": X, "y": y, "metadata": {}}
            X = checked_rows(self, X, reset=True, dtype=np.float64)[:]
            check_scale(moments(X)[1], X.dtype)
            random_state = check_random_state(self.random_state)
            n_folds = number_of_folds(len(X), self.calibration_fraction)
            fits = Fits(self, 1 + n_folds, given)
            scores, deviations = self._learn(X, random_state, n_folds, fits)
            self.autoencoder_ = self._normal.autoencoder
            self.center_, self.scale_ = self._normal.center, self._normal.scale
            # A score that ties with one of these but for rounding is as low.
            self.calibration_scores_ = np.sort(scores - TIE * (1 + np.abs(scores)))
            self._error_scale = normal_size(deviations, smallest=1.0)
            self.offset_ = self._threshold(X)
            fits.finish()
        if self.contamination == "auto":
            warn_user(warning_of_few_rows(len(self.calibration_scores_)))
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return how normal rows are; higher is more normal.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus what `measure` says: by default about -1 for a typical training row, and -2 for
            one with values as usual that is twice as far off the manifold, and along it.
        """
        return self._score(self._check(X))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the scores relative to the threshold; negative values are outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Equal to ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Tell outliers from normal rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            -1 for outliers, 1 for others. With ``contamination="auto"`` outliers are just the rows
            with p-values of at most 0.05.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: ArrayLike) -> np.ndarray:
        """Return how likely a normal row has so low a score.

        Call those with p-values of at most 0.05 outliers, and about 5 % of new rows that are
        exchangeable with the training data are false alarms. The Notes of the class say where this
        is exact (from 500 rows on) and where it is not. Outliers in the training data are among the
        rows that p-values go by, and make them larger; so do ties, which count as lower.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New rows. Rows of the training data are judged too leniently or too harshly.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            ``(1 + number of calibration_scores_ as low) / (1 + number of calibration_scores_)``, so
            no smaller than one over the latter.
        """
        scores, calibration = self.score_samples(X), self.calibration_scores_
        n_lower = np.searchsorted(calibration, scores, side="right")
        return conformal_p_values(n_lower, len(calibration))

    def feature_errors(self, X: ArrayLike) -> np.ndarray:
        """Return how odd each value is, given the others of its row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_features)
            Distance of each value from what the other features lead one to expect, in units of what
            is normal for its feature: the standard deviation of this distance, judged by the two
            thirds of the rows held out in which it is smallest. None is negative.
        """
        X = self._check(X)[:]
        return np.abs(self._normal.deviations(X)) / self._error_scale

    def explain(self, X: ArrayLike, top: int = 3) -> pd.DataFrame:
        """Return the features of each row that are to blame most.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.
        top : int, default=3
            How many features per row; fewer if there are not so many.

        Returns
        -------
        table : DataFrame
            A line for each row (by its label, if X is a DataFrame) and rank, with the name of the
            ``feature``, its ``observed`` value, the ``expected`` one in the same units, and the
            ``error`` as in `feature_errors`. The expected value goes by the other features of the
            row, the odd ones included.

        Raises
        ------
        ValueError
            If `top` is not a positive integer.
        """
        rows = X.index if isinstance(X, pd.DataFrame) else None
        if not is_whole(top):
            raise ValueError(f"top={top!r} must be an integer of at least 1: how many features.")
        X = self._check(X)[:]
        deviations = self._normal.deviations(X)
        errors = np.abs(deviations) / self._error_scale
        expected = X - deviations / np.sqrt(self._normal.precision.diagonal) * self.scale_
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return blamed(X, expected, errors, top, names, rows)

    def __sklearn_ae_graph__(self, method):
        """Return what a method computes as a torch module, or None; for `export.to_onnx`."""
        check_is_fitted(self)
        if method not in ("score_samples", "predict"):
            return None
        if not hasattr(self.autoencoder_, "__sklearn_ae_graph__"):
            raise TypeError(
                f"autoencoder={self.autoencoder_!r} is none of sklearn_ae, and cannot be exported."
            )
        return DetectorGraph(
            self.autoencoder_.__sklearn_ae_graph__("reconstruct"),
            self.measure,
            self.offset_ if method == "predict" else None,
            self._normal.state(),
        )

    def __getstate__(self):
        """Plain values and arrays, and the autoencoder, which has a state of its own."""
        state = super().__getstate__().copy()
        if "_normal" in state:
            state["_normal"] = self._normal.state()
        return stamped(state)

    def __setstate__(self, state):
        """Put together what has been learned, after a look at it."""
        state = checked_state(type(self), state, SHAPES)
        learned = state.pop("_normal", None)
        super().__setstate__(state)
        if learned is not None:
            self._normal = NormalRows.from_state(learned, self.autoencoder_, self.n_features_in_)

    def _check(self, X):
        check_is_fitted(self)
        return checked_rows(self, X, reset=False, dtype=np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _learn(self, X, random_state, n_folds, fits):
        """Learn from X what normal rows are like; return scores and deviations as of new rows."""
        order = random_state.permutation(len(X))
        n_held_out = number_held_out(len(X), self.calibration_fraction)
        self._normal = self._learned_from(X[order[n_held_out:]], random_state, fits)
        if n_held_out > 0:
            return self._normal.judged(X[order[:n_held_out]], self.measure)
        if n_folds == 0:
            return self._normal.judged(X, self.measure)
        judged = []  # each by a fit to the others
        for fold in np.array_split(order, n_folds):
            normal = self._learned_from(np.delete(X, fold, axis=0), random_state, fits)
            judged.append(normal.judged(X[fold], self.measure))
        scores, deviations = (np.concatenate(parts) for parts in zip(*judged, strict=True))
        return no_stricter(scores, self._score(X)), deviations

    def _learned_from(self, X, random_state, fits):
        autoencoder = seeded_autoencoder(self.autoencoder, self.n_features_in_, random_state)
        with fits.next(autoencoder):
            return NormalRows(autoencoder, self.trim).learn(X, random_state)

    def _score(self, X):
        return -self._normal.outlyingness(X, self.measure)

    def _threshold(self, X):
        """Return the score below which a row is an outlier."""
        if self.contamination == "auto":
            return conformal_threshold(self.calibration_scores_, FALSE_ALARMS)
        return threshold_below(self._score(X), self.contamination)

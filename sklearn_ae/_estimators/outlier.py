"""AutoencoderOutlierDetector: rows that do not lie on the manifold, and the features to blame."""

from numbers import Real

import numpy as np
import pandas as pd
from scipy.linalg import pinvh
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context, clone
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._state import checked_state, stamped
from .._training.loader import ROWS_AT_A_TIME
from .._training.pca import check_scale, moments
from .._validation import is_whole, unchanged_on_error
from ..corruptions import GaussianNoise
from .autoencoder import AutoencoderTransformer
from .outlier_graph import DetectorGraph

N_NEIGHBORS = 5
MAX_SAMPLED = 1000  # rows that the density around all others is judged by
MAX_REFERENCES = 5000  # rows that new ones are compared with
FEW_ROWS = 8  # of fewer none can be spared for calibration
FALSE_ALARMS = 0.05  # share of rows like the training data below the automatic threshold
SMALLEST = 0.01  # standard deviations: smaller residuals and distances are not told from none
# Of what has been learned; "n" is the number of features.
SHAPES = {
    "center_": ("n",),
    "scale_": ("n",),
    "calibration_scores_": (None,),
    "_error_scale": ("n",),
    "_precision": ("n", "n"),
    "_references": (None, "n"),
    "_residual_precision": ("n", "n"),
    "_residual_scale": ("n",),
    "_typical": (2,),
}


def sparsely_surrounded(Z, share, random_state):
    """Return the share of rows that are farthest from their neighbours, as a mask.

    The neighbour is one far down the list, so that outliers do not vouch for each other: a group of
    up to `share` of the rows is still far from it.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    share : float
    random_state : RandomState
    """
    n_samples = len(Z)
    sampled = random_state.permutation(n_samples)[:MAX_SAMPLED]
    k = min(int(1.5 * share * len(sampled)) + 2, len(sampled))
    distance = NearestNeighbors(n_neighbors=k).fit(Z[sampled]).kneighbors(Z)[0][:, -1]
    mask = np.zeros(n_samples, dtype=bool)
    mask[np.argsort(distance, kind="stable")[n_samples - int(share * n_samples) :]] = True
    return mask


def shrunk_precision(Z):
    """Return the inverse of the covariance of centred rows, shrunk after Ledoit & Wolf.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    """
    n_samples, n_features = Z.shape
    floor = SMALLEST**2 * np.eye(n_features)
    if n_samples == 1:
        return pinvh(floor)
    return pinvh(ledoit_wolf(Z, assume_centered=True)[0] + floor)


def mean_distance(Z, references, k=N_NEIGHBORS):
    """Return the mean distance of rows to the k nearest references other than themselves.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    references : ndarray of shape (n_references, n_features)
    k : int, default=5
    """
    k = min(k + 1, len(references))
    index = NearestNeighbors(n_neighbors=k).fit(references).kneighbors(Z, return_distance=False)
    # The neighbours are found by a formula that rounds; near zero only the plain one is exact.
    distance = np.linalg.norm(Z[:, None] - references[index], axis=2)
    distance.sort(axis=1)
    if k == 1:
        return distance[:, 0]
    is_itself = distance[:, 0] < 1e-6 * np.sqrt(Z.shape[1])
    left_out = np.where(is_itself, distance[:, 0], distance[:, -1])
    return (distance.sum(axis=1) - left_out) / (k - 1)


def spread(X, all_rows):
    """Return the standard deviation of each column, or that of all rows where it is constant.

    Parameters
    ----------
    X, all_rows : ndarray of shape (n_samples, n_features)
    """
    scale = X.std(axis=0)
    rounding = 1e-10 * np.abs(X).max(axis=0)
    scale = np.where(scale > rounding, scale, all_rows.std(axis=0))
    return np.where(scale > rounding, scale, 1.0)


def normal_size(Z, smallest):
    """Return the standard deviation of each centred column, judged by the better two thirds.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    smallest : float
    """
    return np.maximum(np.quantile(np.abs(Z), 0.6827, axis=0), smallest)


def farthest_normal(values):
    """Return the median plus four standard deviations, estimated from the absolute deviations.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    """
    median = np.median(values)
    return median + 4 * 1.4826 * np.median(np.abs(values - median))


def default_autoencoder(n_features):
    """Return the autoencoder for tables of some width.

    Parameters
    ----------
    n_features : int
    """
    if n_features == 1:  # a code as wide as the data would be a copy
        return AutoencoderTransformer(1, corruption=GaussianNoise(0.1), tol=5e-3)
    # Scores of rows settle before the last digits of the reconstruction do.
    return AutoencoderTransformer(min(n_features // 2, 16), tol=5e-3, n_iter_no_change=5)


def along(detector, reconstruction, residual):
    """Return how far rows lie, along the manifold, from those of the training data."""
    return mean_distance(reconstruction, detector._references)


def off(detector, reconstruction, residual):
    """Return how far rows lie off the manifold: the Mahalanobis distance of the residual."""
    squares = (residual @ detector._residual_precision * residual).mean(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def combined(detector, reconstruction, residual):
    """Return the geometric mean of the distances along and off the manifold, 1 for a typical row.

    As a product it knows no exchange rate between the two.
    """
    distances = np.stack([f(detector, reconstruction, residual) for f in (along, off)])
    return np.sqrt(np.prod(distances / detector._typical[:, None] + SMALLEST, axis=0))


def standardised(detector, reconstruction, residual):
    """Return the mean square of the residuals, each in units of its feature's normal residual."""
    return np.square(residual / detector._residual_scale).mean(axis=1)


def squared_error(detector, reconstruction, residual):
    """Return the sum of squared residuals."""
    return np.square(residual).sum(axis=1)


MEASURES = {
    "combined": combined,
    "mahalanobis": off,
    "code": along,
    "standardised": standardised,
    "squared_error": squared_error,
}


class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):
    """Outliers: rows that do not lie on the manifold that an autoencoder has learned.

    An autoencoder rebuilds what resembles its training data. A row can be odd in two ways: it lies
    off the manifold and is rebuilt badly, or it lies on it, but far from where rows usually are.
    The default `measure` multiplies both distances. `p_values` tell how many false alarms to
    expect, and `explain` which features give a row away.

    The training data may hold outliers itself (`fit_predict`), or be clean, with new rows to be
    judged (`predict`). It needs no scaling: columns are standardised inside. Use
    `sklearn.ensemble.IsolationForest` where outliers are extreme in single columns, when columns
    are categories, or when fits must take milliseconds.

    Parameters
    ----------
    autoencoder : estimator, default=None
        What learns the manifold: any estimator of this package, or another with `fit`, `transform`
        and `inverse_transform`, as PCA. It is copied, and sees standardised columns. None stands
        for an `AutoencoderTransformer` with half as many components as features, at most 16, that
        is trained a little less than to the end.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the rows of `fit` that are to be outliers. "auto" sets the threshold where 5 % of
        rows held out are below it, so about 5 % of rows like the training data are false alarms.
    measure : {"combined", "mahalanobis", "code", "standardised", "squared_error"}, \
            default="combined"
        What makes a row an outlier. "mahalanobis": its distance off the manifold, which is the
        Mahalanobis distance of the residual. "code": its distance along the manifold to the five
        nearest training rows, where codes are compared by what they decode to. "combined": the
        geometric mean of these two, each relative to a typical row. "standardised": the mean square
        of the residuals, each relative to its feature's normal residual. "squared_error": the sum
        of squared residuals, in squared standard deviations.
    trim : float in [0, 0.5), default=0.1
        Share of the rows that are taken for outliers beforehand and not trained on: those in the
        most sparsely populated places. It should be above the share of outliers to be expected; 0
        is a little better for data known to be clean.
    calibration_fraction : float in [0, 1), default=0.15
        Share of the rows that is held out, to tell the scores of normal rows by. 0 calibrates by
        the training rows, and so do fewer than 8 rows: p-values are then too small.
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
        Scores below are outliers.
    calibration_scores_ : ndarray
        Scores of the rows held out, in increasing order.
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
    1. Rows are held out, and of the others those are dropped that are far from neighbours far down
       the list, so that a group of outliers cannot vouch for itself. An autoencoder learns to
       rebuild such groups if it is shown them; trimming after its training would be too late.
    2. The autoencoder is trained on the rest, standardised. Dropped rows that turn out to resemble
       it are taken back, as in the reweighting step of robust covariances (Rousseeuw & Van Driessen
       1999): they take part in the covariance of the residuals, which is shrunk (Ledoit & Wolf
       2004), and among the neighbours.
    3. The scores of the rows held out, which nothing has been learned from, give p-values that are
       valid for exchangeable rows (Laxhammar & Falkman 2015; Bates et al. 2023), whatever the
       autoencoder is like.

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
    Bates, Candès, Lei, Romano, Sesia (2023). Testing for outliers with conformal p-values. Annals
    of Statistics 51.

    Laxhammar & Falkman (2015). Inductive conformal anomaly detection for sequential detection of
    anomalous sub-trajectories. Annals of Mathematics and Artificial Intelligence 74.

    Ledoit & Wolf (2004). A well-conditioned estimator for large-dimensional covariance matrices.
    Journal of Multivariate Analysis 88.

    Rousseeuw & Van Driessen (1999). A fast algorithm for the minimum covariance determinant
    estimator. Technometrics 41.

    Ruff et al. (2021). A unifying review of deep and shallow anomaly detection. Proceedings of the
    IEEE 109.

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
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        autoencoder=None,
        *,
        contamination="auto",
        measure="combined",
        trim=0.1,
        calibration_fraction=0.15,
        random_state=None,
    ):
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.measure = measure
        self.trim = trim
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn what normal rows are like.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, which may hold outliers.
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
            X = validate_data(self, X, dtype=np.float64)
            check_scale(moments(X)[1], X.dtype)
            random_state = check_random_state(self.random_state)
            train, held_out = self._split(len(X), random_state)
            self._learn(X[train], random_state)
            self.calibration_scores_ = np.sort(self._score(X[held_out]))
            self._error_scale = normal_size(self._deviations(X[held_out]), smallest=1.0)
            self.offset_ = self._threshold(X)
        return self

    def score_samples(self, X):
        """Return how normal rows are; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus what `measure` says. For the default about -1 for a typical training row, and -2
            for one that is twice as far off the manifold, and along it.
        """
        return self._score(self._check(X))

    def decision_function(self, X):
        """Return the scores relative to the threshold; negative values are outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Equal to ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell outliers from normal rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X):
        """Return how likely a normal row has so low a score.

        Call those with p-values of at most 0.05 outliers, and 5 % of new rows that are exchangeable
        with the training data are false alarms, or fewer: on average over what was held out, with
        any number of rows and any autoencoder. Outliers in the training data are among the rows
        held out, and make the p-values larger.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows. Rows of the training data are judged too leniently or too harshly.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            ``(1 + number of held-out scores as low) / (1 + number of held-out scores)``, so no
            smaller than one over the latter.
        """
        scores = self.score_samples(X)
        n_lower = np.searchsorted(self.calibration_scores_, scores, side="right")
        return (1 + n_lower) / (1 + len(self.calibration_scores_))

    def feature_errors(self, X):
        """Return how odd each value is, given the others of its row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_features)
            Distance of each value from what the other features lead one to expect, in units of what
            is normal for its feature: the standard deviation of this distance, judged by the two
            thirds of the rows held out in which it is smallest. None is negative.
        """
        return np.abs(self._deviations(self._check(X))) / self._error_scale

    def explain(self, X, top=3):
        """Return the features of each row that are to blame most.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
        X = self._check(X)
        if not is_whole(top):
            raise ValueError(f"top={top!r} must be an integer of at least 1: how many features.")
        deviations = self._deviations(X)
        errors = np.abs(deviations) / self._error_scale
        expected = X - deviations / np.sqrt(np.diag(self._precision)) * self.scale_
        worst = np.argsort(-errors, axis=1, kind="stable")[:, :top]
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        columns = {"observed": X, "expected": expected, "error": errors}
        ranks = range(1, worst.shape[1] + 1)
        rows = range(len(X)) if rows is None else rows
        return pd.DataFrame(
            {"feature": np.asarray(names, dtype=object)[worst].ravel()}
            | {name: np.take_along_axis(of, worst, axis=1).ravel() for name, of in columns.items()},
            index=pd.MultiIndex.from_product([rows, ranks], names=["row", "rank"]),
        )

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
            N_NEIGHBORS,
            center=self.center_,
            scale=self.scale_,
            references=self._references,
            residual_precision=self._residual_precision,
            residual_scale=self._residual_scale,
            typical=self._typical,
        )

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(checked_state(type(self), state, SHAPES))

    def _check(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _split(self, n_samples, random_state):
        """Return the rows to learn from and those to calibrate by: all of them, if they are few."""
        order = random_state.permutation(n_samples)
        n_held_out = round(self.calibration_fraction * n_samples)
        if n_samples < FEW_ROWS or n_held_out == 0:
            return order, order
        return order[n_held_out:], order[:n_held_out]

    def _learn(self, X, random_state):
        """Learn from the rows that are not sparsely surrounded what normal ones are like."""
        self.center_, self.scale_ = X.mean(axis=0), spread(X, X)
        kept = ~sparsely_surrounded(self._standardised(X), self.trim, random_state)
        self.center_, self.scale_ = X[kept].mean(axis=0), spread(X[kept], X)
        Z = self._standardised(X)
        self.autoencoder_ = self._seeded_autoencoder(random_state).fit(Z[kept])
        reconstruction = self._reconstruct(Z)
        self._describe(Z[kept], reconstruction[kept], random_state)
        distance = np.log(combined(self, reconstruction, Z - reconstruction))
        normal = kept | (distance <= farthest_normal(distance[kept]))
        self._describe(Z[normal], reconstruction[normal], random_state)

    def _describe(self, Z, reconstruction, random_state):
        """Set what rows are measured by from normal ones."""
        residual = Z - reconstruction
        self._precision = shrunk_precision(Z)
        self._residual_scale = normal_size(residual, smallest=SMALLEST)
        self._residual_precision = shrunk_precision(residual)
        some = random_state.permutation(len(Z))[:MAX_REFERENCES]
        self._references = reconstruction[some]
        distances = [f(self, reconstruction[some], residual[some]) for f in (along, off)]
        self._typical = np.maximum(np.median(distances, axis=1), SMALLEST)

    def _seeded_autoencoder(self, random_state):
        """Return an untrained copy of the autoencoder, seeded where it has no seed of its own."""
        if self.autoencoder is None:
            autoencoder = default_autoencoder(self.n_features_in_)
        else:
            autoencoder = clone(self.autoencoder)
        for name, value in sorted(autoencoder.get_params().items()):
            if value is None and (name == "random_state" or name.endswith("__random_state")):
                autoencoder.set_params(**{name: random_state.randint(np.iinfo(np.int32).max)})
        return autoencoder

    def _standardised(self, X):
        return (X - self.center_) / self.scale_

    def _reconstruct(self, Z):
        autoencoder = self.autoencoder_
        return np.asarray(autoencoder.inverse_transform(autoencoder.transform(Z)), dtype=float)

    def _score(self, X):
        """Return minus the outlyingness of rows."""
        scores = np.empty(len(X))
        for rows in gen_batches(len(X), ROWS_AT_A_TIME):
            Z = self._standardised(X[rows])
            reconstruction = self._reconstruct(Z)
            scores[rows] = -MEASURES[self.measure](self, reconstruction, Z - reconstruction)
        return scores

    def _deviations(self, X):
        """Return how far each value is from what the others of its row lead one to expect."""
        Z = self._standardised(X)
        return Z @ self._precision / np.sqrt(np.diag(self._precision))

    def _threshold(self, X):
        """Return the score below which a row is an outlier."""
        if self.contamination == "auto":
            return float(np.quantile(self.calibration_scores_, FALSE_ALARMS))
        return float(np.percentile(self._score(X), 100 * self.contamination))

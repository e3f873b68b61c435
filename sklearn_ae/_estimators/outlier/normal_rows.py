"""What normal rows are like, learned from rows of which some may be outliers."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from ..._base import BaseAutoencoder
from ..._training.ranks import refuse_several
from ..._training.tables import rows_at_a_time
from .rarity import Histograms
from .shrunk_precision import ShrunkPrecision

N_NEIGHBORS = 5
MAX_SAMPLED = 1000  # rows that the density around all others is judged by
MAX_REFERENCES = 5000  # rows that new ones are compared with
FEW_DISTANCES = 20_000  # are computed at once; a search costs more
SMALLEST = 0.01  # standard deviations: smaller residuals and distances are not told from none
ARRAYS = {"center": 1, "scale": 1, "residual_scale": 1, "typical": 1, "references": 2}
ARRAYS |= {"usual": 1}  # and how many dimensions they have
WIDTHS = {"typical": 2, "usual": 3}  # of those that do not go by the features
PARTS = {
    "precision": ShrunkPrecision,
    "residual_precision": ShrunkPrecision,
    "histograms": Histograms,
}
RAREST = 10.0  # times what normal rows differ by; values that are rarer are not told apart
FARTHEST = 1e12  # standard deviations: larger values are not told apart; squares stay finite


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


def nearest_distances(Z, references, k):
    """Return the distances of rows to their k nearest references, in increasing order.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    references : ndarray of shape (n_references, n_features)
    k : int
        At most n_references.
    """
    if len(Z) * len(references) <= FEW_DISTANCES:
        return np.sort(np.partition(cdist(Z, references), k - 1, axis=1)[:, :k], axis=1)
    index = NearestNeighbors(n_neighbors=k).fit(references).kneighbors(Z, return_distance=False)
    # The neighbours are found by a formula that rounds; near zero only the plain one is exact.
    distances = [np.linalg.norm(Z - references[nearest], axis=1) for nearest in index.T]
    return np.sort(np.stack(distances, axis=1), axis=1)


def mean_distance(Z, references, k=N_NEIGHBORS):
    """Return the mean distance of rows to the k nearest references other than themselves.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    references : ndarray of shape (n_references, n_features)
    k : int, default=5
    """
    k = min(k + 1, len(references))
    distance = nearest_distances(Z, references, k)
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


def along(normal, reconstruction, residual):
    """Return how far rows lie, along the manifold, from the normal ones."""
    return mean_distance(reconstruction, normal.references)


def off(normal, reconstruction, residual):
    """Return how far rows lie off the manifold: the Mahalanobis distance of the residual."""
    squares = (normal.residual_precision.product(residual) * residual).mean(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def apart(normal, reconstruction, residual):
    """Return the geometric mean of the distances along and off the manifold, 1 for a typical row.

    As a product it knows no exchange rate between the two.
    """
    return geometric([f(normal, reconstruction, residual) for f in (along, off)], normal.typical)


def geometric(distances, typical):
    """Return the geometric mean of distances relative to typical ones."""
    return np.sqrt(np.prod(np.stack(distances) / typical[:, None] + SMALLEST, axis=0))


def combined(normal, reconstruction, residual):
    """Return how far apart rows are, times how rare their single values are.

    The factor is 1 for a typical row, and among normal rows it varies as much as the distance does.
    """
    median, rarities, distances = normal.usual
    rarity = (normal.histograms(reconstruction + residual) - median) / rarities
    factor = np.exp(distances * np.clip(rarity, -RAREST, RAREST))
    return factor * apart(normal, reconstruction, residual)


def standardised(normal, reconstruction, residual):
    """Return the mean square of the residuals, each in units of its feature's normal residual."""
    return np.square(residual / normal.residual_scale).mean(axis=1)


def squared_error(normal, reconstruction, residual):
    """Return the sum of squared residuals."""
    return np.square(residual).sum(axis=1)


MEASURES = {
    "combined": combined,
    "mahalanobis": off,
    "code": along,
    "standardised": standardised,
    "squared_error": squared_error,
}


class NormalRows:
    """What normal rows are like: where they lie, and how far off it they are.

    Parameters
    ----------
    autoencoder : estimator
        To be trained, on standardised rows.
    trim : float
        Share of the rows that are taken for outliers beforehand.
    """

    def __init__(self, autoencoder, trim):
        self.autoencoder = autoencoder
        self.trim = trim

    def learn(self, X, random_state):
        """Learn from the rows of X that are not sparsely surrounded, and from those like them.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        random_state : RandomState

        Returns
        -------
        self : object
        """
        refuse_several("AutoencoderOutlierDetector")
        self.center, self.scale = X.mean(axis=0), spread(X, X)
        kept = ~sparsely_surrounded(self.standardised(X), self.trim, random_state)
        self.center, self.scale = X[kept].mean(axis=0), spread(X[kept], X)
        Z = self.standardised(X)
        self.autoencoder.fit(Z[kept])
        reconstruction = self._reconstruct(Z)
        self._describe(Z[kept], reconstruction[kept], random_state)
        distance = np.log(apart(self, reconstruction, Z - reconstruction))
        normal = kept | (distance <= farthest_normal(distance[kept]))
        if normal.sum() > kept.sum():
            self._describe(Z[normal], reconstruction[normal], random_state)
        self.precision = ShrunkPrecision(Z[normal], floor=SMALLEST**2)
        return self

    def state(self):
        """Return what has been learned, but for the autoencoder, as plain values and arrays."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return arrays | {name: getattr(self, name).state() for name in PARTS}

    @classmethod
    def from_state(cls, state, autoencoder, n_features):
        """Return what `state` has described.

        Parameters
        ----------
        state : dict
        autoencoder : estimator
            Trained.
        n_features : int

        Raises
        ------
        ValueError
            If it cannot be such a state.
        """
        if not isinstance(state, dict) or state.keys() != {*ARRAYS, *PARTS}:
            raise ValueError("What the detector has learned is damaged: entries are missing.")
        normal = cls(autoencoder, trim=0.0)
        for name, n_dimensions in ARRAYS.items():
            array, width = state[name], WIDTHS.get(name, n_features)
            valid = isinstance(array, np.ndarray) and array.dtype.kind == "f"
            if not (valid and array.ndim == n_dimensions and array.shape[-1] == width):
                raise ValueError(f"What the detector has learned is damaged: {name}.")
            setattr(normal, name, array)
        for name, kind in PARTS.items():
            setattr(normal, name, kind.from_state(state[name], n_features))
        return normal

    def standardised(self, X):
        """Return rows in standard deviations of the normal ones.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        """
        with np.errstate(over="ignore"):
            return np.clip((X - self.center) / self.scale, -FARTHEST, FARTHEST)

    def outlyingness(self, X, measure):
        """Return how far rows are from being normal.

        Parameters
        ----------
        X : ndarray or Table of shape (n_rows, n_features)
        measure : str
            One of `MEASURES`.
        """
        found = np.empty(len(X))
        for rows in gen_batches(len(X), rows_at_a_time(X)):
            Z = self.standardised(X[rows])
            reconstruction = self._reconstruct(Z)
            found[rows] = MEASURES[measure](self, reconstruction, Z - reconstruction)
        return found

    def deviations(self, X):
        """Return how far each value is from what the others of its row lead one to expect.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)

        Returns
        -------
        deviations : ndarray of shape (n_rows, n_features)
            In standard deviations of what the others leave unexplained.
        """
        return self.precision.product(self.standardised(X)) / np.sqrt(self.precision.diagonal)

    def judged(self, X, measure):
        """Return the scores of rows, minus their outlyingness, and their deviations.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        measure : str
            One of `MEASURES`.
        """
        return -self.outlyingness(X, measure), self.deviations(X)

    def _reconstruct(self, Z):
        autoencoder = self.autoencoder
        if isinstance(autoencoder, BaseAutoencoder):  # saves a second examination of the rows
            return np.asarray(autoencoder.reconstruct(Z), dtype=float)
        return np.asarray(autoencoder.inverse_transform(autoencoder.transform(Z)), dtype=float)

    def _describe(self, Z, reconstruction, random_state):
        """Set what rows are measured by from normal ones."""
        residual = Z - reconstruction
        self.residual_scale = normal_size(residual, smallest=SMALLEST)
        self.residual_precision = ShrunkPrecision(residual, floor=SMALLEST**2)
        some = random_state.permutation(len(Z))[:MAX_REFERENCES]
        self.references = reconstruction[some]
        distances = [f(self, reconstruction[some], residual[some]) for f in (along, off)]
        self.typical = np.maximum(np.median(distances, axis=1), SMALLEST)
        self.histograms = Histograms(Z)
        measured = self.histograms(Z[some]), np.log(geometric(distances, self.typical))
        rarity, distance = (np.quantile(values, [0.1, 0.5, 0.9]) for values in measured)
        # Where all rows are about as rare, a nat is much.
        self.usual = np.array([rarity[1], max(rarity[2] - rarity[0], 1), distance[2] - distance[0]])

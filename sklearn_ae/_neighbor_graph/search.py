"""Nearest neighbours of points, in any metric, of any scale and any number of rows."""

from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
from sklearn.preprocessing import normalize

from .._training.device import threads_kept
from .._training.pca import check_scale, moments

SMALL = 50_000  # points, up to which pynndescent takes longer to compile than exact neighbours
FEW_DIMENSIONS = 15  # in which trees find exact neighbours quickly
ALIASES = {"p": "minkowski", "infinity": "chebyshev"}
NEEDED = {
    "seuclidean": 'metric_params={"V": the variance of each feature}, for example X.var(axis=0)',
    "mahalanobis": (
        'metric_params={"VI": the inverse of the covariance of the features}, for example '
        "np.linalg.inv(np.cov(X.T))"
    ),
}


class NeighborSearch:
    """Nearest neighbours among some points: exact ones, or quickly found ones where that is slow.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points, all different.
    n_neighbors : int
        How many are looked for, at most; fewer if there are not so many other points.
    metric : str or callable, default="euclidean"
        As for `sklearn.neighbors.NearestNeighbors`.
    seed : int, default=0
        Of the approximate search.
    metric_params : dict or None, default=None
        Further arguments of the metric.

    Raises
    ------
    ValueError
        If the metric cannot measure the distance between two points, or X is too large or too
        small for it.
    """

    def __init__(self, X, n_neighbors, metric="euclidean", seed=0, metric_params=None):
        check_range(X)
        self.X = X
        self.n_neighbors = min(n_neighbors, len(X) - 1)
        self.given = f"metric={metric!r} with metric_params={metric_params!r}"
        self.metric, self.metric_params = self._checked(metric, metric_params)
        large = len(X) > SMALL and X.shape[1] > FEW_DIMENSIONS
        self.is_approximate = large and self._is_known_to_pynndescent()
        if self.is_approximate:
            from pynndescent import NNDescent

            width = self.n_neighbors + 1  # a point is its own first neighbour
            with threads_kept():
                self.index = NNDescent(X, metric, n_neighbors=width, random_state=seed, n_jobs=1)
        else:
            self.index = self._exact()

    def _checked(self, metric, metric_params):
        """Return the metric and its arguments by the names that all of scikit-learn knows."""
        metric = ALIASES.get(metric, metric) if isinstance(metric, str) else metric
        params = dict(metric_params or {})
        if metric in NEEDED and not params:
            raise ValueError(f"{self.given} is not complete. Give {NEEDED[metric]}.")
        with self._named_errors():
            if metric == "mahalanobis" and "V" in params:
                params = {"VI": np.linalg.inv(params["V"])}
        return metric, params

    @contextmanager
    def _named_errors(self):
        try:
            yield
        except SystemError as error:  # trees raise it when a distance is negative or NaN
            raise self._no_metric() from error
        except (TypeError, ValueError, np.linalg.LinAlgError) as error:
            raise ValueError(
                f"{self.given} cannot measure distances between rows of {self.X.shape[1]} "
                f"features: {error}"
            ) from error

    def _no_metric(self):
        return ValueError(
            f"{self.given} gives distances that are negative or not finite. Distances between any "
            "two rows should be numbers of at least 0."
        )

    def _is_known_to_pynndescent(self):
        if find_spec("pynndescent") is None or self.metric_params or callable(self.metric):
            return False
        from pynndescent.distances import named_distances

        return self.metric in named_distances

    def _exact(self):
        from sklearn.neighbors import NearestNeighbors  # longer to import than all of ours

        params = self.metric_params.copy()
        p = params.pop("p", 2) if self.metric == "minkowski" else 2
        index = NearestNeighbors(
            n_neighbors=max(self.n_neighbors, 1), metric=self.metric, p=p, metric_params=params
        )
        with self._named_errors():
            index.fit(self.X).kneighbors(self.X[:1], 1)  # some errors come with the first distance
        return index

    def among(self):
        """Return distances and positions of the neighbours of each point, itself excluded."""
        if self.n_neighbors == 0:
            return np.empty((1, 0)), np.empty((1, 0), dtype=int)
        if self.is_approximate:
            with threads_kept():
                positions, distances = self.index.neighbor_graph
            distances, positions = distances[:, 1:].astype(float), positions[:, 1:]
        else:
            distances, positions = self.index.kneighbors()
        if not (distances >= 0).all() or not np.isfinite(distances).all():
            raise self._no_metric()
        return distances, positions

    def coordinates(self):
        """Return coordinates of the points in which the metric is nearly Euclidean."""
        if self.metric == "seuclidean":
            return self.X / np.sqrt(self.metric_params["V"])
        if self.metric == "mahalanobis":
            return self.X @ np.linalg.cholesky(self.metric_params["VI"])
        if self.metric == "cosine":
            return normalize(self.X)
        return self.X

    def of(self, X, n_neighbors=None):
        """Return distances and positions of the nearest points of each row of X."""
        k = max(self.n_neighbors if n_neighbors is None else n_neighbors, 1)
        if self.is_approximate:
            with threads_kept():
                positions, distances = self.index.query(X, k)
            return distances, positions
        return self.index.kneighbors(X, k)


def check_range(X):
    """Raise ValueError if the distances between rows cannot be squared.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    """
    check_scale(moments(X)[1], X.dtype)
    spread = float((X.max(axis=0) / 2 - X.min(axis=0) / 2).max())
    if spread > 0 and spread**2 <= np.finfo(X.dtype).tiny:  # moments take it for no variance
        check_scale(spread, X.dtype)

"""A report on several embeddings of the same data: what several metrics say of each."""

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_random_state

from .._typing import ArrayLike, Seed
from .._validation import is_whole
from ._maps import (
    continuity,
    geodesic_correlation,
    neighborhood_preservation,
    of_ordinary_size,
    residual_variance,
)

COLUMNS = [
    "trustworthiness",
    "continuity",
    "neighbors_kept",
    "geodesic_correlation",
    "residual_variance",
    "r2",
    "seconds",
    "n_samples",
]


def embedding_report(
    X: ArrayLike,
    embeddings: dict,
    *,
    n_neighbors: int = 10,
    n_landmarks: int = 64,
    metric: str | Callable = "euclidean",
    sample_size: int = 2000,
    random_state: Seed = 0,
) -> pd.DataFrame:
    """Tell what several metrics say of several embeddings of the same data.

    No number alone says that an embedding is good, and each can be had by a bad one. So look at
    all, and know what each does not see:

    - trustworthiness: whether neighbours in the embedding were near in the data. Blind to tears:
      a map cut into pieces that lie apart scores well. It hardly tells embeddings of data with a
      simple shape apart: PCA of the Swiss roll, laid flat, has 0.9.
    - continuity: whether neighbours in the data are still near in the embedding. Blind to what is
      laid on top of each other: squashing everything keeps neighbours near.
    - neighbors_kept: the share of the nearest neighbours that stay nearest neighbours. Blind to
      everything beyond them: where the neighbourhoods are, how large, in what order. Noise makes
      neighbours random, so 1 is out of reach of noisy data, in fewer dimensions.
    - geodesic_correlation: whether distances in the embedding have the order of distances along
      the data. Blind to the finest scale, since far pairs dominate; and wrong where the graph of
      neighbours has short cuts, or the data are in pieces, between which there is no path.
    - residual_variance: what of the distances along the data a map true to scale leaves
      unexplained; 0 is best. Blind as the one before, and to its sign. It blames embeddings that
      change the scale from place to place, as t-SNE does.
    - r2: how well the rows are rebuilt from the embedding. Blind to the map: a good decoder
      rebuilds from a tangle. It is of the rows that the estimator was fitted to, unless that came
      fitted, so it favours whoever overfits; and of all features as they are scaled, so features
      in large units decide.
    - seconds: of fitting and embedding all rows, on this machine, now, once. Blind to what the
      machine did besides, and to how it grows with the data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    embeddings : dict of str to array-like or estimator
        Embeddings of the rows of X by name, shape (n_samples, n_components); or what makes them, an
        estimator with `fit_transform`, as those of `sklearn.manifold`, or with `fit` and
        `transform`. Estimators are copied and fitted to X. What is fitted already, to other rows,
        is used as it is inside of a `sklearn.frozen.FrozenEstimator`.
    n_neighbors : int, default=10
        How many neighbours the metrics look at.
    n_landmarks : int, default=64
        How many rows distances along the data are measured from.
    metric : str or callable, default="euclidean"
        Of X, as for `sklearn.neighbors.NearestNeighbors`.
    sample_size : int or None, default=2000
        Of more rows than this, the first five metrics see so many, drawn at random, since their
        cost grows with the square. In a sample neighbours are further apart than in all rows: it
        shows the same data at a coarser scale, and numbers of samples of different sizes do not
        compare. None takes all rows.
    random_state : int, RandomState or None, default=0
        Draws the sample and the landmarks, the same ones for all embeddings.

    Returns
    -------
    report : DataFrame
        A row for each embedding, in their order. "r2" is NaN where there is no way back to the
        data, "seconds" where an array was given, and "geodesic_correlation" where all rows are
        embedded in one place. "n_samples" says how many rows the first five metrics saw.

    Raises
    ------
    ValueError
        If an embedding has not as many rows as X, or a parameter is out of its range.
    TypeError
        If `embeddings` is no dict, or one of them is neither an array nor an estimator.

    See Also
    --------
    sklearn_ae.inspection.EmbeddingReportDisplay : The report as a picture.
    procrustes_score : Agreement with true coordinates, if you know them.

    Examples
    --------
    >>> from sklearn.datasets import make_swiss_roll
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.manifold import Isomap
    >>> from sklearn_ae.metrics import embedding_report
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> report = embedding_report(X, {"PCA": PCA(2), "Isomap": Isomap(n_neighbors=10)})
    >>> print(report[["trustworthiness", "continuity", "geodesic_correlation"]].round(2))
            trustworthiness  continuity  geodesic_correlation
    PCA                0.91        0.99                  0.33
    Isomap             1.00        1.00                  1.00
    """
    table = check_array(X, dtype=np.float64, input_name="X")
    if not isinstance(embeddings, Mapping):
        raise TypeError(
            f"embeddings should be a dict of arrays or estimators by name, as {{'PCA': PCA(2)}}, "
            f"not {type(embeddings).__name__}."
        )
    for name, embedding in embeddings.items():
        _check_embedding(name, embedding, len(table))
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    sample = _sample(len(table), sample_size, seed)
    if not (is_whole(n_neighbors) and 2 * n_neighbors < len(sample)):
        raise ValueError(
            f"n_neighbors={n_neighbors!r} should be an int of at least 1, and less than half of "
            f"the {len(sample)} rows that are looked at."
        )
    near = {"n_neighbors": n_neighbors, "metric": metric}
    far = near | {"n_landmarks": n_landmarks, "random_state": seed}
    rows = {}
    for name, embedding in embeddings.items():
        Z, r2, seconds = _embedded(embedding, X, table)
        scores = _scores(table[sample], Z[sample], near, far)
        rows[name] = [*scores, r2, seconds, len(sample)]
    report = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return report.astype({"n_samples": int})


def _check_embedding(name, embedding, n_samples):
    """Raise an error unless this is an embedding of so many rows, or makes one."""
    if isinstance(embedding, type):
        raise TypeError(f"{name!r} is the class {embedding.__name__}. Give an object of it.")
    if hasattr(embedding, "fit"):
        if not (hasattr(embedding, "fit_transform") or hasattr(embedding, "transform")):
            raise TypeError(
                f"{name!r} is a {type(embedding).__name__}, which has neither fit_transform nor "
                "transform, so it embeds nothing. Of a pipeline that goes on after the code pass "
                "the part up to there, as pipeline[:-1]."
            )
        return
    Z = check_array(embedding, input_name=f"embedding {name!r}")
    if len(Z) != n_samples:
        raise ValueError(
            f"The embedding {name!r} has {len(Z)} rows, but X has {n_samples}. Pass the embedding "
            "of all rows of X, in the same order."
        )


def _sample(n_samples, sample_size, seed):
    """Return the positions of the rows that metrics see."""
    if sample_size is not None and not is_whole(sample_size):
        raise ValueError(f"sample_size={sample_size!r} should be an int of at least 1, or None.")
    if sample_size is None or n_samples <= sample_size:
        return np.arange(n_samples)
    return np.sort(np.random.RandomState(seed).choice(n_samples, sample_size, replace=False))


def _embedded(embedding, X, table):
    """Return an embedding of X, R² of the way back, and the seconds that it took."""
    if not hasattr(embedding, "fit"):
        return check_array(embedding, dtype=np.float64), np.nan, np.nan
    estimator = clone(embedding)
    start = perf_counter()
    if hasattr(estimator, "fit_transform"):
        Z = estimator.fit_transform(X)
    else:
        Z = estimator.fit(X, None).transform(X)  # a frozen one asks for y
    seconds = perf_counter() - start
    r2 = np.nan
    if hasattr(estimator, "inverse_transform"):
        back = check_array(estimator.inverse_transform(Z), dtype=np.float64)
        unit = np.abs(table).max() or 1.0  # squares of huge numbers overflow
        r2 = r2_score(table / unit, back / unit, multioutput="variance_weighted")
    return check_array(Z, dtype=np.float64), r2, seconds


def _for_trustworthiness(X, Z, metric):
    """Return both tables where scikit-learn's formula of Euclidean distances rounds least."""
    X, Z = of_ordinary_size(X) if metric == "euclidean" else X, of_ordinary_size(Z)
    return X - X.mean(axis=0) if metric == "euclidean" else X, Z


def _scores(X, Z, near, far):
    """Return what the first five metrics say of an embedding."""
    # Longer to import than all of ours.
    from sklearn.manifold import trustworthiness

    in_one_place = not np.ptp(Z, axis=0).any()
    return [
        float(trustworthiness(*_for_trustworthiness(X, Z, near["metric"]), **near)),
        continuity(X, Z, **near),
        neighborhood_preservation(X, Z, **near),
        np.nan if in_one_place else geodesic_correlation(X, Z, **far),
        residual_variance(X, Z, **far),
    ]

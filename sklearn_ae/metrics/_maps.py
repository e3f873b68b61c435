"""One number for an embedding: what it keeps of the data, or of the truth."""

import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr, spearmanr
from sklearn.utils import check_array, check_random_state, gen_batches

from .._neighbor_graph import CANDIDATES, NeighborSearch, landmark_geodesics, unexplained
from .._typing import ArrayLike, Seed
from .._validation import is_whole

CORRELATIONS = {"spearman": spearmanr, "pearson": pearsonr}
N_DISTANCES = 1_000_000  # that are ranked at a time, in about 64 MB
TIE = 1e-6  # distances that differ by less, relative to their size, are the same
TIE_AT_ZERO = 1e-9  # the same, relative to the median distance: repeated rows, after rounding
TOLERABLE_TIES = {"two_nn": 0.05, "mle": 0.5}  # from here on dimensions are off by a tenth


def procrustes_score(reference: ArrayLike, Z: ArrayLike) -> float:
    """R² of a reference by an embedding, after the best similarity transform.

    The embedding is shifted, turned, reflected and scaled by one number so that it fits the
    reference best; the score is the share of the reference's variance that it then explains: 1 is
    a perfect map, and 0 is none at all. It is for data whose true coordinates are known. It
    misleads where they are not true to scale: a perfect map of the Swiss roll scores 1 against
    arc length and height, but 0.36 against angle and height.

    Parameters
    ----------
    reference : array-like of shape (n_samples, n_reference_components)
        True coordinates.
    Z : array-like of shape (n_samples, n_components)
        Embedding of the same rows. Where the widths differ, the narrower of the two is continued
        with zeros.

    Returns
    -------
    score : float
        In [0, 1], the same when the two are swapped.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or all rows of one of the two are the same.

    See Also
    --------
    scipy.spatial.procrustes : The fitted tables, and 1 minus this score.

    References
    ----------
    .. [1] J. C. Gower and G. B. Dijksterhuis. Procrustes Problems. Oxford University Press, 2004.
    .. [2] Y. Goldberg and Y. Ritov. Local Procrustes for manifold embedding: a measure of
       embedding quality and embedding algorithms. Machine Learning 77, 1-25, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ae.metrics import procrustes_score
    >>> corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> float(round(procrustes_score(corners, 5 - 3 * corners), 6))
    1.0
    >>> float(round(procrustes_score(corners, corners[:, :1]), 6))
    0.5
    """
    reference, Z = _check_pair(reference, Z, name="reference")
    for name, table in (("reference", reference), ("Z", Z)):
        if (table == table[0]).all():
            raise ValueError(
                f"All rows of {name} are the same, {_short(table[0])}: there is nothing to fit. "
                f"Pass {name} with at least two different rows."
            )
    width = max(reference.shape[1], Z.shape[1])
    padded = [np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in (reference, Z)]
    return float(1 - procrustes(*padded)[2])


def geodesic_correlation(
    X: ArrayLike,
    Z: ArrayLike,
    n_neighbors: int = 10,
    n_landmarks: int = 64,
    method: str = "spearman",
    *,
    metric: str | Callable = "euclidean",
    random_state: Seed = 0,
    metric_params: dict | None = None,
) -> float:
    """Correlation of distances in an embedding with geodesic distances in the data.

    Geodesic distances are lengths of paths within the data: shortest paths over a graph of nearest
    neighbours, from some landmarks to all rows. An embedding that unrolls the data keeps them; one
    that flattens it, as PCA does, does not. The memory is proportional to n_landmarks * n_samples.

    It misleads where the graph does. With too many neighbours or much noise it has short cuts
    between folds, so compare a few values of n_neighbors. Parts of the data that are not connected
    are joined where they are closest, and a closed surface, such as a sphere, has no flat map with
    a correlation of 1. Distances far apart dominate; `neighborhood_preservation` looks at the near
    ones.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data. Repeated rows count as often as they occur.
    Z : array-like of shape (n_samples, n_components)
        Embedding of the same rows; its distances are Euclidean.
    n_neighbors : int or "auto", default=10
        Of each row in the graph. "auto" starts at 18, and tries fewer where that makes the
        geodesic distances much flatter in n_components dimensions without tearing the graph open.
    n_landmarks : int, default=64
        How many rows distances are measured from. They are far from each other.
    method : {"spearman", "pearson"}, default="spearman"
        "spearman" correlates the ranks of the distances, so that any monotonous change of scale is
        allowed; "pearson" correlates the distances.
    metric : str or callable, default="euclidean"
        Of X, as for `sklearn.neighbors.NearestNeighbors`.
    random_state : int, RandomState or None, default=0
        Where the choice of landmarks starts.
    metric_params : dict or None, default=None
        Further arguments of the metric, for example ``{"V": X.var(axis=0)}`` for "seuclidean".

    Returns
    -------
    correlation : float
        In [-1, 1]; 1 is best.

    Raises
    ------
    ValueError
        If the numbers of rows differ, a parameter is out of its range, or all rows of X or of Z
        are the same.

    See Also
    --------
    residual_variance : 1 minus the square of Pearson's correlation.
    sklearn.manifold.Isomap : The embedding that aims at these distances.

    References
    ----------
    .. [1] J. B. Tenenbaum, V. de Silva and J. C. Langford. A global geometric framework for
       nonlinear dimensionality reduction. Science 290, 2319-2323, 2000.
    .. [2] V. de Silva and J. B. Tenenbaum. Sparse multidimensional scaling using landmark points.
       Technical report, Stanford University, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_s_curve
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import geodesic_correlation
    >>> X, t = make_s_curve(500, random_state=0)
    >>> print(f"{geodesic_correlation(X, np.column_stack([t, X[:, 1]])):.2f}")
    1.00
    >>> print(f"{geodesic_correlation(X, PCA(2).fit_transform(X)):.2f}")
    0.89
    """
    if method not in CORRELATIONS:
        raise ValueError(f"method={method!r} is not known. Use one of {sorted(CORRELATIONS)}.")
    in_X, in_Z = _landmark_distances(
        X, Z, n_neighbors, n_landmarks, metric, random_state, metric_params
    )
    for name, distances in (("X", in_X), ("Z", in_Z)):
        if np.ptp(distances) == 0:
            raise ValueError(
                f"All distances in {name} are {distances.flat[0]:.6g}: they correlate with "
                f"nothing. Pass {name} with different rows; residual_variance is defined there."
            )
    return float(CORRELATIONS[method](in_X.ravel(), in_Z.ravel()).statistic)


def residual_variance(
    X: ArrayLike,
    Z: ArrayLike,
    n_neighbors: int = 10,
    n_landmarks: int = 64,
    *,
    metric: str | Callable = "euclidean",
    random_state: Seed = 0,
    metric_params: dict | None = None,
) -> float:
    """Share of the variance of geodesic distances that an embedding leaves unexplained.

    That is 1 - r², r being Pearson's correlation of the distances in the embedding with the
    geodesic distances in the data, which are measured and may mislead as in
    `geodesic_correlation`. Isomap's authors choose the dimension with it: the one after which it
    falls no more. Above about 0.02 at the right dimension, suspect short cuts in the graph, or a
    surface that is not flat. The sign of r is lost, so an embedding that puts what is near far
    away may score well.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data. Repeated rows count as often as they occur.
    Z : array-like of shape (n_samples, n_components)
        Embedding of the same rows; its distances are Euclidean.
    n_neighbors : int or "auto", default=10
        Of each row in the graph. "auto" starts at 18, and tries fewer where that makes the
        geodesic distances much flatter in n_components dimensions without tearing the graph open.
    n_landmarks : int, default=64
        How many rows distances are measured from. They are far from each other.
    metric : str or callable, default="euclidean"
        Of X, as for `sklearn.neighbors.NearestNeighbors`.
    random_state : int, RandomState or None, default=0
        Where the choice of landmarks starts.
    metric_params : dict or None, default=None
        Further arguments of the metric, for example ``{"V": X.var(axis=0)}`` for "seuclidean".

    Returns
    -------
    residual_variance : float
        In [0, 1]; 0 is best, and 1 is that of an embedding whose rows are all the same.

    Raises
    ------
    ValueError
        If the numbers of rows differ, a parameter is out of its range, or all rows of X are the
        same.

    See Also
    --------
    geodesic_correlation : The correlation itself, of distances or of their ranks.

    References
    ----------
    .. [1] J. B. Tenenbaum, V. de Silva and J. C. Langford. A global geometric framework for
       nonlinear dimensionality reduction. Science 290, 2319-2323, 2000.

    Examples
    --------
    >>> from sklearn.datasets import make_s_curve
    >>> from sklearn.manifold import Isomap
    >>> from sklearn_ae.metrics import residual_variance
    >>> X, _ = make_s_curve(500, random_state=0)
    >>> for d in (1, 2, 3):
    ...     Z = Isomap(n_neighbors=10, n_components=d).fit_transform(X)
    ...     print(d, f"{residual_variance(X, Z):.3f}")
    1 0.014
    2 0.001
    3 0.001
    """
    distances = _landmark_distances(
        X, Z, n_neighbors, n_landmarks, metric, random_state, metric_params
    )
    return unexplained(*distances)


def continuity(
    X: ArrayLike,
    Z: ArrayLike,
    *,
    n_neighbors: int = 5,
    metric: str | Callable = "euclidean",
    metric_params: dict | None = None,
) -> float:
    """To what extent neighbours in the data are still near in the embedding.

    Neighbours in the data that are not among the nearest rows in the embedding cost by their rank
    there. So it falls where the embedding tears the data apart, just as
    `sklearn.manifold.trustworthiness` falls where it lays together what does not belong together;
    the one is the other with the spaces swapped. Look at both, and trust neither alone: squashing
    everything keeps neighbours near, and PCA of the Swiss roll, which squashes it flat, has a
    continuity above 0.99.

    Where several rows are at the distance of the n_neighbors-th, as on a lattice, each is a
    neighbour by its chance when ties are broken at random, in the same way on both sides: a map
    that keeps all distances scores 1.

    All distances in the embedding are ranked, some rows at a time: the time grows with the square
    of n_samples, the memory in proportion to it. Of ten thousand rows and more, take a sample.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    Z : array-like of shape (n_samples, n_components)
        Embedding of the same rows; its distances are Euclidean. Rows at the same distance share
        their ranks.
    n_neighbors : int, default=5
        How many neighbours of each row are looked at; fewer than n_samples / 2.
    metric : str or callable, default="euclidean"
        Of X, as for `sklearn.neighbors.NearestNeighbors`.
    metric_params : dict or None, default=None
        Further arguments of the metric, for example ``{"V": X.var(axis=0)}`` for "seuclidean".

    Returns
    -------
    continuity : float
        In [0, 1]; 1 is best.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or n_neighbors is not less than n_samples / 2.

    See Also
    --------
    sklearn.manifold.trustworthiness : The same with the spaces swapped.
    neighborhood_preservation : How many neighbours stay neighbours, whatever becomes of the others.

    References
    ----------
    .. [1] J. Venna and S. Kaski. Neighborhood preservation in nonlinear projection methods: an
       experimental study. International Conference on Artificial Neural Networks, 485-491, 2001.
    .. [2] J. Venna and S. Kaski. Local multidimensional scaling. Neural Networks 19, 889-899, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.manifold import trustworthiness
    >>> from sklearn_ae.metrics import continuity
    >>> X, _ = load_digits(return_X_y=True)
    >>> Z = PCA(2).fit_transform(X)
    >>> print(f"{trustworthiness(X, Z):.2f} {continuity(X, Z):.2f}")
    0.83 0.96
    """
    X, Z = _check_pair(X, Z, metric)
    n, k = len(X), n_neighbors
    _check_metric(metric)
    _check_neighbors(k, n, below=n / 2)
    too_far = 0.0
    for rows, chance in _neighbor_chances(X, k, metric, metric_params):
        first, last = _ranks(_distances(Z, rows), chance)
        # A neighbour is lost as often as it is one in X more often than in Z, and is then at a rank
        # between k + 1 and the last of those it ties with.
        kept = np.clip((k - first + 1) / (last - first + 1), 0, 1)
        beyond = (np.maximum(first, k + 1) + last) / 2 - k
        too_far += (np.maximum(chance.data - kept, 0) * np.maximum(beyond, 0)).sum()
    return float(1 - too_far * 2 / (n * k * (2 * n - 3 * k - 1)))


def neighborhood_preservation(
    X: ArrayLike,
    Z: ArrayLike,
    n_neighbors: int = 10,
    *,
    metric: str | Callable = "euclidean",
    metric_params: dict | None = None,
    adjusted: bool = False,
) -> float:
    """Share of the nearest neighbours in the data that are nearest neighbours in the embedding.

    The mean over the rows; also called the overlap of nearest neighbours, or Q_NX. It looks at the
    finest scale only, and says nothing of the place of the neighbourhoods: a map in pieces scores
    well. Noise in the data makes neighbours random, so 1 is not within reach of noisy data in
    fewer dimensions; compare embeddings with each other. The memory is proportional to
    n_neighbors * n_samples.

    Where several rows are at the distance of the n_neighbors-th, as on a lattice and where rows
    are repeated, each is a neighbour by its chance when ties are broken at random, and counts by
    the smaller of its two chances: a map that keeps all distances scores 1. A map that breaks ties
    of the data can agree with chance only, and scores less. Distances are tied if they differ by
    less than a millionth.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data.
    Z : array-like of shape (n_samples, n_components)
        Embedding of the same rows; its distances are Euclidean.
    n_neighbors : int, default=10
        How many neighbours of each row are compared; fewer than n_samples.
    metric : str or callable, default="euclidean"
        Of X, as for `sklearn.neighbors.NearestNeighbors`.
    metric_params : dict or None, default=None
        Further arguments of the metric, for example ``{"V": X.var(axis=0)}`` for "seuclidean".
    adjusted : bool, default=False
        Whether to adjust for chance, so that random embeddings score about 0 whatever n_neighbors
        and n_samples are; the best score remains 1. This is R_NX.

    Returns
    -------
    share : float
        In [0, 1] unless adjusted; 1 is best, and chance gives n_neighbors / (n_samples - 1), or
        somewhat more if there are ties on both sides.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or n_neighbors is not less than n_samples; if adjusted, not
        less than n_samples - 1, since all rows are neighbours then.

    See Also
    --------
    continuity : What becomes of the neighbours that are lost.

    References
    ----------
    .. [1] J. A. Lee and M. Verleysen. Quality assessment of dimensionality reduction: rank-based
       criteria. Neurocomputing 72, 1431-1443, 2009.
    .. [2] J. A. Lee, E. Renard, G. Bernard, P. Dupont and M. Verleysen. Type 1 and 2 mixtures of
       Kullback-Leibler divergences as cost functions in dimensionality reduction based on
       similarity preservation. Neurocomputing 112, 92-108, 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.metrics import neighborhood_preservation
    >>> X, _ = load_digits(return_X_y=True)
    >>> for d in (2, 10):
    ...     print(f"{neighborhood_preservation(X, PCA(d).fit_transform(X)):.2f}")
    0.12
    0.67
    """
    X, Z = _check_pair(X, Z, metric)
    n, k = len(X), n_neighbors
    _check_metric(metric)
    _check_neighbors(k, n, below=n - 1 if adjusted else n)
    pairs = zip(
        _neighbor_chances(X, k, metric, metric_params), _neighbor_chances(Z, k), strict=True
    )
    share = float(sum(in_X.minimum(in_Z).sum() for (_, in_X), (_, in_Z) in pairs) / (n * k))
    chance = k / (n - 1)
    return (share - chance) / (1 - chance) if adjusted else share


def _landmark_distances(X, Z, n_neighbors, n_landmarks, metric, random_state, metric_params):
    """Return the distances of all rows from the landmarks: along X, and straight in Z."""
    X, Z = _check_pair(X, Z, metric)
    _check_metric(metric)
    if not (isinstance(n_neighbors, str) and n_neighbors == "auto"):
        _check_neighbors(n_neighbors, len(X), below=len(X), or_word=", or 'auto'")
    if not is_whole(n_landmarks):
        raise ValueError(f"n_landmarks={n_landmarks!r} should be an int of at least 1.")
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    # The neighbours of repeated rows would be each other.
    points, first, point = np.unique(X, axis=0, return_index=True, return_inverse=True)
    if len(points) < 2:
        raise ValueError(
            f"All rows of X are the same, {_short(X[0])}: there are no distances between them. "
            "Pass X with at least two different rows."
        )
    largest = CANDIDATES[0] if n_neighbors == "auto" else n_neighbors
    search = NeighborSearch(points, largest, metric, seed, metric_params)
    geodesics = landmark_geodesics(points, search, n_neighbors, n_landmarks, seed, Z.shape[1])
    landmarks = first[geodesics.landmarks]
    return geodesics.distances[point.ravel()], cdist(Z, Z[landmarks])


def intrinsic_dimension(X: ArrayLike, method: str = "two_nn", *, n_neighbors: int = 20) -> float:
    """Number of dimensions that the data fills locally, however many features it has.

    A cross-check for the number of components of an embedding: it looks at distances to nearest
    neighbours only and fits no embedding. Noise fills all dimensions, so it raises the estimate, as
    far as the scale looked at: "two_nn" looks at the two nearest neighbours and sees mostly noise
    in noisy data; "mle" averages over n_neighbors and sees less of it, but more of the curvature
    and of the border of the data, which lower it. Both fall short of large dimensions, ten and
    more, unless there are very many rows. It needs the package scikit-dimension
    (``pip install 'sklearn_ae[dimension]'``), which has a dozen more such estimators.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data of at least two features. Equal rows count once.
    method : {"two_nn", "mle"}, default="two_nn"
        "two_nn": the distribution of the ratio of the distances to the second and the first
        neighbour (Facco et al. 2017). "mle": maximum likelihood of the distances to n_neighbors
        neighbours, at each row, averaged (Levina & Bickel 2004).
    n_neighbors : int, default=20
        For "mle": how many neighbours, at least 2; fewer than there are different rows.

    Returns
    -------
    dimension : float
        Not rounded.

    Raises
    ------
    ValueError
        If the method is unknown, or there are too few different rows or features.
    ImportError
        If scikit-dimension is not installed.

    Warns
    -----
    UserWarning
        If so many rows have their two nearest neighbours at the same distance that the estimate is
        off: rows of a lattice, or rounded values. Uniform noise as wide as the steps between
        rounded values makes up for it.

    See Also
    --------
    residual_variance : What a map of a certain dimension leaves of the geodesic distances.

    References
    ----------
    .. [1] E. Facco, M. d'Errico, A. Rodriguez and A. Laio. Estimating the intrinsic dimension of
       datasets by a minimal neighborhood information. Scientific Reports 7, 12140, 2017.
    .. [2] E. Levina and P. J. Bickel. Maximum likelihood estimation of intrinsic dimension.
       Advances in Neural Information Processing Systems 17, 2004.
    .. [3] J. Bac, E. M. Mirkes, A. N. Gorban, I. Tyukin and A. Zinovyev. Scikit-dimension: a Python
       package for intrinsic dimension estimation. Entropy 23, 1368, 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_swiss_roll
    >>> from sklearn_ae.metrics import intrinsic_dimension
    >>> for noise in 0.0, 0.3:
    ...     X, _ = make_swiss_roll(1000, noise=noise, random_state=0)
    ...     print(f"{intrinsic_dimension(X):.1f} {intrinsic_dimension(X, 'mle'):.1f}")
    2.0 1.9
    2.4 2.0
    """
    if method not in ("two_nn", "mle"):
        raise ValueError(f"method={method!r} is unknown; choose 'two_nn' or 'mle'.")
    X = check_array(X, dtype=np.float64, input_name="X", ensure_min_features=2)
    X = of_ordinary_size(X)
    X = np.unique(X, axis=0)  # equal rows are at distance zero, which no dimension explains
    if method == "mle":
        _check_neighbors(n_neighbors, len(X), below=len(X), at_least=2, kind="different ")
    elif len(X) < 4:
        raise ValueError(
            f"X has {len(X)} different rows, but method='two_nn' needs at least 4: two neighbours "
            "of each, and some to compare. Pass more rows."
        )
    try:
        with warnings.catch_warnings():  # importing it silences all warnings for good
            from skdim.id import MLE, TwoNN
    except ImportError as error:
        raise ImportError(
            "intrinsic_dimension needs scikit-dimension: pip install 'sklearn_ae[dimension]'."
        ) from error
    from sklearn.neighbors import NearestNeighbors  # longer to import than all of ours

    distances, _ = NearestNeighbors(n_neighbors=min(2, len(X) - 1)).fit(X).kneighbors()
    _warn_of_ties(distances, method)
    if method == "mle":
        return float(MLE().fit(X, n_neighbors=n_neighbors).dimension_)
    return float(TwoNN(dist=True).fit(distances).dimension_)


def _warn_of_ties(distances, method):
    """Warn if too many rows have their two nearest neighbours at the same distance."""
    share = np.mean(distances[:, -1] - distances[:, 0] <= TIE * distances[:, 0])
    if share > TOLERABLE_TIES[method]:
        warnings.warn(
            f"{share:.0%} of the different rows of X have their two nearest neighbours at the same "
            "distance, as on a lattice and where values were rounded. The dimension by "
            f"method={method!r} is unreliable: too large, or 0. Where values were rounded, add "
            "uniform noise to X, as wide as the steps between them"
            + ("." if method == "mle" else ", or use method='mle', which minds ties less."),
            UserWarning,
            stacklevel=3,
        )


def _neighbor_chances(X, k, metric="euclidean", metric_params=None):
    """Yield some rows at a time, and how often each other one is among the k nearest of them.

    That is always or never, but where several are at the distance of the k-th: there chance
    decides. It comes as a sparse array of shape (n_rows, n_samples).
    """
    from sklearn.neighbors import NearestNeighbors  # longer to import than all of ours

    n = len(X)
    others = dict(metric_params or {})
    p = others.pop("p", 2)  # scikit-learn warns of it there
    n_asked = min(k + 1, n - 1)
    search = NearestNeighbors(n_neighbors=n_asked, metric=metric, p=p, metric_params=others or None)
    distance, index = search.fit(X).kneighbors()
    # The search rounds, so whether these are ties is looked at again.
    is_unsure = (distance[:, -1] - distance[:, k - 1] <= TIE * distance.max()) & (k < n - 1)
    for rows in gen_batches(n, max(1, N_DISTANCES // n)):
        sure, unsure = (np.flatnonzero(mask) for mask in (~is_unsure[rows], is_unsure[rows]))
        others = index[rows][sure, :k]
        tied = rows.start + unsure
        chance = np.empty((0, n))
        if len(tied):
            chance = _chances(_distances(X, tied, metric, metric_params), k)
        row, other = chance.nonzero()
        values = np.concatenate([np.ones(others.size), chance[row, other]])
        where = np.concatenate([sure.repeat(k), unsure[row]]), np.append(others, other)
        yield rows, csr_array((values, where), shape=(len(is_unsure[rows]), n))


def _chances(distance, k):
    """Return how often each is among the k nearest of its row, ties being broken at random."""
    radius = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
    margin = _margin(radius, distance)
    nearer, tied = distance < radius - margin, np.abs(distance - radius) <= margin
    n_left = k - nearer.sum(axis=1, keepdims=True)
    return nearer + tied * (n_left / tied.sum(axis=1, keepdims=True))


def _ranks(distance, chance):
    """Return the first and the last rank that each stored entry of a sparse array may have.

    Ranks begin at 1 in each row of distances; those of ties are first to last.
    """
    first, last = np.empty((2, chance.nnz))
    for row, (start, stop) in enumerate(pairwise(chance.indptr)):
        asked = distance[row, chance.indices[start:stop]]
        margin = _margin(asked, distance[row : row + 1])[0]
        ordered = np.sort(distance[row])
        first[start:stop] = 1 + np.searchsorted(ordered, asked - margin)
        last[start:stop] = np.searchsorted(ordered, asked + margin, side="right")
    return first, last


def _margin(asked, distance):
    """Return by how much distances may differ from those asked for and still be the same."""
    return TIE * asked + TIE_AT_ZERO * np.median(distance, axis=1, keepdims=True)


def _distances(X, rows, metric="euclidean", metric_params=None):
    """Return the distances of some rows to all, those to themselves being infinite."""
    from sklearn.metrics import pairwise_distances

    if metric == "euclidean":  # scikit-learn's formula rounds
        distance = cdist(X[rows], X)
    else:
        distance = pairwise_distances(X[rows], X, metric=metric, **(metric_params or {}))
    distance[np.arange(len(distance)), np.arange(len(X))[rows]] = np.inf
    return distance


def _check_pair(X, Z, metric="euclidean", name="X"):
    """Return both tables as arrays of float64; raise ValueError unless they have the same rows."""
    X = check_array(X, dtype=np.float64, input_name=name)
    Z = check_array(Z, dtype=np.float64, input_name="Z")
    if len(X) != len(Z):
        raise ValueError(
            f"{name} has {len(X)} rows, but Z has {len(Z)}. "
            f"Pass the embedding of the rows of {name}, in the same order."
        )
    return of_ordinary_size(X) if metric == "euclidean" else X, of_ordinary_size(Z)


def of_ordinary_size(table):
    """Return a table whose squares are in range: divided by a power of 2, so nothing is rounded.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_features)
    """
    exponent = np.frexp(np.abs(table).max())[1]
    return table if abs(exponent) < 300 else np.ldexp(table, -exponent)


def _check_metric(metric):
    if isinstance(metric, str) and metric == "precomputed":
        raise ValueError(
            "metric='precomputed' is not possible, since X should hold data, not distances. "
            "Pass the data and the name of its metric, or a function of two rows."
        )


def _check_neighbors(n_neighbors, n_rows, below, or_word="", at_least=1, kind=""):
    if not (is_whole(n_neighbors, at_least) and n_neighbors < below):
        other = "more" if at_least > 1 and n_neighbors == 1 else "fewer"
        raise ValueError(
            f"n_neighbors={n_neighbors!r} should be an int, at least {at_least} and less than "
            f"{below:g}, for the {n_rows} {kind}rows of X{or_word}. Use "
            f"{other} neighbours, or pass more rows."
        )


def _short(row):
    """Return the first values of a row as text."""
    return f"[{', '.join(f'{value:.6g}' for value in row[:3])}{', ...' if len(row) > 3 else ''}]"

"""Why geodesic distances are not those of a flat map, as far as their graphs tell."""

import numpy as np

from ..._neighbor_graph import CURVED

SETTLED = 0.02  # share of the variance of distances that may be another with half the neighbours
MORE = 1.5  # directions more than components, from which on no surface of so few is in sight


def cause_of_residual(residuals, n_components, n_neighbors, unsettled, directions):
    """Return why distances are not flat, and what helps.

    Short cuts come and go with the number of neighbours, so the distances change with it. On a
    curved or closed surface they do not. Where neighbours lie in many directions there is no
    surface, and near and far hardly differ.

    Parameters
    ----------
    residuals : ndarray
        Share of the variance of the distances that 1, 2, ... components leave unexplained.
    n_components : int
        Of the map.
    n_neighbors : int
        Of the graph.
    unsettled : float
        Share of the variance of the distances that is another with half the neighbours; NaN if
        that is not known.
    directions : float
        Number of dimensions around a point.

    Returns
    -------
    text : str
    """
    short_cuts = (
        f"the graph of {n_neighbors} nearest neighbours has short cuts through empty space (more "
        "rows, less noise or a smaller n_neighbors help)"
    )
    bent = "the data lies on a curved or closed surface, as a sphere or a ring, or around a hole"
    more = "geodesic_residual_variance_ tells what 1, 2, ... of them leave"
    is_settled = unsettled <= SETTLED
    enough = np.flatnonzero(residuals <= CURVED)
    if directions > n_components + MORE and not is_settled:
        return (
            f"Neighbours lie in about {directions:.0f} directions, as where data falls into "
            "classes or where much varies at once, and no map of so few components keeps their "
            "distances. To see what is near what, follow an embedding made for that: "
            "target=TSNE() of sklearn.manifold, or UMAP. To keep the distances, use more "
            f"n_components: {more}."
        )
    if is_settled and len(enough):
        return (
            f"The data needs more components: n_components={enough[0] + 1} leaves "
            f"{residuals[enough[0]]:.3f}."
        )
    if is_settled:
        return (
            f"With half the neighbours the distances are the same, so {bent}, and no map keeps all "
            f"its distances. Trust the near ones, or use more n_components: {more}."
        )
    if unsettled > SETTLED:
        return (
            f"With half the neighbours {unsettled:.2f} of their variance is another, so it seems "
            f"that {short_cuts}."
        )
    return f"Either {short_cuts}, or {bent}, or it needs more components: {more}."

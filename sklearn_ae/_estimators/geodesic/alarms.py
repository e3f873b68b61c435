"""What a user should be told of a map, with its number."""

from ..._neighbor_graph import CURVED
from .fit import CREASED


def alarms(facts, n_components):
    """Return what to warn of.

    Parameters
    ----------
    facts : dict
        What was found out about the map, named as the estimator's attributes.
    n_components : int

    Yields
    ------
    message : str
    """
    k, n_parts = facts["n_neighbors_"], facts["n_connected_components_"]
    n_cut, uncut, ratio = facts["n_short_cuts_"], facts["_uncut"], facts["stress_ratio_"]
    residual = facts["geodesic_residual_variance_"][n_components - 1]
    if n_parts > 1:
        yield (
            f"The graph of {k} nearest neighbours fell into {n_parts} parts, which have been "
            "joined by the shortest links between them. Trust the map within a part, not "
            f"between parts. Use more than n_neighbors={k}, or fit each part by itself."
        )
    if n_cut and uncut > CURVED:
        yield (
            f"The graph of {k} nearest neighbours had short cuts through empty space: "
            f"{n_cut} edges between points that are far apart without them. With "
            f"them landmark MDS left {uncut:.3f} of the variance of the geodesic "
            f"distances unexplained; they have been taken out, and it leaves {residual:.3f}. "
            "Check the map; more rows or less noise help."
        )
    if residual > CURVED:
        yield (
            f"The geodesic distances are not those of a flat map of n_components="
            f"{n_components}: landmark MDS leaves {residual:.3f} of their variance "
            f"unexplained, and more than {CURVED} is much. Either the graph of {k} nearest "
            "neighbours has short cuts through empty space (more rows, less noise or a smaller "
            "n_neighbors help), or the data lies on a curved or closed surface, or needs more "
            "components: geodesic_residual_variance_ tells what 1, 2, ... of them leave."
        )
    elif ratio > CREASED:
        yield (
            f"The map may be creased: it has {ratio:.2f} times the stress of "
            f"landmark MDS, and a smooth map has less than {CREASED}. Use more max_steps, "
            "another random_state or larger hidden_layer_sizes."
        )

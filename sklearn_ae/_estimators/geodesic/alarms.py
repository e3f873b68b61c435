"""What a user should be told of a map, with its number."""

from ..._neighbor_graph import CURVED
from .causes import cause_of_residual
from .fit import CREASED

FOLLOWED = 0.5  # R² on new rows below which a code does not follow its target


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
    creases = facts["_creases"]
    residuals = facts["geodesic_residual_variance_"]
    residual = residuals[n_components - 1]
    if n_parts > 1:
        yield (
            f"The graph of {k} nearest neighbours fell into {n_parts} parts, which have been "
            "joined by the shortest links between them. Trust the map within a part, not "
            f"between parts. Use more than n_neighbors={k}, fit each part by itself, or, if the "
            "parts are classes, follow an embedding made for them: target=TSNE(), or UMAP."
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
        cause = cause_of_residual(
            residuals, n_components, k, facts["_unsettled"], facts["_local_dimension"]
        )
        yield (
            f"The geodesic distances are not those of a flat map of n_components="
            f"{n_components}: landmark MDS leaves {residual:.3f} of their variance "
            f"unexplained, and more than {CURVED} is much. {cause}"
        )
    elif creases > CREASED:
        yield (
            f"The map may be creased: it has {ratio:.2f} times the stress of landmark MDS, and a "
            f"smooth map has less than {CREASED * ratio / creases:.2f}. Use more max_steps, "
            "another random_state or larger hidden_layer_sizes."
        )


def alarms_of_target(facts, target):
    """Return what to warn of if the code follows a target.

    Parameters
    ----------
    facts : dict
        As for `alarms`.
    target : estimator

    Yields
    ------
    message : str
    """
    score, trained = facts["target_score_"], facts["_trained_score"]
    if score is not None and score < FOLLOWED:
        yield (
            f"The code does not follow target={target!r} to new rows: R² is {score:.2f} "
            f"on rows held out, and {trained:.2f} on those trained on. If both are low, use "
            "more max_steps or larger hidden_layer_sizes. Otherwise rows that are alike have "
            "coordinates that are not, and transform is worth nothing: use more rows or "
            "another target."
        )

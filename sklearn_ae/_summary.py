"""What a notebook shows of a fitted autoencoder, besides scikit-learn's diagram."""

from ._training.progress import duration

DOCUMENTATION = "https://sklearn-ae.readthedocs.io/en/latest"
PAGES = DOCUMENTATION + "/generated/{estimator_module}.{estimator_name}.html"


def summary_of(estimator):
    """Return a line of HTML on what was learned; empty before `fit`. Nothing is computed for it.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    html : str
    """
    if not hasattr(estimator, "module_"):
        return ""
    n_components, n_features = len(estimator.get_feature_names_out()), estimator.n_features_in_
    facts = [
        f"{_counted(n_features, 'column')} in {_counted(n_components, 'number')}",
        _counted(estimator.n_iter_, "epoch") + _time_of(estimator),
    ]
    scores, r2_of_pca = estimator.validation_scores_, _r2_of_pca(estimator)
    if estimator.is_pca_:
        facts.append("no better than PCA, to which it went back")
    elif scores:
        r2 = f"R² of held-out rows {max(scores):.2f}"
        facts.append(r2 if r2_of_pca is None else f"{r2} (PCA: {r2_of_pca:.2f})")
    name = type(estimator).__name__
    return f'<div style="font-size: 0.9em">{name}: {", ".join(facts)}</div>'


def with_summary(estimator, bundle):
    """Return what a notebook shows, by MIME type, with the summary below the diagram.

    Parameters
    ----------
    estimator : estimator
    bundle : dict of str to str

    Returns
    -------
    bundle : dict of str to str
    """
    kind = "text/html"
    return bundle | {kind: bundle[kind] + summary_of(estimator)} if kind in bundle else bundle


def _time_of(estimator):
    """Return how long the epochs took, if they were one training and no file came in between."""
    seconds = [epoch["dur"] for epoch in estimator.net_.history or [] if "dur" in epoch]
    known = len(seconds) == len(estimator.loss_curve_)
    return f" in {duration(sum(seconds))}" if known else ""


def _counted(n, noun):
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _r2_of_pca(estimator):
    """Return R² of the held-out rows before the first step, if that was at PCA, else None."""
    values = getattr(estimator.net_.monitor, "start_values_", None)
    parts = [getattr(estimator, part, "not a parameter") for part in ("penalty", "corruption")]
    plain = estimator.loss == "squared_error" and parts == [None, None]
    at_pca = plain and estimator.init in ("auto", "pca") and not estimator.warm_start
    return 1 - float(values.mean()) if at_pca and values is not None else None

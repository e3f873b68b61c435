"""Fitted estimators, alone or at the end of a pipeline or a search, and what they are asked for."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def unwrapped(estimator):
    """Return the estimator that a search has found best, or the estimator itself.

    Parameters
    ----------
    estimator : estimator
    """
    return getattr(estimator, "best_estimator_", estimator)


def last_step(estimator, X=None):
    """Return the last step of a pipeline, and X as that step sees it.

    Parameters
    ----------
    estimator : estimator
        A pipeline, a search over one, or any other estimator, which is its own last step.
    X : array-like or None, default=None

    Returns
    -------
    step : estimator
    X : array-like or None
    """
    estimator = unwrapped(estimator)
    if not isinstance(estimator, Pipeline):
        return estimator, X
    if X is not None and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    return last_step(estimator[-1], X)


def name_of(estimator):
    """Return the name of what encodes, for a title or a legend.

    Parameters
    ----------
    estimator : estimator
    """
    return type(last_step(estimator)[0]).__name__


def encode(estimator, X):
    """Return the codes of the rows of X.

    Parameters
    ----------
    estimator : estimator
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)

    Raises
    ------
    ValueError
        If the estimator has no `transform`.
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "transform"):
        raise ValueError(
            f"{name_of(estimator)} has no transform, which makes the codes. "
            "Of a pipeline that goes on after the code pass the part up to there, as "
            "pipeline[:-1]; if you have codes, such as the embedding_ of TSNE, use from_arrays."
        )
    return as_table(estimator.transform(X))


def decode(estimator, codes):
    """Return the rows of data that codes stand for.

    Parameters
    ----------
    estimator : estimator
    codes : ndarray of shape (n_samples, n_components)

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)

    Raises
    ------
    ValueError
        If the estimator, or a step of the pipeline, has no `inverse_transform`.
    """
    if not hasattr(estimator, "inverse_transform"):
        raise ValueError(
            f"{_without_way_back(unwrapped(estimator))} has no inverse_transform, which leads "
            "back from codes to data. Pass the steps after it, and what they were fitted on."
        )
    return as_table(estimator.inverse_transform(codes))


def reconstruct(estimator, X):
    """Return what an estimator makes of the rows of X, in the columns of X.

    Parameters
    ----------
    estimator : estimator
        With `reconstruct`, or both `transform` and `inverse_transform`, or a `transform` that
        keeps the columns, as imputers have.
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    reconstruction : ndarray of shape (n_samples, n_features)
    """
    estimator = unwrapped(estimator)
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        before = estimator[:-1]
        return decode(before, reconstruct(estimator[-1], before.transform(X)))
    if isinstance(estimator, Pipeline):
        return reconstruct(estimator[-1], X)
    if hasattr(estimator, "reconstruct"):
        return as_table(estimator.reconstruct(X))
    codes = encode(estimator, X)
    if codes.shape[1] == np.shape(X)[1] and _is_imputer(estimator, X):
        return codes
    return decode(estimator, codes)


def _is_imputer(estimator, X):
    """Whether what `transform` returns are rows of data; some imputers have an inverse, too."""
    return not hasattr(estimator, "inverse_transform") or pd.isna(as_table(X)).any()


def as_table(X):
    """Return a table of numbers as an array; one column is a table, too.

    Parameters
    ----------
    X : array-like
    """
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    return X.reshape(len(X), -1)


def _without_way_back(estimator):
    """Return the name of the step that does not lead back."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
    lost = [step for step in steps if not hasattr(step, "inverse_transform")]
    return type((lost or [estimator])[0]).__name__

"""How far the rows of data are from what a module makes of them."""

import numpy as np
from sklearn.metrics import r2_score

from .module import reconstructions, runaway_rows, squared_errors
from .tables import VALUES_AT_A_TIME, Table, pieces_of


def explained_variance(module, X):
    """Return R² of what a module makes of the rows of an array, columns weighted by variance.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)

    Returns
    -------
    r2 : float
    """
    if X.shape[0] * X.shape[1] <= VALUES_AT_A_TIME:
        X = X[:]
    if not isinstance(X, Table):
        return r2_score(X, reconstructions(module, X), multioutput="variance_weighted")
    error, total, apart = 0.0, 0.0, 0.0
    centre = module.offset.cpu().double().numpy()
    for rows in X.pieces():
        error += np.square(rows - reconstructions(module, rows), dtype=np.float64).sum()
        shifted = rows - centre
        total += np.square(shifted).sum()
        apart += shifted.sum(axis=0)
    total -= np.square(apart).sum() / len(X)
    return float(1 - error / total) if total > 0 else float(error == 0)


def judged(module, X, weight):
    """Return the weighted mean of the squared errors of rows, and what to warn of if any.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    error : float
    warning : str or None
    """
    total, n_runaway, largest, n_done = 0.0, 0, 0.0, 0
    for rows in pieces_of(X):
        errors = squared_errors(module, rows)
        its_weight = np.ones(len(rows)) if weight is None else weight[n_done : n_done + len(rows)]
        total += its_weight @ errors
        n_runaway += len(runaway_rows(module, rows, errors))
        largest = max(largest, errors.max())
        n_done += len(rows)
    error = float(total / (len(X) if weight is None else weight.sum()))
    return error, None if n_runaway == 0 else _warning(n_runaway, len(X), largest)


def _warning(n_runaway, n_rows, largest):
    return (
        f"{n_runaway} of {n_rows} rows are reconstructed far from all data (squared errors up "
        f"to {largest:.3g}), although the rows that decide look fine. Do not use this model "
        "for rows like them. Use a smaller learning_rate_init, more alpha, or rescale X."
    )

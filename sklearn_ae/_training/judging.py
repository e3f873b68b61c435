"""How far the rows of data are from what a module makes of them."""

import numpy as np
from sklearn.metrics import r2_score

from .loader import Rows
from .module import reconstructions, runaway_rows, squared_errors
from .sparse_passes import passes_over
from .tables import VALUES_AT_A_TIME, Table, pieces_of
from .world import here

LARGE = 1e12  # units of float32 data, from which on sums of many squares may overflow


def explained_variance(module, X, multioutput="variance_weighted"):
    """Return R² of what a module makes of the rows of an array.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)
    multioutput : {"variance_weighted", "raw_values"}, default="variance_weighted"
        Columns weighted by their variance, or each for itself.

    Returns
    -------
    r2 : float or ndarray of shape (n_features,)
    """
    if X.shape[0] * X.shape[1] <= VALUES_AT_A_TIME:
        X = X[:]
    if not isinstance(X, Table):
        if X.dtype == np.float32 and module.scale > LARGE:
            X = X.astype(np.float64)
        return r2_score(X, reconstructions(module, X), multioutput=multioutput)
    passes = passes_over(X, module)
    if passes is not None and multioutput == "variance_weighted":
        return _explained_by_parts(module, X, passes)
    error = total = apart = np.zeros(X.shape[1])
    centre = module.offset.cpu().double().numpy()
    for rows in X.pieces():
        off = rows - reconstructions(module, rows)
        error = error + np.square(off, dtype=np.float64).sum(axis=0)
        shifted = rows - centre
        total = total + np.square(shifted).sum(axis=0)
        apart = apart + shifted.sum(axis=0)
    total = np.maximum(total - np.square(apart) / len(X), 0)
    if multioutput == "variance_weighted":
        error, total = error.sum(), total.sum()
    varies = total > 0
    r2 = np.where(varies, 1 - error / np.where(varies, total, 1.0), (error == 0).astype(float))
    return float(r2) if r2.ndim == 0 else r2


def _explained_by_parts(module, X, passes):
    """Return R² over all columns of a sparse table, whose zeros take part in nothing."""
    error, total = 0.0, 0.0
    for _, wrong, apart in passes.errors(Rows(X)):
        error, total = error + wrong.sum().item(), total + apart.sum().item()
    off = X.mean() - module.offset.cpu().double().numpy()
    total -= len(X) * (off @ off)
    if total <= 0:
        return float(error == 0)
    return 1 - error / total


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
    parts = pieces_of(X) if passes_over(X, module) is None else (X,)
    total, n_runaway, largest, n_done = 0.0, 0, 0.0, 0
    for rows in parts:
        errors = squared_errors(module, rows)
        its_weight = np.ones(len(rows)) if weight is None else weight[n_done : n_done + len(rows)]
        total += its_weight @ errors
        n_runaway += len(runaway_rows(module, rows, errors))
        largest = max(largest, errors.max())
        n_done += len(rows)
    n = len(X) if weight is None else weight.sum()
    error = float(here().mean(total / n, n))
    return error, None if n_runaway == 0 else _warning(n_runaway, len(X), largest)


def _warning(n_runaway, n_rows, largest):
    return (
        f"{n_runaway} of {n_rows} rows are reconstructed far from all data (squared errors up "
        f"to {largest:.3g}), although the rows that decide look fine. Do not use this model "
        "for rows like them. Use a smaller learning_rate_init, more alpha, or rescale X."
    )

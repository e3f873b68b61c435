"""What of each column is explained, and what is said of its categories."""

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from .kinds import CATEGORIES
from .module import in_small_batches, losses_of, rebuilt


def explained(encoding, module, cells):
    """Return the share of each column that its reconstruction explains.

    Parameters
    ----------
    encoding : Encoding
    module : TableModule
    cells : ndarray of shape (n_samples, n_columns)

    Returns
    -------
    shares : ndarray of shape (n_columns,)
        R², or 1 minus the cross-entropy over that of the frequencies in the training data; NaN
        where nothing is known.
    """
    made = rebuilt(module, cells)
    losses, constant = losses_of(module, cells), losses_of(module, cells, constant=True)
    shares = np.full(cells.shape[1], np.nan)
    for j, kind in enumerate(encoding.kinds):
        known = ~np.isnan(cells[:, j])
        if not known.any():
            continue
        if kind in CATEGORIES:
            shares[j] = _share(losses[known, j], constant[known, j])
        else:
            true, given = encoding.numbers(cells[known, j], j), encoding.within(made[known, j], j)
            shares[j] = _r2(true, given)
    return shares


def _r2(true, given):
    if len(true) == 1:
        return float(np.isclose(true[0], given[0]))
    unit = np.abs(true).max() or 1.0  # squares of huge numbers overflow
    return r2_score(true / unit, given / unit)


def _share(losses, constant):
    lost, most = losses.mean(dtype=np.float64), constant.mean(dtype=np.float64)
    return 1 - lost / most if most > 1e-6 else float(lost < 1e-3)


def relative_losses(module, cells):
    """Return the losses of cells in units of the constant model's; NaN where they are missing.

    Parameters
    ----------
    module : TableModule
    cells : ndarray of shape (n_samples, n_columns)
    """
    relative = losses_of(module, cells) / module.cells.unit.cpu().numpy()
    return np.where(np.isnan(cells), np.nan, relative)


def probabilities(encoding, module, codes, index=None):
    """Return the probabilities of categories for some codes.

    Parameters
    ----------
    encoding : Encoding
    module : TableModule
    codes : ndarray of shape (n_samples, n_components)
    index : Index or None, default=None

    Returns
    -------
    probabilities : dict of DataFrame
        By the name of the column.
    """
    made = {}
    for j, (name, levels) in enumerate(zip(encoding.names, encoding.levels, strict=True)):
        if levels is None or len(levels) == 0:
            continue

        def of_column(code, j=j):
            return module.cells.probabilities(module.decoder.natural(code), j)

        shares = in_small_batches(of_column, codes, module, len(levels))
        made[name] = pd.DataFrame(shares, index, pd.Index(levels))
    return made

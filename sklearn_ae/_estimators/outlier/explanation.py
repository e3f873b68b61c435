"""Which features of a row are to blame, as a table."""

import numpy as np
import pandas as pd


def blamed(X, expected, errors, top, names, rows):
    """Return the features of each row with the largest errors.

    Parameters
    ----------
    X, expected, errors : ndarray of shape (n_rows, n_features)
    top : int
        How many features per row; fewer if there are not so many.
    names : array-like of shape (n_features,)
    rows : index or None
        What the rows are called; None for their numbers.

    Returns
    -------
    table : DataFrame
        As `AutoencoderOutlierDetector.explain` returns it.
    """
    worst = np.argsort(-errors, axis=1, kind="stable")[:, :top]
    columns = {"observed": X, "expected": expected, "error": errors}
    rows, ranks = range(len(X)) if rows is None else rows, range(1, worst.shape[1] + 1)
    return pd.DataFrame(
        {"feature": np.asarray(names, dtype=object)[worst].ravel()}
        | {name: np.take_along_axis(of, worst, axis=1).ravel() for name, of in columns.items()},
        index=pd.MultiIndex.from_product([rows, ranks], names=["row", "rank"]),
    )

"""From one row to another by way of their codes."""

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from ._training.module import codes_of
from ._validation import is_whole


def decoded_path(estimator, a, b, n_steps, codes, path):
    """Return decoded points on a path between two codes.

    Parameters
    ----------
    estimator : BaseAutoencoder
    a, b : array-like of shape (n_features,) or (n_components,)
    n_steps : int
        How many points, ends included.
    codes : bool
        Whether the ends are codes.
    path : callable
        ``path(start, end, share)``, share being a column of numbers in [0, 1].

    Returns
    -------
    points : ndarray or DataFrame of shape (n_steps, n_features)

    Raises
    ------
    ValueError
        If a or b is not one row, or n_steps is below 2.
    """
    check_is_fitted(estimator)
    if not is_whole(n_steps, at_least=2):
        raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2: both ends.")
    module, n = estimator.module_, estimator.n_features_in_
    if codes:
        n = estimator._n_features_out
    ends = [one_row(row, n, module.dtype, name, codes) for name, row in (("a", a), ("b", b))]
    if not codes:
        ends = codes_of(module, np.stack(ends))
    share = np.linspace(0, 1, n_steps, dtype=module.dtype)[:, None]
    return estimator.inverse_transform(path(*ends, share))


def segment(start, end, share):
    """Return points on the segment between two vectors.

    Parameters
    ----------
    start, end : ndarray of shape (n,)
    share : ndarray of shape (n_points, 1)
        Of the way, in [0, 1].

    Returns
    -------
    points : ndarray of shape (n_points, n)
    """
    return (1 - share) * start + share * end


def arc(start, end, share):
    """Return points on the arc that turns one vector into another and stretches it on the way.

    Parameters
    ----------
    start, end : ndarray of shape (n,)
    share : ndarray of shape (n_points, 1)
        Of the way, in [0, 1].

    Returns
    -------
    points : ndarray of shape (n_points, n)
        On the segment where the vectors have no angle between them, or an undefined plane.

    References
    ----------
    Shoemake (1985). Animating rotation with quaternion curves. SIGGRAPH.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    cosine = start @ end / max(lengths[0] * lengths[1], np.finfo(start.dtype).tiny)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-3 or not all(lengths):
        return segment(start, end, share)
    return (np.sin((1 - share) * angle) * start + np.sin(share * angle) * end) / np.sin(angle)


def one_row(row, n, dtype, name, is_code):
    """Return one row of data, or one code, of n values as an array."""
    array = np.asarray(row, dtype=dtype)
    if array.ravel().shape != (n,):
        other = "codes=True takes codes, as transform returns them"
        if is_code:
            other = "codes=False takes rows of data"
        raise ValueError(
            f"{name} has shape {array.shape}, but one {'code' if is_code else 'row'} has shape "
            f"({n},); {other}."
        )
    return check_array(array.reshape(1, n), dtype=dtype, input_name=name)[0]

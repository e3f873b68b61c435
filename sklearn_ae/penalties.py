"""Penalties: functions of a batch and of what the module made of it, added to the loss."""

from sklearn.base import BaseEstimator

__all__ = ["L2"]


class L2(BaseEstimator):
    """Mean squared code: keeps codes near zero.

    ``weight * sum_j z_j**2`` for each row. Any callable with the same three arguments is a penalty;
    it may return one value per row, which ``sample_weight`` then weighs as it weighs the loss, or
    one number for the batch.

    Parameters
    ----------
    weight : float, default=1e-3
        Strength, relative to the loss (a squared error is measured in shares of the data's
        variance). More weight, more bias and less variance.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.penalties import L2
    >>> X = load_iris().data
    >>> free = AutoencoderTransformer(random_state=0).fit(X)
    >>> held = AutoencoderTransformer(penalty=L2(0.1), random_state=0).fit(X)
    >>> bool((held.transform(X) ** 2).mean() < (free.transform(X) ** 2).mean())
    True
    """

    def __init__(self, weight=1e-3):
        self.weight = weight

    def __call__(self, module, x, output):
        """Return the values of the rows, shape (n_rows,)."""
        return self.weight * output.code.square().sum(dim=1)

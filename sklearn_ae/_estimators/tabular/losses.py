"""One loss per kind of column, each of natural parameters and cells, shape (n_rows, n_columns)."""

import torch
import torch.nn.functional as F


def gaussian(mean, x):
    """Return the squared errors of standardised numbers."""
    return (mean - x).square()


def poisson(log_rate, x):
    """Return half the Poisson deviances of counts."""
    return log_rate.exp() - x * log_rate - x + torch.xlogy(x, x)


def cross_entropy(logits, place):
    """Return minus the log-probabilities of categories.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_columns, n_categories)
    place : Tensor of int of shape (n_rows, n_columns)
    """
    own = logits.gather(2, place[:, :, None])[:, :, 0]
    return torch.logsumexp(logits, dim=2) - own


def cross_entropy_of_many(logits, place):
    """Return the same of one column, whose logits are not needed for anything else."""
    return F.cross_entropy(logits, place, reduction="none")

"""One loss per kind of column, each of natural parameters and cells, shape (n_rows, n_columns)."""

import math

import torch
import torch.nn.functional as F

N_DRAWN = 512  # categories, of columns of more than twice as many
LEAST = -1e9  # logarithm of no probability; what is infinite has no gradient


def gaussian(mean, x):
    """Return the squared errors of standardised numbers."""
    return (mean - x).square()


def poisson(log_rate, x):
    """Return half the Poisson deviances of counts."""
    return log_rate.exp() - x * log_rate - x + torch.xlogy(x, x)


def cross_entropy(logits, place, column):
    """Return minus the log-probabilities of categories of several columns, all at once.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_categories)
        Of the categories of the first column, of the second, and so on.
    place : Tensor of int of shape (n_rows, n_columns)
        Which of all these categories the cells have.
    column : Tensor of int of shape (n_categories,)
        The column of each category.
    """
    most = logits.detach().new_full(place.shape, -torch.inf)
    most = most.scatter_reduce(1, column.expand_as(logits), logits.detach(), "amax")
    apart = logits - most[:, column]
    total = torch.zeros_like(most).index_add(1, column, apart.exp())
    return total.log() - apart.gather(1, place)


def cross_entropy_of_many(logits, place):
    """Return the same of one column, whose logits are not needed for anything else."""
    return F.cross_entropy(logits, place, reduction="none")


def sampled_cross_entropy(out, place, embedding, prior, generator):
    """Return an estimate of the same from a few of the categories, drawn by their frequencies.

    What the others add to the likelihood of a row is a mean over those drawn, so that a step costs
    the same however many categories there are.

    Parameters
    ----------
    out : Tensor of shape (n_rows, width)
    place : Tensor of int of shape (n_rows,)
    embedding : Tensor of shape (n_categories, width)
    prior : Tensor of shape (n_categories,)
        Logarithms of the frequencies.
    generator : torch.Generator
    """
    points = torch.rand(N_DRAWN, generator=generator, device=out.device, dtype=out.dtype)
    drawn = torch.searchsorted(prior.exp().cumsum(0), points).clamp_max(len(prior) - 1)
    own = prior[place] + (out * embedding[place]).sum(dim=1)
    others = out @ embedding[drawn].T - math.log(N_DRAWN)
    others = others.masked_fill(drawn == place[:, None], LEAST)
    return torch.logaddexp(own, torch.logsumexp(others, dim=1)) - own

"""What a net is given for the cells of a table, and what its outputs say of them."""

import numpy as np
import torch
from torch import nn

from .losses import (
    N_DRAWN,
    cross_entropy,
    cross_entropy_of_many,
    gaussian,
    poisson,
    sampled_cross_entropy,
)

LEAST_SEEN = 0.1  # a column with fewer cells does not count for more
# The slope of a squared error vanishes where it is small; that of a cross-entropy does so only
# where there is next to nothing left to gain. At equal weights the numbers are left behind.
NUMBERS_COUNT = 4.0


class Cells(nn.Module):
    """The columns of a table as a net sees them.

    Buffers say what is known without any net: the constant model, which predicts the mean of each
    number, the rate of each count and the frequencies of the categories.

    Parameters
    ----------
    layout : Layout

    Attributes
    ----------
    constant : Tensor of shape (n_outputs,)
        Natural parameters of the constant model.
    center, spread : Tensor of shape (n_inputs,)
        What is subtracted from what the encoder is given, and what that is divided by.
    low, high : Tensor of shape (n_numbers,)
        The range of each number: beyond it, one counts as its end for the encoder, and what is said
        of a row ends there, too.
    share, unit : Tensor of shape (n_columns,)
        What the loss of a cell counts, and the mean loss of the constant model.
    free, told : Tensor of shape (n_outputs,)
        0 where the constant model does better than the net: in all respects, or in what it says is
        the likeliest; else 1.
    """

    def __init__(self, layout):
        super().__init__()
        self.layout = layout
        n_outputs = layout.n_outputs
        for name, value, size in (
            ("constant", 0.0, n_outputs),
            ("center", 0.0, n_outputs),
            ("spread", 1.0, n_outputs),
            ("free", 1.0, n_outputs),
            ("told", 1.0, n_outputs),
            ("share", 1.0, layout.n_columns),
            ("unit", 1.0, layout.n_columns),
            ("ceiling", 0.0, len(layout.counts)),
            ("low", -np.inf, len(layout.numbers)),
            ("high", np.inf, len(layout.numbers)),
        ):
            self.register_buffer(name, torch.full((size,), value))
        sizes = layout.sizes[layout.many].tolist()
        for i, size in enumerate(sizes):
            self.register_buffer(f"prior{i}", torch.zeros(size))
        self.embeddings = nn.ParameterList(
            nn.Parameter(torch.randn(size, layout.widths[layout.many[i]]) / 4)
            for i, size in enumerate(sizes)
        )
        indices = {
            "numbers": layout.numbers,
            "counts": layout.counts,
            "few": layout.few,
            "many": layout.many,
            "few_starts": layout.few_starts,
            "few_columns": np.repeat(np.arange(len(layout.few)), layout.sizes[layout.few]),
            "owner": layout.owner,
            "back": np.argsort(layout.order),
        }
        self.indices = {name: torch.as_tensor(np.asarray(i, int)) for name, i in indices.items()}

    def index(self, name):
        """Return columns as a tensor on the device of the module."""
        if self.indices[name].device != self.share.device:
            self.indices[name] = self.indices[name].to(self.share.device)
        return self.indices[name]

    def linear_parameters(self):
        """Return what weight decay spares: embeddings, whose columns have no linear path."""
        return list(self.embeddings)

    def expand(self, x):
        """Return what the encoder is given: numbers, one-hot categories, embeddings, and a mask.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_columns)
            NaN where a cell is missing.

        Returns
        -------
        given : Tensor of shape (n_rows, n_inputs)
        """
        missing = x.isnan()
        known = x.masked_fill(missing, 0)
        numbers = known[:, self.index("numbers")].clamp(self.low, self.high)
        parts = [numbers, known[:, self.index("counts")].log1p()]
        one_hot = known.new_zeros(len(x), self.layout.parts[2])
        place = known[:, self.index("few")].long() + self.index("few_starts")
        parts.append(one_hot.scatter_(1, place, 1))
        for j, embedding in zip(self.layout.many, self.embeddings, strict=True):
            parts.append(embedding[known[:, j].long()])
        given = (torch.cat(parts, dim=1) - self.center) / self.spread
        given = given.masked_fill(missing[:, self.index("owner")], 0)
        return torch.cat([given, missing.to(x.dtype)], dim=1)

    def natural(self, out):
        """Return natural parameters of the cells, for what the decoder puts out."""
        natural = torch.addcmul(self.constant, out, self.free)
        if self.training and not len(self.layout.counts):
            return natural
        first, n = self.layout.parts[0], len(self.layout.counts)
        numbers, counts, others = natural.tensor_split([first, first + n], dim=1)
        if not self.training:
            numbers = numbers.clamp(self.low, self.high)
        above = (counts - self.ceiling).relu()  # beyond it a rate grows like a power
        return torch.cat([numbers, counts - above + above.log1p(), others], dim=1)

    def losses(self, natural, x, with_many=True, generator=None):
        """Return the loss of each cell; 0 where it is missing.

        Parameters
        ----------
        natural : Tensor of shape (n_rows, n_outputs)
        x : Tensor of shape (n_rows, n_columns)
        with_many : bool, default=True
            Whether columns of many categories are looked at; else their losses are 0.
        generator : torch.Generator or None, default=None
            If given, losses among very many categories are estimated from some of them.

        Returns
        -------
        losses : Tensor of shape (n_rows, n_columns)
        """
        missing = x.isnan()
        known = x.masked_fill(missing, 0)
        widths = self.layout.widths[self.layout.many].tolist()
        numbers, counts, few, *outs = natural.split([*self.layout.parts, *widths], dim=1)
        parts = [
            gaussian(numbers, known[:, self.index("numbers")]),
            poisson(counts, known[:, self.index("counts")]),
        ]
        if len(self.layout.few):
            place = known[:, self.index("few")].long() + self.index("few_starts")
            parts.append(cross_entropy(few, place, self.index("few_columns")))
        for i, j in enumerate(self.layout.many):
            if not with_many:
                parts.append(torch.zeros_like(x[:, :1]))
                continue
            out, place = outs[i], known[:, j].long()
            if generator is not None and self.layout.sizes[j] > 2 * N_DRAWN:
                prior, embedding = getattr(self, f"prior{i}"), self.embeddings[i]
                loss = sampled_cross_entropy(out, place, embedding, prior, generator)
            else:
                loss = cross_entropy_of_many(self._logits(i, out), place)
            parts.append(loss[:, None])
        losses = torch.cat(parts, dim=1)[:, self.index("back")]
        return losses.masked_fill(missing, 0)

    def constant_losses(self, x):
        """Return the losses of the constant model, as `losses` does.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_columns)
        """
        losses = self.losses(self.constant.expand(len(x), -1), x, with_many=False)
        for i, j in enumerate(self.layout.many):
            missing = x[:, j].isnan()
            place = x[:, j].masked_fill(missing, 0).long()
            losses[:, j] = -getattr(self, f"prior{i}")[place].masked_fill(missing, 0)
        return losses

    def probabilities(self, natural, j):
        """Return the probabilities of the categories of a column, shape (n_rows, n_categories)."""
        first = list(self.layout.many).index(j) if j in self.layout.many else None
        if first is not None:
            logits = self._logits(first, self._split(natural)[-len(self.layout.many) :][first])
        else:
            logits = natural[:, self.index("owner") == j]
        return torch.softmax(logits, dim=1)

    def cells(self, natural):
        """Return the cells that are the likeliest: means, rates, and places of categories."""
        told = torch.lerp(self.constant, natural, self.told)
        numbers, counts, *blocks = self._split(told)
        parts = [numbers, counts.exp()]
        parts += [block.argmax(dim=2) for block in blocks[: len(self.layout.groups)]]
        for i, block in enumerate(blocks[len(self.layout.groups) :]):
            parts.append(self._logits(i, block).argmax(dim=1, keepdim=True))
        return torch.cat([part.to(natural.dtype) for part in parts], dim=1)[:, self.index("back")]

    def _split(self, natural):
        """Return numbers, counts, categories by groups of columns, and embeddings."""
        numbers, counts, _ = self.layout.parts
        sizes = [n * k for n, k in self.layout.groups]
        widths = self.layout.widths[self.layout.many].tolist()
        parts = natural.split([numbers, counts, *sizes, *widths], dim=1)
        blocks = [
            part.reshape(len(natural), n, k)
            for part, (n, k) in zip(parts[2:], self.layout.groups, strict=False)
        ]
        return [*parts[:2], *blocks, *parts[2 + len(blocks) :]]

    def _logits(self, i, out):
        return torch.addmm(getattr(self, f"prior{i}"), out, self.embeddings[i].T)


@torch.no_grad()
def describe(cells, X, weights):
    """Set what is known of columns without any net, from the rows that are trained on.

    Parameters
    ----------
    cells : Cells
    X : ndarray of shape (n_samples, n_columns)
    weights : ndarray of shape (n_columns,)
        What the columns count.
    """
    layout, first = cells.layout, 0
    constant, center = np.zeros(layout.n_outputs), np.zeros(layout.n_outputs)
    spread = np.ones(layout.n_outputs)
    for j in layout.order:
        where = slice(first, first + layout.widths[j])
        constant[where], center[where], spread[where] = _constant(cells, X[:, j], j)
        first = where.stop
    for name, value in (("constant", constant), ("center", center), ("spread", spread)):
        getattr(cells, name).copy_(torch.from_numpy(value))
    most = np.nan_to_num(np.nanmax(np.c_[X[:, layout.counts].T, np.zeros(len(layout.counts))], 1))
    cells.ceiling.copy_(torch.from_numpy(np.log(np.maximum(most, 1.0))))
    _set_shares(cells, X, weights)


@torch.no_grad()
def set_range(cells, X):
    """Set the range of the numbers.

    Parameters
    ----------
    cells : Cells
    X : ndarray of shape (n_samples, n_columns)
        All rows, those that are held out, too.
    """
    numbers = X[:, cells.layout.numbers]
    for end, furthest in ((cells.low, np.fmin), (cells.high, np.fmax)):
        end.copy_(torch.from_numpy(np.nan_to_num(furthest.reduce(numbers, axis=0))))


def _constant(cells, x, j):
    """Return natural parameters of the constant model of a column, and how its input is scaled."""
    known, layout = x[~np.isnan(x)].astype(np.float64), cells.layout
    if j in layout.numbers:
        mean = known.mean() if len(known) else 0.0
        return mean, mean, _positive(known.std() if len(known) else 0.0)
    if j in layout.counts:
        rate, seen = (known.mean(), np.log1p(known)) if len(known) else (0.0, np.zeros(1))
        return np.log(max(rate, 1e-6)), seen.mean(), _positive(seen.std())
    counts = np.bincount(known.astype(int), minlength=layout.sizes[j])
    # A category that only rows held out have is rare, and not impossible.
    frequency = (counts + 0.5 * (counts == 0)) / max((counts + 0.5 * (counts == 0)).sum(), 1)
    if j in layout.many:
        i = list(layout.many).index(j)
        getattr(cells, f"prior{i}").copy_(torch.from_numpy(np.log(frequency)))
        return 0.0, 0.0, 1.0
    spread = np.sqrt((frequency * (1 - frequency)).sum())
    return np.log(frequency), frequency, _positive(spread)


def _set_shares(cells, X, weights):
    """Set what the cells of each column count, so that the constant model loses 1 in all."""
    observed = (~np.isnan(X)).mean(axis=0)
    unit = mean_losses(cells, X) / np.maximum(observed, 1e-12)
    varies = unit > 1e-6
    unit, weights = np.where(varies, unit, 1.0), np.where(varies, weights, 0.0)
    numbers = np.r_[cells.layout.numbers, cells.layout.counts].astype(int)
    # A few columns of categories beside many of numbers would not be heard.
    balance = np.sqrt(2 * (len(weights) - len(numbers)) / max(len(numbers), 1))
    weights[numbers] *= np.clip(NUMBERS_COUNT * balance, 1.0, NUMBERS_COUNT)
    share = weights / (unit * np.maximum(observed, LEAST_SEEN)) / max(weights.sum(), 1e-12)
    cells.unit.copy_(torch.from_numpy(unit))
    cells.share.copy_(torch.from_numpy(share))


def mean_losses(cells, X):
    """Return the loss of the constant model in each column, divided by the number of rows.

    Parameters
    ----------
    cells : Cells
    X : ndarray of shape (n_samples, n_columns)
    """
    total = np.zeros(X.shape[1])
    for start in range(0, len(X), 1024):
        x = torch.from_numpy(np.ascontiguousarray(X[start : start + 1024])).to(cells.share)
        total += cells.constant_losses(x).double().sum(dim=0).cpu().numpy()
    return total / len(X)


def _positive(spread):
    return spread if spread > 1e-6 else 1.0

"""What a module makes of the rows of large sparse tables: codes, and how far off they come back."""

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F

from ..architectures import LinearPlusNetwork
from .device import threads_for
from .loader import as_tensor
from .sparse_batch import SparseRows, is_mostly_zeros

# A squared error is a difference of squared norms. Below so many times what these are rounded by,
# it is computed anew.
FEW_DIGITS = 1e5


def passes_over(X, module, both=True):
    """Return the passes of a module over the rows of a table; None where they are to be dense.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    module : AutoencoderModule
    both : bool, default=True
        Whether rows are decoded, too.

    Returns
    -------
    passes : SparsePasses or None
    """
    if not is_mostly_zeros(X) or module.offset.device.type != "cpu":
        return None
    coders = (module.encoder, module.decoder) if both else (module.encoder,)
    is_plain = module.has_plain_passes and module.represent is None
    is_plain = is_plain and not (both and module.link is not None)
    is_known = all(
        type(coder) is LinearPlusNetwork and all(layer.bias is not None for layer in coder.layers)
        for coder in coders
    )
    return SparsePasses(module) if is_plain and is_known else None


class SparsePasses:
    """A perceptron's passes over sparse rows, which never become dense.

    Parameters
    ----------
    module : AutoencoderModule
    """

    def __init__(self, module):
        self.module, self.scale = module, module.scale.item()

    def codes(self, rows):
        """Return the codes of some rows, shape (n_rows, n_components).

        Parameters
        ----------
        rows : Rows
            Of a sparse table.
        """
        with torch.inference_mode(), threads_for(self.module.n_weights):
            batches = SparseRows(rows, self.module.offset).batches()
            return torch.cat([self._encoded(batch) for batch, *_ in batches]).numpy()

    def errors(self, rows):
        """Yield weights of some rows, and squared distances to reconstruction and mean.

        Parameters
        ----------
        rows : Rows
            Of a sparse table.

        Yields
        ------
        weight, error, apart : Tensor of shape (n_rows,)
            Of float64.
        """
        with torch.inference_mode(), threads_for(self.module.n_weights):
            for batch, weight, *_ in SparseRows(rows, self.module.offset).batches():
                apart = batch.squared_norms()
                weight = torch.ones_like(apart) if weight is None else weight.double()
                yield weight, self._errors(batch, apart), apart

    def _encoded(self, batch):
        first, skip = self.module.encoder.layers[0], self.module.encoder.skip
        products = batch.times(self._down).div_(self.scale)
        n_first = len(first.bias)
        out, path = products[:, :n_first] + first.bias, products[:, n_first:]
        for layer in self.module.encoder.layers[1:]:
            out = F.linear(self.module.encoder.activation(out), layer.weight, layer.bias)
        if skip is not None:
            out = out + path
        finish = self.module.encoder.output_activation
        return out if finish is None else finish(out)

    def _errors(self, batch, apart):
        """Return ``|x|² - 2 k (x W)' + k (W'W) k'``, where a layer of weights W takes k."""
        code = hidden = self._encoded(batch)
        decoder = self.module.decoder
        for layer in decoder.layers[:-1]:
            hidden = decoder.activation(F.linear(hidden, layer.weight, layer.bias))
        path = [] if decoder.skip is None else [code]
        k = torch.cat([hidden, *path, torch.ones_like(code[:, :1])], dim=1)
        met, k = batch.times(self._up).double(), k.double()
        made = k @ self._gram * self.scale**2
        errors = apart + (k * (made - 2 * self.scale * met)).sum(dim=1)
        return self._with_close_ones(batch, errors.clamp_(min=0), apart)

    def _with_close_ones(self, batch, errors, apart):
        rounding = torch.finfo(self.module.offset.dtype).eps
        close = np.flatnonzero(errors < FEW_DIGITS * rounding * apart)
        for start in range(0, len(close), 64):
            some = close[start : start + 64]
            x = as_tensor(batch.matrix[some].toarray().astype(self.module.dtype, copy=False))
            errors[some] = (self.module(x).reconstruction - x).square().sum(dim=1).double()
        return errors

    @cached_property
    def _down(self):
        encoder = self.module.encoder
        weights = [layer.weight for layer in (encoder.layers[0], encoder.skip) if layer is not None]
        return torch.cat(weights).T.contiguous()

    @cached_property
    def _up(self):
        last, skip = self.module.decoder.layers[-1], self.module.decoder.skip
        weights = [layer.weight for layer in (last, skip) if layer is not None]
        return torch.cat([*weights, last.bias[:, None]], dim=1)

    @cached_property
    def _gram(self):
        up = self._up.double()
        return up.T @ up

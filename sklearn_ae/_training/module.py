"""The torch module of an autoencoder: scale once, encode, decode, scale back."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import Tensor, nn

from .device import threads_for
from .loader import Rows, as_tensor
from .sparse_passes import passes_over
from .tables import ROWS_AT_A_TIME, Table, pieces_of, rows_at_a_time

DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
RUNAWAY = 100  # times its distance to the mean that a row may be off, and that of a typical row


class Output(NamedTuple):
    """What a forward pass returns. skorch takes the first field for the prediction.

    ``seen`` is what was encoded, and ``preactivations`` what the encoder's layers summed up before
    their activations, if the encoder tells. A variational code was drawn from the normal
    distribution of ``mean`` and ``log_variance``.
    """

    reconstruction: Tensor
    code: Tensor
    seen: Tensor | None = None
    preactivations: list[Tensor] | None = None
    mean: Tensor | None = None
    log_variance: Tensor | None = None


class AutoencoderModule(nn.Module):
    """An encoder and a decoder around one centring and one scaling of the data.

    Parameters
    ----------
    encoder, decoder : nn.Module
        Work on data centred by ``offset`` and divided by ``scale``.
    n_features : int
        Width of the data.
    link : callable or None, default=None
        Maps the decoder's output to the data (``torch.sigmoid``, ...). None undoes the scaling.

    Attributes
    ----------
    offset : Tensor of shape (n_features,)
        Mean of the training data.
    scale : Tensor of shape ()
        Root of the mean variance of the training data: one number, so that the geometry stays.
    seen_offset, seen_scale : Tensor
        The same of what the encoder is given, if that is not the data itself.
    low, high : Tensor of shape (n_features,)
        What the link takes as it is, if it is bounded.
    """

    def __init__(self, encoder, decoder, n_features, link=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.link = link
        self.represent = None
        self.is_bounded = False
        self.register_buffer("offset", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))

    @property
    def dtype(self):
        """The numpy dtype that the module computes in."""
        return DTYPES[self.offset.dtype]

    @cached_property
    def n_weights(self):
        """How many weights there are: multiply-adds for a row, of linear layers."""
        return sum(weight.numel() for weight in self.parameters())

    @property
    def written_parts(self):
        """What steps are written out for: itself, with nothing added."""
        return self, None

    @property
    def can_turn(self):
        """Whether `start.turn_to_principal_axes` can turn the code by way of the weights."""
        own = AutoencoderModule
        if (type(self).encode, type(self).decode) != (own.encode, own.decode):
            return False
        can_turn = getattr(self.encoder, "can_turn_output", False)
        return can_turn and getattr(self.decoder, "can_turn_input", False)

    @property
    def has_plain_passes(self):
        """Whether rows pass through the coders and nothing else, as they do here."""
        own, names = AutoencoderModule, ("encode", "decode", "forward")
        return all(getattr(type(self), name) is getattr(own, name) for name in names)

    def encode(self, x):
        """Return the codes of rows of data, shape (n_rows, n_components)."""
        return self.encoder(self.standardise(x))

    def suit(self, loss):
        """Make room for what a loss wants its data and its link to be."""
        if hasattr(loss, "represent"):
            self.represent = loss.represent
            self.register_buffer("seen_offset", torch.zeros_like(self.offset))
            self.register_buffer("seen_scale", torch.ones_like(self.scale))
        if hasattr(loss, "natural_range"):
            self.is_bounded = True
            for name in ("low", "high"):
                self.register_buffer(name, torch.zeros_like(self.offset))

    def standardise(self, x):
        """Return what the encoder is given for rows of data: centred, divided by one number."""
        if self.represent is None:
            return (x - self.offset) / self.scale
        return (self.represent(x) - self.seen_offset) / self.seen_scale

    def decode(self, code):
        """Return the rows of data that codes stand for, shape (n_rows, n_features)."""
        return self.to_data(self.decoder(code))

    def to_data(self, natural):
        """Return the rows of data that the decoder's output stands for."""
        if self.link is not None:
            return self.link(self.bounded(natural))
        return torch.addcmul(self.offset, natural, self.scale)

    def bounded(self, natural):
        """Return natural parameters that grow like a logarithm where no training row has been."""
        if not self.is_bounded:
            return natural
        above, below = (natural - self.high).relu(), (self.low - natural).relu()
        return natural.clamp(self.low, self.high) + above.log1p() - below.log1p()

    def forward(self, x):
        """Return reconstruction and code of rows of data."""
        preactivations = None
        if hasattr(self.encoder, "trace"):
            code, preactivations = self.encoder.trace(self.standardise(x))
        else:
            code = self.encode(x)
        return Output(self.decode(code), code, x, preactivations)


def in_batches(function, array, module, *shape):
    """Return what a function of tensors makes of the rows of an array, batch by batch.

    Parameters
    ----------
    function : callable
        Passes rows through a module.
    array : ndarray of shape (n_rows, ...), or Table
    module : AutoencoderModule
        Computes in its dtype, on its device, and with as many threads as the work is worth.
    *shape : int
        Of what the function makes of one row.

    Returns
    -------
    out : ndarray of shape (n_rows, *shape)
    """
    n_rows, dtype, device = len(array), module.dtype, module.offset.device
    out = np.empty((n_rows, *shape), dtype)
    work = min(n_rows, ROWS_AT_A_TIME) * module.n_weights
    n_done = 0
    with torch.inference_mode(), threads_for(work):
        for piece in pieces_of(array):
            for start in range(0, len(piece), ROWS_AT_A_TIME):  # gen_batches costs as much as a row
                rows = piece[start : start + ROWS_AT_A_TIME]
                x = as_tensor(rows if rows.dtype == dtype else _cast(rows, dtype)).to(device)
                out[n_done : n_done + len(rows)] = function(x).numpy(force=True)
                n_done += len(rows)
    return out


def _cast(rows, dtype):
    try:
        with np.errstate(over="raise"):
            return rows.astype(dtype)
    except FloatingPointError:
        raise ValueError(
            f"X holds values of up to {np.abs(rows).max():.3g}, beyond the range of {dtype}, which "
            f"the estimator was fitted in. Rescale X as in fit, or fit to {rows.dtype}."
        ) from None


def represented(module, X):
    """Return what the encoder of a module is given in place of the rows of an array.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)

    Returns
    -------
    seen : ndarray or Table of shape (n_samples, n_features)
        X itself, if there is no such thing.
    """
    if module.represent is None:
        return X

    def represent(rows):
        return in_batches(module.represent, rows, module, X.shape[1])

    return X.mapped(represent) if isinstance(X, Table) else represent(X)


def codes_of(module, X, n_components=None):
    """Return the codes that a module has for the rows of an array.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)
    n_components : int or None, default=None
        Width of the codes, where that is known.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)
    """
    passes = passes_over(X, module, both=False)
    if passes is not None:
        return passes.codes(Rows(X))
    if n_components is None:
        with torch.no_grad():
            n_components = module.encode(module.offset[None]).shape[1]
    return in_batches(module.encode, X, module, n_components)


def reconstructions(module, X):
    """Return what a module makes of the rows of an array.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)

    Returns
    -------
    reconstruction : ndarray of shape (n_samples, n_features)
    """
    return in_batches(lambda x: module(x).reconstruction, X, module, X.shape[1])


def squared_errors(module, X):
    """Return the squared distance of each row of an array to its reconstruction.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)

    Returns
    -------
    errors : ndarray of shape (n_samples,)
    """
    passes = passes_over(X, module)
    if passes is not None:
        errors = torch.cat([error for _, error, _ in passes.errors(Rows(X))])
        return errors.numpy().astype(module.dtype)

    def errors(x):
        return (module(x).reconstruction - x).square().sum(dim=1)

    return in_batches(errors, X, module)


def runaway_rows(module, X, errors):
    """Return which rows are reconstructed absurdly far from where data are.

    Rows that are held out are few, and may all look fine.

    Parameters
    ----------
    module : AutoencoderModule
    X : ndarray or Table of shape (n_samples, n_features)
    errors : ndarray of shape (n_samples,)
        From `squared_errors`.

    Returns
    -------
    rows : ndarray of int
    """
    size = len(module.offset) * module.scale.item() ** 2  # mean squared distance to the mean
    errors = errors.astype(np.float64)  # the limits of single precision are near
    suspects = np.flatnonzero(~(errors <= RUNAWAY**2 * size))
    centre = module.offset.cpu().double().numpy()
    apart = np.empty(len(suspects))
    for some in gen_batches(len(suspects), rows_at_a_time(X)):
        apart[some] = np.square(X[suspects[some]] - centre).sum(axis=1)
    return suspects[~(errors[suspects] <= RUNAWAY**2 * (size + apart))]


def share_weights(encoder, decoder):
    """Whether two modules have a parameter in common, as tied ones do.

    Parameters
    ----------
    encoder, decoder : nn.Module
    """
    own = {id(weight) for weight in encoder.parameters()}
    return any(id(weight) in own for weight in decoder.parameters())

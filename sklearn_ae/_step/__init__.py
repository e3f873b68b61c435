"""A training step without autograd: both passes written out, into buffers that stay.

`coders` has the mathematics of a coder, `losses`, `codes` and `contraction` that of what is
minimised, `closed_form` puts them together, `leaves` leaves to autograd what is not known there,
`parameters` has the optimizers, and `step` says when all this can be.
"""

from .step import written_out

__all__ = ["written_out"]

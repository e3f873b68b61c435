"""A training step without autograd: both passes written out, into buffers that stay.

`coders` has the mathematics of a coder, `losses`, `codes` and `contraction` that of what is
minimised, `closed_form` puts them together, `leaves` leaves to autograd what is not known there,
`parameters` has the optimizers, `recorded` replays steps on a GPU, and `step` says when all this
can be. `sparse_step` does without dense rows, and says when that can be.

What is around the coders says itself how it is written out, in the body of its class. A subclass
says nothing until it says it again: it may do something else (`says`).

=========  ====================  =================================================================
who        what                  what for
=========  ====================  =================================================================
module     ``written_parts``     (property) the `AutoencoderModule` that has the coders, and what
                                 the reconstruction adds to, or None; without, autograd takes all
                                 steps
coder      ``network``           (property) the network in it; without, it is one itself
encoder    ``gives_mask``        whether it hands its network values and, beside them, a mask of
                                 what is missing
loss       ``counts_observed``   whether it is what ``loss.loss`` makes of the values that are not
                                 missing
objective  ``written_out(m)``    `Written` for a module m, or None; without, autograd does
                                 everything but the coders
callback   ``only_watches``      whether it leaves net, module and rows alone; without, it sees rows
                                 as they are, and steps are written out anew in each epoch
=========  ====================  =================================================================
"""

from .codes import Written
from .parameters import decaying_parameters
from .recorded import recorded_where_possible
from .says import says
from .sparse_step import written_out_sparse
from .step import written_out

__all__ = [
    "Written",
    "decaying_parameters",
    "recorded_where_possible",
    "says",
    "written_out",
    "written_out_sparse",
]

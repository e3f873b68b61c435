"""What is saved of a fitted TabularAutoencoder, and a look at whether it belongs together."""

import numpy as np

from ..._training.state import state_of, trained_from
from .encoding import Encoding, check_width
from .gaps import Filling
from .module import TableRecipe, table_of_codes

DAMAGED = "The state of TabularAutoencoder is damaged"


def described_fit(state):
    """Return the state of a fitted estimator as plain values, arrays and scalers.

    Parameters
    ----------
    state : dict
        Attributes, of which module, net and kinds of columns are left out.
    """
    described = state | {
        "_trained": state_of(state["_trained"]),
        "_encoding": state["_encoding"].state(),
        "_filling": state["_filling"].state(),
    }
    for name in ("module_", "net_", "column_types_"):
        del described[name]
    return described


def fit_from(trained, encoding, filling, n_features):
    """Return what `described_fit` has described: a Trained, an Encoding and a Filling.

    Parameters
    ----------
    trained, encoding, filling : dict
    n_features : int

    Raises
    ------
    ValueError
        If they do not belong together.
    """
    trained = trained_from(trained, TableRecipe)
    try:
        encoding = Encoding.from_state(encoding)
        check_width(encoding, trained.module, n_features)
        filling = Filling.from_state(filling, trained.module.cells.layout)
        _try(trained, encoding, filling)
    except Exception as error:  # whatever an impossible value leads to
        told = str(error)
        raise ValueError(told if DAMAGED in told else f"{DAMAGED}: {error!r}") from error
    return trained, encoding, filling


def _try(trained, encoding, filling):
    """Decode two rows, and encode and fill what comes out."""
    module = trained.module
    codes = np.zeros((2, trained.recipe.n_components), module.dtype)
    table = encoding.decode(table_of_codes(module, codes))
    cells = encoding.encode(table, module.dtype)
    cells[0] = np.nan
    encoding.decode(filling(cells))
    encoding.kinds_by_name()

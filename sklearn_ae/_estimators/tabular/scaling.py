"""Columns of numbers on one scale, by scikit-learn's own transformers; and these as arrays."""

import numpy as np
from scipy.stats import kurtosis
from sklearn.preprocessing import QuantileTransformer, StandardScaler

HEAVY_TAILS = 1000.0  # excess kurtosis; a lognormal variable of sigma 1 has 111
N_QUANTILES = 1000
HUGE = 1e100


def scaler_of(numbers):
    """Return what standardises a column of numbers, fitted; None if there are none.

    Where the tails are heavy it is their quantiles that do.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,)
        NaN where they are missing.
    """
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0:
        return None
    unit = np.abs(known).max()
    unit = unit if unit > HUGE else 1.0  # its square overflows
    apart = known / unit - np.mean(known / unit)
    is_heavy = (
        len(known) > 8 and apart.any() and kurtosis(apart / np.abs(apart).max()) > HEAVY_TAILS
    )
    if is_heavy and np.ptp(known) > 0:
        return _quantiles(min(N_QUANTILES, len(known))).fit(known[:, None])
    scaler = StandardScaler().set_output(transform="default").fit(known[:, None] / unit)
    return _standard(scaler.mean_[0] * unit, scaler.scale_[0] * unit)


def state_of_scalers(scalers):
    """Return arrays that `scalers_from` makes scalers of.

    Parameters
    ----------
    scalers : list of StandardScaler, QuantileTransformer or None

    Returns
    -------
    state : dict of ndarray
        ``mean`` and ``scale``, NaN where there is no such scaler; quantiles by their column.
    """
    state = {"mean": np.full(len(scalers), np.nan), "scale": np.full(len(scalers), np.nan)}
    for j, scaler in enumerate(scalers):
        if isinstance(scaler, StandardScaler):
            state["mean"][j], state["scale"][j] = scaler.mean_[0], scaler.scale_[0]
        elif scaler is not None:
            state[str(j)] = scaler.quantiles_
    return state


def scalers_from(state):
    """Return the scalers that `state_of_scalers` has described.

    Parameters
    ----------
    state : dict of ndarray
    """
    pairs = zip(state["mean"], state["scale"], strict=True)
    scalers = [None if np.isnan(mean) else _standard(mean, scale) for mean, scale in pairs]
    for name in state.keys() - {"mean", "scale"}:
        scaler = _quantiles(len(state[name]))
        scaler.quantiles_ = np.asarray(state[name], float).reshape(-1, 1)
        scaler.n_quantiles_, scaler.n_features_in_ = len(scaler.quantiles_), 1
        scaler.references_ = np.linspace(0, 1, scaler.n_quantiles_)
        scalers[int(name)] = scaler
    return scalers


def _quantiles(n_quantiles):
    scaler = QuantileTransformer(
        n_quantiles=n_quantiles, output_distribution="normal", subsample=None
    )
    # Whatever the user has set for all transformers, the cells are an array.
    return scaler.set_output(transform="default")


def _standard(mean, scale):
    scaler = StandardScaler().set_output(transform="default")
    scaler.mean_, scaler.scale_ = np.array([mean]), np.array([scale])
    scaler.n_samples_seen_, scaler.n_features_in_ = 1, 1
    return scaler

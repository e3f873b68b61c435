"""Randomness that stays local: torch's global state is lent for a while and put back."""

import random
from contextlib import contextmanager
from threading import Lock, RLock

import numpy as np
import torch

from .device import chosen_device

_borrowing = Lock()
_seeding = RLock()
_n_borrowers = 0
_lent = None


@contextmanager
def borrowed_global_state(seed, device="cpu"):
    """Seed torch's global generators for the block, and leave them as they were.

    Our own code draws from generators of its own. This is for what cannot: dropout, a user's own
    part. Blocks may overlap in threads: the first one in saves the state and the last one out
    restores it, so the global state survives; what overlapping blocks draw from it is then up to
    the threads.

    Parameters
    ----------
    seed : int
    device : str, default="cpu"
        Where the training runs; its generator is treated like that of the CPU.
    """
    global _n_borrowers, _lent
    with _borrowing:
        if _n_borrowers == 0:
            _lent = torch.get_rng_state()
        _n_borrowers += 1
    device = torch.device(chosen_device(device))
    other = None if device.type in ("cpu", "meta") else torch.get_device_module(device.type)
    if other is not None:
        lent_by_device = other.get_rng_state(device)
        other.manual_seed(seed)
    with _seeding:
        torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        if other is not None:
            other.set_rng_state(lent_by_device, device)
        with _borrowing:
            _n_borrowers -= 1
            if _n_borrowers == 0:
                torch.set_rng_state(_lent)


@contextmanager
def seeded_construction(seed):
    """Seed torch's global CPU generator for a block that builds modules, one thread at a time.

    The layers of torch draw their weights from the global generator and from no other. What others
    draw from it afterwards does not depend on what was built.

    Parameters
    ----------
    seed : int
    """
    with _seeding:
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_rng_state(before)


@contextmanager
def borrowed_numpy_state(seed):
    """Seed numpy's global random state for the block, and leave it as it was.

    For what takes no seed: the eigensolver of ARPACK that `sklearn.manifold.Isomap` calls.

    Parameters
    ----------
    seed : int
    """
    state = np.random.mtrand._rand
    before = state.get_state()
    state.seed(seed)
    try:
        yield
    finally:
        state.set_state(before)


@contextmanager
def unchanged_generators(device):
    """Put the global generators of torch, numpy and Python back after a block that may draw.

    Parameters
    ----------
    device : str
        Whose generator is put back as well as that of the CPU.
    """
    device, of_python = torch.device(device), random.getstate()
    others = [] if device.type in ("cpu", "meta") else [device]
    with (
        seeded_construction(0),
        borrowed_numpy_state(0),
        torch.random.fork_rng(others, device_type=device.type),
    ):
        try:
            yield
        finally:
            random.setstate(of_python)

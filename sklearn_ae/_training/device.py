"""Where and how a net computes: device, number of threads, precision."""

import os
import threading
from contextlib import contextmanager

import torch

# Multiply-adds of a batch in the forward pass. Below, threads cost more than they compute; and on a
# busy machine they wait for each other in every layer, which can make a step 100 times slower.
WORTH_THREADS = 64e6


MAX_PREPARED = 2**24  # values that are cast and standardised once; of more a copy might not fit


def room_for(X, device):
    """Return how many values a device has room for, beside rows that lie in main memory.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    device : str

    Returns
    -------
    n_values : int
        On a GPU a third of what is free, since they are copied once on the way.
    """
    if torch.device(device).type != "cuda":
        return MAX_PREPARED
    free, _ = torch.cuda.mem_get_info(device)
    return max(free // (3 * X.itemsize), MAX_PREPARED)


def chosen_device(device):
    """Return the device that "auto" stands for here, or the one that is asked for.

    Parameters
    ----------
    device : str

    Returns
    -------
    device : str
        For "auto" a GPU if there is one: under torchrun, the one whose number this process has.
    """
    if device != "auto":
        return device
    if not torch.cuda.is_available():
        return "cpu"
    local_rank = int(os.environ.get("LOCAL_RANK", 0))
    return f"cuda:{local_rank}" if local_rank else "cuda"


def usable_device(device):
    """Return a device, or "cpu" where this machine has no such device.

    Parameters
    ----------
    device : str
    """
    try:
        torch.zeros(1, device=device).item()  # the meta device has no values
    except (RuntimeError, AssertionError):  # what torch raises differs from device to device
        return "cpu"
    return device


@contextmanager
def threads_kept():
    """Let others compute, and give torch the number of threads back that it had.

    What numba runs in parallel by OpenMP sets the number for all that use it in the process, and
    then torch shares products of the smallest matrices among threads.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


class _Threads(threading.local):
    """What a thread knows of its blocks: how deep it is in them, and how many threads it has."""

    depth = 0
    asked = None


_here, _entering = _Threads(), threading.Lock()
_n_inside, _asked = 0, None


@contextmanager
def threads_for(work):
    """Let torch compute with one thread for the block if what it has to do is little work.

    Otherwise with as many as the user has asked torch for. A thread that starts while torch is at
    one in another one stays there for life; since it may be such a one, a thread at one is taken to
    ask for what was asked before all blocks under way. So bytes and speed do not depend on what
    runs beside a block, nor on what ran before it in its thread.

    Parameters
    ----------
    work : float
        Multiply-adds of a batch.
    """
    asked = _enter()
    before = torch.get_num_threads()
    wanted = asked if work >= WORTH_THREADS else 1
    try:
        if wanted != before:
            torch.set_num_threads(wanted)
        yield
    finally:
        _leave(before)


def _enter():
    """Count a block in, and return how many threads the user has asked for."""
    global _n_inside, _asked
    if _here.depth == 0:
        with _entering:
            _here.asked = torch.get_num_threads()
            if _n_inside == 0:
                _asked = _here.asked
            elif _here.asked == 1:
                _here.asked = _asked
            _n_inside += 1
    _here.depth += 1
    return _here.asked


def _leave(before):
    """Count a block out, and put the number of threads back."""
    global _n_inside
    _here.depth -= 1
    if _here.depth == 0:
        before = _here.asked
        with _entering:
            _n_inside -= 1
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)


@contextmanager
def single_precision(module):
    """Hold a module in float32 for the block, if that resolves the data it is scaled to.

    Training takes noisy steps and is twice as fast in float32. Afterwards the module is what it
    was, and whoever encodes float64 data gets float64 arithmetic.

    Parameters
    ----------
    module : AutoencoderModule
    """
    dtype = module.offset.dtype
    scale, largest = module.scale.item(), module.offset.abs().max().item()
    resolved = largest < 1000 * scale and 1e-15 < scale < 1e15  # the squares, too
    if dtype == torch.float32 or not resolved:
        yield
        return
    before = [tensor.clone() for tensor in float_tensors(module)]
    module.float()
    rounded = [tensor.clone() for tensor in float_tensors(module)]
    try:
        yield
    finally:
        trained = float_tensors(module)
        module.to(dtype)
        # Adding the change keeps what float64 knew of weights that hardly moved.
        for tensor, *values in zip(float_tensors(module), before, rounded, trained, strict=True):
            start, start_rounded, end = (value.to(dtype) for value in values)
            tensor.copy_(start + (end - start_rounded))


def float_tensors(module):
    """Return parameters and buffers that hold real numbers, detached, shared ones once.

    Buffers too: running statistics belong to the weights that they were gathered with.

    Parameters
    ----------
    module : nn.Module
    """
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]

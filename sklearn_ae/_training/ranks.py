"""Several processes that train one model, through torch.distributed."""

import atexit
import hashlib
import multiprocessing
import os
import threading
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist

from .device import chosen_device, float_tensors
from .loader import FEW_ROWS, counted_rows
from .shared_rows import Columns, shared_rows
from .tables import Table
from .world import World, here, inside

SILENCE = 45  # seconds that a rank waits for the others in a training, which go in step
MAY_DIFFER = {"device", "verbose", "callbacks", "random_state", "net_params"}
DIGESTED = 2**26  # bytes that tell whether all ranks have been given the same rows
_inherited = None  # what a forked process cannot use


def _note_inherited():
    global _inherited
    _inherited = dist.group.WORLD if dist.is_available() else None


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_note_inherited)


def is_one_of_several():
    """Whether a fit here and now is part of one that several processes do together.

    It is where the user has called `torch.distributed.init_process_group`, or torchrun has started
    this process; unless joblib, dask or the like fits in a thread or a process of their own.
    """
    if not dist.is_available() or threading.current_thread() is not threading.main_thread():
        return False
    if dist.is_initialized():
        return dist.group.WORLD is not _inherited and dist.get_world_size() > 1
    started = {"TORCHELASTIC_RUN_ID", "MASTER_ADDR", "RANK"} <= os.environ.keys()
    is_worker = multiprocessing.parent_process() is not None
    return started and not is_worker and int(os.environ.get("WORLD_SIZE", 1)) > 1


def is_first():
    """Whether this process is the first of those that fit together, or fits alone."""
    if not is_one_of_several():
        return True
    return (dist.get_rank() if dist.is_initialized() else int(os.environ["RANK"])) == 0


def refuse_several(estimator):
    """Raise RuntimeError if several processes are to train what only one can.

    Parameters
    ----------
    estimator : estimator or str
    """
    if is_one_of_several():
        name = estimator if isinstance(estimator, str) else type(estimator).__name__
        raise RuntimeError(
            f"{name} is not trained by several processes (torchrun, torch.distributed): it needs "
            "all rows in one. Fit it without torchrun."
        )


@contextmanager
def together(estimator):
    """Fit an estimator, in the block, together with the other ranks if there are any.

    Parameters
    ----------
    estimator : estimator

    Yields
    ------
    world : World
    """
    if here().size > 1 or not is_one_of_several():
        yield here()
        return
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(_leave)
    world = Ranks(is_cuda=torch.device(chosen_device(estimator.device)).type == "cuda")
    try:
        world.compare(estimator)
        with inside(world):
            yield world
    finally:
        world.leave()  # where one fails, the others notice


def _leave():
    if dist.is_initialized():
        dist.destroy_process_group()


class Ranks(World):
    """Several processes; as `World`.

    Parameters
    ----------
    is_cuda : bool
        Whether gradients lie on a GPU.
    """

    def __init__(self, is_cuda):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        patience = timedelta(seconds=SILENCE)
        self.patient = dist.new_group(backend="gloo")
        self.hasty = dist.new_group(backend="gloo", timeout=patience)
        backend = "nccl" if is_cuda and dist.is_nccl_available() else "gloo"
        self.of_gradients = dist.new_group(backend=backend, timeout=patience)
        self.group = self.patient

    def leave(self):
        """Close the connections of this fit."""
        for group in (self.patient, self.hasty, self.of_gradients):
            dist.destroy_process_group(group)

    def compare(self, estimator):
        """Raise ValueError unless the estimators of all ranks are the same.

        Parameters
        ----------
        estimator : estimator
        """
        own = {name: repr(value) for name, value in estimator.get_params().items()}
        own = {name: value for name, value in own.items() if name not in MAY_DIFFER}
        own = {name: value for name, value in own.items() if " at 0x" not in value}
        own[""] = type(estimator).__name__
        for rank, other in enumerate(self.gather(own)):
            for name in own.keys() & other.keys():
                if own[name] != other[name]:
                    raise ValueError(
                        f"Rank {self.rank} fits with {name or 'class'}={own[name]} and rank {rank} "
                        f"with {name or 'class'}={other[name]}. Give all ranks the same estimator."
                    )

    @contextmanager
    def agreeing(self):
        """Return a context; if it fails on one rank, it fails on all of them."""
        own = None
        try:
            yield
        except Exception as error:
            own = error
        failed = {
            rank: text
            for rank, text in enumerate(self.gather(own and f"{type(own).__name__}: {own}"))
            if text
        }
        if own is not None:
            raise own
        if failed:
            rank = min(failed)
            raise ValueError(f"Rank {rank} cannot take part in the fit. {failed[rank]}")

    @contextmanager
    def lockstep(self):
        """Return a context in which no rank is ever long in coming."""
        self.group = self.hasty
        try:
            yield
        finally:
            self.group = self.patient

    def counted(self, X, weight):
        """Return the own rows that count, and their weights; as `World.counted`."""
        if isinstance(X, Table):
            raise ValueError(
                "Several processes train on arrays only, not on sparse matrices or on files that "
                "are read in blocks. Give each rank its part as an array: np.array(X[rank::size])."
            )
        shapes = self.gather((X.shape[1], X.dtype.str))
        if len(set(shapes)) > 1:
            raise ValueError(
                f"The ranks have rows of different widths or dtypes: {shapes}. Give all of them "
                "the same columns, in the same dtype."
            )
        is_same = self._all_have(X)
        if not is_same and self.n_rows(X) <= FEW_ROWS:
            if any(self.gather(weight is not None)):
                weight = self.concat(np.ones(len(X), X.dtype) if weight is None else weight)
            X, is_same = self.concat(X), True
        X, weight = self._part_of(X, weight) if is_same else self._counted_apart(X, weight)
        n_fewest = min(self.gather(len(X)))
        if n_fewest == 0:
            raise ValueError(
                f"There is a rank without a row that counts, of {self.size} ranks. Use fewer "
                "processes, or give each of them rows."
            )
        return X, weight

    def _all_have(self, X):
        """Whether all ranks were given the same rows."""
        if len(set(self.gather(X.shape))) > 1:
            return False
        step = max(X.nbytes // DIGESTED, 1)
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, len(X), step * FEW_ROWS):
            digest.update(np.ascontiguousarray(X[start : start + FEW_ROWS]))
        return len(set(self.gather(digest.hexdigest()))) == 1

    def _part_of(self, X, weight):
        """Return the own part of the rows that count, of rows that all ranks have."""
        X, weight = counted_rows(X, weight)
        first, last = (rank * len(X) // self.size for rank in (self.rank, self.rank + 1))
        return X[first:last], None if weight is None else weight[first:last]

    def _counted_apart(self, X, weight):
        if not any(self.gather(weight is not None)):
            return X, None
        weight = np.ones(len(X), X.dtype) if weight is None else weight
        low, high = self.extremes(weight[:, None])
        if low == high:
            return X, None
        counts = weight > 0
        X, weight = X[counts], weight[counts]
        total, n_rows = self.sum(np.array([weight.sum(dtype=np.float64), len(weight)]))
        return X, weight / X.dtype.type(total / n_rows)

    def n_rows(self, X):
        """Return how many rows the ranks have together."""
        return sum(self.gather(len(X)))

    def rows(self, X, weight=None, index=None):
        """Return `Rows`, of which a batch is the own part of the batch of all ranks."""
        return shared_rows(X, weight, index)

    def columns(self, X):
        """Return what tells of the columns of all rows, as an array tells of its own."""
        return Columns(X)

    def sum(self, value):
        """Return the sum over the ranks of a number, an array or a tensor."""
        return self._reduced(value, dist.ReduceOp.SUM)

    def mean(self, value, count):
        """Return the mean over all rows, from that over the own ones and how much these count."""
        dtype = getattr(value, "dtype", None)
        mean = self.sum(np.asarray(value, np.float64) * count) / self.sum(float(count))
        return float(mean) if dtype is None else mean.astype(dtype)

    def extremes(self, X):
        """Return the smallest and the largest value of each column."""
        low = self._reduced(X.min(axis=0), dist.ReduceOp.MIN)
        return low, self._reduced(X.max(axis=0), dist.ReduceOp.MAX)

    def concat(self, array):
        """Return the rows of an array or a tensor of all ranks, one rank after another."""
        parts = self.gather(np.asarray(array.cpu() if torch.is_tensor(array) else array))
        whole = np.concatenate(parts)
        return torch.from_numpy(whole).to(array) if torch.is_tensor(array) else whole

    def gather(self, value):
        """Return a list of what each rank has for a picklable value."""
        values = [None] * self.size
        with self._told():
            dist.all_gather_object(values, value, group=self.group)
        return values

    def same(self, value):
        """Return the value of the first rank."""
        return self.gather(value if self.rank == 0 else None)[0]

    def told_once(self, messages):
        """Return what to tell the user of all ranks on this one: nothing, but for the first."""
        return messages if self.rank == 0 else []

    def own_seed(self, seed):
        """Return a seed for what each rank draws for its own rows."""
        return (seed + 7919 * self.rank) % 2**31

    def agree(self, module):
        """Give a module the weights that it has on the first rank."""
        for tensor in float_tensors(module):
            values = tensor.cpu().contiguous()
            with self._told():
                dist.broadcast(values, 0, group=self.group)
            tensor.copy_(values)

    def average(self, gradients, value, n_rows):
        """Make gradients those of the batch of all ranks, and return its value.

        One reduction of one tensor: the gradients and the value, times the number of own rows, and
        that number. Nothing here is waited for by a GPU.
        """
        parts = [*(gradient.reshape(-1) for gradient in gradients), value.reshape(1)]
        flat = torch.cat([*parts, value.new_full((1,), float(n_rows))])
        flat[:-1].mul_(n_rows)
        with self._told():
            dist.all_reduce(flat, group=self.of_gradients)
        flat[:-1].div_(flat[-1])
        *averages, value, _ = flat.split([part.numel() for part in parts] + [1])
        for gradient, average in zip(gradients, averages, strict=True):
            gradient.copy_(average.view(gradient.shape))
        return value.view(())

    def _reduced(self, value, operation):
        given = torch.as_tensor(value)
        tensor = given.detach().to("cpu", torch.float64, copy=True).contiguous()
        with self._told():
            dist.all_reduce(tensor, operation, group=self.group)
        if torch.is_tensor(value):
            return tensor.to(given)
        if isinstance(value, np.ndarray | np.generic):
            return tensor.numpy().astype(value.dtype)
        return type(value)(tensor.item())

    @contextmanager
    def _told(self):
        """Say what it means that ranks cannot reach each other."""
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"Rank {self.rank} of {self.size} has lost the others in the middle of a fit: one "
                f"of them has failed, was killed, or was not heard of for {SILENCE} seconds. What "
                "it said last tells why. This estimator is as it was before."
            ) from error

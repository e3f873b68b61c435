"""Fits that survive: what they have reached is kept in a file, and they go on from there."""

import hashlib
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.utils import gen_batches

from .._training.ranks import is_first
from .._training.survival import AtEpochs, keeper, snapshot
from .._training.world import here
from .._validation import is_whole
from ._codec import Decoder, Encoder
from ._file import DamagedFile, check_header, checksum_of, read_file, write_file

COST = 0.02  # share of the time that writing may take if no one says how often
BYTES_AT_A_TIME = 2**24
NOT_ITS_OWN = ("callbacks", "device", "verbose")  # fields that a fit may go on with others of


@contextmanager
def checkpointed(path: str | os.PathLike, every: float | str = "auto") -> Iterator[None]:
    """Keep what fits in this block have reached in a file, and go on from there after a crash.

    If the process dies (a power cut, ``kill -9``, a full memory, a machine taken back), run the
    same script again: the fit goes on after the last epoch in the file, and ends with the same
    weights, to the byte on the same machine, as if nothing had happened. Every estimator of this
    package can be fitted in the block, by itself, in a pipeline or in a wrapper. At the end of the
    block the file is removed, so save the fitted model before.

    Parameters
    ----------
    path : str or path-like
        The file. It is replaced at once or not at all, so there is a whole one at any time.
    every : int or "auto", default="auto"
        After how many epochs the file is written. "auto" writes as often as it takes at most 2 %
        of the time.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If the file is damaged or no checkpoint, or if it is that of a fit with other rows, other
        parameters or another seed. It is left as it is, and so is the estimator.
    OSError
        If the file cannot be written; before anything is trained.

    Warns
    -----
    RuntimeWarning
        If the file cannot be written any more, as on a full disk. The fit goes on.

    Notes
    -----
    `random_state` must be an int, otherwise the second fit is another one. Fits run in the order in
    which they did before, in the thread of the block; those in other threads or processes
    (``n_jobs``) are not kept. All trainings of the block stay in the file until its end, so of a
    search with many fits keep the last one only.

    Where several processes train one model (torchrun), all of them enter the block, and the first
    one writes and reads the file.

    Ctrl-C ends a fit with the best weights so far, as always; then the file stays, and the same
    call goes on. SIGTERM ends the process unless the program does otherwise, which is one of the
    crashes that this is for. Callbacks that remember something start anew.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import checkpointed, save
    >>> autoencoder = AutoencoderTransformer(2, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     with checkpointed(Path(folder, "iris.checkpoint")):
    ...         autoencoder.fit(load_iris().data)
    ...         save(autoencoder, Path(folder, "iris.safetensors"))
    AutoencoderTransformer(random_state=0)
    """
    if every != "auto" and not is_whole(every):
        raise ValueError(f"every={every!r} must be a positive integer, or 'auto'.")
    checkpoint = Checkpoint(path, every)
    token = keeper.set(checkpoint)
    try:
        yield
    finally:
        keeper.reset(token)
    if not checkpoint.interrupted and is_first():
        Path(path).unlink(missing_ok=True)


class Checkpoint:
    """Keeps the trainings of a block.

    Parameters
    ----------
    path : str or path-like
    every : int or "auto"
    """

    def __init__(self, path, every):
        self.path = path
        self.every = every
        self.before = read_trainings(path) if Path(path).exists() else []
        self.done = []
        self.interrupted = self.warned = False
        self.began, self.writing = time.perf_counter(), 0.0
        if not self.before and is_first():
            write_trainings(path, [])

    @contextmanager
    def training(self, net, rows, recipe):
        """Keep a training, and go on from what is there of it."""
        mark, kept = "".join(here().gather(fingerprint(net, rows, recipe))), None
        first = here().same(self.before.pop(0) if self.before else None)
        if first is not None:
            if first["mark"] != mark:
                raise ValueError(
                    f"The checkpoint {os.fspath(self.path)!r} is that of another fit: of other "
                    "rows, other parameters or another seed (random_state must be an int). Give "
                    "another path, or delete the file to start anew."
                )
            kept = first["kept"]
        own = {"mark": mark, "kept": kept}
        self.done.append(own)

        def offer(net, is_last):
            if here().same(is_last or self._is_due(len(net.monitor.loss_curve_))):
                own["kept"] = snapshot(net)
                self._write()

        callback = ("keeper", AtEpochs(kept, offer))
        net.callbacks_.append(callback)
        try:
            yield
        finally:
            net.callbacks_.remove(callback)
            self.interrupted |= net.monitor.stopped_by_ == "interrupt"

    def _is_due(self, n_epochs):
        if self.every == "auto":
            return self.writing <= COST * (time.perf_counter() - self.began - self.writing)
        return n_epochs % self.every == 0

    def _write(self):
        if not is_first():
            return
        start = time.perf_counter()
        try:
            write_trainings(self.path, self.done + self.before)
        except OSError as error:
            if not self.warned:
                self.warned = True
                warnings.warn(
                    f"The checkpoint could not be written ({error}). The fit goes on; if it dies, "
                    "what it has reached since is lost.",
                    RuntimeWarning,
                    stacklevel=2,
                )
        self.writing += time.perf_counter() - start


def write_trainings(path, trainings):
    """Write what is kept of some trainings.

    Parameters
    ----------
    path : str or path-like
    trainings : list of dict
    """
    encoder = Encoder()
    encoded = encoder([training for training in trainings if training["kept"] is not None])
    write_file(path, {"trainings": encoded}, encoder.arrays)


def read_trainings(path):
    """Return what is kept of some trainings.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    DamagedFile
        If the file is no whole checkpoint.
    """
    header, arrays = read_file(path)
    if "trainings" not in header:
        raise DamagedFile(
            path, "it is no checkpoint, but what `save` has written. Give another path."
        )
    try:
        trainings = Decoder(arrays, {})(header["trainings"])
        valid = all(training.keys() == {"mark", "kept"} for training in trainings)
    except Exception as error:
        raise DamagedFile(path, f"it is no checkpoint ({error!r}).") from error
    if not valid:
        raise DamagedFile(path, "it is no checkpoint.")
    check_header(path, header)
    return trainings


def fingerprint(net, rows, recipe):
    """Return what tells a training from others: its rows, its recipe, its seed.

    Parameters
    ----------
    net : AutoencoderNet
    rows : Rows
    recipe : Recipe
    """
    encoder = Names()
    given = {name: value for name, value in vars(recipe).items() if name not in NOT_ITS_OWN}
    seed = net.iterator_train__generator.initial_seed()
    described = encoder([given, seed, net.batch_size, net.max_epochs, net.lr])
    digest = hashlib.sha256(f"{described}{checksum_of(encoder.arrays)}".encode())
    for array in (rows.X, rows.weight, rows.index, rows.guide):
        _add(digest, array)
    return digest.hexdigest()


class Names(Encoder):
    """Turns values into something that tells them from others, whatever they are."""

    def __call__(self, value, place="", depth=0):
        try:
            return super().__call__(value, place, depth)
        except TypeError:
            return repr(type(value))

    def _checked_name(self, value, place):
        return f"{value.__module__}.{value.__qualname__}"


def _add(digest, array):
    """Add an array to a digest, part by part: it may be larger than memory."""
    if array is None:
        return
    digest.update(f"{array.dtype}{array.shape}".encode())
    n_rows = max(BYTES_AT_A_TIME * len(array) // max(array.nbytes, 1), 1)
    for part in gen_batches(len(array), n_rows):
        digest.update(np.ascontiguousarray(array[part]).reshape(-1).view(np.uint8).data)

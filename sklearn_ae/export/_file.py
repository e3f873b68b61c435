"""One file of arrays and a header: safetensors, read with suspicion and written whole or not."""

import contextlib
import importlib
import json
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np

KEY = "sklearn_ae"  # of our header among the metadata of the file
OF_HEADER = "header_checksum"
FORMAT = (1, 0)  # the first number changes when older readers would misread a file
MAX_HEADER = 16 * 2**20  # bytes; that of a fitted estimator has some thousands


class DamagedFile(ValueError):
    """A file that is not what it should be; the message names it."""

    def __init__(self, path, reason):
        super().__init__(f"{os.fspath(path)!r} cannot be loaded: {reason}")


def write_file(path, header, arrays, sync=True):
    """Write a file under a temporary name beside it, and put it in place when it is whole.

    Parameters
    ----------
    path : str or path-like
    header : dict
        Of what JSON can hold.
    arrays : dict of str to ndarray
        C-contiguous, of numbers.
    sync : bool, default=True
        Whether the file is on the disk before it takes the place of an older one.

    Raises
    ------
    OSError
        If it cannot be written; an older file of that name is then as it was.
    """
    save = _safetensors("safetensors.numpy").save
    header = {"format": list(FORMAT), "checksum": checksum_of(arrays)} | header
    header[OF_HEADER] = checksum_of_header(header)
    blob = save(arrays, {KEY: json.dumps(header, allow_nan=False, separators=(",", ":"))})
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or ".")
    except OSError as error:  # which names the temporary file
        reason = f"{error.strerror} (the folder must be there, and writable)"
        raise OSError(error.errno, reason, os.fspath(path)) from None
    try:
        with open(handle, "wb") as file:
            file.write(blob)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_file(path):
    """Return the header and the arrays of a file.

    Sizes are compared before anything is allocated, so that reading takes no more memory than a
    few times the size of the file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    header : dict
    arrays : dict of str to ndarray

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    DamagedFile
        If it is not a whole file of ours, or of a later format.
    """
    library = _safetensors("safetensors")
    size = _size_of_header(path)
    if size > MAX_HEADER:
        raise DamagedFile(path, f"its header would have {size} bytes, more than {MAX_HEADER}.")
    try:
        with library.safe_open(path, "numpy") as file:
            header = _header_of(path, file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (library.SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(path, f"it is no whole safetensors file ({error}).") from error
    if header.get("checksum") != checksum_of(arrays):
        raise DamagedFile(path, "its arrays are not those that were saved; it has been damaged.")
    return header, arrays


def checksum_of(arrays):
    """Return a checksum of some arrays, by name: of damage, not of tampering.

    Parameters
    ----------
    arrays : dict of str to ndarray
        C-contiguous.
    """
    checksum = 0
    for name in sorted(arrays):
        array = arrays[name]
        checksum = zlib.crc32(f"{name} {array.dtype} {array.shape}\n".encode(), checksum)
        checksum = zlib.crc32(np.asarray(array, order="C").reshape(-1).view(np.uint8), checksum)
    return checksum


def checksum_of_header(header):
    """Return a checksum of a header without its own one: of damage, not of tampering.

    Parameters
    ----------
    header : dict
        Of what JSON can hold.
    """
    others = {name: value for name, value in header.items() if name != OF_HEADER}
    return zlib.crc32(json.dumps(others, sort_keys=True, allow_nan=False).encode())


def check_header(path, header):
    """Raise an error if a header is not what was written, though one could read it.

    Parameters
    ----------
    path : str or path-like
    header : dict
        As from `read_file`. A file of another minor format may have been written otherwise.

    Raises
    ------
    DamagedFile
    """
    if header["format"] != list(FORMAT) or OF_HEADER not in header:
        return
    try:
        sound = header[OF_HEADER] == checksum_of_header(header)
    except (ValueError, RecursionError):  # no number of ours, or deeper than ours
        sound = False
    if not sound:
        raise DamagedFile(path, "its header is not the one that was saved; it has been damaged.")


def _safetensors(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "Files need a further package: pip install 'sklearn_ae[safetensors]'."
        ) from error


def _size_of_header(path):
    with open(path, "rb") as file:
        start = file.read(8)
        whole = os.fstat(file.fileno()).st_size
    if len(start) < 8:
        raise DamagedFile(path, f"it has {whole} bytes and is no safetensors file.")
    return int.from_bytes(start, "little")


def _header_of(path, metadata):
    if KEY not in metadata:
        raise DamagedFile(path, "it was not written by sklearn_ae.export.save.")
    try:
        header = json.loads(metadata[KEY])
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, f"its header is no JSON ({error}).") from None
    form = header.get("format") if isinstance(header, dict) else None
    if not (isinstance(form, list) and len(form) == 2 and all(type(n) is int for n in form)):
        raise DamagedFile(path, "its header names no format.")
    if form[0] != FORMAT[0]:
        raise DamagedFile(
            path,
            f"it has format {form[0]}.{form[1]}, and this version of sklearn_ae reads "
            f"{FORMAT[0]}.x. Load it with the version that saved it: {header.get('versions')}.",
        )
    return header


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask

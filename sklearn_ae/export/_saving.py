"""An estimator in one file without a pickle, and back."""

import os
import platform
from typing import Any

import numpy as np
import sklearn
import skorch
import torch

from .. import _version
from ._classes import OWN, checked_custom, name_of
from ._codec import Decoder, Encoder
from ._file import DamagedFile, check_header, read_file, write_file

VERSIONS = {
    "sklearn_ae": _version.__version__,
    "scikit-learn": sklearn.__version__,
    "torch": torch.__version__,
    "skorch": skorch.__version__,
    "numpy": np.__version__,
    "python": platform.python_version(),
}


def save(estimator: Any, path: str | os.PathLike) -> None:
    """Save an estimator in one file, which is safe to load again wherever it comes from.

    The file is a safetensors file. Its arrays are the weights and whatever else the estimator has
    learned; its header says in JSON how they belong together. There is no pickle inside. It is
    written whole or not at all.

    Parameters
    ----------
    estimator : estimator
        One of this package, fitted or not.
    path : str or path-like
        Where to; an older file there is replaced.

    Raises
    ------
    TypeError
        If the estimator is none of this package, or holds what is neither plain values nor arrays,
        nor objects made of them, as a lambda does.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import load, save
    >>> X = load_iris().data
    >>> autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     save(autoencoder, Path(folder, "iris.safetensors"))
    ...     restored = load(Path(folder, "iris.safetensors"))
    >>> bool(np.array_equal(restored.transform(X), autoencoder.transform(X)))
    True
    """
    if not hasattr(estimator, "fit") or name_of(type(estimator)) not in OWN:
        raise TypeError(
            f"{estimator!r} is no estimator of sklearn_ae. skops.io.dump and joblib.dump save "
            "pipelines and others."
        )
    encoder = Encoder()
    encoded = encoder(estimator)
    write_file(path, {"versions": VERSIONS, "estimator": encoded}, encoder.arrays)


def load(path: str | os.PathLike, custom: dict | None = None) -> Any:
    """Load an estimator that `save` has written; no code of the file is executed.

    Names, shapes and types are checked before memory is allocated, and nothing is built but classes
    of this package and what is handed in. An estimator trained on a GPU computes on the CPU where
    there is none.

    Parameters
    ----------
    path : str or path-like
        The file.
    custom : dict of str to type or callable, default=None
        Classes and functions of your own that the estimator holds (a penalty, an architecture, a
        loss, a torch optimizer), by the names that they have in the file:
        ``{"my_module.MyPenalty": MyPenalty}``. The error for one that is missing has its name.

    Returns
    -------
    estimator : estimator
        As it was saved, to the byte.

    Raises
    ------
    ValueError
        If the file is damaged, of a later format, not written by `save`, or holds a class that was
        not handed in.
    OSError
        If it cannot be read.

    Warns
    -----
    InconsistentVersionWarning
        If another version of this package has saved it.

    See Also
    --------
    save : Writes such files.
    """
    custom = checked_custom(custom)
    header, arrays = read_file(path)
    if "estimator" not in header:
        raise DamagedFile(path, "it holds no estimator; is it the checkpoint of a fit?")
    try:
        estimator = Decoder(arrays, custom)(header["estimator"])
    except Warning:
        raise
    except Exception as error:
        # A file may hold anything, and what our classes raise for it is no one's to know.
        raise DamagedFile(path, str(error) or repr(error)) from error
    if name_of(type(estimator)) not in OWN or not hasattr(estimator, "fit"):
        raise DamagedFile(path, "it holds no estimator.")
    check_header(path, header)
    return estimator

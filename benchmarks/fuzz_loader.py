"""Loads many damaged and hostile files, and counts what comes of them.

    python benchmarks/fuzz_loader.py [n_files] [seed]

Each file is a saved estimator after one to three mutations: bytes cut off or changed, sizes that
lie, values of the header replaced by hostile ones with a right checksum, and bombs under our
extension. Loading one has to return an estimator, or to raise ValueError or OSError with the name
of the file. The table counts both, says how much memory was taken above what a load of a sound file
takes, how long the slowest took, and whether the interpreter saw anything executed.
"""

import copy
import gzip
import io
import json
import pickle
import random
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from sklearn.datasets import load_iris

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    GeodesicAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import Convolutional
from sklearn_ae.export import load, save
from sklearn_ae.export._file import OF_HEADER, checksum_of, checksum_of_header

X = load_iris().data
KEY = "sklearn_ae"
HUGE = [2**31 - 1, 2**63, 10**30, 10**9, -1, 0, 1e308]
HOSTILE = [
    *HUGE,
    None,
    True,
    "",
    "../../../../etc/passwd",
    "/dev/zero",
    "nan",
    "cuda:0",
    "meta",
    "\x00",
    "a" * 10_000,
    [],
    [[]] * 50,
    {},
    {"tuple": [10**9] * 3},
    {"tuple": [3] * 5000},
    {"dict": []},
    {"dict": [["n_components", 10**9]]},
    {"float": "nan"},
    {"float": "__import__('os').system('true')"},
    {"array": "offset"},
    {"array": "../offset"},
    {"number": 10**400, "dtype": "float64"},
    {"number": 1, "dtype": "O"},
    {"strings": ["a"], "shape": [10**9, 10**9], "dtype": "O"},
    {"strings": [1], "shape": [1], "dtype": "U"},
    {"random_state": {"dict": [["bit_generator", "MT19937"]]}},
    {"requests": {"dict": [["fit", {"dict": []}]]}, "owner": None},
    {"name": "os.system"},
    {"name": "builtins.eval"},
    {"class": "subprocess.Popen", "state": {"dict": [["args", "true"]]}},
    {"class": "builtins.object", "state": {"dict": []}},
    {"class": "sklearn_ae.export.load", "state": {"dict": []}},
    {"class": "sklearn_ae.AutoencoderTransformer", "state": {"dict": []}},
    {"class": "sklearn_ae.AutoencoderImputer", "state": {"dict": [["transform", 1]]}},
    {"class": "sklearn_ae.architectures.MLP", "state": {"dict": [["build", 1]]}},
    {
        "class": "sklearn_ae.architectures.MLP",
        "state": {"dict": [["hidden_layer_sizes", [10**9] * 4]]},
    },
]
EXECUTED = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
    "shutil.rmtree",
    "os.remove",
}


def sound_files():
    """Return the bytes of saved estimators, small ones so that many can be tried."""
    warnings.simplefilter("ignore")
    small = {"hidden_layer_sizes": (4,), "random_state": 0}
    quick = AutoencoderTransformer(2, max_iter=2, **small)
    estimators = [
        quick.fit(X),
        AutoencoderTransformer(2, max_iter=2, **small).partial_fit(X.astype(np.float32)),
        AutoencoderTransformer(2, max_iter=2, architecture=Convolutional((2, 2), (2,))).fit(X),
        VariationalAutoencoder(2, max_iter=2, **small).fit(X),
        GeodesicAutoencoder(2, max_steps=5, **small).fit(X),
        AutoencoderOutlierDetector(quick, random_state=0).fit(X),
        AutoencoderImputer(quick, max_steps=5, random_state=0).fit(np.where(X > 0.3, X, np.nan)),
    ]
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for estimator in estimators:
            save(estimator, Path(folder, "model"))
            files.append(Path(folder, "model").read_bytes())
    return files


def parts_of(blob):
    """Return our header, and the arrays of a file."""
    (size,) = struct.unpack("<Q", blob[:8])
    return json.loads(json.loads(blob[8 : 8 + size])["__metadata__"][KEY]), load_arrays(blob)


def joined(header, arrays, rng):
    """Return a file of a header and arrays, with a right checksum in most cases."""
    if rng.random() < 0.9:
        header = header | {"checksum": checksum_of(arrays)}
        header[OF_HEADER] = checksum_of_header(header)
    return save_arrays(arrays, {KEY: json.dumps(header)})


def cut(blob, rng):
    return blob[: rng.randrange(len(blob))]


def change_bytes(blob, rng, end=None):
    blob = bytearray(blob)
    for _ in range(rng.choice([1, 1, 2, 8, 100])):
        blob[rng.randrange(end or len(blob))] = rng.randrange(256)
    return bytes(blob)


def change_header_bytes(blob, rng):
    return change_bytes(blob, rng, min(struct.unpack("<Q", blob[:8])[0] + 8, len(blob)))


def lie_about_the_header(blob, rng):
    size = rng.choice([0, 1, 7, 2**16, 2**32, 2**63, 2**64 - 1, rng.randrange(len(blob))])
    return struct.pack("<Q", size) + blob[8:]


def lie_about_an_array(blob, rng):
    (size,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + size])
    name = rng.choice([name for name in header if name != "__metadata__"])
    lie = rng.choice(["shape", "dtype", "data_offsets", "name"])
    if lie == "name":
        header[rng.choice(["../x", "", "offset", "é\x00"])] = header.pop(name)
    else:
        header[name][lie] = rng.choice(
            [[10**12], [2**40, 2**40], [-1], [0, 10**15], [], "F64", "BF16", "X", None, [5, 1]]
        )
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + blob[8 + size :]


def change_an_array(blob, rng):
    header, arrays = parts_of(blob)
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    arrays[name] = rng.choice(
        [
            array.astype(np.float16),
            array.astype(np.int64),
            array.reshape(-1)[:-1],
            array[None],
            np.full_like(array, np.nan if array.dtype.kind == "f" else 0),
            np.zeros(rng.choice([0, 1, 1000])),
        ]
    )
    if rng.random() < 0.2:
        del arrays[name]
    return joined(header, arrays, rng)


def places(value, path=()):
    """Yield the paths to all values of a header."""
    yield path
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def change_a_value(blob, rng):
    header, arrays = parts_of(blob)
    *way, last = rng.choice([path for path in places(header) if path])
    where = header
    for key in way:
        where = where[key]
    action = rng.random()
    if action < 0.7:
        where[last] = copy.deepcopy(rng.choice(HOSTILE))
    elif action < 0.8:
        del where[last]
    elif action < 0.9 and isinstance(where, list):
        where.append(copy.deepcopy(where[last]))
    else:
        other = header
        for key in rng.choice(list(places(header))):
            other = other[key]
        where[last] = copy.deepcopy(other)
    return joined(header, arrays, rng)


def nest(blob, rng):
    header, arrays = parts_of(blob)
    depth = rng.choice([50, 200, 900])
    text = json.dumps(header | {"checksum": checksum_of(arrays)})
    deep = rng.choice(["[" * depth + "]" * depth, '{"tuple":[' * depth + "]}" * depth])
    deep = "[" * 100_000 if rng.random() < 0.2 else deep
    return save_arrays(arrays, {KEY: text.replace('"cpu"', deep, 1)})


class _Bomb:
    def __reduce__(self):
        import os

        return os.system, ("true",)


def bomb(blob, rng):
    """Return a file of another kind: what other loaders would run or unpack."""
    zeros = bytes(2**20)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", pickle.dumps(_Bomb()))
        archive.writestr("zeros", zeros)
    files = [b"", b"\x00" * 7, zeros, pickle.dumps(_Bomb()), file.getvalue(), gzip.compress(zeros)]
    scripts = [b"#!/bin/sh\ntrue\n", struct.pack("<Q", 2) + b"{}", b"PK\x03\x04" + zeros]
    return rng.choice(files + scripts)


MUTATIONS = [
    cut,
    change_bytes,
    change_header_bytes,
    lie_about_the_header,
    lie_about_an_array,
    change_an_array,
    *[change_a_value] * 8,
    nest,
    bomb,
]


def mutated(files, rng):
    """Return the bytes of a damaged or hostile file, and the name of what was done last."""
    blob = rng.choice(files)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        mutation = rng.choice(MUTATIONS)
        try:
            blob = mutation(blob, rng)
        except Exception:  # what is broken already cannot be changed in every way
            break
    return blob, mutation.__name__


class Watch:
    """Counts what the interpreter executes, opens for writing or connects to while it is on."""

    def __init__(self):
        self.on, self.seen = False, Counter()
        sys.addaudithook(self)

    def __call__(self, event, args):
        if self.on and (event in EXECUTED or (event == "open" and args[1] in ("w", "wb", "a"))):
            self.seen[event] += 1


def outcome(path):
    """Return what comes of loading a file: "loaded", "rejected", or what should not be."""
    try:
        load(path)
    except (ValueError, OSError) as error:
        return "rejected" if str(path) in str(error) else f"no name of the file: {error!r}"
    except BaseException as error:
        return f"crash: {error!r}"
    return "loaded"


def fuzz(n_files, seed, watch, folder, files=None):
    """Load so many mutated files.

    Returns
    -------
    counts : Counter
        By what was done and what came of it.
    slowest : float
        Seconds.
    grown : float
        MB of memory at most, above that of loading sound files.
    """
    rng, counts, slowest = random.Random(seed), Counter(), 0.0
    files = files or sound_files()
    path = Path(folder, "model.safetensors")
    for blob in files:
        path.write_bytes(blob)
        load(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(n_files):
        blob, name = mutated(files, rng)
        path.write_bytes(blob)
        watch.on, start = True, time.perf_counter()
        counts[name, outcome(path)] += 1
        slowest, watch.on = max(slowest, time.perf_counter() - start), False
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return counts, slowest, grown


def main(n_files=100_000, seed=0):
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        counts, slowest, grown = fuzz(n_files, seed, watch, folder)
    print(f"{'what was done last':24} {'loaded':>8} {'rejected':>9} {'other':>6}")
    for name in sorted({name for name, _ in counts}):
        loaded, rejected = counts[name, "loaded"], counts[name, "rejected"]
        total = sum(n for (other, _), n in counts.items() if other == name)
        print(f"{name:24} {loaded:8} {rejected:9} {total - loaded - rejected:6}")
    for (name, result), n in counts.items():
        if result not in ("loaded", "rejected"):
            print(name, result[:300], n)
    print(f"executed: {dict(watch.seen) or 'nothing'}; slowest load {slowest:.2f} s; ", end="")
    print(f"memory above that of sound files {grown:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

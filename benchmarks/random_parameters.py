"""Random parameters and odd data: each outcome is finite numbers, or an error that says why.

    python benchmarks/random_parameters.py [n_sets] [seed]

Every estimator is given random values of its parameters, drawn from their constraints, and data
drawn from a list of odd ones. An outcome is fine if all that the estimator returns is finite, of
the right length, X is as it was, and the global random state too (unless random_state=None asks for
it); or if it is a ValueError or RuntimeError that the package or scikit-learn's validation raised,
whose text names a parameter of the estimator, or X. Everything else is listed, with what reproduces
it. `tests/test_random_parameters.py` runs a part of this.
"""

import sys
import time
import traceback
import warnings
from collections import Counter
from numbers import Integral
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.utils._param_validation import Interval, StrOptions

import sklearn_ae
from sklearn_ae.architectures import MLP, TopK
from sklearn_ae.corruptions import GaussianNoise, Masking, SaltAndPepper, SwapNoise
from sklearn_ae.penalties import L1, L2, Contractive, KLSparsity

QUICK = {"max_iter": (1, 2, 5), "max_steps": (1, 20, 60), "n_landmarks": (8, 16)}
METHODS = ("transform", "reconstruct", "score_samples", "predict", "p_values", "feature_errors")
PARTS = {
    "penalty": [None, L1(0.1), L2(0.1), KLSparsity(), Contractive(0.1, curvature=0.1)],
    "corruption": [None, GaussianNoise(0.3), Masking(0.2), SaltAndPepper(0.1), SwapNoise(0.2)],
    "architecture": [
        None,
        None,
        MLP((8,), "tanh", tied=True),
        MLP((), code_activation="relu", unit_norm=True),
        MLP(6, code_activation=TopK(2)),
    ],
    "hidden_layer_sizes": [(8, 4), (16,), (), 5],
    "autoencoder": [None],
    "target": [None],
    "callbacks": [None, []],
    "net_params": [None, {"optimizer": torch.optim.RMSprop}, {"optimizer__weight_decay": 0.01}],
    "device": ["cpu"],
    "verbose": [0],
    "metric": ["euclidean", "manhattan", "cosine"],
    "missing_values": [np.nan],
    "random_state": [0, 7, np.random.RandomState(3)],
}


def odd_data(random_state):
    """Return odd arrays by name."""
    X = random_state.normal(size=(60, 5))
    heavy = random_state.standard_cauchy(size=(60, 5))
    outlier = X.copy()
    outlier[3, 2] = 1e9
    constant = X.copy()
    constant[:, 1] = 7
    counts = random_state.poisson(2, size=(60, 5)).astype(float)
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "normal": X,
        "float32": X.astype(np.float32),
        "one row": X[:1],
        "two rows": X[:2],
        "one column": X[:, :1],
        "wide": random_state.normal(size=(20, 200)),
        "constant column": constant,
        "all constant": np.full((40, 3), 2.5),
        "zeros": np.zeros((40, 3)),
        "equal rows": np.repeat(X[:3], 20, axis=0),
        "heavy tails": heavy,
        "outlier": outlier,
        "large": 1e30 * X,
        "small": 1e-30 * X,
        "tiny": 1e-200 * X,
        "subnormal": 1e-310 * X,
        "overflowing": 1e200 * X,
        "near overflow": (1e38 * X / np.abs(X).max()).astype(np.float32),
        "offset": X + 1e8,
        "offset in float32": (X + 1e5).astype(np.float32),
        "other units": X * [1, 1e3, 1e-3, 1e6, 1],
        "integers": random_state.randint(-9, 9, size=(60, 4)),
        "bools": random_state.rand(60, 4) < 0.5,
        "counts": counts,
        "shares": random_state.rand(60, 5),
        "column by column": np.asfortranarray(X),
        "read-only": read_only,
        "backwards": X[::-1, ::-1],
    }


def random_value(name, constraints, random_state):
    """Return a value that the constraints of a parameter allow."""
    for given in (PARTS, QUICK):
        if name in given:
            return given[name][random_state.randint(len(given[name]))]
    values = []
    for constraint in constraints:
        if isinstance(constraint, StrOptions):
            values += sorted(constraint.options)
        elif isinstance(constraint, Interval) and constraint.type is Integral:
            values += [max(constraint.left, 1) + k for k in (0, 1, 3)]
        elif isinstance(constraint, Interval):
            low, high = constraint.left or 0, constraint.right or 3.0
            values += [low + share * (min(high, 3.0) - low) for share in (0.03, 0.3, 0.6)]
        elif constraint == "boolean":
            values += [True, False]
        elif constraint is None:
            values.append(None)
    return values[random_state.randint(len(values))]


def random_estimator(name, random_state):
    """Return an estimator, some of whose parameters are random."""
    cls = getattr(sklearn_ae, name)
    params = {}
    for parameter, constraints in cls._parameter_constraints.items():
        if parameter in QUICK or random_state.rand() < 0.35:
            params[parameter] = random_value(parameter, constraints, random_state)
    return cls(**params)


def is_named(error, estimator):
    """Whether an error was raised on purpose, and names a parameter or X."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = f"{Path(sklearn_ae.__file__).parent}", f"{Path(sklearn.__file__).parent / 'utils'}"
    names = [*estimator.get_params(), "X", "sample_weight"]
    raised = isinstance(error, ValueError | RuntimeError) and frames[-1].filename.startswith(ours)
    return raised and any(name in str(error) for name in names)


def is_finite(values):
    """Whether an array or a list of arrays is finite."""
    return bool(np.isfinite(np.asarray(values, dtype=float)).all())


def numpy_random_state():
    """Return numpy's global random state as a text."""
    return repr(np.random.mtrand._rand.get_state())


def outcome(estimator, X):
    """Return "fine", "refused", or what is wrong."""
    before, torch_state, numpy_state = X.copy(), torch.get_rng_state(), numpy_random_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problems = problems_of(estimator.fit(X), X)
    except Exception as error:
        if not is_named(error, estimator):
            return f"{type(error).__name__}: {error}"
        problems = []
        result = "refused"
    else:
        result = "fine"
    if not np.array_equal(X, before):
        problems.append("X was changed")
    if not torch.equal(torch.get_rng_state(), torch_state):
        problems.append("torch's random state was changed")
    if estimator.random_state is not None and numpy_random_state() != numpy_state:
        problems.append("numpy's random state was changed")
    return "; ".join(problems) or result


def problems_of(fitted, X):
    """Return what is wrong with the output of a fitted estimator."""
    problems = []
    for method in METHODS:
        if hasattr(fitted, method):
            out = getattr(fitted, method)(X)
            if not is_finite(out):
                problems.append(f"{method} is not finite")
            if len(out) != len(X):
                problems.append(f"{method} has {len(out)} rows")
    for name in ("reconstruction_err_", "best_loss_"):
        if hasattr(fitted, name) and not is_finite(getattr(fitted, name)):
            problems.append(f"{name} is not finite")
    return problems


def sweep(n_sets, seed):
    """Yield (seed of the set, estimator, name of the data, outcome)."""
    for own_seed in range(seed, seed + n_sets):
        random_state = np.random.RandomState(own_seed)
        name = sklearn_ae.__all__[own_seed % len(sklearn_ae.__all__)]
        data = odd_data(random_state)
        which = sorted(data)[random_state.randint(len(data))]
        estimator = random_estimator(name, random_state)
        yield own_seed, estimator, which, outcome(estimator, data[which])


if __name__ == "__main__":
    torch.set_num_threads(1)
    n_sets, seed = map(int, (sys.argv[1:] + ["2000", "0"][len(sys.argv) - 1 :])[:2])
    start, counts = time.perf_counter(), Counter()
    for own_seed, estimator, which, found in sweep(n_sets, seed):
        fine = found in ("fine", "refused")
        counts[found if fine else "WRONG"] += 1
        if not fine:
            print(f"set {own_seed}, {which}: {estimator!r}\n    {found}", flush=True)
    print(f"{n_sets} sets in {time.perf_counter() - start:.0f} s: {dict(counts)}")

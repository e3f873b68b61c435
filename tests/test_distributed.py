"""Two processes train one model. In the end one of them is killed."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from skorch.callbacks import Callback, GradientNormClipping
from threadpoolctl import threadpool_limits

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._training import pca, ranks
from sklearn_ae.architectures import Convolutional
from sklearn_ae.export import checkpointed

X = load_digits().data[:400] + np.random.default_rng(0).normal(size=(400, 64))
COUNTS = load_digits().data[:300]
WEIGHT = np.random.default_rng(0).integers(0, 3, 400).astype(float)
SMALL = {"hidden_layer_sizes": (16,), "random_state": 0}
PLAIN = AutoencoderTransformer(3, max_iter=4, **SMALL)


def plain(**changes):
    return AutoencoderTransformer(3, **{"max_iter": 4} | SMALL | changes)


def convolutional(**changes):
    architecture = Convolutional((8, 8), channels=(2,))
    return AutoencoderTransformer(
        3, architecture=architecture, max_iter=2, random_state=0, **changes
    )


def tall_rows(module, x, output):
    return output.code.square().sum(dim=1) * x.mean(dim=1).square()


# Name, estimator, rows, weights: what one process has to come to as well.
AS_ONE = {
    "default": (plain(max_iter=10), X, None),
    "single precision": (plain(), X.astype(np.float32), None),
    "double precision, to the end": (plain(max_iter=500), X + 30_000, None),
    "weighted": (plain(), X, WEIGHT),
    "weighted by zeros and ones only": (plain(), X, (WEIGHT > 0).astype(float)),
    "few rows": (plain(), X[:60], WEIGHT[:60]),
    "batches smaller than the world": (plain(max_iter=1, batch_size=1), X[:100], None),
    "last batch smaller than the world": (plain(max_iter=2, batch_size=85), X[:101], None),
    "more features than rows": (plain(), np.tile(X[:100], (1, 2)), None),
    "autograd": (convolutional(), X, None),
    "a closure": (convolutional(callbacks=[GradientNormClipping(0.1)]), X, None),
    "clipped": (plain(callbacks=[GradientNormClipping(0.1)]), X, None),
    "penalty of one's own": (plain(penalty=tall_rows), X, None),
    "nothing held out": (plain(early_stopping=False), X, None),
    "counts": (plain(loss="poisson", max_iter=2), COUNTS, None),
    "shares": (plain(loss="log_loss", max_iter=2), COUNTS / 16, None),
    "restarted": (plain(learning_rate_init=30.0, max_iter=8), X, None),
    "constrained": (SparseAutoencoder(20, sparsity="l1", max_iter=3, random_state=0), X, None),
}
# Their start is where a search ends, or their loss explodes: rounding grows on the way.
ROUGH = {"counts", "shares", "restarted"}
# What draws numbers for its rows: each rank has its own ones.
DRAWING = {
    "denoising": DenoisingAutoencoder(3, max_iter=4, **SMALL),
    "salt and pepper": DenoisingAutoencoder(3, noise="salt_and_pepper", max_iter=4, **SMALL),
    "variational": VariationalAutoencoder(3, max_iter=4, **SMALL),
    "nested": NestedAutoencoder("auto", max_components=5, max_iter=4, **SMALL),
}
REFUSED = [GeodesicAutoencoder(), AutoencoderOutlierDetector(), AutoencoderImputer()]


def facts(fitted):
    """Return all that is to be equal: numbers, and how many there are of which."""
    module = fitted.module_
    curves = [fitted.loss_curve_, fitted.validation_loss_curve_ or []]
    counts = [*map(len, curves), fitted.n_iter_, fitted.is_pca_, fitted.net_.monitor.n_restarts_]
    tensors = [*module.parameters(), module.offset, module.scale]
    numbers = [tensor.detach().numpy().ravel() for tensor in tensors]
    return counts, np.concatenate([*numbers, *curves, [fitted.reconstruction_err_]])


def part_of(rank, rows):
    """Return the slice of a rank; the slices are of 35 % and 65 %."""
    cut = int(0.35 * len(rows))
    return slice(0, cut) if rank == 0 else slice(cut, None)


def message_of(function, *args):
    with pytest.raises((ValueError, RuntimeError)) as caught:
        function(*args)
    return str(caught.value)


def with_nan(rows):
    rows = rows.copy()
    rows[0, 0] = np.nan
    return rows


class AfterTwoEpochs(Callback):
    """Does something on the second rank after two epochs."""

    def on_epoch_end(self, net, **kwargs):
        if dist.get_rank() == 1 and len(net.history) == 2:
            self.act()


class Interrupted(AfterTwoEpochs):
    def act(self):
        raise KeyboardInterrupt


class Fails(AfterTwoEpochs):
    def act(self):
        raise ZeroDivisionError


class Killed(AfterTwoEpochs):
    def act(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Silent(AfterTwoEpochs):
    def act(self):
        time.sleep(2 * ranks.SILENCE)


def run_cases(rank, folder):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", init_method=f"file://{folder}/met", rank=rank, world_size=2)
    found = {}
    for name, (estimator, rows, weight) in AS_ONE.items():
        own = part_of(rank, rows)
        own_weight = None if weight is None else weight[own]
        found[name] = facts(estimator.fit(rows[own], sample_weight=own_weight))
    for name, estimator in DRAWING.items():
        found[name] = facts(estimator.fit(X[part_of(rank, X)]))
    found["interrupted"] = facts(plain(callbacks=[Interrupted]).fit(X))
    found["all rows"] = facts(plain().fit(X))
    found["unseeded"] = facts(plain(random_state=None).fit(X))
    found["streamed"] = facts(plain().partial_fit(X[:200]).partial_fit(X[200:]))
    found["kept"] = kept_and_resumed(f"{folder}/kept", X[part_of(rank, X)])
    found["messages"] = {
        "nan": message_of(PLAIN.fit, with_nan(X) if rank else X),
        "parameters": message_of(plain(tol=0.1 + rank).fit, X),
        "widths": message_of(PLAIN.fit, X[:, : 10 + rank]),
        "no rows": message_of(PLAIN.fit, X[:1]),
        "refused": [message_of(estimator.fit, X) for estimator in REFUSED],
    }
    try:
        plain(callbacks=[Fails]).fit(X)
    except (ZeroDivisionError, RuntimeError) as error:
        found["failed"] = type(error).__name__
    found["afterwards"] = facts(plain().fit(X))
    pca.MAX_DENSE = 50
    found["wide"] = facts(plain().fit(X))
    with open(f"{folder}/found{rank}", "wb") as file:
        pickle.dump(found, file)
    lose_a_rank(rank, folder)
    dist.destroy_process_group()


def kept_and_resumed(path, rows):
    """Return what a fit that died after two epochs comes to when it goes on."""
    estimator = DenoisingAutoencoder(3, max_iter=4, **SMALL)
    whole = facts(estimator.fit(rows))
    with contextlib.suppress(ZeroDivisionError, RuntimeError), checkpointed(path, every=1):
        DenoisingAutoencoder(3, max_iter=4, callbacks=[Fails], **SMALL).fit(rows)
    there = os.path.exists(path)
    with checkpointed(path, every=1):
        resumed = facts(estimator.fit(rows))
    dist.barrier()
    return {"whole": whole, "resumed": resumed, "there": there, "left": os.path.exists(path)}


def lose_a_rank(rank, folder):
    """Write down how fits end whose second rank says nothing for a while, and then is killed."""
    ranks.SILENCE = 3
    for callback in (Silent, Killed):
        start = time.perf_counter()
        message = message_of(plain(callbacks=[callback]).fit, X)
        with open(f"{folder}/{callback.__name__}{rank}", "wb") as file:
            pickle.dump((time.perf_counter() - start, message), file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two ranks have written what they found."""
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=run_cases, args=(rank, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, -signal.SIGKILL]
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """What each of two ranks has found."""
    return [pickle.loads((folder / f"found{rank}").read_bytes()) for rank in range(2)]


def assert_equal(some, others, tolerance=0.0):
    assert some[0] == others[0]
    np.testing.assert_allclose(some[1], others[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [*AS_ONE, *DRAWING, "all rows", "unseeded", "streamed"])
def test_ranks_come_to_the_same_bytes(found, name):
    assert_equal(found[0][name], found[1][name])


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("name", AS_ONE)
def test_two_processes_train_what_one_does(found, name):
    estimator, rows, weight = AS_ONE[name]
    with threadpool_limits(1):
        one = facts(estimator.fit(rows, sample_weight=weight))
    if name in ROUGH:
        assert found[0][name][0] == one[0]
        np.testing.assert_allclose(found[0][name][1][-1], one[1][-1], rtol=1e-3)
    else:
        assert_equal(found[0][name], one, 1e-9 if name.startswith("double") else 1e-5)


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_rows_that_all_ranks_have_count_once(found):
    assert_equal(found[0]["all rows"], facts(plain().fit(X)), 1e-5)


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_pieces_of_a_stream_are_shared_as_rows_are(found):
    assert_equal(
        found[0]["streamed"], facts(plain().partial_fit(X[:200]).partial_fit(X[200:])), 1e-5
    )


def test_a_restarted_training_was_restarted(found):
    assert found[0]["restarted"][0][-1] > 0


def test_what_is_wrong_on_one_rank_is_said_on_all(found):
    first, second = (own["messages"] for own in found)
    assert first["nan"].startswith("Rank 1 cannot take part in the fit. ValueError: Input X")
    assert second["nan"].startswith("Input X contains NaN")
    assert "tol=0.1 and rank 1 with tol=1.1" in first["parameters"]
    assert "tol=1.1 and rank 0 with tol=0.1" in second["parameters"]
    assert "different widths" in first["widths"]
    assert "without a row" in first["no rows"]
    for estimator, message in zip(REFUSED, first["refused"], strict=True):
        assert message.startswith(f"{type(estimator).__name__} is not trained by several")


def test_a_callback_that_ends_the_fit_of_a_rank_ends_that_of_all(found):
    assert_equal(found[0]["interrupted"], found[1]["interrupted"])
    assert found[0]["interrupted"][0][0] == 2


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_axes_by_power_iteration_are_those_of_pca(found):
    assert_equal(found[0]["wide"], facts(plain().fit(X)), 1e-4)


def test_a_rank_that_fails_ends_the_fit_of_the_others(found):
    assert [own["failed"] for own in found] == ["RuntimeError", "ZeroDivisionError"]
    assert_equal(found[0]["afterwards"], found[1]["all rows"])


def test_a_fit_of_two_ranks_goes_on_from_its_checkpoint(found):
    for own in found:
        assert own["kept"]["there"]
        assert not own["kept"]["left"]
        assert_equal(own["kept"]["resumed"], own["kept"]["whole"])


@pytest.mark.parametrize("name", ["Silent0", "Silent1", "Killed0"])
def test_if_one_rank_is_silent_or_killed_the_other_ends_soon(folder, name):
    seconds, message = pickle.loads((folder / name).read_bytes())
    assert seconds < 60
    assert f"Rank {name[-1]} of 2 has lost the others" in message


SCRIPT = """
import os, warnings
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn_ae import AutoencoderTransformer

warnings.simplefilter("ignore", ConvergenceWarning)
X, rank = load_digits().data[:200], int(os.environ["RANK"])
fit = AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_iter=2, random_state=0, verbose=1).fit
together = fit(X[rank::2]).best_loss_
alone = Parallel(2, backend=BACKEND)([delayed(fit)(X[rank::2])])[0].best_loss_
os.write(1, f"best {rank} {together} {alone}\\n".encode())  # in one piece, whoever else writes
"""


def test_a_plain_script_under_torchrun_trains_one_model(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.replace("BACKEND", "'threading'"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, file], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("best")]
    _, together, alone = zip(*[map(float, line[1:]) for line in lines], strict=True)
    assert together[0] == together[1]
    assert alone[0] != alone[1]  # what runs in parallel within a rank does not take part
    assert done.stdout.count("train_loss") == 1 + 2  # ranks together print once, alone each its own

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_ae import AutoencoderTransformer, SparseAutoencoder, VariationalAutoencoder
from sklearn_ae._training import device, net
from sklearn_ae._training.device import chosen_device, room_for
from sklearn_ae._training.written_out import recorded
from sklearn_ae._training.written_out.recorded import RecordedStep, recorded_where_possible

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_digits().data
WEIGHT = np.random.default_rng(0).random(len(X))


class Tape:
    """Stands in for a CUDA graph: what is recorded does not happen until it is replayed."""

    n_replays = 0

    def __init__(self, function):
        self.function = function
        self.out = torch.zeros(())

    def replay(self):
        Tape.n_replays += 1
        self.out.copy_(self.function())


def tape(function):
    recording = Tape(function)
    return recording.replay, recording.out


class Unrecorded(RecordedStep):
    """Takes the same steps, at rates of single precision as well, one operation at a time."""

    def __call__(self, x, weight, guide, rate, between=None):
        return self.step(x, weight, guide, float(np.float32(rate)), between)


@pytest.fixture
def fit_with(monkeypatch):
    def fit(kind, estimator, weight=None):
        monkeypatch.setattr(net, "recorded_where_possible", kind)
        return weights(estimator.fit(X, sample_weight=weight))

    return fit


def on_tape(step):
    return RecordedStep(step, tape)


def weights(fitted):
    return b"".join(p.detach().numpy().tobytes() for p in fitted.module_.parameters())


@pytest.mark.parametrize(
    ("estimator", "weight"),
    [
        (AutoencoderTransformer(3, max_iter=6, batch_size=100, random_state=0), None),
        (AutoencoderTransformer(3, max_iter=6, batch_size=100, random_state=0), WEIGHT),
        (AutoencoderTransformer(3, max_iter=30, batch_size=2000, random_state=0), None),
        (AutoencoderTransformer(3, max_iter=4, learning_rate_init=30.0, random_state=0), None),
        (SparseAutoencoder(20, sparsity="l1", max_iter=4, random_state=0), None),
    ],
)
def test_recorded_steps_train_what_steps_do(fit_with, estimator, weight):
    Tape.n_replays = 0
    assert fit_with(on_tape, estimator, weight) == fit_with(Unrecorded, estimator, weight)
    assert Tape.n_replays > 20


def test_rows_that_are_not_prepared_are_copied_to_where_the_record_reads(monkeypatch, fit_with):
    monkeypatch.setattr(net, "room_for", lambda X, device: 0)
    estimator = AutoencoderTransformer(3, max_iter=6, batch_size=100, random_state=0)
    assert fit_with(on_tape, estimator, WEIGHT) == fit_with(Unrecorded, estimator, WEIGHT)


def test_only_so_many_sizes_of_batches_are_recorded(monkeypatch, fit_with):
    steps = []

    def one_size(step):
        steps.append(on_tape(step))
        return steps[-1]

    monkeypatch.setattr(recorded, "MOST", 1)
    monkeypatch.setattr(RecordedStep, "release", lambda self: self.step.release())
    estimator = AutoencoderTransformer(3, max_iter=6, batch_size=100, random_state=0)
    fit_with(one_size, estimator)
    assert len(steps[0].n_seen) == 2  # of 95 and 96 rows, say
    assert len(steps[0].records) == 1


class Steps(TorchDispatchMode):
    """Counts what would make a host wait for its GPU."""

    WAITING = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique")

    def __init__(self):
        super().__init__()
        self.n_operations, self.waiting = 0, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n_operations += 1
        name = function.overloadpacket.__name__
        if name.startswith(self.WAITING):
            self.waiting.append(name)
        return function(*args, **kwargs or {})


@pytest.mark.parametrize(
    ("estimator", "weight"),
    [
        (AutoencoderTransformer(3, max_iter=2, random_state=0), None),
        (AutoencoderTransformer(3, max_iter=2, random_state=0), WEIGHT),
        (AutoencoderTransformer(3, loss="poisson", max_iter=2, random_state=0), None),
        (SparseAutoencoder(20, sparsity="kl", max_iter=2, random_state=0), None),
        (SparseAutoencoder(20, sparsity="top_k", max_iter=2, random_state=0), None),
        (VariationalAutoencoder(3, max_iter=2, random_state=0), None),
    ],
)
def test_a_step_waits_for_nothing(monkeypatch, estimator, weight):
    take, watched = net.AutoencoderNet.train_step, Steps()

    def watch(self, batch, **fit_params):
        with watched:
            return take(self, batch, **fit_params)

    monkeypatch.setattr(net.AutoencoderNet, "train_step", watch)
    estimator.fit(X, sample_weight=weight)
    assert watched.n_operations > 100
    assert watched.waiting == []


def test_steps_on_the_cpu_are_not_recorded():
    class Step:
        class flat:
            values = torch.zeros(3)

    step = Step()
    assert recorded_where_possible(step) is step


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_device("auto") == "cpu"
    estimator = AutoencoderTransformer(3, max_iter=2, random_state=0).fit(X)
    auto = AutoencoderTransformer(3, max_iter=2, random_state=0, device="auto").fit(X)
    assert weights(auto) == weights(estimator)
    assert auto.device == "auto"
    assert weights(pickle.loads(pickle.dumps(auto)).fit(X)) == weights(estimator)


def test_auto_is_the_gpu_of_the_rank(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert chosen_device("auto") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert chosen_device("auto") == "cuda:3"
    assert chosen_device("cpu") == "cpu"


def test_rows_take_a_third_of_what_is_free_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (12 * 10**9, 16 * 10**9))
    assert room_for(X.astype(np.float32), "cuda") == 10**9
    assert room_for(X, "cpu") == device.MAX_PREPARED

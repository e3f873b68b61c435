import hashlib
import os
import pickle
import random
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping, LRScheduler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
VARIANTS = {
    "default": {},
    "random": {"init": "random"},
    "noisy": {"corruption": GaussianNoise(0.5), "batch_size": 20},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.001},
    "wide": {"hidden_layer_sizes": (300, 300), "init": "random"},
}


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 5, "random_state": 0} | params)


def digest(estimator):
    results = [estimator.transform(X), estimator.reconstruct(X), np.array(estimator.loss_curve_)]
    return hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_seed_gives_the_same_bytes(variant, dtype):
    first, second = (quick(**VARIANTS[variant]).fit(X.astype(dtype)) for _ in range(2))
    assert digest(first) == digest(second)


def test_same_seed_gives_the_same_bytes_in_another_process():
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from test_reproducibility import X, VARIANTS, digest, quick\n"
        "for params in VARIANTS.values():\n"
        "    print(digest(quick(**params).fit(X)))"
    )
    here = os.path.dirname(__file__)
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True
    )
    assert output.returncode == 0, output.stderr
    expected = [digest(quick(**params).fit(X)) for params in VARIANTS.values()]
    assert output.stdout.split() == expected


def test_other_seed_gives_another_fit():
    first, second = (quick(init="random", random_state=seed).fit(X) for seed in (0, 1))
    assert digest(first) != digest(second)


def test_no_seed_gives_another_fit_every_time():
    assert digest(quick(init="random", random_state=None).fit(X)) != digest(
        quick(init="random", random_state=None).fit(X)
    )


def test_random_state_instance_is_drawn_from():
    random_state = np.random.RandomState(0)
    estimator = quick(init="random", random_state=random_state)
    assert digest(estimator.fit(X)) != digest(estimator.fit(X))
    same = quick(init="random", random_state=np.random.RandomState(0)).fit(X)
    assert digest(same) == digest(
        quick(init="random", random_state=np.random.RandomState(0)).fit(X)
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_fits_in_threads_give_the_bytes_of_serial_ones(variant):
    params = VARIANTS[variant]
    serial = [digest(quick(random_state=seed, **params).fit(X)) for seed in range(6)]
    parallel = Parallel(n_jobs=3, backend="threading")(
        delayed(lambda seed: digest(quick(random_state=seed, **params).fit(X)))(seed)
        for seed in range(6)
    )
    assert parallel == serial


def global_states():
    python, numbers = random.getstate(), np.random.get_state()
    return (
        python,
        numbers[1].tobytes(),
        numbers[2:],
        torch.get_rng_state().numpy().tobytes(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    )


def refit(estimator):
    return estimator.set_params(random_state=3).fit(X)


@pytest.mark.parametrize(
    "use",
    [
        clone,
        refit,
        lambda estimator: estimator.fit(X),
        lambda estimator: estimator.partial_fit(X),
        lambda estimator: estimator.transform(X),
        lambda estimator: estimator.reconstruct(X),
        lambda estimator: estimator.score(X),
        lambda estimator: pickle.loads(pickle.dumps(estimator)),
        lambda estimator: AutoencoderTransformer(architecture=MLP(), random_state=3),
    ],
    ids=[
        "clone",
        "refit",
        "fit",
        "partial_fit",
        "transform",
        "reconstruct",
        "score",
        "pickle",
        "constructor",
    ],
)
def test_global_state_is_left_alone(use):
    estimator = quick(init="random", corruption=GaussianNoise(), max_iter=2).fit(X)
    before = global_states()
    use(estimator)
    assert global_states() == before


def test_part_that_draws_from_the_global_generator_is_repeatable_and_leaves_it_alone():
    def corruption(x, generator):
        return x + torch.randn_like(x)

    before = global_states()
    first, second = (quick(corruption=corruption).fit(X) for _ in range(2))
    assert digest(first) == digest(second)
    assert global_states() == before


def test_fit_that_fails_leaves_the_global_state_alone():
    def corruption(x, generator):
        torch.rand(3)
        raise ZeroDivisionError

    before = global_states()
    with pytest.raises(ZeroDivisionError):
        quick(corruption=corruption).fit(X)
    assert global_states() == before


def test_fit_does_not_depend_on_the_global_state():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = digest(quick(init="random").fit(X))
        torch.manual_seed(2)
        assert digest(quick(init="random").fit(X)) == first


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_fit_does_not_write_to_the_users_arrays(method):
    data, weight = X.copy(), np.arange(150.0)
    data.flags.writeable = weight.flags.writeable = False
    getattr(quick(), method)(data, sample_weight=weight).transform(data)
    data, weight = X.copy(), np.arange(150.0)
    getattr(quick(), method)(data, sample_weight=weight).transform(data)
    np.testing.assert_array_equal(data, X)
    np.testing.assert_array_equal(weight, np.arange(150.0))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_fit_leaves_parameters_and_parts_as_they_were(method):
    params = {
        "architecture": MLP([8], tied=True),
        "penalty": L2(0.1),
        "corruption": GaussianNoise(0.1),
        "loss": SquaredError(),
        "net_params": {"optimizer__betas": (0.8, 0.9)},
        "random_state": np.random.RandomState(3),
    }
    estimator = quick(**params)
    del params["random_state"]  # is drawn from, as everywhere in scikit-learn
    before = {name: joblib.hash(value) for name, value in params.items()}
    getattr(estimator, method)(X)
    for name, value in params.items():
        assert getattr(estimator, name) is value
        assert joblib.hash(value) == before[name]


def test_users_callbacks_are_not_written_to():
    callbacks = [("stop", EarlyStopping(monitor="train_loss")), LRScheduler("StepLR", step_size=9)]
    before = [dict(vars(callbacks[0][1])), dict(vars(callbacks[1]))]
    quick(callbacks=callbacks).fit(X)
    assert [vars(callbacks[0][1]), vars(callbacks[1])] == before


def test_list_of_hidden_layer_sizes_is_not_shared_with_the_fit():
    sizes = [8]
    estimator = quick(hidden_layer_sizes=sizes).fit(X)
    before = digest(estimator)
    sizes[0] = 99
    assert digest(pickle.loads(pickle.dumps(estimator))) == before


def test_hash_of_the_parameters_survives_fit_and_clone():
    estimator = quick(architecture=MLP((8,)), penalty=L2(), corruption=GaussianNoise())
    before = joblib.hash(estimator.get_params())
    assert joblib.hash(estimator.fit(X).get_params()) == before
    assert joblib.hash(clone(estimator).get_params()) == before


def test_cached_pipeline_is_not_fitted_twice(tmp_path):
    def pipeline():
        steps = quick(architecture=MLP((8,)), penalty=L2()), StandardScaler()
        return make_pipeline(*steps, memory=joblib.Memory(tmp_path, verbose=0)).fit(X)

    pipeline()
    entries = sorted(tmp_path.rglob("output.pkl"))
    assert len(entries) == 1
    pipeline()
    assert sorted(tmp_path.rglob("output.pkl")) == entries


def test_nothing_is_printed_unless_verbose(capfd):
    quick().fit(X).partial_fit(X).transform(X)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, True, 2])
def test_verbose_prints_a_header_and_one_line_per_epoch(capsys, verbose):
    estimator = quick(verbose=verbose).fit(X)
    header, rule, *lines = capsys.readouterr().out.splitlines()
    assert {"epoch", "train_loss", "valid_loss"} <= set(header.split())
    assert set(rule) <= {"-", " "}
    assert [line.split()[0] for line in lines] == [str(i + 1) for i in range(estimator.n_iter_)]

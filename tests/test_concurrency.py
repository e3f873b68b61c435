from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import sklearn_ae
from sklearn_ae import AutoencoderImputer, AutoencoderOutlierDetector, VariationalAutoencoder
from sklearn_ae._training.device import threads_kept

pytestmark = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter",
    "ignore:The (geodesic distances|graph|map)",
    "ignore:.* units of the code have collapsed",
)

X = load_digits().data[:200]


def small(name):
    kind = getattr(sklearn_ae, name)
    known = kind().get_params()
    budget = {"max_iter": 2, "max_steps": 5, "hidden_layer_sizes": (8,), "random_state": 0}
    return kind(**{key: value for key, value in budget.items() if key in known})


def answers_of(estimator):
    """Return the methods that a service would call, and what they are called with."""
    if isinstance(estimator, AutoencoderOutlierDetector):
        return [estimator.score_samples, estimator.predict, estimator.feature_errors]
    if isinstance(estimator, AutoencoderImputer):
        return [lambda rows: estimator.transform(np.where(rows > 8, rows, np.nan))]
    methods = [estimator.transform, estimator.reconstruct, estimator.score_samples]
    if isinstance(estimator, VariationalAutoencoder):
        methods.append(lambda rows: estimator.sample(len(rows), random_state=0))
    return methods


@pytest.mark.parametrize("name", sklearn_ae.__all__)
def test_many_threads_get_the_answer_of_one(name):
    estimator = small(name).fit(X)
    batches = [X[i : i + 40] for i in range(0, 200, 20)]
    for method in answers_of(estimator):
        expected = [method(batch).tobytes() for batch in batches]
        with ThreadPoolExecutor(8) as threads:
            given = [answer.tobytes() for answer in threads.map(method, batches * 5)]
        assert given == expected * 5


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_two_jobs_get_the_answer_of_one(backend):
    estimator = small("AutoencoderTransformer").fit(X)
    calls = [joblib.delayed(estimator.transform)(X[i:]) for i in range(4)]
    given = joblib.Parallel(n_jobs=2, backend=backend)(calls)
    for i, codes in enumerate(given):
        assert codes.tobytes() == estimator.transform(X[i:]).tobytes()


def test_torch_keeps_its_threads_beside_others_that_set_their_number():
    before = torch.get_num_threads()
    with threads_kept():  # as numba's first parallel loop does
        torch.set_num_threads(before + 1)
    assert torch.get_num_threads() == before

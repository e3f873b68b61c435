import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._module import Output
from sklearn_ae.penalties import L2


def test_l2_is_the_weighted_squared_norm_of_each_code():
    code = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    values = L2(weight=0.5)(None, None, Output(code, code))
    assert values.tolist() == [12.5, 0.5]


def test_more_weight_means_smaller_codes():
    X = load_iris().data
    sizes = [
        np.square(
            AutoencoderTransformer(penalty=L2(weight), random_state=0).fit_transform(X)
        ).mean()
        for weight in (0.0, 0.01, 0.1, 1.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_l2_of_weight_zero_is_no_penalty():
    X = load_iris().data
    free = AutoencoderTransformer(random_state=0).fit(X)
    held = AutoencoderTransformer(penalty=L2(0.0), random_state=0).fit(X)
    assert held.loss_curve_ == free.loss_curve_


def test_penalty_is_a_searchable_parameter():
    estimator = AutoencoderTransformer(penalty=L2(0.5))
    assert estimator.get_params()["penalty__weight"] == 0.5
    assert clone(estimator).set_params(penalty__weight=2.0).penalty.weight == 2.0
    assert estimator.penalty.weight == 0.5


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("reduce", [lambda x: x, torch.mean], ids=["per row", "per batch"])
def test_penalty_may_return_a_value_per_row_or_one_for_the_batch(reduce):
    X = load_iris().data

    def penalty(module, x, output):
        return reduce(0.1 * output.code.square().sum(dim=1))

    # One step: rounding, which Adam scales up, is all that may differ.
    params = {"max_iter": 1, "early_stopping": False, "batch_size": 150, "random_state": 0}
    ours = AutoencoderTransformer(penalty=penalty, **params).fit(X)
    reference = AutoencoderTransformer(penalty=L2(0.1), **params).fit(X)
    np.testing.assert_allclose(ours.transform(X), reference.transform(X), atol=1e-5)

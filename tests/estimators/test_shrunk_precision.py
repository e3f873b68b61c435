import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.covariance import ledoit_wolf

from sklearn_ae._estimators.outlier.shrunk_precision import ShrunkPrecision

FLOOR = 1e-4


def rows(n_samples, n_features):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, n_features)) * rng.uniform(0.1, 3, size=n_features)


def test_precision_is_the_inverse_covariance_of_many_rows():
    mixing = np.array([[1.0, 0.5], [0.0, 1.0]])
    Z = np.random.default_rng(0).normal(size=(20000, 2)) @ mixing
    precision = ShrunkPrecision(Z, FLOOR).product(np.eye(2))
    assert_allclose(precision, np.linalg.inv(mixing.T @ mixing), atol=0.05)


@pytest.mark.parametrize("shape", [(2, 1), (3, 5), (5, 3), (7, 7), (20, 100), (100, 20)])
def test_precision_is_the_inverse_of_the_covariance_of_ledoit_and_wolf(shape):
    Z, X = rows(*shape), rows(4, shape[1])
    covariance = ledoit_wolf(Z, assume_centered=True)[0] + FLOOR * np.eye(shape[1])
    expected = np.linalg.inv(covariance)
    precision = ShrunkPrecision(Z, FLOOR)
    assert_allclose(precision.product(X), X @ expected, rtol=1e-9, atol=1e-9)
    assert_allclose(precision.diagonal, np.diag(expected))


@pytest.mark.parametrize("shape", [(1, 3), (30, 3), (3, 30)])
def test_rows_that_are_all_zero_leave_the_floor(shape):
    X = rows(4, shape[1])
    precision = ShrunkPrecision(np.zeros(shape), FLOOR)
    assert_allclose(precision.product(X), X / FLOOR)
    assert_allclose(precision.diagonal, 1 / FLOOR)


@pytest.mark.parametrize("shape", [(10, 40), (40, 10)])
def test_columns_that_repeat_each_other_can_be_inverted(shape):
    Z = np.repeat(rows(shape[0], 1), shape[1], axis=1)
    covariance = ledoit_wolf(Z, assume_centered=True)[0] + FLOOR * np.eye(shape[1])
    product = ShrunkPrecision(Z, FLOOR).product(np.eye(shape[1]))
    assert_allclose(product @ covariance, np.eye(shape[1]), atol=1e-7)


def test_few_rows_need_no_matrix_of_all_pairs_of_columns():
    Z = rows(10, 5000)
    tracemalloc.start()
    try:
        ShrunkPrecision(Z, FLOOR).product(Z)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * Z.nbytes

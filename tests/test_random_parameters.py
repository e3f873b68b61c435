import importlib.util
from pathlib import Path

import pytest

import sklearn_ae

PATH = Path(sklearn_ae.__file__).parents[1] / "benchmarks" / "random_parameters.py"
SPEC = importlib.util.spec_from_file_location("random_parameters", PATH)
random_parameters = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(random_parameters)


@pytest.mark.parametrize("first", range(0, 180, 45))
def test_random_parameters_and_odd_data_give_finite_numbers_or_an_error_that_says_why(first):
    for seed, estimator, data, outcome in random_parameters.sweep(45, first):
        assert outcome in ("fine", "refused"), (seed, estimator, data)

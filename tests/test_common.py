"""scikit-learn's examination of every estimator, and what its examination leaves out."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklearn_ae

ESTIMATORS = [
    sklearn_ae.AutoencoderOutlierDetector(),
    sklearn_ae.AutoencoderImputer(max_steps=20),
    sklearn_ae.AutoencoderImputer(max_steps=20, sample_posterior=True),
    sklearn_ae.AutoencoderTransformer(max_iter=20),
    sklearn_ae.ContractiveAutoencoder(max_iter=20),
    sklearn_ae.DenoisingAutoencoder(max_iter=20),
    sklearn_ae.GeodesicAutoencoder(max_steps=20),
    sklearn_ae.NestedAutoencoder(max_iter=20),
    sklearn_ae.NestedAutoencoder(0.9, max_iter=20),
    sklearn_ae.SparseAutoencoder(max_iter=20),
    sklearn_ae.SparseAutoencoder(max_iter=20, sparsity="kl"),
    sklearn_ae.SparseAutoencoder(max_iter=20, sparsity="top_k", n_active=1),
    sklearn_ae.TabularAutoencoder(max_iter=20),
    sklearn_ae.VariationalAutoencoder(max_iter=20),
]

NOT_YIELDED = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]
NOT_YIELDED_FOR_TRANSFORMERS = [
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
]
# Takes the columns of a frame by their names, in any order, where scikit-learn asks for an error.
BY_NAME = {("TabularAutoencoder", "check_dataframe_column_names_consistency")}
TRANSFORMERS = [estimator for estimator in ESTIMATORS if hasattr(estimator, "transform")]

# The examination's data is tiny: twenty epochs do not settle, and two components may be too many.
# The checks of set_output hand arrays to what was fitted on a DataFrame.
expected_warnings = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter",
    "ignore:n_components=. is not below",
    "ignore:contamination=.auto. calls rows with p-values",
    "ignore:.* units of the code have collapsed",
    "ignore:n_components=0.9 asks for this share",
    "ignore:The geodesic distances are not those of a flat map",
    "ignore:The graph of .* nearest neighbours",
    "ignore:The map may be creased",
    "ignore:X (has|does not have valid) feature names",
)


def test_every_public_estimator_is_examined():
    assert ESTIMATORS
    assert {type(estimator).__name__ for estimator in ESTIMATORS} == set(sklearn_ae.__all__)


@expected_warnings
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@expected_warnings
@pytest.mark.parametrize("name", NOT_YIELDED)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_scikit_learn_check_that_is_not_yielded(estimator, name):
    if (type(estimator).__name__, name) in BY_NAME:
        return  # see tests/estimators/test_tabular.py
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)


@expected_warnings
@pytest.mark.parametrize("name", NOT_YIELDED_FOR_TRANSFORMERS)
@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=repr)
def test_scikit_learn_check_of_transformers_that_is_not_yielded(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)

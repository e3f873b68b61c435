import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

IRIS = load_iris(as_frame=True).data
NAMES = list(IRIS.columns)


def quick(n_components=2, **params):
    return AutoencoderTransformer(n_components, **{"max_iter": 5, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(IRIS.to_numpy())


# What the methods compute


def test_score_is_the_variance_weighted_r2_of_the_reconstruction(fitted):
    X = IRIS.to_numpy()
    expected = r2_score(X, fitted.reconstruct(X), multioutput="variance_weighted")
    assert fitted.score(X) == pytest.approx(expected, abs=1e-12)
    assert fitted.score(X, IRIS.index) == fitted.score(X)


def test_reconstruct_is_inverse_transform_of_transform(fitted):
    X = IRIS.to_numpy()
    np.testing.assert_allclose(fitted.reconstruct(X), fitted.inverse_transform(fitted.transform(X)))


def test_fit_transform_is_transform_after_fit(fitted):
    X = IRIS.to_numpy()
    np.testing.assert_array_equal(quick().fit_transform(X), fitted.transform(X))


def test_score_samples_is_minus_the_squared_error_of_each_row(fitted):
    X = IRIS.to_numpy()
    expected = -np.square(X - fitted.reconstruct(X)).sum(axis=1)
    np.testing.assert_allclose(fitted.score_samples(X), expected, rtol=1e-9)


def test_reconstruction_err_is_the_mean_squared_error_of_the_training_rows(fitted):
    X = IRIS.to_numpy()
    expected = np.square(X - fitted.reconstruct(X)).sum(axis=1).mean()
    assert fitted.reconstruction_err_ == pytest.approx(expected)


def test_far_away_row_is_less_normal_than_every_training_row(fitted):
    X = IRIS.to_numpy()
    far = X.mean(axis=0) + np.array([[10.0, -10.0, 10.0, -10.0]])
    assert fitted.score_samples(far)[0] < fitted.score_samples(X).min()


def test_rows_are_transformed_independently_of_how_many_there_are(fitted):
    X = np.tile(IRIS.to_numpy(), (40, 1))  # 6000 rows: more than pass through at a time
    np.testing.assert_allclose(fitted.transform(X)[-150:], fitted.transform(X[:150]), atol=1e-12)


def test_interpolation_starts_and_ends_at_the_reconstructions_of_the_ends(fitted):
    ends = IRIS.to_numpy()[[0, 149]]
    points = fitted.interpolate(*ends, n_steps=7)
    assert points.shape == (7, 4)
    np.testing.assert_allclose(points[[0, -1]], fitted.reconstruct(ends))


def test_interpolation_passes_through_the_mean_code(fitted):
    ends = IRIS.to_numpy()[[0, 149]]
    mean_code = fitted.transform(ends).mean(axis=0)
    middle = fitted.interpolate(*ends, n_steps=5)[2]
    np.testing.assert_allclose(middle, fitted.inverse_transform(mean_code[None])[0])


def test_interpolation_between_rows_is_that_between_their_codes(fitted):
    ends = IRIS.to_numpy()[[0, 149]]
    codes = fitted.transform(ends)
    np.testing.assert_array_equal(fitted.interpolate(*ends), fitted.interpolate(*codes, codes=True))


@pytest.mark.parametrize("row", [IRIS.iloc[[3]], IRIS.iloc[3], IRIS.iloc[3].tolist()])
def test_interpolation_takes_a_row_in_any_form(fitted, row):
    ends = IRIS.to_numpy()[[3, 149]]
    np.testing.assert_array_equal(
        fitted.interpolate(row, ends[1:]), fitted.interpolate(ends[0], ends[1])
    )


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("shape", [(3,), (2, 2), (0,), ()])
def test_interpolation_between_anything_but_two_codes_is_refused(fitted, name, shape):
    ends = {"a": np.zeros(2), "b": np.zeros(2), name: np.zeros(shape)}
    with pytest.raises(ValueError, match=rf"{name} has shape .* one code has shape \(2,\)"):
        fitted.interpolate(**ends, codes=True)


@pytest.mark.parametrize("name", ["a", "b"])
def test_codes_in_the_place_of_rows_are_refused_and_the_way_out_is_named(fitted, name):
    ends = {"a": np.zeros(4), "b": np.zeros(4), name: np.zeros(2)}
    with pytest.raises(ValueError, match=rf"{name} has shape \(2,\), .* \(4,\); codes=True"):
        fitted.interpolate(**ends)


@pytest.mark.parametrize("n_steps", [1, 0, -1, 2.5, "3", True])
def test_interpolation_needs_both_ends(fitted, n_steps):
    with pytest.raises(ValueError, match=rf"n_steps={n_steps!r} must be an integer of at least 2"):
        fitted.interpolate(np.zeros(4), np.zeros(4), n_steps)


@pytest.mark.parametrize("codes", [False, True])
def test_interpolation_refuses_an_end_that_is_not_finite(fitted, codes):
    row = np.zeros(2 if codes else 4)
    with pytest.raises(ValueError, match=r"Input a contains NaN"):
        fitted.interpolate(np.full_like(row, np.nan), row, codes=codes)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "reconstruct", "score"])
def test_methods_of_an_unfitted_estimator_say_so(method):
    with pytest.raises(NotFittedError, match="not fitted"):
        getattr(quick(), method)(np.zeros((3, 2)))
    with pytest.raises(NotFittedError, match="not fitted"):
        quick().interpolate(np.zeros(4), np.zeros(4))


def test_fitted_attributes_describe_the_fit(fitted):
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.validation_scores_) == 5
    assert fitted.n_features_in_ == 4
    assert not hasattr(fitted, "feature_names_in_")
    assert all(isinstance(loss, float) for loss in fitted.loss_curve_)
    assert fitted.module_ is fitted.net_.module_


def test_best_loss_is_the_least_loss_where_nothing_is_held_out():
    estimator = quick(early_stopping=False).fit(IRIS)
    assert estimator.validation_scores_ is None
    assert estimator.best_loss_ == min(estimator.loss_curve_)


def test_html_representation_of_a_fitted_estimator_can_be_made(fitted):
    assert "AutoencoderTransformer" in fitted._repr_html_()


# What comes in


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda X: X.tolist(),
        lambda X: X.astype(object),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1].copy()[::-1],
        pd.DataFrame,
        pl.DataFrame,
    ],
    ids=["F order", "list", "object", "strided", "negative strides", "pandas", "polars"],
)
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
def test_container_of_the_data_does_not_matter(fitted, convert):
    X = IRIS.to_numpy()
    given = convert(X)
    expected = fitted.transform(X)
    np.testing.assert_allclose(quick().fit(given).transform(given), expected, atol=1e-9)
    np.testing.assert_allclose(fitted.transform(given), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_only_memory_map_is_read_without_a_warning(tmp_path, dtype):
    X = IRIS.to_numpy().astype(dtype)
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    estimator = quick().fit(mapped)
    np.testing.assert_array_equal(estimator.transform(mapped), quick().fit(X).transform(X))
    estimator.partial_fit(mapped)
    estimator.inverse_transform(joblib.load(tmp_path / "X.joblib", mmap_mode="r")[:, :2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_have_the_dtype_of_the_data(dtype):
    X = IRIS.to_numpy().astype(dtype)
    estimator = quick().fit(X)
    codes = estimator.transform(X)
    results = [
        codes,
        estimator.inverse_transform(codes),
        estimator.reconstruct(X),
        estimator.score_samples(X),
        estimator.interpolate(X[0], X[1]),
        estimator.interpolate(codes[0], codes[1], codes=True),
    ]
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, bool, np.float16])
def test_other_dtypes_are_computed_in_float64(dtype):
    X = (IRIS.to_numpy() * 2).astype(dtype)
    X[0] = 0
    assert quick().fit(X).transform(X).dtype == np.float64


@pytest.mark.parametrize(("fit_in", "use"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_codes_have_the_dtype_of_the_fit_whatever_is_transformed(fit_in, use):
    X = IRIS.to_numpy()
    estimator = quick().fit(X.astype(fit_in))
    codes = estimator.transform(X.astype(use))
    assert codes.dtype == fit_in
    np.testing.assert_allclose(codes, estimator.transform(X.astype(fit_in)), atol=1e-4)
    assert estimator.inverse_transform(codes.astype(use)).dtype == fit_in
    assert np.isfinite(estimator.score(X.astype(use)))


def test_float32_comes_close_to_float64():
    X = IRIS.to_numpy()
    single, double = (quick().fit(X.astype(dtype)) for dtype in (np.float32, np.float64))
    assert single.score(X) == pytest.approx(double.score(X), abs=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_of_the_data_do_not_matter(factor):
    X = IRIS.to_numpy()
    one, other = quick().fit(X), quick().fit(factor * X)
    np.testing.assert_allclose(
        other.reconstruct(factor * X), factor * one.reconstruct(X), rtol=1e-4
    )


def test_large_mean_does_not_matter():
    X = IRIS.to_numpy()
    assert quick().fit(X + 1e5).score(X + 1e5) == pytest.approx(quick().fit(X).score(X), abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_one_row_is_enough(dtype, init):
    X = np.array([[1.0, 2.0, 3.0]], dtype=dtype)
    estimator = quick(init=init).fit(X)
    assert estimator.transform(X).shape == (1, 2)
    assert np.isfinite(estimator.reconstruct(X)).all()


def test_one_row_is_its_own_reconstruction():
    X = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(quick(early_stopping=False).fit(X).reconstruct(X), X, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
@pytest.mark.parametrize("n_samples", [3, 100])
def test_constant_data_is_reconstructed(value, n_samples):
    X = np.full((n_samples, 3), value)
    np.testing.assert_allclose(quick().fit(X).reconstruct(X), X, rtol=1e-6, atol=1e-6)


def test_two_rows_may_hold_one_out():
    X = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert np.isfinite(quick(1, early_stopping=True).fit(X).transform(X)).all()


@pytest.mark.parametrize(("n_features", "n_components"), [(1, 1), (4, 4), (4, 7)])
def test_code_as_wide_as_the_data_warns_once_and_names_what_constrains_it(n_features, n_components):
    X = IRIS.to_numpy()[:, :n_features]
    with pytest.warns(UserWarning, match="can copy its input") as record:
        quick(n_components, tol=1.0, n_iter_no_change=1, max_iter=50).fit(X)
    message = str(record[0].message)
    assert len(record) == 1
    assert f"n_components={n_components} is not below the {n_features} features" in message
    for name in ("DenoisingAutoencoder", "ContractiveAutoencoder", "SparseAutoencoder"):
        assert name in message


@pytest.mark.parametrize("part", [{"penalty": L2()}, {"corruption": lambda x, generator: x}])
def test_constrained_code_as_wide_as_the_data_does_not_warn(part):
    assert quick(5, **part).fit_transform(IRIS).shape == (150, 5)


# What comes out


def test_codes_are_named_after_the_estimator(fitted):
    names = ["autoencodertransformer0", "autoencodertransformer1"]
    assert fitted.get_feature_names_out().tolist() == names


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_out_have_the_columns_of_the_data(container):
    estimator = quick().set_output(transform=container).fit(IRIS)
    codes = estimator.transform(IRIS)
    kind = pd.DataFrame if container == "pandas" else pl.DataFrame
    ends = codes.to_numpy()[:2]
    for result, rows in [
        (estimator.inverse_transform(codes), 150),
        (estimator.reconstruct(IRIS), 150),
        (estimator.interpolate(*ends, n_steps=3, codes=True), 3),
    ]:
        assert isinstance(result, kind)
        assert list(result.columns) == NAMES
        assert len(result) == rows
    plain = estimator.set_output(transform="default")
    np.testing.assert_array_equal(plain.transform(IRIS), codes.to_numpy())


def test_frames_out_keep_the_index():
    X = IRIS.set_axis([f"flower {i}" for i in range(150)])
    estimator = quick().set_output(transform="pandas").fit(X)
    codes = estimator.transform(X)
    for result in (codes, estimator.inverse_transform(codes), estimator.reconstruct(X)):
        pd.testing.assert_index_equal(result.index, X.index)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_columns_without_names_are_numbered(container):
    X = IRIS.to_numpy()
    estimator = quick().set_output(transform=container).fit(X)
    assert list(estimator.reconstruct(X).columns) == ["x0", "x1", "x2", "x3"]
    assert list(estimator.inverse_transform(np.zeros((2, 2))).columns) == ["x0", "x1", "x2", "x3"]


def test_frames_in_give_arrays_out_unless_asked():
    estimator = quick().fit(IRIS)
    codes = estimator.transform(IRIS)
    for result in (codes, estimator.inverse_transform(codes), estimator.reconstruct(IRIS)):
        assert type(result) is np.ndarray


def test_frame_of_float32_comes_out_as_float32():
    X = IRIS.astype(np.float32)
    estimator = quick().set_output(transform="pandas").fit(X)
    assert (
        set(estimator.transform(X).dtypes)
        == set(estimator.reconstruct(X).dtypes)
        == {np.dtype(np.float32)}
    )


def test_scores_are_arrays_whatever_the_output_is_set_to():
    estimator = quick().set_output(transform="pandas").fit(IRIS)
    assert type(estimator.score_samples(IRIS)) is np.ndarray
    assert type(estimator.score(IRIS)) is float


def test_renamed_columns_are_refused():
    estimator = quick().fit(IRIS)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(IRIS.rename(columns=str.upper))


# In scikit-learn's company


def test_pipeline_undoes_its_steps():
    pipeline = make_pipeline(StandardScaler(), quick()).set_output(transform="pandas").fit(IRIS)
    back = pipeline.inverse_transform(pipeline.transform(IRIS))
    direct = pipeline[0].inverse_transform(pipeline[1].reconstruct(pipeline[0].transform(IRIS)))
    np.testing.assert_allclose(back, direct)


def test_column_transformer_names_the_codes():
    columns = ColumnTransformer([("ae", quick(1), NAMES[:2])], remainder="passthrough")
    out = columns.set_output(transform="pandas").fit_transform(IRIS)
    assert out.columns[0] == "ae__autoencodertransformer0"


def test_cross_validation_scores_the_reconstruction():
    scores = cross_val_score(quick(), IRIS.sample(frac=1, random_state=0), cv=3)
    assert (scores > 0.9).all()


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (quick(), {"n_components": [1, 2], "hidden_layer_sizes": [(), (8,)]}),
        (quick(penalty=L2()), {"penalty__weight": [1e-3, 1.0]}),
        (
            quick(architecture=MLP((4,)), early_stopping=False),
            {
                "architecture__hidden_layer_sizes": [(4,), (8, 4)],
                "architecture__tied": [True, False],
            },
        ),
        (quick(), {"penalty": [None, L2()], "loss": ["squared_error", "poisson"]}),
    ],
    ids=["own", "penalty", "architecture", "parts"],
)
def test_grid_search_reaches_every_part(estimator, grid):
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(IRIS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_grid_search_in_a_pipeline_with_a_classifier():
    y = load_iris().target
    pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
    search = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [1, 2]}, cv=3)
    search.fit(IRIS, y)
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("part", [MLP((4,), tied=True), L2(0.5)])
def test_clone_of_a_part_is_independent(part):
    name = "architecture" if isinstance(part, MLP) else "penalty"
    estimator = quick(**{name: part})
    copy = clone(estimator)
    assert getattr(copy, name) is not part
    assert joblib.hash(getattr(copy, name)) == joblib.hash(part)


# Weights


def weighted_table(n_samples):
    random_state = np.random.RandomState(0)
    X = np.sin(random_state.normal(size=(n_samples, 2)) @ random_state.normal(size=(2, 5)))
    return X, random_state.randint(0, 4, size=n_samples)


@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("penalty", [None, L2(0.1)])
def test_row_of_weight_two_counts_as_two_rows(init, penalty):
    X, weight = weighted_table(20)
    weighted = quick(init=init, penalty=penalty, max_iter=50)
    repeated = clone(weighted).fit(np.repeat(X, weight, axis=0))
    weighted.fit(X, sample_weight=weight)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-6)
    assert weighted.reconstruction_err_ == pytest.approx(repeated.reconstruction_err_)


@pytest.mark.parametrize("n_samples", [30, 400])
def test_row_of_weight_zero_is_as_good_as_absent(n_samples):
    X, weight = weighted_table(n_samples)
    present = weight > 0
    with_zeros = quick().fit(X, sample_weight=weight)
    without = quick().fit(X[present], sample_weight=weight[present])
    np.testing.assert_allclose(with_zeros.transform(X), without.transform(X), atol=1e-9)


def test_row_of_weight_zero_may_hold_anything_finite():
    X, weight = weighted_table(100)
    wild = np.where(weight[:, None] > 0, X, 1e6)
    calm = quick().fit(X, sample_weight=weight)
    np.testing.assert_allclose(
        quick().fit(wild, sample_weight=weight).transform(X), calm.transform(X), atol=1e-9
    )


@pytest.mark.parametrize("factor", [1e-6, 1, 7, 1e6])
def test_only_the_proportions_of_the_weights_matter(factor):
    X, weight = weighted_table(100)
    expected = quick().fit(X, sample_weight=weight).transform(X)
    np.testing.assert_allclose(
        quick().fit(X, sample_weight=factor * weight).transform(X), expected, atol=1e-6
    )


@pytest.mark.parametrize("weight", [1, 0.3, np.full(150, 5.0)])
def test_equal_weights_are_no_weights(fitted, weight):
    X = IRIS.to_numpy()
    estimator = quick().fit(X, sample_weight=weight)
    np.testing.assert_array_equal(estimator.transform(X), fitted.transform(X))


def test_weights_draw_the_reconstruction_to_their_rows():
    X, _ = weighted_table(300)
    half = np.arange(300) < 150
    even, drawn = quick(1), quick(1)
    even.fit(X)
    drawn.fit(X, sample_weight=np.where(half, 100.0, 1.0))
    assert drawn.score_samples(X[half]).mean() > even.score_samples(X[half]).mean()
    pca = PCA(1).fit(X[half])
    error = np.square(X[half] - pca.inverse_transform(pca.transform(X[half]))).sum(axis=1).mean()
    assert -drawn.score_samples(X[half]).mean() < 1.05 * error

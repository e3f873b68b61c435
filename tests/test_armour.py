"""Whatever comes in: a sensible model, or an error before training."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, NestedAutoencoder, VariationalAutoencoder

NAMES = [name for name in sklearn_ae.__all__ if hasattr(getattr(sklearn_ae, name), "transform")]
SPOILS = [
    "nothing",
    "a constant column",
    "duplicates",
    "heavy tails",
    "a huge outlier",
    "one value",
]


@st.composite
def tables(draw):
    """Draw a table of any shape, dtype, order and scale, and spoil it."""
    n_rows, n_features = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    X = rng.normal(size=(n_rows, n_features)) + draw(st.sampled_from([0, 1, 1000]))
    spoil = draw(st.sampled_from(SPOILS))
    if spoil == "a constant column":
        X[:, 0] = draw(st.sampled_from([0.0, 0.1, 1e6]))
    elif spoil == "duplicates":
        X = X[rng.integers(0, max(n_rows // 3, 1), n_rows)]
    elif spoil == "heavy tails":
        X = rng.standard_cauchy(X.shape) ** 3
    elif spoil == "a huge outlier":
        X[n_rows // 2, n_features // 2] = 1e9
    elif spoil == "one value":
        X[:] = 0.3
    X = X * 10.0 ** draw(st.integers(-12, 12))
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64, bool]))
    X = np.clip(X, -1e15, 1e15).astype(dtype) if dtype == np.int64 else X.astype(dtype)
    layout = draw(st.sampled_from([np.ascontiguousarray, np.asfortranarray, lambda X: X[::-1]]))
    X = layout(X)
    X.flags.writeable = draw(st.booleans())
    return X


def small(name, **params):
    kind = getattr(sklearn_ae, name)
    known = kind().get_params()
    budget = {"max_iter": 2, "max_steps": 4, "hidden_layer_sizes": (6,), "random_state": 0}
    if name == "AutoencoderImputer":
        budget["autoencoder"] = AutoencoderTransformer(2, hidden_layer_sizes=(6,))
    return kind(**{key: value for key, value in budget.items() if key in known} | params)


def answers(estimator, X):
    methods = ("transform", "reconstruct", "score_samples")
    return {name: getattr(estimator, name)(X) for name in methods if hasattr(estimator, name)}


@pytest.mark.parametrize("name", NAMES)
@given(X=tables())
@settings(max_examples=10, deadline=None, derandomize=True, database=None)
def test_answers_are_finite_and_the_input_stays(name, X):
    before, estimator = X.copy(order="K"), small(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            estimator.fit(X)
        except (ValueError, RuntimeError):  # the latter of a loss that diverges, as documented
            with pytest.raises(NotFittedError):
                check_is_fitted(estimator)
            return
        finally:
            assert X.tobytes() == before.tobytes()
        found, turned = answers(estimator, X), answers(estimator, X[::-1])
    assert X.tobytes() == before.tobytes()
    dtype = X.dtype if X.dtype.kind == "f" else np.float64
    for method, values in found.items():
        assert np.isfinite(values).all(), method
        if method != "score_samples":
            assert values.dtype == dtype
            # Of a constant only rounding is left, which depends on who stands beside whom.
            tolerance = 1e-3 * np.abs(values).max() + 1e-9 * np.abs(X.astype(float)).max()
            np.testing.assert_allclose(turned[method][::-1], values, rtol=0, atol=tolerance)


@given(X=tables(), kind=st.sampled_from([AutoencoderTransformer, NestedAutoencoder]))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_reconstruction_is_no_worse_than_that_of_pca(X, kind):
    estimator = kind(1, hidden_layer_sizes=(6,), max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            Z = estimator.fit(X).reconstruct(X)
        except ValueError:
            return
    unit = np.abs(X.astype(float)).max() or 1.0
    X, Z = X.astype(float) / unit, Z.astype(float) / unit
    if len(X) < 20 or X.var(axis=0).sum() < 1e-9:
        return  # what rounding leaves of a constant is not to be explained
    pca = PCA(1).fit(X)
    floor = r2_score(X, pca.inverse_transform(pca.transform(X)), multioutput="variance_weighted")
    assert r2_score(X, Z, multioutput="variance_weighted") > floor - 0.1


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-155, 1e155, 1e300])
@pytest.mark.parametrize("kind", [AutoencoderTransformer, VariationalAutoencoder])
def test_data_whose_squares_vanish_or_overflow_are_refused(kind, scale):
    X = np.random.default_rng(0).normal(size=(50, 3)) * scale
    with pytest.raises(ValueError, match=r"variance of X.*Rescale X"):
        kind(2, random_state=0).fit(X)

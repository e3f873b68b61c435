import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, DenoisingAutoencoder
from sklearn_ae.corruptions import GaussianNoise, Masking, SaltAndPepper, SwapNoise

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
NOISES = {
    "masking": Masking,
    "gaussian": GaussianNoise,
    "salt_and_pepper": SaltAndPepper,
    "swap": SwapNoise,
}


def quick(**params):
    return DenoisingAutoencoder(**{"max_iter": 3, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X)


# What the parameters mean


@pytest.mark.parametrize("noise", NOISES)
def test_noise_level_of_zero_is_an_autoencoder_transformer(noise):
    plain = AutoencoderTransformer(max_iter=3, random_state=0).fit(X)
    denoising = quick(noise=noise, noise_level=0, emphasis=0.5).fit(X)
    assert denoising.transform(X).tobytes() == plain.transform(X).tobytes()
    assert denoising.loss_curve_ == plain.loss_curve_
    assert denoising.is_pca_ == plain.is_pca_


@pytest.mark.parametrize("noise", NOISES)
def test_name_of_a_noise_stands_for_its_object(noise):
    by_name = quick(noise=noise, noise_level=0.2).fit(X)
    by_object = quick(noise=NOISES[noise](0.2)).fit(X)
    corruption = AutoencoderTransformer(
        corruption=NOISES[noise](0.2), max_iter=3, random_state=0
    ).fit(X)
    codes = by_name.transform(X).tobytes()
    assert codes == by_object.transform(X).tobytes() == corruption.transform(X).tobytes()


def test_function_can_be_the_noise():
    def halve(x, generator):
        return x / 2

    repaired = quick(noise=halve, max_iter=50).fit(X).denoise(X / 2)
    assert np.square(repaired - X).mean() < np.square(X / 2 - X).mean() / 10


def test_emphasis_of_zero_is_the_default():
    given = quick(emphasis=0).fit(X)
    assert given.transform(X).tobytes() == quick().fit(X).transform(X).tobytes()


def test_emphasis_changes_what_is_learned():
    estimator = quick(emphasis=0.5).fit(X)
    assert estimator.transform(X).tobytes() != quick().fit(X).transform(X).tobytes()


def test_denoise_is_reconstruct():
    estimator = quick().fit(X)
    assert estimator.denoise(X).tobytes() == estimator.reconstruct(X).tobytes()
    frame = estimator.set_output(transform="pandas").denoise(X)
    assert list(frame.columns) == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize("noise", NOISES)
def test_nothing_is_damaged_after_training(noise):
    estimator = quick(noise=noise, noise_level=1.0).fit(X)
    codes = estimator.transform(X)
    assert estimator.transform(X).tobytes() == codes.tobytes()
    np.testing.assert_allclose(estimator.inverse_transform(codes), estimator.denoise(X))
    with torch.no_grad():
        module = estimator.module_
        np.testing.assert_array_equal(module.encode(torch.from_numpy(X)), codes)


def test_noise_is_never_pca():
    # Isotropic normal data have nothing to learn, so without noise PCA is the better choice.
    data = np.random.RandomState(0).normal(size=(200, 5))
    assert not quick(noise="gaussian", noise_level=1e-6).fit(data).is_pca_
    assert quick(noise_level=0).fit(data).is_pca_


# What is known of the best reconstruction


def test_linear_denoising_autoencoder_is_the_ridge_like_closed_form():
    # E‖A(x + e) - x‖² is least for A = C (C + s² I)⁻¹.
    random_state = np.random.RandomState(0)
    data = random_state.normal(size=(1000, 3)) * [3.0, 2.0, 1.0]
    data = data @ np.linalg.qr(random_state.normal(size=(3, 3)))[0]
    estimator = DenoisingAutoencoder(
        n_components=5,
        noise="gaussian",
        noise_level=1.5,
        hidden_layer_sizes=(),
        early_stopping=False,
        learning_rate_init=0.003,
        max_iter=60,
        random_state=0,
    ).fit(data)
    ends = np.vstack([np.zeros(3), np.eye(3)])
    rebuilt = estimator.reconstruct(ends)
    slopes = (rebuilt[1:] - rebuilt[0]).T
    covariance = np.cov(data.T)
    expected = covariance @ np.linalg.inv(covariance + 1.5**2 * np.eye(3))
    assert np.linalg.norm(slopes - expected) < 0.04 * np.linalg.norm(expected)


def normal_rows(covariance):
    random_state = np.random.RandomState(0)
    data = random_state.multivariate_normal([1.0, -1.0], covariance, size=2000)
    mahalanobis = np.linalg.norm(
        np.linalg.solve(np.linalg.cholesky(covariance), (data - [1.0, -1.0]).T), axis=0
    )
    return data, mahalanobis < 2


def step_per_variance(noise_level, hidden_layer_sizes, data, bulk):
    estimator = DenoisingAutoencoder(
        n_components=4,
        noise="gaussian",
        noise_level=noise_level,
        hidden_layer_sizes=hidden_layer_sizes,
        early_stopping=False,
        learning_rate_init=0.003,
        max_iter=40,
        random_state=0,
    ).fit(data)
    return ((estimator.denoise(data) - data) / noise_level**2)[bulk]


def test_step_of_small_noise_is_the_gradient_of_the_logarithm_of_the_density():
    covariance = np.array([[2.5, 0.6], [0.6, 2.0]])
    data, bulk = normal_rows(covariance)
    step = step_per_variance(0.3, (), data, bulk)
    score = -(data[bulk] - [1.0, -1.0]) @ np.linalg.inv(covariance)
    assert np.linalg.norm(step - score) < 0.1 * np.linalg.norm(score)


def test_step_of_any_noise_is_that_gradient_for_the_density_of_noisy_rows():
    # Tweedie's formula: E(x | noisy) - noisy is σ² times the gradient of log p(noisy).
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    data, bulk = normal_rows(covariance)
    step = step_per_variance(0.4, (32,), data, bulk)
    score = -(data[bulk] - [1.0, -1.0]) @ np.linalg.inv(covariance + 0.4**2 * np.eye(2))
    assert np.linalg.norm(step - score) < 0.1 * np.linalg.norm(score)


@pytest.mark.parametrize("noise", ["masking", "swap"])
def test_training_with_damage_helps_to_repair_it(noise):
    train, test = train_test_split(load_digits().data[:600], random_state=0)
    generator = torch.Generator().manual_seed(0)
    damaged = NOISES[noise](0.3)(torch.from_numpy(test), generator).numpy()
    params = {"n_components": 16, "max_iter": 12, "random_state": 0}
    taught = DenoisingAutoencoder(noise=noise, **params).fit(train)
    plain = AutoencoderTransformer(**params).fit(train)
    scores = [
        r2_score(test, estimator.reconstruct(damaged), multioutput="variance_weighted")
        for estimator in (taught, plain)
    ]
    assert scores[0] > scores[1] + 0.05


# Training


@pytest.mark.parametrize("emphasis", [0.0, 0.5])
@pytest.mark.parametrize("noise", NOISES)
def test_partial_fit_is_repeatable_and_pickling_in_between_changes_nothing(noise, emphasis):
    stayed, again, travelled = (quick(noise=noise, emphasis=emphasis) for _ in range(3))
    for _ in range(2):
        stayed.partial_fit(X)
        again.partial_fit(X)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(X)))
    codes = stayed.transform(X).tobytes()
    assert codes == again.transform(X).tobytes() == travelled.transform(X).tobytes()
    assert stayed.loss_curve_ == travelled.loss_curve_


# Failure


BAD = [
    ({"noise_level": 1.5}, r"noise_level=1.5 .* noise='masking' .* cannot exceed 1"),
    ({"noise": "swap", "noise_level": 2}, r"noise_level=2 .* noise='swap' .* cannot exceed 1"),
    ({"noise": "salt_and_pepper", "noise_level": 1.01}, r"noise_level=1.01 .* cannot exceed 1"),
    ({"noise_level": -0.1}, "'noise_level' parameter .* Got -0.1"),
    ({"noise_level": np.nan}, "'noise_level' parameter .* Got nan"),
    ({"noise": "gaussian", "noise_level": np.inf}, "'noise_level' parameter .* Got inf"),
    ({"noise_level": "0.3"}, "'noise_level' parameter .* Got '0.3'"),
    ({"noise": "salt"}, "'noise' parameter .* Got 'salt'"),
    ({"noise": None}, "'noise' parameter .* Got None"),
    ({"noise": 0.3}, "'noise' parameter .* Got 0.3"),
    ({"noise": Masking(0.5), "noise_level": 0.5}, r"noise_level=0.5 and noise=Masking.*both given"),
    ({"noise": Masking(1.5)}, r"fraction=1.5 of Masking must be a number in \[0, 1\]"),
    ({"noise": GaussianNoise(-1)}, r"scale=-1 of GaussianNoise"),
    ({"noise": Masking}, r"is a class. Give an object of it: Masking\(\)"),
    ({"emphasis": 1.5}, "'emphasis' parameter .* Got 1.5"),
    ({"emphasis": -0.5}, "'emphasis' parameter .* Got -0.5"),
    ({"emphasis": np.nan}, "'emphasis' parameter .* Got nan"),
]


@pytest.mark.parametrize(("params", "message"), BAD, ids=repr)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_parameter_is_named_before_anything_is_fitted(params, message, method):
    estimator = quick(**params)
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "module_")
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(("params", "message"), BAD, ids=repr)
def test_fit_that_fails_leaves_a_fitted_estimator_as_it_was(params, message, fitted):
    estimator = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**params).fit(2 * X[:, :3])
    assert estimator.denoise(X).tobytes() == fitted.denoise(X).tobytes()
    assert estimator.n_features_in_ == 4


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(noise, bad):
    data = X.copy()
    data[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        quick(noise=noise).fit(data)
    with pytest.raises(ValueError, match="Input X contains"):
        quick(noise=noise).fit(X).denoise(data)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "data", [X[:1], X[:2], X[:, :1], np.ones((20, 4))], ids=["row", "two rows", "column", "same"]
)
def test_small_and_constant_data_are_repaired_to_finite_values(noise, dtype, data):
    data = np.array(data, dtype=dtype)
    data.flags.writeable = False
    repaired = quick(n_components=1, noise=noise, noise_level=1.0).fit(data).denoise(data)
    assert repaired.dtype == dtype
    assert repaired.shape == data.shape
    assert np.isfinite(repaired).all()


def test_constant_data_are_repaired_to_the_constant():
    data = np.full((40, 3), 5.0)
    estimator = quick(n_components=1, noise="swap").fit(data)
    np.testing.assert_allclose(estimator.denoise(data), data, atol=1e-3)


def test_wide_code_needs_no_warning():
    quick(n_components=8).fit(X)
    with pytest.warns(UserWarning, match="n_components=8 is not below the 4 features"):
        quick(n_components=8, noise_level=0).fit(X)

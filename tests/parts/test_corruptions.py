import copy

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise, Masking, SaltAndPepper, SwapNoise

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
CORRUPTIONS = [GaussianNoise(1.0), Masking(0.5), SaltAndPepper(0.5), SwapNoise(0.5)]
NOTHING = [GaussianNoise(0.0), Masking(0.0), SaltAndPepper(0.0), SwapNoise(0.0)]
DTYPES = [torch.float32, torch.float64]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, dtype=torch.float64, seed=1):
    return torch.randn(*shape, dtype=dtype, generator=generator(seed))


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 3, "random_state": 0} | params)


# All of them


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_shape_and_dtype_stay(corruption, dtype):
    x = normal(20, 3, dtype=dtype)
    corrupted = corruption(x, generator())
    assert corrupted.shape == x.shape
    assert corrupted.dtype == dtype


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_randomness_comes_from_the_generator_and_from_nowhere_else(corruption):
    x, before = normal(20, 3), torch.get_rng_state()
    first, second = (corruption(x, generator(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, corruption(x, generator(5)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("corruption", [*CORRUPTIONS, *NOTHING], ids=repr)
@pytest.mark.parametrize("shape", [(20, 3), (1, 3), (20, 1)])
def test_input_is_not_written_to(corruption, shape):
    x = normal(*shape)
    before = x.clone()
    corruption(x, generator()).add_(1)
    assert torch.equal(x, before)


@pytest.mark.parametrize("corruption", NOTHING, ids=repr)
def test_level_of_zero_changes_nothing(corruption):
    x = normal(20, 3)
    assert torch.equal(corruption(x, generator()), x)


@pytest.mark.parametrize("corruption", NOTHING, ids=repr)
def test_level_of_zero_is_a_fit_without_corruption(corruption):
    plain = quick().fit(X).transform(X)
    assert quick(corruption=corruption).fit(X).transform(X).tobytes() == plain.tobytes()


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_single_row_and_single_feature_are_corrupted_to_finite_values(corruption):
    for shape in [(1, 3), (20, 1), (1, 1)]:
        assert torch.isfinite(corruption(normal(*shape), generator())).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_fit_takes_read_only_data_with_a_constant_column(corruption, dtype):
    data = np.column_stack([X, np.full(150, 3.0)]).astype(dtype)
    data.flags.writeable = False
    codes = quick(corruption=corruption).fit(data).transform(data)
    assert codes.dtype == dtype
    assert np.isfinite(codes).all()


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_transform_does_not_corrupt(corruption):
    estimator = quick(corruption=corruption).fit(X)
    codes = estimator.transform(X)
    np.testing.assert_array_equal(estimator.transform(X), codes)
    np.testing.assert_allclose(estimator.inverse_transform(codes), estimator.reconstruct(X))
    np.testing.assert_allclose(estimator.transform(X[:1]), codes[:1])


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
def test_level_is_a_searchable_parameter(corruption):
    name = next(iter(corruption.get_params()))
    estimator = clone(quick(corruption=corruption)).set_params(**{f"corruption__{name}": 0.7})
    assert getattr(estimator.corruption, name) == 0.7
    assert getattr(corruption, name) != 0.7


# Gaussian noise


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_noise_is_gaussian_with_the_given_scale(dtype):
    x = torch.full((2000, 2), 7.0, dtype=dtype)
    noise = ((GaussianNoise(scale=0.5)(x, generator()) - x) / 0.5).numpy().astype(float).ravel()
    assert stats.kstest(noise, "norm").pvalue > 0.01


def test_noise_in_training_shrinks_the_reconstruction_of_a_linear_autoencoder():
    # The best linear reconstruction from x + noise is ridge-like: λ / (λ + σ²) along each axis.
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(2000, 1)) @ np.array([[0.6, 0.8]])
    X += 1e-3 * random_state.normal(size=X.shape)
    estimator = AutoencoderTransformer(
        1,
        hidden_layer_sizes=(),
        corruption=GaussianNoise(1.0),
        early_stopping=False,
        random_state=0,
    ).fit(X)
    centred = X - X.mean(axis=0)
    rebuilt = estimator.reconstruct(X) - X.mean(axis=0)
    slope = np.vdot(rebuilt, centred) / np.vdot(centred, centred)
    variance = centred.var(axis=0).sum()
    assert slope == pytest.approx(variance / (variance + 1), abs=0.04)


# Masking


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("corruption", [Masking, SaltAndPepper, SwapNoise])
def test_each_value_is_replaced_with_the_given_probability(corruption, fraction):
    x = normal(4000, 3)
    replaced = int((corruption(fraction)(x, generator()) != x).sum())
    assert stats.binomtest(replaced, x.numel(), fraction).pvalue > 0.01


def test_values_are_masked_independently_of_each_other():
    masked = (Masking(0.5)(torch.ones(4000, 3), generator()) == 0).long().numpy()
    patterns = np.bincount(masked @ [1, 2, 4], minlength=8)
    assert stats.chisquare(patterns).pvalue > 0.01


@pytest.mark.parametrize("value", [0.0, -1.5, 7])
def test_masked_values_become_the_given_one_and_the_others_stay(value):
    x = normal(50, 3)
    masked = Masking(0.4, value=value)(x, generator())
    changed = masked != x
    assert 0 < changed.sum() < x.numel()
    assert (masked[changed] == value).all()


def test_fraction_of_one_masks_everything():
    assert (Masking(1.0)(normal(500, 3), generator()) == 0).all()


# Salt and pepper


def test_salt_and_pepper_sets_values_to_the_ends_of_their_column_half_each():
    x = normal(4000, 3) * torch.tensor([1.0, 10.0, 100.0])
    noisy = SaltAndPepper(1.0)(x, generator())
    low, high = x.amin(dim=0), x.amax(dim=0)
    is_high = noisy == high
    assert (is_high | (noisy == low)).all()
    assert stats.binomtest(int(is_high.sum()), x.numel(), 0.5).pvalue > 0.01


def test_salt_and_pepper_takes_the_ends_from_what_it_was_fitted_on():
    noisy = SaltAndPepper(1.0).fit(X)(torch.zeros(200, 4, dtype=torch.float64), generator())
    for column, values in zip(X.T, noisy.T, strict=True):
        assert values.unique().tolist() == [column.min(), column.max()]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_salt_and_pepper_in_an_estimator_knows_the_ends_of_the_training_data(method):
    given = SaltAndPepper(0.3)
    estimator = getattr(quick(corruption=given, batch_size=32), method)(X)
    fitted = estimator.net_.criterion_.corruption
    np.testing.assert_array_equal(fitted.data_min_, X.min(axis=0))
    np.testing.assert_array_equal(fitted.data_max_, X.max(axis=0))
    assert not hasattr(given, "data_min_")


def test_salt_and_pepper_does_not_see_rows_of_weight_zero():
    data, weight = np.vstack([X, np.full((1, 4), 1e3)]), np.append(np.ones(150), 0.0)
    estimator = quick(corruption=SaltAndPepper(0.3)).fit(data, sample_weight=weight)
    np.testing.assert_array_equal(estimator.net_.criterion_.corruption.data_max_, X.max(axis=0))


@pytest.mark.parametrize("corruption", [SaltAndPepper(1.0), SwapNoise(1.0)], ids=repr)
def test_constant_column_stays_as_it_is(corruption):
    x = torch.cat([normal(50, 1), torch.full((50, 1), 3.0)], dim=1)
    noisy = corruption(x, generator())
    assert torch.equal(noisy[:, 1], x[:, 1])
    assert not torch.equal(noisy[:, 0], x[:, 0])


# Swap noise


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_swap_noise_draws_values_from_their_own_column(fraction):
    x = normal(50, 3)
    swapped = SwapNoise(fraction)(x, generator())
    for column, values in zip(x.T, swapped.T, strict=True):
        assert set(values.tolist()) <= set(column.tolist())


@pytest.mark.parametrize("n_rows", [2, 3, 50])
def test_swap_noise_takes_every_value_from_another_row(n_rows):
    x = torch.arange(3.0 * n_rows).reshape(n_rows, 3)
    for seed in range(20):
        assert (SwapNoise(1.0)(x, generator(seed)) != x).all()


def test_swap_noise_takes_any_other_row_with_the_same_probability():
    x = torch.arange(5.0)[:, None].expand(5, 4000)
    swapped = SwapNoise(1.0)(x, generator())
    for row, values in enumerate(swapped):
        counts = np.bincount(values.long().numpy(), minlength=5)
        assert counts[row] == 0
        assert stats.chisquare(np.delete(counts, row)).pvalue > 0.01


def test_swap_noise_leaves_a_batch_of_one_row_alone():
    x = normal(1, 3)
    assert torch.equal(SwapNoise(1.0)(x, generator()), x)


# Levels that cannot be


BAD_FRACTIONS = [-0.1, 1.1, np.nan, np.inf, True, "0.3", None]
BAD = [
    *(
        (part(bad), "fraction", bad)
        for part in (Masking, SaltAndPepper, SwapNoise)
        for bad in BAD_FRACTIONS
    ),
    *((GaussianNoise(bad), "scale", bad) for bad in (-1, np.nan, np.inf, True, "1", None)),
    *((Masking(value=bad), "value", bad) for bad in (np.nan, np.inf, True, "0", None)),
]


@pytest.mark.parametrize(("corruption", "parameter", "value"), BAD, ids=repr)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_level_is_named_with_its_value_before_anything_is_fitted(
    corruption, parameter, value, method
):
    estimator = quick(corruption=corruption)
    message = rf"{parameter}={value!r} of {type(corruption).__name__} must be "
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "module_")
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(("corruption", "parameter", "value"), BAD[::5], ids=repr)
def test_bad_level_leaves_a_fitted_estimator_as_it_was(corruption, parameter, value):
    estimator = quick(corruption=SaltAndPepper(0.3)).fit(X)
    before = copy.deepcopy(estimator)
    with pytest.raises(ValueError, match=f"{parameter}="):
        estimator.set_params(corruption=corruption).fit(2 * X[:, :3])
    assert estimator.transform(X).tobytes() == before.transform(X).tobytes()
    assert estimator.n_features_in_ == 4


# Those of others


class Shifted(BaseEstimator):
    """A user's own corruption, with everything it may have."""

    def __init__(self, by=1.0):
        self.by = by

    def check(self, X):
        if X.min() < 0:
            raise ValueError("Shifted needs data of at least 0.")

    def fit(self, X):
        self.unit_ = X.std(axis=0)

    def __call__(self, x, generator):
        return x + self.by * torch.as_tensor(self.unit_).to(x)


def test_corruption_of_a_user_is_fitted_in_a_copy_and_checked():
    given = Shifted()
    estimator = quick(corruption=given).fit(X)
    np.testing.assert_array_equal(estimator.net_.criterion_.corruption.unit_, X.std(axis=0))
    assert not hasattr(given, "unit_")
    with pytest.raises(ValueError, match="Shifted needs data of at least 0"):
        estimator.fit(-X)


def test_function_is_a_corruption():
    def halve(x, generator):
        return x / 2

    rebuilt = quick(corruption=halve, max_iter=50).fit(X).reconstruct(X / 2)
    assert np.square(rebuilt - X).mean() < np.square(X / 2 - X).mean() / 10


def test_masked_values_become_zero_where_a_column_has_zero_and_its_mean_elsewhere():
    columns = np.array([[-1.0, 0.0, 5.0, 1998.0], [1.0, 3.0, 7.0, 2002.0]])
    masking = Masking(1.0).fit(columns)
    masked = masking(torch.from_numpy(columns), generator())
    assert masked.tolist() == 2 * [[0.0, 0.0, 6.0, 2000.0]]


def test_masking_without_fit_masks_to_zero():
    assert (Masking(1.0)(torch.full((4, 2), 7.0), generator()) == 0).all()


def test_masking_a_table_far_from_zero_trains_as_well_as_the_centred_table():
    far = AutoencoderTransformer(2, corruption=Masking(0.3), random_state=0).fit(X + 1e4)
    near = AutoencoderTransformer(2, corruption=Masking(0.3), random_state=0).fit(
        X - X.mean(axis=0)
    )
    assert far.score(X + 1e4) == pytest.approx(near.score(X - X.mean(axis=0)), abs=0.02)


def test_automatic_gaussian_noise_is_half_as_large_as_the_data():
    X = np.random.default_rng(0).normal(size=(100, 4)) * 6
    noise = GaussianNoise("auto").fit(X)
    assert noise.scale_ == pytest.approx(3, rel=0.1)
    x = torch.zeros(5000, 4)
    noisy = noise(x, torch.Generator().manual_seed(0))
    assert noisy.std().item() == pytest.approx(noise.scale_, rel=0.02)

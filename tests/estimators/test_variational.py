import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from torch.distributions import Independent, Normal, Poisson, kl_divergence

from sklearn_ae import AutoencoderTransformer, VariationalAutoencoder, losses
from sklearn_ae._estimators.variational.evidence import (
    MIN_NOISE,
    EvidenceLowerBound,
    minus_log_likelihood,
    standard_normal_draws,
)
from sklearn_ae._interpolation import arc
from sklearn_ae.architectures import MLP, TopK

pytestmark = [
    pytest.mark.filterwarnings("ignore:Training stopped at max_iter"),
    pytest.mark.filterwarnings("ignore:.* units of the code have collapsed"),
]

X = load_iris().data
BINARY = (load_digits().data[:300] > 8).astype(float)


def quick(n_components=2, **params):
    return VariationalAutoencoder(n_components, **{"max_iter": 3, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X)


def untrained(n_components, **params):
    """A model that is left where it starts."""
    params = {"max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False} | params
    return VariationalAutoencoder(n_components, random_state=0, **params)


def normal_rows(n_samples=5000):
    random_state = np.random.RandomState(0)
    axes = random_state.normal(size=(2, 6))
    noise = 0.7 * random_state.normal(size=(n_samples, 6))
    return random_state.normal(size=(n_samples, 2)) @ axes * [3, 1, 1, 2, 1, 1] + noise + 5


# Probabilistic PCA


@pytest.mark.parametrize("hidden", [(), (8,)])
@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_start_is_probabilistic_pca(n_components, hidden):
    data = normal_rows()
    estimator = untrained(n_components, hidden_layer_sizes=hidden).fit(data)
    pca = PCA(n_components).fit(data)
    assert estimator.noise_variance_ == pytest.approx(pca.noise_variance_, rel=1e-3)
    assert estimator.score_samples(data).mean() == pytest.approx(pca.score(data), rel=0.01)


def test_bound_of_each_row_is_near_its_density_where_the_posterior_is_exact():
    data = normal_rows()
    estimator, pca = untrained(2).fit(data), PCA(2).fit(data)
    ours, theirs = estimator.score_samples(data), pca.score_samples(data)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    np.testing.assert_allclose(ours.mean(), theirs.mean(), rtol=1e-3)


def test_linear_model_stays_at_probabilistic_pca_in_training():
    data = normal_rows(2000)
    estimator = VariationalAutoencoder(2, hidden_layer_sizes=(), max_iter=20, random_state=0)
    pca = PCA(2).fit(data)
    estimator.fit(data)
    assert estimator.score_samples(data).mean() == pytest.approx(pca.score(data), rel=0.01)
    assert estimator.noise_variance_ == pytest.approx(pca.noise_variance_, rel=0.05)


def test_codes_at_the_start_are_the_shrunken_ones_of_probabilistic_pca():
    # E(z | x) = M⁻¹ Wᵀ (x - μ) with M = WᵀW + σ² I (Tipping & Bishop 1999).
    data = normal_rows()
    pca = PCA(2).fit(data)
    signal = np.sqrt(pca.explained_variance_ - pca.noise_variance_)
    expected = pca.transform(data) * signal / pca.explained_variance_
    codes = untrained(2).fit(data).transform(data)
    np.testing.assert_allclose(np.abs(codes), np.abs(expected), atol=0.01)


def test_noise_of_the_decoder_stays_above_its_minimum():
    data = np.random.RandomState(0).normal(size=(100, 1)) @ np.ones((1, 4))
    estimator = quick(1, max_iter=30).fit(data)
    assert estimator.noise_variance_ >= MIN_NOISE * data.var(axis=0).mean() * (1 - 1e-6)
    assert np.isfinite(estimator.score_samples(data)).all()


def test_noise_variance_is_in_squared_units_of_the_data():
    narrow, wide = (untrained(2).fit(factor * X).noise_variance_ for factor in (1, 1024))
    assert wide == pytest.approx(1024**2 * narrow, rel=1e-4)


# The evidence lower bound


def test_training_minimises_minus_the_evidence_lower_bound():
    estimator = untrained(2, batch_size=150).fit(X)
    bound = estimator.score_samples(X).mean() / 4
    assert -estimator.loss_curve_[0] == pytest.approx(bound, abs=0.1)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_beta_weighs_the_divergence_in_training_only(beta):
    plain, weighted = untrained(2, batch_size=150).fit(X), untrained(2, beta=beta, batch_size=150)
    weighted.fit(X)
    more = (beta - 1) * plain.kl_divergence_.sum() / 4
    assert weighted.loss_curve_[0] - plain.loss_curve_[0] == pytest.approx(more, rel=1e-4, abs=1e-6)
    np.testing.assert_allclose(weighted.score_samples(X), plain.score_samples(X), rtol=1e-6)


@pytest.mark.parametrize("weight", [None, 1 + np.arange(150) % 3])
def test_divergence_of_each_unit_is_the_weighted_mean_of_that_of_normal_distributions(weight):
    estimator = quick().fit(X, sample_weight=weight)
    with torch.no_grad():
        mean, log_variance = estimator.module_.distribution(torch.from_numpy(X))
    zero = torch.zeros((), dtype=torch.float64)
    kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(zero, zero + 1))
    expected = np.average(kl, axis=0, weights=weight)
    np.testing.assert_allclose(estimator.kl_divergence_, expected, rtol=1e-6)


def log_likelihood(loss, module, mean, x):
    if isinstance(loss, losses.Poisson):
        return Independent(Poisson(mean), 1).log_prob(x)
    if isinstance(loss, losses.LogLoss):
        return (x * mean.log() + (1 - x) * (1 - mean).log()).sum(dim=-1)
    deviation = module.noise().sqrt() * module.scale
    return Independent(Normal(mean, deviation), 1).log_prob(x)


@pytest.mark.parametrize(
    "loss", [losses.SquaredError(), losses.LogLoss(), losses.Poisson()], ids=repr
)
def test_bound_is_below_the_likelihood_and_not_far_below(loss):
    # With one unit the likelihood is an integral over the line.
    random_state = np.random.RandomState(0)
    signal = random_state.normal(size=(300, 1)) * [1.0, -1.0, 1.0, 0.5, 0.0]
    data = {
        "SquaredError": signal + 0.5 * random_state.normal(size=signal.shape),
        "LogLoss": random_state.binomial(1, expit(2 * signal)).astype(float),
        "Poisson": random_state.poisson(np.exp(signal)).astype(float),
    }[type(loss).__name__]
    estimator = quick(1, loss=loss, hidden_layer_sizes=(8,), max_iter=15).fit(data)
    x, codes = torch.from_numpy(data), torch.linspace(-8, 8, 2001, dtype=torch.float64)
    prior = Normal(torch.zeros(()).double(), torch.ones(()).double())
    quantiles = stats.norm.ppf((np.arange(500) + 0.5) / 500)
    draws = (quantiles / quantiles.std())[:, None]
    with torch.no_grad():
        means = estimator.module_.decode(codes[:, None])[:, None, :]
        joint = log_likelihood(loss, estimator.module_, means, x) + prior.log_prob(codes)[:, None]
        bound = EvidenceLowerBound(estimator.module_, loss, draws)(x)
    exact = torch.logsumexp(joint, dim=0) + np.log(16 / 2000)
    assert bound.mean() < exact.mean()
    assert (bound < exact + 1e-3).all()
    assert bound.mean() > exact.mean() - 0.5


@pytest.mark.parametrize(
    "loss", [losses.SquaredError(), losses.LogLoss(), losses.Poisson()], ids=repr
)
def test_likelihood_is_that_of_the_distribution_of_the_loss(loss):
    estimator = quick(loss=loss).fit(BINARY)
    x = torch.from_numpy(BINARY)
    with torch.no_grad():
        mean = estimator.module_(x).reconstruction
        values = -64 * minus_log_likelihood(loss, estimator.module_, mean, x)
        expected = log_likelihood(loss, estimator.module_, mean, x)
    torch.testing.assert_close(values, expected)


def test_nonlinear_model_of_digits_beats_the_likelihood_of_pca():
    train, test = train_test_split(load_digits().data, random_state=0)
    estimator = VariationalAutoencoder(8, max_iter=10, random_state=0).fit(train)
    pca = PCA(8).fit(train)
    assert estimator.score_samples(test).mean() > pca.score(test)


def test_scores_do_not_depend_on_the_other_rows():
    estimator = quick().fit(X)
    scores = estimator.score_samples(X)
    assert scores.shape == (150,)
    assert estimator.score_samples(X).tobytes() == scores.tobytes()
    np.testing.assert_allclose(estimator.score_samples(X[::-1]), scores[::-1], rtol=1e-9)
    np.testing.assert_allclose(estimator.score_samples(X[:1]), scores[:1], rtol=1e-9)


def test_rows_unlike_the_data_score_lower():
    estimator = quick().fit(X)
    assert estimator.score_samples(X + 5).max() < estimator.score_samples(X).min()


@pytest.mark.parametrize("n_components", [1, 5, 64])
def test_draws_represent_the_standard_normal_distribution(n_components):
    draws = standard_normal_draws(n_components, seed=0)
    assert draws.shape == (32, n_components)
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.square(draws).mean(axis=0), 1)
    assert draws.tobytes() == standard_normal_draws(n_components, seed=0).tobytes()


# Codes


def test_code_of_a_row_is_the_mean_of_its_distribution():
    estimator = quick().fit(X)
    codes = estimator.transform(X)
    with torch.no_grad():
        mean, _ = estimator.module_.distribution(torch.from_numpy(X))
    np.testing.assert_array_equal(codes, mean)
    assert estimator.transform(X).tobytes() == codes.tobytes()
    np.testing.assert_allclose(estimator.inverse_transform(codes), estimator.reconstruct(X))


def test_units_that_the_data_do_not_need_collapse_and_are_named():
    random_state = np.random.RandomState(0)
    data = random_state.normal(size=(400, 2)) @ random_state.normal(size=(2, 8))
    with pytest.warns(UserWarning, match=r"3 of 5 units .* collapsed") as caught:
        estimator = untrained(5).fit(data)
    collapsed = np.flatnonzero(estimator.kl_divergence_ < 0.01)
    message = next(str(w.message) for w in caught if "collapsed" in str(w.message))
    assert f": {', '.join(map(str, collapsed))}. Use n_components=2" in message
    assert np.std(estimator.transform(data), axis=0)[collapsed].max() < 0.1


@pytest.mark.parametrize("shape", [(50, 20), (200, 10), (200, 50), (1000, 50), (100, 500)])
@pytest.mark.parametrize("early_stopping", ["auto", False])
def test_units_that_learned_noise_are_named(shape, early_stopping):
    random_state = np.random.RandomState(1)
    (n_rows, n_columns), rank = shape, 3
    data = random_state.normal(size=(n_rows, rank)) @ random_state.normal(size=(rank, n_columns))
    data += 0.5 * random_state.normal(size=shape)
    settings = {"hidden_layer_sizes": (), "early_stopping": early_stopping, "random_state": 0}
    with pytest.warns(UserWarning, match=r"2 of 5 units .* Use n_components=3"):
        VariationalAutoencoder(5, **settings).fit(data)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".* units of the code")
        VariationalAutoencoder(3, **settings).fit(data)


def test_all_units_collapse_under_too_much_beta_and_less_of_it_is_recommended():
    with pytest.warns(UserWarning, match=r"2 of 2 units .* Use a smaller beta than 300"):
        estimator = quick(2, beta=300, max_iter=40, early_stopping=False).fit(X)
    assert (estimator.kl_divergence_ < 0.01).all()
    mean = np.tile(X.mean(axis=0), (150, 1))
    np.testing.assert_allclose(estimator.reconstruct(X), mean, atol=0.3)


@pytest.mark.filterwarnings("error:.* units of the code have collapsed")
def test_units_that_tell_something_do_not_warn():
    estimator = quick(2, max_iter=10).fit(normal_rows(500))
    assert (estimator.kl_divergence_ > 0.01).all()


def test_more_beta_leaves_less_information():
    divergences = [
        quick(2, beta=beta, max_iter=15).fit(X).kl_divergence_.sum() for beta in (0.1, 1, 10)
    ]
    assert divergences == sorted(divergences, reverse=True)


# Samples


def test_samples_have_the_shape_and_dtype_of_the_data():
    for dtype in (np.float32, np.float64):
        sample = quick().fit(X.astype(dtype)).sample(7, random_state=0)
        assert sample.shape == (7, 4)
        assert sample.dtype == dtype
    frame = quick().set_output(transform="pandas").fit(X).sample(3)
    assert list(frame.columns) == ["x0", "x1", "x2", "x3"]


def test_samples_are_decoded_standard_normal_codes():
    estimator = quick().fit(X)
    codes = np.random.RandomState(3).normal(size=(5, 2))
    expected = estimator.inverse_transform(codes)
    np.testing.assert_array_equal(estimator.sample(5, random_state=3), expected)
    generator = np.random.RandomState(3)
    np.testing.assert_array_equal(estimator.sample(5, random_state=generator), expected)
    assert not np.array_equal(estimator.sample(5, random_state=generator), expected)


def test_samples_without_a_seed_differ_and_leave_the_global_state_alone():
    estimator = quick().fit(X)
    before = pickle.dumps(np.random.get_state()), torch.get_rng_state()
    first, second = estimator.sample(5), estimator.sample(5)
    assert not np.array_equal(first, second)
    assert pickle.dumps(np.random.get_state()) == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_samples_of_probabilistic_pca_have_the_mean_and_covariance_of_its_signal():
    data = normal_rows()
    pca = PCA(2).fit(data)
    sample = untrained(2).fit(data).sample(20_000, random_state=0)
    signal = pca.components_.T * (pca.explained_variance_ - pca.noise_variance_)
    expected = signal @ pca.components_
    np.testing.assert_allclose(sample.mean(axis=0), data.mean(axis=0), atol=0.1)
    error = np.linalg.norm(np.cov(sample.T) - expected)
    assert error < 0.05 * np.linalg.norm(expected)


@pytest.mark.parametrize("n_components", [2, 8])
def test_samples_vary_as_held_out_rows_do(n_components):
    train, test = train_test_split(load_digits().data, random_state=0)
    model = VariationalAutoencoder(n_components, random_state=0).fit(train)
    sample = model.sample(5000, random_state=0)
    np.testing.assert_allclose(sample.mean(axis=0), test.mean(axis=0), atol=1.5)
    assert sample.var(axis=0).sum() > 0.85 * model.reconstruct(test).var(axis=0).sum()
    noise = model.noise_variance_ * train.shape[1]
    assert sample.var(axis=0).sum() + noise == pytest.approx(test.var(axis=0).sum(), rel=0.15)


@pytest.mark.parametrize("params", [{}, {"hidden_layer_sizes": ()}, {"init": "random"}], ids=repr)
def test_codes_of_all_rows_together_have_the_mean_and_the_variance_of_the_prior(params):
    model = quick(max_iter=20, **params).fit(X)
    with torch.no_grad():
        mean, log_variance = model.module_.distribution(torch.from_numpy(X))
    second = (mean.square() + log_variance.exp()).mean(dim=0)
    torch.testing.assert_close(mean.mean(dim=0), torch.zeros(2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(second, torch.ones(2).double())


def test_standardised_codes_reconstruct_as_before_and_diverge_less_from_the_prior():
    model = quick(init="random", max_iter=20).fit(X)
    encoder, decoder = model.module_.encoder, model.module_.decoder
    before = model.reconstruct(X), model.score_samples(X).mean()
    centre, spread = torch.tensor([0.5, -1.0]).double(), torch.tensor([2.0, 0.3]).double()
    both = torch.cat([spread, torch.ones(2).double()])
    encoder.rescale_output(torch.cat([centre, 2 * spread.log()]), both)
    decoder.rescale_input(centre, spread)
    np.testing.assert_allclose(model.reconstruct(X), before[0], atol=1e-10)
    assert model.score_samples(X).mean() < before[1]


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_net_of_a_loss_with_a_link_starts_at_random_and_has_no_linear_path(loss):
    assert quick(loss=loss).fit(BINARY).module_.encoder.skip is None
    assert quick(loss=loss, init="pca").fit(BINARY).module_.encoder.skip is not None


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_samples_lie_where_the_distribution_of_the_loss_does(loss):
    sample = quick(8, loss=loss).fit(BINARY).sample(50, random_state=0)
    assert sample.min() >= 0
    if loss == "log_loss":
        assert sample.max() <= 1


@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", None])
def test_number_of_samples_must_be_a_positive_integer(bad):
    with pytest.raises(ValueError, match=rf"n_samples={bad!r} must be a positive integer"):
        quick().fit(X).sample(bad)


# Without a distribution


@pytest.mark.parametrize("params", [{}, {"init": "random"}, {"architecture": MLP((8,), tied=True)}])
def test_beta_of_zero_is_an_autoencoder_transformer(params):
    plain = AutoencoderTransformer(2, max_iter=3, random_state=0, **params).fit(X)
    free = quick(beta=0, **params).fit(X)
    assert free.transform(X).tobytes() == plain.transform(X).tobytes()
    assert free.score_samples(X).tobytes() == plain.score_samples(X).tobytes()
    assert free.loss_curve_ == plain.loss_curve_
    assert free.is_pca_ == plain.is_pca_
    assert free.kl_divergence_ is None
    assert free.noise_variance_ is None


def test_beta_of_zero_has_nothing_to_draw_from():
    with pytest.raises(ValueError, match=r"With beta=0 .* Fit with beta > 0"):
        quick(beta=0).fit(X).sample(3)


def test_other_losses_have_no_variance_of_the_noise():
    assert quick(loss="poisson").fit(X).noise_variance_ is None


# Training


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "poisson"])
def test_partial_fit_is_repeatable_and_pickling_in_between_changes_nothing(loss):
    data = X / 8
    stayed, again, travelled = (quick(loss=loss) for _ in range(3))
    for _ in range(2):
        stayed.partial_fit(data)
        again.partial_fit(data)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(data)))
    scores = stayed.score_samples(data).tobytes()
    assert scores == again.score_samples(data).tobytes() == travelled.score_samples(data).tobytes()
    assert stayed.loss_curve_ == travelled.loss_curve_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("params", [{}, {"beta": 0}, {"loss": "poisson"}], ids=repr)
def test_pickling_changes_nothing(params, dtype):
    data = X.astype(dtype)
    estimator = quick(**params).fit(data)
    restored = pickle.loads(pickle.dumps(estimator))
    assert restored.transform(data).tobytes() == estimator.transform(data).tobytes()
    assert restored.score_samples(data).tobytes() == estimator.score_samples(data).tobytes()
    assert restored.reconstruct(data).tobytes() == estimator.reconstruct(data).tobytes()
    assert restored.noise_variance_ == estimator.noise_variance_
    if params.get("beta", 1):
        np.testing.assert_array_equal(restored.sample(3, 0), estimator.sample(3, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "data", [X[:1], X[:2], X[:, :1], np.ones((20, 4))], ids=["row", "two rows", "column", "same"]
)
@pytest.mark.parametrize("n_components", [1, 6])
def test_small_and_constant_data_have_finite_codes_and_scores(dtype, data, n_components):
    data = np.array(data, dtype=dtype)
    data.flags.writeable = False
    estimator = quick(n_components).fit(data)
    assert estimator.transform(data).dtype == estimator.score_samples(data).dtype == dtype
    for values in (
        estimator.transform(data),
        estimator.score_samples(data),
        estimator.reconstruct(data),
        estimator.sample(5, random_state=0),
        estimator.kl_divergence_,
        estimator.loss_curve_,
    ):
        assert np.isfinite(values).all()


def test_constant_data_are_reconstructed():
    data = np.full((40, 3), 5.0)
    estimator = quick(1).fit(data)
    np.testing.assert_allclose(estimator.reconstruct(data), data, atol=0.1)


def test_wide_code_needs_no_warning_about_copying():
    quick(8).fit(X)
    with pytest.warns(UserWarning, match="n_components=8 is not below the 4 features"):
        quick(8, beta=0).fit(X)


# Failure


BAD = [
    *(({"beta": bad}, f"'beta' parameter .* Got {bad!r}") for bad in (-0.1, np.nan, "1", None)),
    ({"beta": np.inf}, "'beta' parameter .* Got inf"),
    ({"architecture": MLP((8,), tied=True)}, "ties the decoder's weights .* Use tied=False"),
    ({"architecture": MLP((), tied=True)}, "ties the decoder's weights .* Use tied=False"),
    ({"architecture": MLP((8,), skip=False), "init": "pca"}, "init='pca' starts from linear paths"),
    ({"loss": "log_loss"}, r"loss='log_loss' needs data in \[0, 1\]"),
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
    assert estimator.score_samples(X).tobytes() == fitted.score_samples(X).tobytes()
    assert estimator.noise_variance_ == fitted.noise_variance_
    assert estimator.n_features_in_ == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(bad):
    data = X.copy()
    data[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        quick().fit(data)
    with pytest.raises(ValueError, match="Input X contains"):
        quick().fit(X).score_samples(data)


@pytest.mark.parametrize("betas", [(0, 1.0), (1.0, 0)])
def test_training_cannot_go_on_with_a_distribution_that_was_not_there(betas):
    estimator = quick(beta=betas[0], warm_start=True).fit(X)
    before = estimator.transform(X).tobytes()
    with pytest.raises(ValueError, match=rf"beta={betas[1]}.*warm_start=False"):
        estimator.set_params(beta=betas[1]).fit(X)
    assert estimator.transform(X).tobytes() == before


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("seed", range(5))
def test_bound_of_the_exact_posterior_is_the_likelihood_whatever_the_draws(seed):
    random_state = np.random.RandomState(0)
    X = 3 * random_state.normal(size=(5000, 1)) @ random_state.normal(size=(1, 6))
    X += random_state.normal(size=X.shape)
    estimator = VariationalAutoencoder(
        1,
        hidden_layer_sizes=(),
        max_iter=1,
        learning_rate_init=1e-12,
        early_stopping=False,
        random_state=seed,
    ).fit(X)
    expected = PCA(1).fit(X).score(X)
    assert estimator.score_samples(X).mean() == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("activation", ["logistic", TopK(1)], ids=repr)
def test_activation_of_a_variational_code_is_an_error(activation):
    architecture = MLP((8,), code_activation=activation)
    with pytest.raises(ValueError, match="gives the code an activation"):
        VariationalAutoencoder(architecture=architecture, init="random").fit(load_iris().data)


# Between two codes


def test_arc_of_two_perpendicular_vectors_of_equal_length_is_a_quarter_of_a_circle():
    share = np.linspace(0, 1, 7)[:, None]
    points = arc(np.array([2.0, 0.0]), np.array([0.0, 2.0]), share)
    angle = share.ravel() * np.pi / 2
    circle = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(points, circle, atol=1e-12)


@pytest.mark.parametrize("end", [[2.0, 4.0], [0.0, 0.0], [-1.0, -2.0], [1.0, 2.0]])
def test_arc_is_the_segment_where_the_vectors_span_no_plane(end):
    start, share = np.array([1.0, 2.0]), np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(
        arc(start, np.array(end), share), (1 - share) * start + share * np.array(end), atol=1e-7
    )


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_both_ways_between_two_rows_lead_from_one_reconstruction_to_the_other(method):
    X = load_digits().data[:100]
    autoencoder = quick(4).fit(X)
    points = autoencoder.interpolate(X[0], X[1], method=method)
    np.testing.assert_allclose(points[[0, -1]], autoencoder.reconstruct(X[:2]), atol=1e-5)


def test_codes_on_the_arc_of_slerp_are_as_far_from_zero_as_its_ends():
    X = load_digits().data[:100]
    autoencoder = quick(4).fit(X)
    ends = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, -1.0, 2.0]])
    middle = autoencoder.interpolate(*ends, 3, codes=True, method="slerp")[1]
    code = ends.mean(axis=0) * np.sqrt(2)
    np.testing.assert_allclose(middle, autoencoder.inverse_transform(code[None])[0])


def test_unknown_way_between_two_rows_is_refused():
    autoencoder = quick().fit(X)
    with pytest.raises(ValueError, match="method='cubic' is unknown"):
        autoencoder.interpolate(X[0], X[1], method="cubic")

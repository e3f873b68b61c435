import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from skimage.data import lfw_subset
from sklearn import datasets
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import L2

stops_early = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
overcomplete = pytest.mark.filterwarnings("ignore:n_components=.* is not below")


def table(n_samples, n_features, rank=None):
    random_state = np.random.RandomState(0)
    rank = rank or min(n_samples, n_features)
    X = random_state.normal(size=(n_samples, rank)) * np.geomspace(10, 1, rank)
    return X @ np.linalg.qr(random_state.normal(size=(n_features, rank)))[0].T + 5


def pca_reconstruction(n_components, X, of=None):
    pca = PCA(n_components).fit(X)
    return pca.inverse_transform(pca.transform(X if of is None else of))


def at_the_start(n_components, **params):
    """An estimator that does not get anywhere from where it starts."""
    params = {"max_iter": 1, "learning_rate_init": 1e-14, "early_stopping": False} | params
    return AutoencoderTransformer(n_components, random_state=0, **params)


# PCA, the special case


@pytest.mark.parametrize("init", ["pca", "random"])
def test_linear_autoencoder_spans_the_subspace_of_pca(init):
    X = table(300, 6)
    estimator = AutoencoderTransformer(
        2,
        hidden_layer_sizes=(),
        init=init,
        early_stopping=False,
        learning_rate_init=0.01,
        tol=1e-7,
        max_iter=3000,
        random_state=0,
    ).fit(X)
    (layer,) = estimator.module_.decoder.layers
    pca = PCA(2).fit(X)
    angles = subspace_angles(layer.weight.detach().numpy(), pca.components_.T)
    assert np.rad2deg(angles.max()) < 2
    expected = r2_score(X, pca_reconstruction(2, X), multioutput="variance_weighted")
    assert estimator.score(X) == pytest.approx(expected, abs=1e-3)


@stops_early
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", [(), (16,), (16, 8)])
@pytest.mark.parametrize("shape", [(200, 6), (20, 50), (65, 80)], ids=["n>p", "n<p", "wide"])
def test_fit_starts_at_the_reconstruction_of_pca(shape, hidden, dtype):
    X = table(*shape).astype(dtype)
    estimator = at_the_start(3, hidden_layer_sizes=hidden).fit(X)
    atol = 1e-3 if dtype == np.float32 else 1e-8
    np.testing.assert_allclose(estimator.reconstruct(X), pca_reconstruction(3, X), atol=atol)


@stops_early
@pytest.mark.parametrize(("shape", "rank"), [((100, 8), 2), ((4, 30), 3)])
def test_more_components_than_the_rank_reconstruct_everything(shape, rank):
    X = table(*shape, rank=rank)
    np.testing.assert_allclose(at_the_start(5).fit(X).reconstruct(X), X, atol=1e-8)


@stops_early
def test_constant_columns_are_reconstructed():
    X = np.hstack([table(100, 4), np.full((100, 3), 7.0)])
    reconstruction = at_the_start(2).fit(X).reconstruct(X)
    np.testing.assert_allclose(reconstruction, pca_reconstruction(2, X), atol=1e-8)
    np.testing.assert_allclose(reconstruction[:, 4:], 7.0)


@stops_early
@pytest.mark.parametrize("shape", [(200, 6), (30, 50)])
def test_weighted_fit_starts_at_the_pca_of_repeated_rows(shape):
    X = table(*shape)
    weight = np.random.RandomState(1).randint(0, 4, size=len(X))
    estimator = at_the_start(3).fit(X, sample_weight=weight)
    expected = pca_reconstruction(3, np.repeat(X, weight, axis=0), of=X)
    np.testing.assert_allclose(estimator.reconstruct(X), expected, atol=1e-7)


@stops_early
@overcomplete
@pytest.mark.parametrize("n_components", [5, 6, 20])
@pytest.mark.parametrize("shape", [(100, 5), (3, 5)])
def test_code_at_least_as_wide_as_the_data_starts_at_the_identity(n_components, shape):
    X = table(*shape)
    estimator = at_the_start(n_components).fit(X)
    np.testing.assert_allclose(estimator.reconstruct(X), X, atol=1e-8)
    far = 100 * np.random.RandomState(1).normal(size=(10, 5))
    np.testing.assert_allclose(estimator.reconstruct(far), far, atol=1e-8)


@stops_early
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
def test_tied_weights_start_at_pca_too(hidden, tied):
    X = table(100, 5)
    estimator = at_the_start(2, architecture=MLP(hidden, tied=tied)).fit(X)
    expected = r2_score(X, pca_reconstruction(2, X), multioutput="variance_weighted")
    if tied and len(hidden) > 1:  # the decoder's perceptron cannot be zero: its start is not exact
        assert estimator.score(X) > expected - 0.1
    else:
        assert estimator.score(X) == pytest.approx(expected, abs=1e-6)


@stops_early
def test_log_loss_starts_near_pca():
    X = datasets.load_digits().data[:300] / 16
    expected = r2_score(X, pca_reconstruction(8, X), multioutput="variance_weighted")
    assert at_the_start(8, loss="log_loss").fit(X).score(X) > expected - 0.05


@stops_early
def test_poisson_starts_better_than_the_mean():
    X = datasets.load_digits().data[:300]
    assert at_the_start(8, loss="poisson").fit(X).score(X) > 0.1


def noisy_wide_table():
    random_state = np.random.RandomState(0)
    signal = random_state.normal(size=(500, 12)) @ random_state.normal(size=(12, 765))
    return signal + 4 * random_state.normal(size=(500, 765))


FLOOR = {
    "iris": (lambda: datasets.load_iris().data, [2]),
    "wine": (lambda: datasets.load_wine().data, [2, 8]),
    "breast cancer": (lambda: datasets.load_breast_cancer().data, [2, 8]),
    "diabetes": (lambda: datasets.load_diabetes().data, [2, 8]),
    "Swiss roll": (lambda: datasets.make_swiss_roll(1000, random_state=0)[0], [2]),
    "S-curve": (lambda: datasets.make_s_curve(1000, random_state=0)[0], [2]),
    "digits": (lambda: datasets.load_digits().data, [2, 8]),
    "faces": (lambda: lfw_subset()[:100].reshape(100, -1), [2, 8]),
    "noisy wide table": (noisy_wide_table, [2, 8]),
}


@pytest.mark.parametrize(
    ("name", "n_components"), [(name, d) for name, (_, ds) in FLOOR.items() for d in ds]
)
def test_held_out_rows_are_reconstructed_at_least_as_well_as_by_pca(name, n_components):
    train, test = train_test_split(FLOOR[name][0](), random_state=0)
    reconstruction = pca_reconstruction(n_components, train, of=test)
    floor = r2_score(test, reconstruction, multioutput="variance_weighted")
    score = AutoencoderTransformer(n_components, random_state=0).fit(train).score(test)
    assert score >= floor - 0.002
    if name == "digits":
        assert score > floor + (0.2 if n_components == 2 else 0.1)


# The losses


@stops_early
@pytest.mark.parametrize("init", ["pca", "random"])
def test_log_loss_reconstructs_into_the_unit_interval(init):
    X = datasets.load_digits().data[:300] / 16
    estimator = AutoencoderTransformer(4, loss="log_loss", init=init, max_iter=30, random_state=0)
    reconstruction = estimator.fit(X).reconstruct(X)
    assert 0 <= reconstruction.min() < reconstruction.max() <= 1
    assert estimator.score(X) > 0.3


@stops_early
@pytest.mark.parametrize("init", ["pca", "random"])
def test_poisson_reconstructs_positive_rates(init):
    random_state = np.random.RandomState(0)
    rates = np.exp(random_state.normal(size=(300, 2)) @ random_state.normal(size=(2, 10)) * 0.7)
    X = random_state.poisson(rates).astype(float)
    estimator = AutoencoderTransformer(2, loss="poisson", init=init, max_iter=100, random_state=0)
    reconstruction = estimator.fit(X).reconstruct(X)
    assert (reconstruction > 0).all()
    start = at_the_start(2, loss="poisson").fit(X).loss_curve_[0]
    assert estimator.loss_curve_[-1] < start


def test_loss_may_be_a_function_of_ones_own():
    X = table(200, 5)

    def absolute(reconstruction, x):
        return (reconstruction - x).abs().mean(dim=1)

    X[::20] += 300  # outliers, that a squared error would run after
    squared = AutoencoderTransformer(1, random_state=0, early_stopping=False).fit(X)
    robust = AutoencoderTransformer(1, loss=absolute, random_state=0, early_stopping=False).fit(X)
    inliers = np.arange(200) % 20 > 0

    def typical_error(estimator):
        return np.median(np.abs(estimator.reconstruct(X) - X)[inliers])

    assert typical_error(robust) <= 1.05 * typical_error(squared)


@stops_early
def test_loss_object_is_the_loss_of_its_name():
    X = table(100, 5)
    named, given = (
        AutoencoderTransformer(2, loss=loss, max_iter=5, random_state=0).fit(X)
        for loss in ("squared_error", SquaredError())
    )
    np.testing.assert_array_equal(named.transform(X), given.transform(X))


# What the parameters do


@stops_early
def test_alpha_pulls_the_weights_towards_zero():
    X = datasets.make_swiss_roll(300, random_state=0)[0]
    params = {"max_iter": 100, "early_stopping": False, "random_state": 0, "init": "random"}
    norms = [
        AutoencoderTransformer(2, alpha=alpha, **params)
        .fit(X)
        .module_.encoder.layers[0]
        .weight.norm()
        for alpha in (0.0, 0.1, 10.0)
    ]
    assert norms == sorted(norms, reverse=True)
    assert norms[2] < 0.5 * norms[0]


@stops_early
def test_much_alpha_makes_the_autoencoder_pca_and_not_worse():
    X = datasets.make_swiss_roll(300, random_state=0)[0]
    estimator = AutoencoderTransformer(
        2, alpha=100.0, early_stopping=False, max_iter=100, random_state=0
    ).fit(X)
    expected = r2_score(X, pca_reconstruction(2, X), multioutput="variance_weighted")
    assert estimator.score(X) == pytest.approx(expected, abs=0.02)


@stops_early
@pytest.mark.parametrize(("init", "has_skip"), [("pca", True), ("random", False)])
def test_random_start_does_without_the_linear_paths(init, has_skip):
    estimator = AutoencoderTransformer(2, init=init, max_iter=1).fit(table(30, 5))
    assert (estimator.module_.encoder.skip is not None) is has_skip


@stops_early
@pytest.mark.parametrize("hidden", [7, (7,), [7], np.array([7])], ids=repr)
def test_hidden_layer_sizes_may_be_a_number_or_any_sequence(hidden):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=hidden, max_iter=1).fit(table(30, 5))
    assert [len(layer.weight) for layer in estimator.module_.encoder.layers] == [7, 2]


@stops_early
def test_batch_size_is_the_largest_batch():
    estimator = AutoencoderTransformer(2, batch_size=30, early_stopping=False, max_iter=1)
    assert estimator.fit(table(100, 5)).net_.history[:, "train_batch_count"] == [4]


# Parts of one's own


class Own(BaseEstimator):
    """A user's architecture, with what has a mode for training."""

    def __init__(self, width=16, layer="dropout"):
        self.width = width
        self.layer = layer

    def build(self, n_features, n_components):
        layer = {"dropout": nn.Dropout(0.3), "batch norm": nn.BatchNorm1d(self.width)}[self.layer]
        encoder = nn.Sequential(
            nn.Linear(n_features, self.width), layer, nn.Tanh(), nn.Linear(self.width, n_components)
        )
        return encoder, nn.Linear(n_components, n_features)


@stops_early
@pytest.mark.parametrize("layer", ["dropout", "batch norm"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_layers_with_a_training_mode_work_and_are_repeatable(layer, early_stopping):
    X = datasets.load_iris().data

    def fit():
        return AutoencoderTransformer(
            2,
            architecture=Own(layer=layer),
            init="random",
            early_stopping=early_stopping,
            max_iter=60,
            random_state=0,
        ).fit(X)

    first, second = fit(), fit()
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    np.testing.assert_array_equal(first.transform(X), first.transform(X))
    np.testing.assert_allclose(first.transform(X[:1]), first.transform(X)[:1])
    assert first.score(X) > 0.8


@stops_early
def test_batch_norm_takes_one_row_more_than_a_batch():
    X = table(65, 5)
    architecture = Own(layer="batch norm")
    AutoencoderTransformer(
        2, architecture=architecture, init="random", batch_size=64, max_iter=2, early_stopping=False
    ).fit(X)


def test_architecture_of_ones_own_cannot_start_at_pca():
    with pytest.raises(ValueError, match=r"init='pca' starts from linear paths, and Own\(.*\) has"):
        AutoencoderTransformer(architecture=Own(), init="pca").fit(table(30, 5))


@stops_early
def test_corruption_of_ones_own_is_asked_for_what_is_missing():
    X = table(400, 6, rank=2)

    def mask(x, generator):
        keep = torch.rand(x.shape, generator=generator, dtype=x.dtype) > 0.3
        return torch.where(keep, x, x.mean(dim=0))

    params = {"hidden_layer_sizes": (64,), "max_iter": 300, "random_state": 0}
    plain = AutoencoderTransformer(2, **params).fit(X)
    masked = AutoencoderTransformer(2, corruption=mask, **params).fit(X)
    damaged = X.copy()
    damaged[:, 0] = X[:, 0].mean()

    def error(estimator):
        return np.square(estimator.reconstruct(damaged) - X).mean()

    assert error(masked) < error(plain)


@stops_early
def test_penalty_constrains_an_overcomplete_code():
    X = table(200, 4)
    estimator = AutoencoderTransformer(8, penalty=L2(1.0), max_iter=50, random_state=0).fit(X)
    assert estimator.transform(X).shape == (200, 8)
    assert estimator.score(X) < 0.999

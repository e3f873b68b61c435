import copy

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.func import jacrev, vmap

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.module import AutoencoderModule, Output
from sklearn_ae.architectures import MLP, LinearPlusNetwork, TopK
from sklearn_ae.architectures._activations import ACTIVATIONS
from sklearn_ae.penalties import L1, L2, Contractive, GaussianKL, KLSparsity

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
LOGISTIC = {"architecture": MLP((8,), code_activation="logistic"), "init": "random"}


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 3, "random_state": 0} | params)


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


# The code's size


def test_l1_is_the_weighted_sum_of_the_absolute_code():
    code = random(20, 3)
    expected = 0.5 * np.linalg.norm(code, ord=1, axis=1)
    np.testing.assert_allclose(L1(weight=0.5)(None, None, Output(code, code)), expected)


def test_l2_is_the_weighted_squared_norm_of_each_code():
    code = random(20, 3)
    expected = 0.5 * np.linalg.norm(code, axis=1) ** 2
    np.testing.assert_allclose(L2(weight=0.5)(None, None, Output(code, code)), expected)


def test_more_weight_means_smaller_codes():
    sizes = [
        np.square(quick(penalty=L2(weight), max_iter=60).fit_transform(X)).mean()
        for weight in (0.0, 0.01, 0.1, 1.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


# Divergences


@pytest.mark.parametrize("target", [0.01, 0.05, 0.5])
def test_kl_sparsity_is_the_divergence_of_bernoulli_variables(target):
    code = torch.sigmoid(random(20, 3))
    value = KLSparsity(weight=2.0, target=target)(None, None, Output(code, code))
    expected = 2 * kl_divergence(
        Bernoulli(torch.tensor(target, dtype=torch.float64)), Bernoulli(code.mean(dim=0))
    )
    torch.testing.assert_close(value, expected.sum(), rtol=1e-6, atol=0)


def test_kl_sparsity_is_zero_at_its_target_and_nowhere_else():
    def at(activity):
        code = torch.full((4, 1), activity, dtype=torch.float64)
        return KLSparsity(target=0.05)(None, None, Output(code, code)).item()

    assert at(0.05) == pytest.approx(0, abs=1e-15)
    assert min(at(0.04), at(0.06)) > 1e-4


def test_kl_sparsity_reads_the_mean_activity_not_each_row():
    code = torch.tensor([[0.1], [0.0], [0.05], [0.05]], dtype=torch.float64)
    value = KLSparsity(target=0.05)(None, None, Output(code, code))
    assert value.item() == pytest.approx(0, abs=1e-15)


def test_kl_sparsity_counts_a_row_of_weight_two_like_two_rows():
    code = torch.sigmoid(random(20, 3))
    weight = torch.arange(20.0, dtype=torch.float64) % 3
    repeated = code.repeat_interleave(weight.long(), dim=0)
    weighted = KLSparsity()(None, None, Output(code, code), weight)
    torch.testing.assert_close(weighted, KLSparsity()(None, None, Output(repeated, repeated)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activity", [0.0, 1.0])
def test_kl_sparsity_of_a_unit_that_never_changes_is_finite(activity, dtype):
    code = torch.full((4, 2), activity, dtype=dtype, requires_grad=True)
    value = KLSparsity()(None, None, Output(code, code))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(code.grad).all()


@pytest.mark.parametrize(("bad", "shown"), [(-0.5, "-0.5 to 0.3"), (1.5, "0.3 to 1.5")])
def test_kl_sparsity_names_the_range_of_codes_that_are_no_probabilities(bad, shown):
    code = torch.tensor([[0.3, bad]])
    with pytest.raises(ValueError, match=rf"{shown}.*code_activation='logistic'"):
        KLSparsity()(None, None, Output(code, code))


def test_gaussian_kl_is_the_divergence_from_the_standard_normal_distribution():
    mean, log_variance = 2 * random(2, 20, 3)
    values = GaussianKL(0.5)(None, None, Output(mean, mean, None, None, mean, log_variance))
    standard = Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = 0.5 * kl_divergence(Normal(mean, (log_variance / 2).exp()), standard)
    torch.testing.assert_close(values, expected.sum(dim=1), rtol=1e-6, atol=0)


def test_gaussian_kl_of_the_standard_normal_distribution_is_zero():
    zero = torch.zeros(3, 2)
    values = GaussianKL()(None, None, Output(zero, zero, None, None, zero, zero))
    assert torch.equal(values, torch.zeros(3))


# The Jacobian


class Curved(nn.Module):
    """An encoder that does not tell what its layers do."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x):
        return torch.sin(self.second(torch.nn.functional.softplus(self.first(x)))) * x[..., :1]


class CurvedArchitecture(BaseEstimator):
    def build(self, n_features, n_components):
        return Curved(), nn.Linear(n_components, n_features)


CLOSED = {
    "linear": MLP(()),
    "linear, tied": MLP((), tied=True),
    "sigmoid code": MLP((), code_activation="logistic"),
    **{
        f"{name}{', skip' * skip}{', tied' * tied}": MLP((7,), name, skip=skip, tied=tied)
        for name in ACTIVATIONS
        for skip in (False, True)
        for tied in (False, True)
    },
}
DEEP = {
    "two hidden layers": MLP((7, 4)),
    "three hidden layers, no skip": MLP((7, 6, 4), "tanh", skip=False),
    "two hidden layers, tied": MLP((7, 4), "logistic", tied=True),
    "logistic code": MLP((7,), code_activation="logistic"),
    "logistic code of two hidden layers": MLP((7, 4), code_activation="logistic", tied=True),
    "wide": MLP((40, 40), "relu"),
    "top-k code": MLP((7,), code_activation=TopK(2)),
    "not an MLP": CurvedArchitecture(),
}
ALL = CLOSED | DEEP


def module_of(architecture):
    """A module in the middle of training, for data with a mean and a scale of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = AutoencoderModule(*architecture.build(5, 3), 5).double()
        for weight in module.parameters():
            nn.init.normal_(weight, std=0.5)
    module.offset.copy_(torch.arange(5.0))
    module.scale.fill_(2.5)
    return module


def rows(n_rows=6):
    return torch.arange(5.0, dtype=torch.float64) + 3 * random(n_rows, 5, seed=1)


def jacobian(module, x):
    return vmap(jacrev(module.encode))(x)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_form_is_the_norm_of_the_jacobian_in_the_units_of_the_data(name):
    module, x = module_of(CLOSED[name]), rows()
    values = Contractive(0.7)(module, x, module(x))
    expected = 0.7 * jacobian(module, x).square().sum(dim=(1, 2))
    torch.testing.assert_close(values, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_exact_norm_is_that_of_the_jacobian_in_the_units_of_the_data(name):
    module, x = module_of(ALL[name]), rows()
    values = Contractive(0.7, "exact")(module, x, module(x))
    expected = 0.7 * jacobian(module, x).square().sum(dim=(1, 2))
    torch.testing.assert_close(values, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_exact_norm_has_the_gradients_of_that_of_the_jacobian(name):
    module, x = module_of(ALL[name]), rows()
    weights = list(module.encoder.parameters())
    values = Contractive(1.0, "exact")(module, x, module(x))
    expected = jacobian(module, x).square().sum(dim=(1, 2))
    counts = torch.arange(1.0, 7.0, dtype=torch.float64)
    ours, theirs = (
        torch.autograd.grad(counts @ v, weights, allow_unused=True, materialize_grads=True)
        for v in (values, expected)
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["linear", "silu, skip", "two hidden layers", "not an MLP"])
@pytest.mark.parametrize("method", ["auto", "exact", "hutchinson"])
def test_norm_is_there_without_gradients(name, method):
    module, x = module_of(ALL[name]), rows()
    penalty = Contractive(0.7, method, curvature=0.2)
    expected = penalty(module, x, module(x), torch.Generator().manual_seed(0)).detach()
    with torch.no_grad():
        values = penalty(module, x, module(x), torch.Generator().manual_seed(0))
    assert not values.requires_grad
    torch.testing.assert_close(values, expected)


@pytest.mark.parametrize("n_rows", [1, 6])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_contractive_penalty_of_a_linear_encoder_is_the_norm_of_its_weights(scale, n_rows):
    module, x = module_of(MLP(())), rows(n_rows)
    module.scale.fill_(scale)
    norm = torch.linalg.matrix_norm(module.encoder.layers[0].weight)
    values = Contractive(0.7)(module, x, module(x))
    torch.testing.assert_close(values, (0.7 * norm**2 / scale**2).expand(n_rows))


@pytest.mark.parametrize(
    "name", ["linear", "silu, skip", "two hidden layers", "wide", "logistic code", "not an MLP"]
)
def test_hutchinson_estimate_is_unbiased(name):
    n_probes = 20_000
    module, x = module_of(ALL[name]), rows(1).expand(n_probes, -1)
    with torch.no_grad():
        values = Contractive(0.7, "hutchinson")(
            module, x, module(x), torch.Generator().manual_seed(0)
        )
    expected = 0.7 * jacobian(module, x[:1]).square().sum()
    error = values.std() / n_probes**0.5
    assert (values.mean() - expected).abs() < 3 * error
    assert error < 0.02 * expected


def test_auto_estimates_where_there_is_no_closed_form():
    module, x = module_of(DEEP["two hidden layers"]), rows()
    auto, estimated, exact = (
        Contractive(1.0, method)(module, x, module(x), torch.Generator().manual_seed(0))
        for method in ("auto", "hutchinson", "exact")
    )
    assert torch.equal(auto, estimated)
    assert not torch.allclose(auto, exact)


@pytest.mark.parametrize("name", ["silu, skip", "two hidden layers", "not an MLP"])
def test_norm_is_taken_where_the_encoder_looked(name):
    module, x = module_of(ALL[name]), rows()
    seen = x + random(6, 5, seed=2)
    values = Contractive(1.0, "exact")(module, x, module(seen))
    expected = jacobian(module, seen).square().sum(dim=(1, 2))
    torch.testing.assert_close(values, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_curvature_is_the_squared_change_of_the_jacobian(name):
    module, x = module_of(ALL[name]), rows()
    penalty = Contractive(0.7, "exact", curvature=0.3, displacement=0.2)
    values = penalty(module, x, module(x), torch.Generator().manual_seed(3))
    here = jacobian(module, x)
    there = jacobian(module, x + 0.2 * module.scale * random(6, 5, seed=3))
    expected = 0.7 * here.square().sum(dim=(1, 2)) + 0.3 * (here - there).square().sum(dim=(1, 2))
    torch.testing.assert_close(values, expected, rtol=1e-8, atol=1e-12)


def test_curvature_of_a_linear_encoder_is_zero():
    module, x = module_of(MLP(())), rows()
    values = Contractive(0.0, curvature=1.0)(module, x, module(x), torch.Generator())
    assert torch.equal(values, torch.zeros_like(values))


def test_contractive_draws_from_the_generator_and_from_nowhere_else():
    module, x = module_of(DEEP["two hidden layers"]), rows()
    before = torch.get_rng_state()
    first, again, other = (
        Contractive(curvature=0.1)(module, x, module(x), torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
def test_contraction_does_not_depend_on_the_units_of_the_data(hidden):
    architecture = MLP(hidden, tied=True)
    params = {"penalty": Contractive(0.1), "architecture": architecture, "max_iter": 20}
    codes = quick(**params).fit_transform(X)
    np.testing.assert_allclose(quick(**params).fit_transform(1000 * X), codes, atol=1e-3)


# All of them


@pytest.mark.parametrize(
    ("penalty", "n_units", "params"),
    [
        (L1(0.5), 4, {}),
        (L2(0.5), 1, {}),
        (KLSparsity(0.5), 4, LOGISTIC),
        (Contractive(0.5, curvature=0.1), None, {"architecture": MLP((8,), tied=True)}),
    ],
    ids=repr,
)
def test_training_loss_is_loss_per_variance_plus_penalty_per_unit(penalty, n_units, params):
    # A learning rate of next to nothing, and all rows in one batch.
    params = params | {"max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False}
    estimator = quick(penalty=penalty, batch_size=150, **params).fit(X)
    module, x = estimator.module_, torch.from_numpy(X)
    output = module(x)
    variance = X.var(axis=0).mean()
    if n_units is None:
        penalty, n_units = clone(penalty).set_params(curvature=0.0), 1 / variance
    loss = (output.reconstruction - x).square().mean() / variance
    expected = loss + penalty(module, x, output).mean() / n_units
    assert estimator.loss_curve_[0] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("penalty", "params"),
    [(L1(0.0), {}), (L2(0.0), {}), (KLSparsity(0.0), {}), (Contractive(0.0), {})],
    ids=repr,
)
def test_weight_of_zero_is_a_fit_without_penalty(penalty, params):
    free, held = quick(**params).fit(X), quick(penalty=penalty, **params).fit(X)
    assert held.loss_curve_ == free.loss_curve_
    assert held.transform(X).tobytes() == free.transform(X).tobytes()


PENALTIES = [
    (L1(0.1), {}),
    (L2(0.1), {}),
    (KLSparsity(0.1), LOGISTIC),
    (Contractive(0.1), {}),
    (Contractive(0.1, "exact", curvature=0.1), {}),
]


@pytest.mark.parametrize(("penalty", "params"), PENALTIES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("data", [X[:1], X[:, :1], np.ones((20, 4))], ids=["row", "column", "same"])
def test_fit_copes_with_one_row_one_column_and_constant_data(penalty, params, dtype, data):
    estimator = quick(n_components=1, penalty=penalty, **params).fit(data.astype(dtype))
    codes = estimator.transform(data.astype(dtype))
    assert codes.dtype == dtype
    assert np.isfinite(codes).all()
    assert np.isfinite(estimator.loss_curve_).all()


@pytest.mark.parametrize(("penalty", "params"), PENALTIES, ids=repr)
def test_row_of_weight_two_is_penalised_like_two_rows(penalty, params):
    params = params | {"max_iter": 1, "early_stopping": False, "batch_size": 400}
    if isinstance(penalty, Contractive):  # the noise of two rows is not that of one
        penalty = Contractive(0.1, "exact")
    weight = 1 + np.arange(150) % 2
    weighted = quick(penalty=penalty, **params).fit(X, sample_weight=weight)
    repeated = quick(penalty=penalty, **params).fit(np.repeat(X, weight, axis=0))
    assert weighted.loss_curve_ == pytest.approx(repeated.loss_curve_, rel=1e-5)


BAD = [
    *(
        (part(bad), "weight", bad)
        for part in (L1, L2, KLSparsity, GaussianKL, Contractive)
        for bad in (-1, np.nan, np.inf, True, "1", None)
    ),
    *((KLSparsity(target=bad), "target", bad) for bad in (0, 1, -0.1, np.nan, True, "0.1", None)),
    *(
        (Contractive(**{name: bad}), name, bad)
        for name in ("curvature", "displacement")
        for bad in (-1, np.nan, np.inf, True, "1", None)
    ),
    (Contractive(jacobian="full"), "jacobian", "full"),
    (Contractive(jacobian=None), "jacobian", None),
]


@pytest.mark.parametrize(("penalty", "parameter", "value"), BAD, ids=repr)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameter_is_named_with_its_value_before_anything_is_fitted(
    penalty, parameter, value, method
):
    estimator = quick(penalty=penalty)
    message = rf"{parameter}={value!r} of {type(penalty).__name__} (must be a|is unknown)"
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "module_")
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (L1(-1), "weight=-1"),
        (KLSparsity(1.0), "needs codes in"),
        (Contractive(0, "no"), "jacobian"),
    ],
)
def test_penalty_that_fails_leaves_a_fitted_estimator_as_it_was(penalty, message):
    estimator = quick().fit(X)
    before = copy.deepcopy(estimator)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(penalty=penalty).fit(2 * X[:, :3])
    assert estimator.transform(X).tobytes() == before.transform(X).tobytes()
    assert estimator.n_features_in_ == 4


def test_penalty_is_a_searchable_parameter():
    estimator = AutoencoderTransformer(penalty=L2(0.5))
    assert estimator.get_params()["penalty__weight"] == 0.5
    assert clone(estimator).set_params(penalty__weight=2.0).penalty.weight == 2.0
    assert estimator.penalty.weight == 0.5


@pytest.mark.parametrize("reduce", [lambda x: x, torch.mean], ids=["per row", "per batch"])
def test_penalty_may_return_a_value_per_row_or_one_for_the_batch(reduce):
    def penalty(module, x, output):
        return reduce(0.1 * output.code.square().sum(dim=1))

    # One step: rounding, which Adam scales up, is all that may differ.
    params = {"max_iter": 1, "early_stopping": False, "batch_size": 150}
    ours = quick(penalty=penalty, **params).fit(X)
    reference = quick(penalty=L2(0.1), **params).fit(X)
    # Only L2 says that it does not care which way the code is turned.
    np.testing.assert_allclose(ours.reconstruct(X), reference.reconstruct(X), atol=1e-5)


@pytest.mark.parametrize("output_activation", [None, torch.tanh])
def test_one_layer_beside_a_linear_path_is_the_sum_of_both(output_activation):
    layers, skip = [nn.Linear(5, 3)], nn.Linear(5, 3, bias=False)
    encoder = LinearPlusNetwork(layers, skip, torch.tanh, output_activation)
    module = AutoencoderModule(encoder, nn.Linear(3, 5), 5).double()
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = vmap(jacrev(module.encode))(x)
    expected = jacobian.square().sum(dim=(1, 2))
    torch.testing.assert_close(Contractive(1.0)(module, x, module(x)), expected, rtol=1e-10, atol=0)

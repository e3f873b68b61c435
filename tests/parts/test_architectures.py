import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import clone

from sklearn_ae import architectures
from sklearn_ae.architectures import MLP, Convolutional, LinearPlusNetwork, TopK

FORMULAS = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x * expit(x),
    "gelu": lambda x: x * norm.cdf(x),
}


def shapes(network):
    return [tuple(layer.weight.shape) for layer in network.layers]


def as_double(*networks):
    return [network.double() for network in networks]


@pytest.mark.parametrize(
    ("sizes", "widths"),
    [((), [5, 2]), (7, [5, 7, 2]), ((32, 16), [5, 32, 16, 2]), (np.array([8]), [5, 8, 2])],
)
@pytest.mark.parametrize("tied", [False, True])
def test_decoder_mirrors_the_widths_of_the_encoder(sizes, widths, tied):
    encoder, decoder = MLP(sizes, tied=tied).build(5, 2)
    down = list(zip(widths[1:], widths[:-1], strict=True))
    assert shapes(encoder) == down
    assert shapes(decoder) == [(n_in, n_out) for n_out, n_in in reversed(down)]


@pytest.mark.parametrize("activation", FORMULAS)
def test_encoder_is_the_sum_of_a_perceptron_and_a_linear_map(activation):
    encoder, _ = as_double(*MLP((6, 4), activation=activation).build(3, 2))
    x = np.random.RandomState(0).normal(size=(10, 3))
    weights = [layer.weight.detach().numpy() for layer in encoder.layers]
    biases = [layer.bias.detach().numpy() for layer in encoder.layers]
    hidden = FORMULAS[activation](x @ weights[0].T + biases[0])
    hidden = FORMULAS[activation](hidden @ weights[1].T + biases[1])
    expected = hidden @ weights[2].T + biases[2] + x @ encoder.skip.weight.detach().numpy().T
    np.testing.assert_allclose(encoder(torch.from_numpy(x)).detach(), expected, atol=1e-12)


@pytest.mark.parametrize("activation", FORMULAS)
def test_activation_of_the_code_is_its_formula(activation):
    encoder, _ = as_double(*MLP((), code_activation=activation).build(3, 2))
    x = np.random.RandomState(0).normal(size=(10, 3))
    encoder.start_linear(np.eye(3)[:2], np.zeros(2))
    expected = FORMULAS[activation](x[:, :2])
    np.testing.assert_allclose(encoder(torch.from_numpy(x)).detach(), expected, atol=1e-12)


def test_perceptron_of_identity_activations_is_affine():
    encoder, _ = as_double(*MLP((6, 4), activation="identity", skip=False).build(3, 2))
    a, b = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoder((a + b) / 2), (encoder(a) + encoder(b)) / 2)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_after_start_linear_the_map_is_the_given_one(hidden):
    encoder, _ = as_double(*MLP(hidden).build(3, 2))
    random_state = np.random.RandomState(0)
    weight, bias, x = (random_state.normal(size=size) for size in [(2, 3), 2, (10, 3)])
    encoder.start_linear(weight, bias)
    np.testing.assert_allclose(encoder(torch.from_numpy(x)).detach(), x @ weight.T + bias)


def test_start_linear_comes_before_the_activation_of_the_code():
    encoder, _ = as_double(*MLP((6,), code_activation="logistic").build(3, 2))
    random_state = np.random.RandomState(0)
    weight, x = random_state.normal(size=(2, 3)), random_state.normal(size=(10, 3))
    encoder.start_linear(weight, np.zeros(2))
    np.testing.assert_allclose(encoder(torch.from_numpy(x)).detach(), expit(x @ weight.T))


@pytest.mark.parametrize("activation", FORMULAS)
def test_tied_decoder_maps_the_zero_code_to_the_bias_that_it_starts_with(activation):
    encoder, decoder = as_double(*MLP((6,), activation, tied=True).build(3, 2))
    encoder.start_linear(np.eye(3)[:2], np.zeros(2))
    decoder.start_linear(np.eye(3)[:, :2], np.array([1.0, 2.0, 3.0]))
    zero = torch.zeros(1, 2, dtype=torch.float64)
    np.testing.assert_allclose(decoder(zero)[0].detach(), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_tied_decoder_has_the_transposed_weights_of_the_encoder(hidden):
    encoder, decoder = MLP(hidden, tied=True).build(3, 2)
    for down, up in zip(encoder.layers, reversed(decoder.layers), strict=True):
        assert torch.equal(up.weight, down.weight.T)
    if hidden:
        assert torch.equal(decoder.skip.weight, encoder.skip.weight.T)


def test_tied_weights_are_trained_from_both_ends():
    encoder, decoder = MLP((), tied=True).build(3, 2)
    decoder(torch.ones(4, 2)).sum().backward()
    assert (encoder.layers[0].weight.grad == 4).all()


def test_tied_decoder_has_no_weights_of_its_own():
    own = sum(p.numel() for p in torch.nn.ModuleList(MLP((6,)).build(3, 2)).parameters())
    tied = sum(
        p.numel() for p in torch.nn.ModuleList(MLP((6,), tied=True).build(3, 2)).parameters()
    )
    assert own - tied == 6 * 2 + 3 * 6 + 3 * 2


@pytest.mark.parametrize(
    ("hidden", "skip", "linear"), [((), False, True), ((4,), False, False), ((4,), True, True)]
)
def test_linear_path_is_a_skip_or_a_single_layer(hidden, skip, linear):
    for network in MLP(hidden, skip=skip).build(3, 2):
        assert isinstance(network, LinearPlusNetwork)
        assert network.has_linear_path is linear


def test_logistic_code_lies_between_zero_and_one():
    encoder, _ = MLP(code_activation="logistic").build(3, 2)
    code = encoder(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
    assert 0 < code.min() < code.max() < 1


def test_weights_of_four_times_as_many_inputs_are_drawn_half_as_large():
    narrow, wide = (MLP((1000,)).build(n_features, 2)[0].layers[0] for n_features in (100, 400))
    assert (narrow.weight.std() / wide.weight.std()).item() == pytest.approx(2, rel=0.02)


def test_same_global_seed_draws_the_same_weights():
    def weights():
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return [p for network in MLP().build(3, 2) for p in network.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(), weights(), strict=True))


@pytest.mark.parametrize("parameter", ["activation", "code_activation"])
def test_unknown_activation_is_named_with_its_parameter(parameter):
    message = rf"{parameter}='sine' is unknown; choose one of .*'gelu'.*'tanh'"
    with pytest.raises(ValueError, match=message):
        MLP(**{parameter: "sine"}).build(3, 2)


@pytest.mark.parametrize("sizes", [0, (8, 0), (8, -1), (2.5,), ("8",)])
def test_hidden_layer_sizes_must_be_positive_integers(sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* must hold positive integers"):
        MLP(sizes).build(3, 2)


def test_build_leaves_the_architecture_as_it_was():
    architecture = MLP([8, 4], "tanh", tied=True)
    before = joblib.hash(architecture)
    architecture.build(3, 2)
    assert joblib.hash(architecture) == before == joblib.hash(clone(architecture))


def test_linear_start_stays_on_the_device_of_the_module():
    encoder, _ = MLP((8,)).build(4, 2)
    encoder.to("meta").start_linear(np.ones((2, 4)), np.zeros(2))
    assert encoder.layers[-1].bias.device.type == "meta"


@pytest.mark.parametrize(("hidden", "spared"), [((8,), "skip.weight"), ((), "layers.0.weight")])
def test_weight_decay_is_told_the_linear_path(hidden, spared):
    encoder, _ = MLP(hidden).build(4, 2)
    assert any(p is dict(encoder.named_parameters())[spared] for p in encoder.linear_parameters())


@pytest.mark.parametrize("code_activation", ["identity", "logistic", TopK(2)])
@pytest.mark.parametrize("skip", [False, True])
def test_row_alone_is_encoded_like_a_row_among_others(skip, code_activation):
    encoder, _ = as_double(*MLP((6,), skip=skip, code_activation=code_activation).build(3, 4))
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.stack([encoder(row) for row in x]), encoder(x))


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_trace_tells_what_each_layer_sums_up(hidden):
    encoder, _ = as_double(*MLP(hidden, "tanh", code_activation="logistic").build(3, 2))
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    code, preactivations = encoder.trace(x)
    assert [a.shape[1] for a in preactivations] == [*hidden, 2]
    torch.testing.assert_close(code, encoder(x))
    torch.testing.assert_close(code, torch.sigmoid(preactivations[-1]))
    if hidden:
        torch.testing.assert_close(preactivations[0], encoder.layers[0](x))


# A start for curved maps


def bent(seed=0, **params):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        coders = MLP((64, 64, 64), "silu", **{"skip": False} | params).build(10, 2)
        for coder in coders:
            coder.start_bent()
    return coders


def test_bent_start_draws_the_biases_of_hidden_layers_from_the_standard_normal_distribution():
    for coder in bent():
        *hidden, last = coder.layers
        biases = torch.cat([layer.bias for layer in hidden]).detach()
        assert biases.mean().abs() < 0.2
        assert biases.std() == pytest.approx(1, abs=0.15)
        assert (last.bias == 0).all()


def test_units_of_a_bent_start_bend_in_other_places_than_the_mean_of_the_data():
    encoder, _ = bent()
    _, preactivations = encoder.trace(torch.zeros(1, 10))
    assert preactivations[0].abs().mean() > 0.5


def test_output_of_a_bent_start_has_about_the_variance_of_its_input():
    x = torch.randn(2000, 10, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = [bent(seed)[0](x) for seed in range(20)]
    variance = np.mean([output.var(dim=0).mean().item() for output in outputs])
    assert 0.2 < variance < 2


def test_weights_of_a_tied_layer_stay_those_of_the_layer_it_is_tied_to():
    encoder, decoder = bent(tied=True)
    for down, up in zip(encoder.layers, reversed(decoder.layers), strict=True):
        assert torch.equal(up.weight, down.weight.T)
    assert all(layer.bias.std() > 0.5 for layer in decoder.layers[:-1])


def test_network_of_one_layer_has_nothing_to_bend_and_a_linear_path_stays():
    encoder, _ = MLP(()).build(4, 2)
    encoder.start_bent()
    assert (encoder.layers[0].bias == 0).all()
    encoder, _ = MLP((8,)).build(4, 2)
    before = encoder.skip.weight.clone()
    encoder.start_bent()
    assert torch.equal(encoder.skip.weight, before)


# Columns of unit norm


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4)])
def test_decoder_takes_the_code_in_through_columns_of_unit_norm(hidden):
    _, decoder = MLP(hidden, unit_norm=True).build(5, 9)
    taken = [decoder.layers[0], *([decoder.skip] if hidden else [])]
    for layer in taken:
        torch.testing.assert_close(layer.weight.norm(dim=0), torch.ones(9))


def test_columns_have_unit_norm_after_any_step():
    _, decoder = MLP((), unit_norm=True).build(5, 9)
    optimizer = torch.optim.SGD(decoder.parameters(), lr=10.0)
    decoder(torch.ones(4, 9)).square().sum().backward()
    before = decoder.layers[0].weight.detach().clone()
    optimizer.step()
    weight = decoder.layers[0].weight
    assert not torch.allclose(weight, before)
    torch.testing.assert_close(weight.norm(dim=0), torch.ones(9))


def test_decoder_of_unit_norm_maps_the_zero_code_to_the_bias_that_it_starts_with():
    _, decoder = as_double(*MLP((6,), unit_norm=True).build(3, 2))
    decoder.start_linear(np.eye(3)[:, :2], np.array([1.0, 2.0, 3.0]))
    zero = torch.zeros(1, 2, dtype=torch.float64)
    np.testing.assert_allclose(decoder(zero)[0].detach(), [1.0, 2.0, 3.0])


def test_column_of_zeros_stays_finite():
    _, decoder = MLP((), unit_norm=True).build(3, 2)
    torch.nn.init.zeros_(decoder.layers[0].linear.weight)
    decoder(torch.ones(4, 2)).sum().backward()
    assert torch.isfinite(decoder.layers[0].weight).all()
    assert torch.isfinite(decoder.layers[0].linear.weight.grad).all()


def test_tied_weights_cannot_have_unit_norm():
    with pytest.raises(ValueError, match="tied=True and unit_norm=True exclude each other"):
        MLP(tied=True, unit_norm=True).build(3, 2)


# Turning the code


@pytest.mark.parametrize(
    "architecture",
    [
        MLP((8,)),
        MLP(()),
        MLP((8, 6), skip=False),
        MLP((8,), tied=True),
        MLP((), tied=True),
        Convolutional((5, 1), channels=2),
        Convolutional((5, 1), channels=2, skip=False),
    ],
    ids=repr,
)
def test_turned_code_is_the_code_along_axes_and_decodes_to_the_same(architecture):
    encoder, decoder = (part.double() for part in architecture.build(5, 3))
    x = torch.randn(20, 5).double()
    code, back = encoder(x), decoder(encoder(x))
    centre, axes = torch.randn(3).double(), torch.linalg.qr(torch.randn(3, 3).double())[0]
    assert encoder.can_turn_output
    assert decoder.can_turn_input
    encoder.turn_output(centre, axes)
    decoder.turn_input(centre, axes)
    torch.testing.assert_close(encoder(x), (code - centre) @ axes.T)
    torch.testing.assert_close(decoder(encoder(x)), back)


def test_codes_with_an_activation_or_columns_of_unit_norm_cannot_turn():
    assert not MLP((8,), code_activation="relu").build(5, 3)[0].can_turn_output
    assert not MLP((8,), unit_norm=True).build(5, 3)[1].can_turn_input


@pytest.mark.parametrize("name", architectures.__all__)
def test_architecture_is_pickled_by_reference_wherever_it_is_defined(name):
    kind = getattr(architectures, name)
    assert pickle.loads(pickle.dumps(kind)) is kind

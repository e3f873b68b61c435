import joblib
import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import clone

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._module import AutoencoderModule
from sklearn_ae.architectures import MLP, Convolutional, LinearPlusNetwork, TopK
from sklearn_ae.penalties import Contractive

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


# The k largest units


@pytest.mark.parametrize("shape", [(50, 12), (1, 12), (12,)])
@pytest.mark.parametrize("k", [1, 4, 11])
def test_top_k_keeps_the_k_largest_units(k, shape):
    code = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    kept = TopK(k).build(12)(code)
    threshold = code.sort(dim=-1, descending=True).values[..., k - 1 : k]
    assert torch.equal(kept, torch.where(code >= threshold, code, 0.0))


@pytest.mark.parametrize("k", [3, 4, 100])
def test_top_k_of_no_more_than_k_units_keeps_them_all(k):
    code = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(TopK(k).build(3)(code), code)


def test_top_k_keeps_k_of_equal_units():
    kept = TopK(2).build(5)(torch.ones(7, 5))
    assert ((kept != 0).sum(dim=1) == 2).all()


def test_top_k_keeps_another_number_after_training():
    code = torch.rand(50, 12, generator=torch.Generator().manual_seed(0))
    keep = TopK(2, k_transform=6).build(12)
    assert ((keep.train()(code) > 0).sum(dim=1) == 2).all()
    assert ((keep.eval()(code) > 0).sum(dim=1) == 6).all()


def test_gradient_passes_through_the_units_that_are_kept():
    code = torch.randn(50, 12, requires_grad=True, generator=torch.Generator().manual_seed(0))
    kept = TopK(3).build(12)(code)
    kept.sum().backward()
    assert torch.equal(code.grad, (kept != 0).float())


@pytest.mark.parametrize("name", ["k", "k_transform"])
@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", np.nan, True])
def test_number_of_units_to_keep_must_be_a_positive_integer(name, bad):
    with pytest.raises(ValueError, match=rf"{name}={bad!r} of TopK must be a positive integer"):
        MLP((), code_activation=TopK(**{name: bad})).build(3, 2)


def test_number_of_units_to_keep_is_a_searchable_parameter():
    architecture = MLP((), code_activation=TopK(3))
    assert architecture.get_params()["code_activation__k"] == 3
    assert clone(architecture).set_params(code_activation__k=2).code_activation.k == 2
    assert architecture.code_activation.k == 3


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


# Convolutions

SHAPES = [(1, 7, 5), (3, 32, 32), (25, 25), (28, 28), (2, 1, 3)]


def images(shape, n=40):
    return np.random.RandomState(0).normal(size=(n, int(np.prod(shape))))


def coders(shape, n_components=3, **params):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return as_double(*Convolutional(shape, **params).build(int(np.prod(shape)), n_components))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 2), (5, 3), (7, 4), (3, 1)])
def test_images_of_any_size_come_back_in_their_size(shape, kernel_size, stride):
    encoder, decoder = coders(shape, kernel_size=kernel_size, stride=stride)
    x = torch.from_numpy(images(shape))
    code = encoder(x)
    assert code.shape == (40, 3)
    assert decoder(code).shape == x.shape


@pytest.mark.parametrize("shape", SHAPES)
def test_after_start_linear_convolutions_are_the_given_linear_map(shape):
    encoder, decoder = coders(shape)
    x = images(shape)
    random_state = np.random.RandomState(1)
    weight, bias = random_state.normal(size=(3, x.shape[1])), random_state.normal(size=3)
    encoder.start_linear(weight, bias)
    np.testing.assert_allclose(encoder(torch.from_numpy(x)).detach(), x @ weight.T + bias)
    decoder.start_linear(weight.T, x[0])
    code = random_state.normal(size=(4, 3))
    np.testing.assert_allclose(decoder(torch.from_numpy(code)).detach(), code @ weight + x[0])


def test_convolution_of_identity_activations_is_the_convolution_of_torch():
    encoder, _ = coders((2, 9, 7), channels=4, activation="identity", skip=False)
    convolution, head = encoder.layers
    x = torch.from_numpy(images((2, 9, 7)))
    expected = torch.nn.functional.conv2d(
        x.view(-1, 2, 9, 7), convolution.weight, convolution.bias, stride=2, padding=1
    )
    expected = expected.permute(0, 2, 3, 1).reshape(40, -1) @ head.weight.T + head.bias
    torch.testing.assert_close(encoder(x), expected)


def test_convolutions_commute_with_a_shift_by_a_stride():
    encoder, _ = coders((16, 16), channels=4)
    picture = np.zeros((16, 16))
    picture[4:7, 4:9] = images((3, 5), n=1).reshape(3, 5)
    x = torch.from_numpy(np.stack([picture, np.roll(picture, (2, 4), axis=(0, 1))]).reshape(2, -1))
    before, after = encoder.layers[0](x).detach().numpy().reshape(2, 8, 8, 4)
    np.testing.assert_allclose(np.roll(before, (1, 2), axis=(0, 1)), after, atol=1e-12)


def test_row_alone_is_encoded_like_a_row_among_others_by_convolutions():
    encoder, decoder = coders((3, 6, 5))
    x = torch.from_numpy(images((3, 6, 5), n=4))
    torch.testing.assert_close(torch.stack([encoder(row) for row in x]), encoder(x))
    torch.testing.assert_close(decoder(encoder(x[0])), decoder(encoder(x))[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_convolutional_autoencoder_starts_at_pca(shape):
    X = images(shape)
    start = AutoencoderTransformer(
        2, architecture=Convolutional(shape), max_iter=1, learning_rate_init=1e-12, random_state=0
    )
    pca = AutoencoderTransformer(2, hidden_layer_sizes=(), max_iter=1, learning_rate_init=1e-12)
    pca.set_params(random_state=0)
    with pytest.warns(match="Training stopped at max_iter"):
        start.fit(X)
    with pytest.warns(match="Training stopped at max_iter"):
        pca.fit(X)
    np.testing.assert_allclose(start.reconstruct(X), pca.reconstruct(X), atol=1e-6)


def test_weight_decay_spares_the_linear_path_of_convolutions():
    for coder in coders((6, 6)):
        (spared,) = coder.linear_parameters()
        assert spared is coder.skip.weight
    for coder in coders((6, 6), skip=False):
        assert not coder.has_linear_path
        assert coder.linear_parameters() == []


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.filterwarnings("ignore:.* units of the code have collapsed")
@pytest.mark.filterwarnings("ignore:The (map|geodesic|graph)")
@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(2, max_iter=2),
        AutoencoderTransformer(2, init="random", loss="log_loss", max_iter=2),
        ContractiveAutoencoder(2, max_iter=2),
        ContractiveAutoencoder(2, max_iter=2, jacobian="exact"),
        ContractiveAutoencoder(2, max_iter=2, curvature=0.1),
        DenoisingAutoencoder(2, max_iter=2),
        GeodesicAutoencoder(2, max_steps=60),
        SparseAutoencoder(2, max_iter=2),
        SparseAutoencoder(2, max_iter=2, sparsity="kl", init="random"),
        VariationalAutoencoder(2, max_iter=2),
    ],
    ids=repr,
)
def test_convolutions_serve_every_estimator(estimator):
    X = expit(images((7, 5), n=80))
    architecture = Convolutional((7, 5), channels=(2, 3))
    if getattr(estimator, "sparsity", None) == "kl":
        architecture.set_params(code_activation="logistic")
    estimator = clone(estimator).set_params(architecture=architecture, random_state=0).fit(X)
    np.testing.assert_allclose(
        estimator.inverse_transform(estimator.transform(X)), estimator.reconstruct(X), atol=1e-12
    )
    copy = joblib.hash(estimator.transform(X))
    again = clone(estimator).fit(X)
    assert joblib.hash(again.transform(X)) == copy


def test_exact_norm_of_the_jacobian_of_convolutions_is_that_of_autograd():
    module = AutoencoderModule(*coders((5, 4)), 20).double()
    x = torch.from_numpy(images((5, 4), n=6))
    jacobian = torch.func.vmap(torch.func.jacrev(module.encoder))(x)
    penalty = Contractive(1.0, "exact")(module, x, module(x), torch.Generator())
    torch.testing.assert_close(penalty, jacobian.square().sum(dim=(1, 2)))


def test_bent_start_of_convolutions_bends_them_in_many_places():
    for coder in coders((8, 8)):
        coder.start_bent()
        *inner, last = coder.layers
        assert torch.cat([layer.bias for layer in inner]).std() > 0.5
        assert (last.bias == 0).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"image_shape": (28, 28)}, r"image_shape=\(28, 28\) is that of images of 784 values"),
        ({"image_shape": (2, 5, 7)}, r"image_shape=\(2, 5, 7\) is that of images of 70 values"),
        ({"image_shape": (35,)}, r"image_shape=\(35,\) must be \(height, width\)"),
        ({"image_shape": (1, 1, 5, 7)}, r"image_shape=.* must be \(height, width\)"),
        ({"image_shape": (-5, -7)}, r"image_shape=.* positive integers"),
        ({"image_shape": "5x7"}, r"image_shape='5x7' must be"),
        ({"channels": ()}, r"channels=\(\) must hold positive integers"),
        ({"channels": (4, 0)}, r"channels=\(4, 0\) must hold positive integers"),
        ({"channels": (4, True)}, r"channels=\(4, True\) must hold positive integers"),
        ({"stride": 0}, r"stride=0 must be a positive integer"),
        ({"stride": True}, r"stride=True must be a positive integer"),
        ({"kernel_size": 4}, r"kernel_size=4 must be an odd integer"),
        ({"kernel_size": 3, "stride": 4}, r"kernel_size=3 .* at least stride=4"),
        ({"activation": "sine"}, r"activation='sine' is unknown"),
    ],
)
def test_images_and_layers_that_cannot_be_are_refused_before_training(params, message):
    architecture = Convolutional(**{"image_shape": (5, 7)} | params)
    estimator = AutoencoderTransformer(2, architecture=architecture)
    with pytest.raises(ValueError, match=message):
        estimator.fit(images((5, 7)))
    assert not hasattr(estimator, "n_features_in_")

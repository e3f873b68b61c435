import joblib
import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae.architectures import Convolutional
from sklearn_ae.penalties import Contractive

SHAPES = [(1, 7, 5), (3, 32, 32), (25, 25), (28, 28), (2, 1, 6)]


def images(shape, n=40):
    return np.random.RandomState(0).normal(size=(n, int(np.prod(shape))))


def coders(shape, n_components=3, **params):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = Convolutional(shape, **params).build(int(np.prod(shape)), n_components)
    return [coder.double() for coder in built]


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
        ({"image_shape": (36,)}, r"image_shape=\(36,\) is that of images of 36 values"),
        ({"image_shape": (5, 7, 1, 1)}, r"image_shape=\(5, 7, 1, 1\) must be \(height, width\)"),
        ({"image_shape": (5, 1, 7)}, r"can be read as .* channel_axis=0 or channel_axis=-1"),
        ({"image_shape": (1, 7, 1)}, r"can be read as .* channel_axis=0 or channel_axis=-1"),
        ({"channel_axis": 2}, r"channel_axis=2 must be 'auto' or the position"),
        ({"channel_axis": "last"}, r"channel_axis='last' must be 'auto' or the position"),
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


# How images are laid out


def coders_of(image_shape, **params):
    n_features = int(np.prod(image_shape))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Convolutional(image_shape, skip=False, **params).build(n_features, 4)


@pytest.mark.parametrize("channel_axis", ["auto", -1])
def test_channels_may_come_last(channel_axis):
    images = torch.randn(5, 3, 8, 7, generator=torch.Generator().manual_seed(0))
    encoder, decoder = coders_of((3, 8, 7))
    codes = encoder(images.flatten(1))
    last_encoder, last_decoder = coders_of((8, 7, 3), channel_axis=channel_axis)
    torch.testing.assert_close(last_encoder(images.movedim(1, -1).flatten(1)), codes)
    decoded = last_decoder(codes).unflatten(1, (8, 7, 3)).movedim(-1, 1)
    torch.testing.assert_close(decoded.flatten(1), decoder(codes))


def test_channels_beside_each_other_may_come_last():
    images = torch.randn(5, 2, 3, 8, 7, generator=torch.Generator().manual_seed(0))

    def encoder_of(image_shape):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Convolutional(image_shape, skip=False).beside(2).build(2 * 3 * 8 * 7, 4)[0]

    first = encoder_of((3, 8, 7))(images.flatten(1))
    last = encoder_of((8, 7, 3))(images.movedim(2, -1).flatten(1))
    torch.testing.assert_close(last, first)


def test_signals_are_images_of_height_one_seen_through_flat_windows():
    x = torch.randn(6, 33, generator=torch.Generator().manual_seed(0))
    encoder, decoder = coders_of((33,), channels=(4, 8))
    weight = encoder.layers[0].weight
    assert weight.shape == (4, 1, 1, 3)
    by_hand = torch.nn.functional.conv1d(x[:, None], weight[:, :, 0], stride=2, padding=1)
    torch.testing.assert_close(encoder.layers[0](x).unflatten(1, (17, 4)).movedim(1, 2), by_hand)
    assert decoder(encoder(x)).shape == (6, 33)


def test_signals_of_several_channels():
    encoder, decoder = coders_of((2, 40), channel_axis=0)
    assert encoder.layers[0].weight.shape == (8, 2, 1, 3)
    assert decoder(encoder(torch.zeros(3, 80))).shape == (3, 80)


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("shape", [(64,), (4, 4, 4)])
def test_any_layout_can_start_at_pca(shape):
    architecture = Convolutional(shape, channel_axis="auto" if len(shape) < 3 else -1)
    autoencoder = AutoencoderTransformer(3, architecture=architecture, max_iter=2, random_state=0)
    X = load_digits().data
    assert autoencoder.fit(X).score(X) > 0.4

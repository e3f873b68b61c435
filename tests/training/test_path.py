"""Which path a training takes: written-out steps, or autograd and the optimizer of torch."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch.callbacks import Callback, Freezer, GradientNormClipping
from torch import nn

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, SparseAutoencoder, VariationalAutoencoder
from sklearn_ae._training import build
from sklearn_ae._training import net as net_module
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.net import AutoencoderNet
from sklearn_ae._training.objective import Objective
from sklearn_ae._training.step import optimizer_params
from sklearn_ae._training.written_out.closed_form import ClosedForm, written_objective
from sklearn_ae._training.written_out.leaves import Leaves
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import L1

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
ROOT = Path(sklearn_ae.__file__).parents[1]


def quick(kind=AutoencoderTransformer, **params):
    return kind(**{"max_iter": 5, "random_state": 0, "early_stopping": False} | params)


@pytest.fixture
def paths(monkeypatch):
    """Note what sets the gradients in each training, or why autograd does."""
    taken, release = [], AutoencoderNet._release

    def noting_release(net):
        if net.step_ is not None:
            taken.append(type(net.step_.gradient))
        elif net.why_autograd_ is not None:
            taken.append(net.why_autograd_)
        release(net)

    monkeypatch.setattr(AutoencoderNet, "_release", noting_release)
    return taken


def by_autograd(monkeypatch, fit):
    with monkeypatch.context() as patch:
        patch.setattr(net_module, "written_out", lambda *parts: "a test wants it")
        return fit()


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_both_paths_train_to_the_same_codes(loss, solver, monkeypatch, paths):
    params = {"loss": loss, "solver": solver, "learning_rate_init": 1e-3, "alpha": 0.1}
    data = X / 8 if loss == "log_loss" else X
    written = quick(**params).fit(data)
    assert set(paths) == {ClosedForm}
    other = by_autograd(monkeypatch, lambda: quick(**params).fit(data))
    assert other.net_.why_autograd_ == "a test wants it"
    np.testing.assert_allclose(written.loss_curve_, other.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(written.transform(data), other.transform(data), atol=1e-3)


@pytest.mark.parametrize("kind", [SparseAutoencoder, VariationalAutoencoder])
def test_each_path_gives_the_same_bytes_again(kind, monkeypatch):
    first, second = (quick(kind).fit(X).transform(X) for _ in range(2))
    assert np.array_equal(first, second)
    first, second = (
        by_autograd(monkeypatch, lambda: quick(kind).fit(X)).transform(X) for _ in range(2)
    )
    assert np.array_equal(first, second)


class OwnLoss(SquaredError):
    def __call__(self, reconstruction, x):
        return (reconstruction - x).abs().mean(dim=1)


class OwnPenalty(L1):
    def __call__(self, module, x, output):
        return self.weight * output.code.square().sum(dim=1)


@pytest.mark.parametrize("params", [{"loss": OwnLoss()}, {"penalty": OwnPenalty()}])
def test_a_subclass_of_a_built_in_part_is_never_taken_for_it(params, monkeypatch, paths):
    written = quick(**params).fit(X)
    assert set(paths) == {Leaves}
    other = by_autograd(monkeypatch, lambda: quick(**params).fit(X))
    np.testing.assert_allclose(written.loss_curve_, other.loss_curve_, rtol=1e-4)


class OwnObjective(Objective):
    pass


def test_a_subclass_of_an_objective_is_never_taken_for_it():
    module = AutoencoderModule(*MLP(()).build(4, 2), 4)
    assert written_objective(module, Objective(SquaredError())) is not None
    assert written_objective(module, OwnObjective(SquaredError())) is None


class Plain:
    """An architecture of other layers."""

    def get_params(self, deep=True):
        return {}

    def build(self, n_features, n_components):
        return nn.Linear(n_features, n_components), nn.Linear(n_components, n_features)


def test_the_net_says_why_autograd_takes_the_steps():
    estimator = quick(architecture=Plain(), init="random").fit(X)
    assert estimator.net_.why_autograd_ == "the encoder is a Linear, and no MLP"
    assert quick().fit(X).net_.why_autograd_ is None


# Callbacks


@pytest.mark.parametrize("max_norm", [1e-6, 1e-2])
def test_callbacks_may_change_gradients_of_written_out_steps(max_norm, monkeypatch, paths):
    params = {"callbacks": [GradientNormClipping(max_norm)], "solver": "sgd"}
    written = quick(**params).fit(X)
    assert set(paths) == {ClosedForm}
    other = by_autograd(monkeypatch, lambda: quick(**params).fit(X))
    np.testing.assert_allclose(written.transform(X), other.transform(X), atol=1e-5)


class NewGradients(Callback):
    def on_grad_computed(self, net, named_parameters, **kwargs):
        for _, parameter in named_parameters:
            parameter.grad = torch.zeros_like(parameter)


def test_gradients_that_a_callback_puts_in_place_of_others_count(paths):
    estimator = quick(callbacks=[NewGradients()], alpha=0.0, solver="sgd").fit(X)
    assert set(paths) == {ClosedForm}
    start = quick(max_iter=1, learning_rate_init=1e-30, solver="sgd", alpha=0.0).fit(X)
    np.testing.assert_allclose(estimator.transform(X), start.transform(X), atol=1e-5)


def test_weights_that_are_frozen_on_the_way_stay(paths):
    frozen = []

    class Freeze(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                weight = net.module_.encoder.layers[0].weight.requires_grad_(False)
                frozen.append(weight.detach().clone())

        def on_epoch_end(self, net, **kwargs):
            if frozen:
                assert torch.equal(net.module_.encoder.layers[0].weight, frozen[0])

    estimator = quick(callbacks=[Freeze()], alpha=0.0).fit(X)
    assert estimator.net_.why_autograd_ == "some parameters are frozen"
    assert paths[-1] == "some parameters are frozen"
    assert ClosedForm in paths


def test_weights_that_are_frozen_from_the_start_stay():
    callbacks = [Freezer("encoder.layers.*"), Freezer("encoder.skip.*")]
    estimator = quick(callbacks=callbacks, init="pca").fit(X)
    assert estimator.net_.why_autograd_ == "some parameters are frozen"


class Anneal(Callback):
    def on_batch_begin(self, net, training=None, **kwargs):
        net.criterion_.penalty.weight = 0.1 * len(net.history)


@pytest.mark.parametrize("kind", [SparseAutoencoder, VariationalAutoencoder])
def test_a_penalty_whose_weight_a_callback_changes_is_followed(kind, monkeypatch, paths):
    def fit():
        return quick(kind, callbacks=[Anneal()], learning_rate_init=1e-3).fit(X)

    written = fit()
    assert set(paths) == {ClosedForm}
    other = by_autograd(monkeypatch, fit)
    np.testing.assert_allclose(written.loss_curve_, other.loss_curve_, rtol=1e-4)


def test_a_net_can_be_pickled_in_the_midst_of_a_training():
    copies = []

    class Keep(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                copies.append((pickle.dumps(net.module_), net.predict(X.astype(np.float32))))
                assert net.__getstate__()["step_"] is None

    quick(callbacks=[Keep()]).fit(X)
    (module, expected), *_ = copies
    x = torch.from_numpy(X).float()
    np.testing.assert_allclose(pickle.loads(module)(x).reconstruction.detach(), expected, rtol=1e-5)


# The optimizer


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_optimizer_is_one_of_torch_to_the_bit(solver, monkeypatch):
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[solver]
    ours = by_autograd(monkeypatch, lambda: quick(solver=solver).fit(X))
    assert type(ours.net_.optimizer_) is kind
    theirs = dict(optimizer_params(solver, "cpu"), optimizer=kind)
    with monkeypatch.context() as patch:
        patch.setattr(build, "optimizer_params", lambda *args: theirs)
        same = by_autograd(monkeypatch, lambda: quick(solver=solver).fit(X))
    assert np.array_equal(ours.transform(X), same.transform(X))


def test_hooks_of_an_optimizer_are_called():
    calls = []

    class Hook(Callback):
        def on_train_begin(self, net, **kwargs):
            net.optimizer_.register_step_post_hook(lambda *args: calls.append(1))

    estimator = quick(callbacks=[Hook()], batch_size=50).fit(X)
    assert len(calls) == 15
    assert estimator.net_.why_autograd_ == "the optimizer has hooks"


def test_a_fit_does_not_import_the_compiler_of_torch():
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np, sklearn_ae\n"
        "sklearn_ae.AutoencoderTransformer(2, max_iter=2).fit(np.random.rand(50, 4))\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# Afterwards


def test_after_training_weights_have_memory_of_their_own():
    net = quick().fit(X).net_
    assert net.step_ is None
    parameters = list(net.module_.parameters())
    assert len({p.untyped_storage().data_ptr() for p in parameters}) == len(parameters)
    assert all(p.is_contiguous() for p in parameters)


def test_a_training_that_fails_gives_the_weights_their_memory_back():
    nets = []

    class Fail(Callback):
        def on_epoch_end(self, net, **kwargs):
            nets.append(net)
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        quick(callbacks=[Fail()]).fit(X)
    (net,) = nets
    assert net.step_ is None
    assert all(parameter.is_contiguous() for parameter in net.module_.parameters())


def test_large_tables_are_not_copied(monkeypatch, paths):
    small = quick().fit(X).transform(X)
    monkeypatch.setattr(net_module, "room_for", lambda X, device: 10)
    large = quick().fit(X)
    assert not large.net_.is_prepared_
    assert set(paths) == {ClosedForm}
    assert np.array_equal(large.transform(X), small)


def test_partial_fit_goes_on_from_the_other_path(monkeypatch):
    both = quick().partial_fit(X)
    both = by_autograd(monkeypatch, lambda: both.partial_fit(X)).partial_fit(X)
    written = quick().partial_fit(X).partial_fit(X).partial_fit(X)
    np.testing.assert_allclose(both.transform(X), written.transform(X), atol=1e-4)

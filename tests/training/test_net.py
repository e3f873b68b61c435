import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch.callbacks import Callback, EpochScoring, GradientNormClipping, LRScheduler
from torch import nn
from torch.utils.data import DataLoader

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.loader import Batches, Rows
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.monitor import Diverged, Monitor
from sklearn_ae._training.net import AutoencoderNet
from sklearn_ae._training.objective import Objective
from sklearn_ae._training.step import OneCycle, Stepper, warm_up
from sklearn_ae.losses import SquaredError

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 5, "random_state": 0} | params)


def module(encoder=None, decoder=None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = encoder or nn.Linear(4, 2)
        decoder = decoder or nn.Linear(2, 4)
        return AutoencoderModule(encoder, decoder, 4).double()


def make_net(of=None, monitor=None, stepper=None, **params):
    defaults = {
        "lr": 0.01,
        "max_epochs": 4,
        "batch_size": 40,
        "iterator_train": Batches,
        "iterator_valid": Batches,
        "train_split": None,
        "verbose": 0,
        "optimizer": torch.optim.SGD,
    }
    objective = Objective(SquaredError())
    return AutoencoderNet(
        of or module(),
        objective,
        monitor=monitor or Monitor(),
        stepper=stepper or Stepper(),
        **defaults | params,
    )


# The loop


def test_train_loss_is_the_mean_over_the_rows_of_unequal_batches():
    net = make_net(batch_size=64, lr=0.0).partial_fit(Rows(X))
    with torch.no_grad():
        expected = Objective(SquaredError())(net.module_, torch.from_numpy(X))[0].mean()
    np.testing.assert_allclose(net.history[:, "train_loss"], expected, rtol=1e-9)
    assert net.history[:, "train_batch_count"] == 4 * [3]


def test_an_epoch_of_gradient_descent_is_that_of_a_plain_loop():
    ours = make_net(lr=0.01, max_epochs=3, stepper=Stepper(decay=0.0, n_before=50))
    ours.partial_fit(Rows(X))
    theirs = module()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01)
    for _ in range(3):
        for x in np.array_split(X, [37, 75, 112]):
            x = torch.from_numpy(x)
            optimizer.zero_grad()
            (theirs(x).reconstruction - x).square().mean().backward()
            optimizer.step()
    for a, b in zip(ours.module_.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_weights_multiply_the_values():
    weight = np.random.RandomState(0).uniform(size=150)
    net = make_net(lr=0.0, batch_size=200, max_epochs=1).partial_fit(Rows(X, weight))
    values = Objective(SquaredError())(net.module_, torch.from_numpy(X))[0].detach().numpy()
    assert net.history[-1, "train_loss"] == pytest.approx((weight * values).mean())


def test_evaluate_returns_values_and_r2():
    net = make_net().initialize()
    net.module_.offset.copy_(torch.from_numpy(X.mean(axis=0)))
    values, r2 = net.evaluate(Rows(X))
    with torch.no_grad():
        rebuilt = net.module_(torch.from_numpy(X)).reconstruction.numpy()
    np.testing.assert_allclose(values, np.square(rebuilt - X).mean(axis=1))
    expected = 1 - np.square(rebuilt - X).sum() / np.square(X - X.mean(axis=0)).sum()
    assert r2 == pytest.approx(expected)


class Log(list):
    """A list that stays the same one when the callback that holds it is cloned."""

    def __deepcopy__(self, memo):
        return self


class Recorder(Callback):
    """Notes which hooks are called, and with what."""

    def __init__(self, log):
        self.log = log

    def note(self, hook, **kwargs):
        self.log.append((hook, kwargs))

    def on_train_begin(self, net, **kwargs):
        self.note("on_train_begin")

    def on_train_end(self, net, **kwargs):
        self.note("on_train_end")

    def on_epoch_begin(self, net, **kwargs):
        self.note("on_epoch_begin", **kwargs)

    def on_epoch_end(self, net, **kwargs):
        self.note("on_epoch_end", **kwargs)

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.note("on_batch_begin", batch=batch, training=training)

    def on_batch_end(self, net, batch=None, training=None, loss=None, y_pred=None, **kwargs):
        self.note("on_batch_end", batch=batch, training=training, loss=loss, y_pred=y_pred)

    def on_grad_computed(self, net, named_parameters=None, **kwargs):
        self.note("on_grad_computed", grads=[weight.grad for _, weight in named_parameters])


def test_users_callback_hears_of_every_epoch_batch_and_gradient():
    log = Log()
    quick(callbacks=[Recorder(log)], batch_size=50, early_stopping=False, max_iter=2).fit(X)
    batch = ["on_batch_begin", "on_grad_computed", "on_batch_end"]
    epoch = ["on_epoch_begin", *3 * batch, "on_epoch_end"]
    assert [hook for hook, _ in log] == ["on_train_begin", *2 * epoch, "on_train_end"]


def test_users_callback_is_handed_batch_loss_and_reconstruction():
    log = Log()
    quick(callbacks=[Recorder(log)], batch_size=50, early_stopping=False, max_iter=1).fit(X)
    ends = [kwargs for hook, kwargs in log if hook == "on_batch_end"]
    assert all(end["training"] for end in ends)
    assert [tuple(end["y_pred"].shape) for end in ends] == 3 * [(50, 4)]
    assert all(end["batch"][0].shape == (50, 4) for end in ends)
    assert all(torch.isfinite(end["loss"]) for end in ends)
    grads = [kwargs["grads"] for hook, kwargs in log if hook == "on_grad_computed"]
    assert all(grad is not None for grad in grads[0])


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_grad_computed"])
def test_callback_with_a_single_hook_is_heard(hook):
    calls = []
    kind = type("Single", (Callback,), {hook: lambda self, net, **kwargs: calls.append(hook)})
    quick(callbacks=[kind()], batch_size=50, early_stopping=False, max_iter=2).fit(X)
    assert calls == 6 * [hook]


def test_callbacks_do_not_change_the_fit():
    silent, heard = quick().fit(X), quick(callbacks=[Recorder(Log())]).fit(X)
    np.testing.assert_array_equal(silent.transform(X), heard.transform(X))


def test_learning_rate_schedule_of_skorch_is_followed():
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    estimator = quick(callbacks=[schedule], learning_rate_init=0.01).fit(X)
    assert estimator.net_.history[:, "event_lr"] == [0.01 / 2**i for i in range(5)]


def test_gradient_clipping_of_skorch_clips():
    log = Log()
    clip = GradientNormClipping(1e-6)
    callbacks = [("clip", clip), ("log", Recorder(log))]
    quick(callbacks=callbacks, init="random", batch_size=200).fit(X)
    for _, kwargs in (entry for entry in log if entry[0] == "on_grad_computed"):
        assert sum(grad.square().sum() for grad in kwargs["grads"]) <= 1.01e-12


def test_scoring_callback_of_skorch_sees_the_training_rows():
    def n_rows(net, X, y):
        return len(net.predict(X))

    callback = EpochScoring(n_rows, name="rows", on_train=True, lower_is_better=False)
    estimator = quick(callbacks=[callback], early_stopping=False).fit(X)
    assert estimator.net_.history[:, "rows"] == 5 * [150]


# The monitor


def test_average_of_constant_weights_is_those_weights():
    net = make_net(lr=0.0).partial_fit(Rows(X))
    for a, b in zip(net.module_.parameters(), module().parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_last_average_is_kept_where_nothing_is_held_out():
    net = make_net().partial_fit(Rows(X))
    tensors = [*net.module_.parameters(), *net.module_.buffers()]
    for weight, average in zip(tensors, net.stepper.average_, strict=True):
        assert torch.equal(weight, average)


def test_best_weights_are_kept_where_rows_are_held_out():
    monitor = Monitor(Rows(X[::2]), n_iter_no_change=1000)
    net = make_net(monitor=monitor, lr=0.9, max_epochs=30).partial_fit(Rows(X[1::2]))
    values, _ = net.evaluate(Rows(X[::2]))
    assert values.mean().item() == pytest.approx(monitor.best_loss_)
    assert monitor.best_loss_ == pytest.approx(min(net.history[:, "valid_loss"]))


def test_statistics_of_batch_norm_belong_to_the_weights_that_are_kept():
    order = np.random.RandomState(0).permutation(150)
    few, held_out = Rows(X, None, order[:12]), Rows(X, None, order[12:])
    last_was_best = []
    for seed in range(5):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            encoder = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        monitor = Monitor(held_out, n_iter_no_change=1000)
        net = make_net(module(encoder), monitor, lr=0.3, max_epochs=40).partial_fit(few)
        values, _ = net.evaluate(held_out)
        assert values.mean().item() == pytest.approx(monitor.best_loss_, rel=1e-6)
        last_was_best.append(monitor.best_loss_ == net.history[-1, "valid_loss"])
    assert not all(last_was_best)


# The learning rate


@pytest.mark.parametrize("n_steps", [10, 50, 1000])
def test_one_cycle_rises_for_a_fifth_of_the_steps_and_falls_to_nothing(n_steps):
    shares = np.array([OneCycle(n_steps)(step) for step in range(1, n_steps + 1)])
    top = n_steps // 5
    assert shares[top - 1] == pytest.approx(1)
    assert shares[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(shares[:top]) > 0).all()
    assert (np.diff(shares[top - 1 :]) < 0).all()


def test_one_cycle_is_half_way_up_and_down_in_the_middle_of_both():
    cycle = OneCycle(100, ramp=0.4)
    assert cycle(20) == pytest.approx(0.5)
    assert cycle(70) == pytest.approx(0.5)


def test_one_cycle_can_be_lower():
    high, low = OneCycle(100), OneCycle(100, largest=0.1)
    assert [low(step) for step in range(1, 101)] == pytest.approx(
        [0.1 * high(step) for step in range(1, 101)]
    )


def test_one_cycle_of_one_step_takes_it_whole():
    assert OneCycle(1)(1) == pytest.approx(1)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 7])
def test_shares_of_few_steps_are_shares(n_steps):
    shares = [OneCycle(n_steps)(step) for step in range(1, n_steps + 1)]
    assert max(shares) > 0
    assert all(0 <= share <= 1 for share in shares)


def test_warm_up_grows_over_fifty_steps():
    assert [warm_up(step) for step in (1, 25, 50, 51, 10**6)] == [0.02, 0.5, 1, 1, 1]


def test_schedule_is_asked_for_each_step_in_order_and_followed():
    asked, rates = [], []

    def schedule(step):
        asked.append(step)
        return 1 / step

    class Rates(torch.optim.SGD):
        def step(self, closure=None):
            rates.extend(group["lr"] for group in self.param_groups)
            return super().step(closure)

    net = make_net(stepper=Stepper(schedule), optimizer=Rates, max_epochs=2)
    net.partial_fit(Rows(X))
    assert asked == list(range(1, 9))
    assert rates == pytest.approx([0.01 / step for step in asked])
    assert net.optimizer_.param_groups[0]["lr"] == 0.01


def test_steps_of_no_share_change_nothing():
    net = make_net(stepper=Stepper(lambda step: 0.0)).partial_fit(Rows(X))
    for a, b in zip(net.module_.parameters(), module().parameters(), strict=True):
        assert torch.equal(a, b)


def test_schedule_starts_anew_after_a_restart():
    asked = []

    def schedule(step):
        asked.append(step)
        return 1.0

    monitor = Monitor()
    make_net(
        monitor=monitor, stepper=Stepper(schedule), lr=0.1, max_epochs=12, batch_size=150
    ).partial_fit(Rows(X))
    assert monitor.n_restarts_ > 0
    assert asked.count(1) == 1 + monitor.n_restarts_


@pytest.mark.parametrize("max_restarts", [0, 1, 3])
def test_a_fit_that_diverges_gives_up_after_so_many_restarts(max_restarts):
    monitor = Monitor(max_restarts=max_restarts)
    net = make_net(monitor=monitor, lr=1e30, max_epochs=50)
    with pytest.raises(Diverged):
        net.partial_fit(Rows(X))
    assert monitor.n_restarts_ == max_restarts
    assert net.optimizer_.param_groups[0]["lr"] == 1e30 / 2**max_restarts


# net_params


@pytest.mark.parametrize("optimizer", [torch.optim.RMSprop, torch.optim.Adadelta])
def test_another_optimizer_can_be_given(optimizer):
    estimator = quick(net_params={"optimizer": optimizer, "optimizer__eps": 1e-3}).fit(X)
    assert type(estimator.net_.optimizer_) is optimizer
    assert estimator.net_.optimizer_.defaults["eps"] == 1e-3
    assert estimator.score(X) > 0.9


def test_option_of_our_optimizer_can_be_given():
    estimator = quick(net_params={"optimizer__betas": (0.5, 0.6)}).fit(X)
    assert estimator.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.6)


@pytest.mark.parametrize("weight", [None, np.arange(150.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dataloader_of_torch_can_be_given(weight, dtype):
    net_params = {"iterator_train": DataLoader, "iterator_train__shuffle": True}
    estimator = quick(net_params=net_params, batch_size=32)
    first = estimator.fit(X.astype(dtype), sample_weight=weight).transform(X)
    assert isinstance(estimator.net_.get_iterator(Rows(X), training=True), DataLoader)
    assert first.dtype == dtype
    np.testing.assert_array_equal(estimator.fit(X.astype(dtype), None, weight).transform(X), first)


def test_dataloader_of_torch_with_one_row_a_step_in_order_is_ours():
    ours = quick(batch_size=150, early_stopping=False).fit(X)
    theirs = quick(
        batch_size=150, early_stopping=False, net_params={"iterator_train": DataLoader}
    ).fit(X)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-9)


@pytest.mark.parametrize("size", ["auto", None])
def test_dataloader_of_torch_works_at_the_default_batch_size(size):
    params = {} if size == "auto" else {"batch_size": 40}
    quick(net_params={"iterator_train": DataLoader}, **params).fit(X)


def test_iterator_without_a_batch_size_can_be_given():
    class Whole:
        def __init__(self, dataset, **params):
            self.dataset = dataset

        def __iter__(self):
            yield self.dataset.take(slice(0, len(self.dataset)))

    estimator = quick(net_params={"iterator_train": Whole}).fit(X)
    assert estimator.net_.history[:, "train_batch_count"] == 5 * [1]


def test_unknown_net_param_is_an_error():
    with pytest.raises((TypeError, ValueError), match="bogus"):
        quick(net_params={"bogus": 1}).fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prediction_of_the_net_is_the_reconstruction(dtype):
    data = X.astype(dtype)
    estimator = quick().fit(data)
    np.testing.assert_allclose(estimator.net_.predict(data), estimator.reconstruct(data), rtol=1e-5)

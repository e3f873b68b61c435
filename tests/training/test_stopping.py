import signal

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.monitor import FallingMonitor, Monitor
from sklearn_ae._training.step import Trapezoid

X = load_iris().data


def quick(**params):
    return AutoencoderTransformer(**{"random_state": 0} | params)


def endless(**params):
    """Neither tol nor patience ends this fit."""
    return quick(**{"tol": 0, "n_iter_no_change": 10_000} | params)


def failing_loss(bad_calls, value=float("nan")):
    """The squared error; at some of its calls in training, counted from 1, another value."""
    calls = []

    def loss(reconstruction, x):
        values = (reconstruction - x).square().mean(dim=1)
        if torch.is_grad_enabled():
            calls.append(1)
            if len(calls) in bad_calls:
                return values * value
        return values

    return loss


# When it ends by itself


def test_max_iter_epochs_without_convergence_warn():
    with pytest.warns(ConvergenceWarning, match="Training stopped at max_iter=3 epochs"):
        estimator = endless(max_iter=3).fit(X)
    assert estimator.n_iter_ == 3


def test_fit_that_stalls_ends_without_a_warning():
    estimator = quick(max_iter=2000).fit(X)
    assert estimator.n_iter_ < 2000


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_fit_ends_when_epochs_without_a_decrease_exceed_n_iter_no_change(patience, early_stopping):
    estimator = quick(
        loss=lambda reconstruction, x: (reconstruction * 0 + 1).mean(dim=1),  # never decreases
        n_iter_no_change=patience,
        early_stopping=early_stopping,
    ).fit(X)
    # The first epoch is what the others are compared to, unless the start was measured as well.
    assert estimator.n_iter_ == patience + (1 if early_stopping else 2)


def test_larger_tol_ends_earlier():
    epochs = [
        quick(init="random", tol=tol, early_stopping=False, max_iter=1000).fit(X).n_iter_
        for tol in (1e-1, 1e-2, 1e-3)
    ]
    assert epochs == sorted(epochs)
    assert epochs[0] < epochs[-1]


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_best_loss_is_the_least_on_the_held_out_rows():
    estimator = endless(init="random", early_stopping=True, max_iter=30).fit(X)
    losses = estimator.net_.history[:, "valid_loss"]
    assert estimator.best_loss_ == pytest.approx(min(losses), rel=1e-6)
    assert estimator.validation_scores_ == estimator.net_.history[:, "valid_r2"]


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("early_stopping", [True, False])
def test_validation_scores_are_there_if_rows_were_held_out(early_stopping):
    scores = quick(early_stopping=early_stopping, max_iter=4).fit(X).validation_scores_
    assert (scores is not None) is early_stopping
    assert scores is None or len(scores) == 4


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_held_out_rows_are_not_trained_on():
    seen = set()

    def penalty(module, x, output):
        if torch.is_grad_enabled():
            seen.update(map(tuple, x.tolist()))
        return torch.zeros(())

    rows = np.unique(X, axis=0)
    quick(penalty=penalty, early_stopping=True, validation_fraction=0.2, max_iter=3).fit(rows)
    assert len(seen) == pytest.approx(0.8 * len(rows), abs=1)


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_late_overfitting_is_undone():
    noise = np.random.RandomState(0).normal(size=(60, 20))
    estimator = endless(
        early_stopping=True,
        validation_fraction=0.5,
        max_iter=300,
        hidden_layer_sizes=(200,),
        init="random",
        learning_rate_init=0.01,
    ).fit(noise)
    losses = estimator.net_.history[:, "valid_loss"]
    assert min(losses) < losses[-1]
    assert estimator.best_loss_ == pytest.approx(min(losses), rel=1e-6)
    assert estimator.score(noise) < 0.5 < 1 - estimator.loss_curve_[-1]


# When the loss diverges


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e12], ids=str)
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_loss_that_explodes_once_halves_the_learning_rate_and_goes_on(
    value, early_stopping, solver
):
    estimator = endless(
        loss=failing_loss({7}, value),
        early_stopping=early_stopping,
        solver=solver,
        learning_rate_init=0.001,
        batch_size=200,
        max_iter=20,
    ).fit(X)
    assert {group["lr"] for group in estimator.net_.optimizer_.param_groups} == {0.0005}
    assert estimator.n_iter_ == 20
    assert np.isfinite(estimator.transform(X)).all()
    assert np.isfinite(estimator.best_loss_)
    assert estimator.score(X) > 0.97


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_weights_after_an_explosion_are_at_least_as_good_as_before():
    before = endless(init="random", early_stopping=True, max_iter=20, batch_size=200).fit(X)
    loss = failing_loss({21})
    after = endless(init="random", early_stopping=True, max_iter=25, batch_size=200, loss=loss)
    after.fit(X)
    assert after.best_loss_ <= before.best_loss_ * X.var() * 2


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate_init": 1e30, "solver": "sgd"},
        {"learning_rate_init": 1e200},
        {"loss": failing_loss(range(1000))},
    ],
    ids=["sgd", "adam", "NaN"],
)
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_that_keeps_diverging_is_an_error_that_names_the_way_out(
    params, early_stopping, dtype
):
    estimator = quick(early_stopping=early_stopping, max_iter=100, **params)
    rate = estimator.learning_rate_init
    with pytest.raises(RuntimeError) as error:
        estimator.fit(X.astype(dtype))
    message = str(error.value)
    assert f"learning_rate_init={rate}" in message
    assert "smaller learning_rate_init" in message
    assert "[0.1, 7.9]" in message
    assert not hasattr(estimator, "module_")


@pytest.mark.parametrize("max_iter", [1, 3])
def test_no_finite_loss_within_max_iter_is_an_error_too(max_iter):
    with pytest.raises(RuntimeError, match="learning_rate_init"):
        quick(loss=failing_loss(range(1000)), max_iter=max_iter).fit(X)


def test_partial_fit_goes_back_when_the_loss_diverges():
    estimator = quick(solver="sgd", learning_rate_init=1e-3).partial_fit(X)
    before = estimator.transform(X)
    with pytest.raises(RuntimeError, match="learning_rate_init=1e\\+30"):
        estimator.set_params(learning_rate_init=1e30).partial_fit(X)
    assert np.array_equal(estimator.transform(X), before)


# When someone else ends it


class InterruptInBatch(Callback):
    """What Ctrl-C does, in a given epoch."""

    def __init__(self, epoch, error=KeyboardInterrupt):
        self.epoch = epoch
        self.error = error

    def on_batch_end(self, net, training=None, **kwargs):
        if len(net.history) == self.epoch and training:
            raise self.error


@pytest.mark.parametrize("early_stopping", [True, False])
def test_interrupted_fit_keeps_the_best_weights_and_warns(early_stopping):
    estimator = endless(
        init="random",
        early_stopping=early_stopping,
        callbacks=[InterruptInBatch(30)],
        max_iter=100,
    )
    with pytest.warns(UserWarning, match="interrupted after 29 epochs; the best weights") as record:
        estimator.fit(X)
    assert len(record) == 1
    assert len(estimator.loss_curve_) == estimator.n_iter_
    assert all(isinstance(loss, float) for loss in estimator.loss_curve_)
    assert estimator.score(X) > 0.9
    if early_stopping:
        assert len(estimator.validation_scores_) == estimator.n_iter_


def test_fit_that_is_interrupted_at_once_stays_at_pca():
    estimator = endless(callbacks=[InterruptInBatch(1)])
    with pytest.warns(UserWarning, match="interrupted after 0 epochs"):
        estimator.fit(X)
    assert estimator.score(X) > 0.97
    assert estimator.transform(X).shape == (150, 2)


@pytest.mark.parametrize("evaluating", [False, True])
def test_ctrl_c_in_the_midst_of_computing_is_not_swallowed(evaluating):
    calls = []

    def loss(reconstruction, x):
        if torch.is_grad_enabled() is not evaluating:
            calls.append(1)
            if len(calls) == 12:
                signal.raise_signal(signal.SIGINT)
        return (reconstruction - x).square().mean(dim=1)

    estimator = endless(loss=loss, early_stopping=True, max_iter=50)
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(X)
    assert np.isfinite(estimator.transform(X)).all()


def test_interrupted_partial_fit_warns_and_can_go_on():
    estimator = quick().partial_fit(X)
    estimator.set_params(callbacks=[InterruptInBatch(1)])
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.partial_fit(X)
    assert estimator.net_.optimizer_.param_groups[0]["lr"] == estimator.learning_rate_init
    estimator.set_params(callbacks=None).partial_fit(X)
    assert estimator.n_iter_ == 2
    assert np.isfinite(estimator.loss_curve_).all()


def test_error_in_a_callback_is_raised():
    with pytest.raises(ZeroDivisionError):
        quick(callbacks=[InterruptInBatch(1, ZeroDivisionError)]).fit(X)


@pytest.mark.parametrize("monitor", ["train_loss", "valid_loss"])
def test_early_stopping_of_skorch_ends_the_fit_without_a_warning(monitor):
    callback = EarlyStopping(monitor=monitor, patience=2, threshold=0.5, sink=lambda text: None)
    estimator = endless(callbacks=[callback], early_stopping=True, max_iter=500).fit(X)
    assert estimator.n_iter_ < 20
    assert len(estimator.loss_curve_) == estimator.n_iter_


# PCA


def test_model_says_whether_it_is_pca():
    noise = np.random.RandomState(0).normal(size=(200, 20))
    assert AutoencoderTransformer(2, random_state=0).fit(noise).is_pca_
    assert not AutoencoderTransformer(2, random_state=0).fit(load_digits().data).is_pca_


class InterruptInStep(Callback):
    """Ctrl-C between gradient and step."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        raise KeyboardInterrupt


def test_interrupted_step_of_the_warm_up_does_not_shrink_the_learning_rate():
    estimator = quick(callbacks=[InterruptInStep()])
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.partial_fit(X)
    assert estimator.net_.optimizer_.param_groups[0]["lr"] == estimator.learning_rate_init


def test_held_out_loss_has_a_curve_whose_smallest_value_is_the_best_loss():
    estimator = AutoencoderTransformer(3, random_state=0)
    estimator.fit(load_digits().data[:300])
    curve = estimator.validation_loss_curve_
    assert len(curve) == len(estimator.validation_scores_) == len(estimator.loss_curve_)
    assert min(curve) == estimator.best_loss_
    # The squared error is a share of the variance, and R² what it leaves.
    r2 = np.array(estimator.validation_scores_)
    assert np.corrcoef(curve, 1 - r2)[0, 1] > 0.999
    estimator.set_params(early_stopping=False).fit(load_digits().data[:300])
    assert estimator.validation_loss_curve_ is None


# What is printed


def test_remaining_time_is_right_in_the_middle_of_a_training_that_patience_ends():
    estimator = AutoencoderTransformer(3, random_state=0).fit(load_digits().data[:400])
    monitor, n_epochs = estimator.net_.monitor, estimator.n_iter_
    half = Monitor(n_iter_no_change=12)
    half.finished_ = False
    curve = np.minimum.accumulate(monitor.validation_loss_curve_[: n_epochs // 2])
    half.n_stalled_ = int((curve[-1] >= curve - 1e-3).sum()) - 1
    left = half.n_left(n_epochs // 2, 500)
    assert (n_epochs - n_epochs // 2) / 2 <= left <= 2 * (n_epochs - n_epochs // 2)


@pytest.mark.parametrize(("n_done", "n_left"), [(1, 99), (60, 40), (100, 0)])
def test_remaining_time_of_a_training_of_fixed_length_is_exact(n_done, n_left):
    monitor = Monitor(n_iter_no_change=100)
    monitor.finished_ = False
    assert monitor.n_left(n_done, 100) == n_left


def test_remaining_time_is_known_when_the_learning_rate_falls_and_as_long_as_so_far_before():
    schedule = Trapezoid(1200)
    monitor = FallingMonitor(schedule)
    monitor.has_held_out_ = False
    assert monitor.n_left(4, 24) == 20  # nothing ends it earlier
    monitor.has_held_out_ = True
    assert [monitor.n_left(n_done, 24) for n_done in (1, 4, 8, 20)] == [11, 8, 8, 4]
    schedule.fall_from(500)
    assert monitor.n_left(10, 24) == 5

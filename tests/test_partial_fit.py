import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.losses import Poisson
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data


def quick(n_components=2, **params):
    return AutoencoderTransformer(n_components, **{"max_iter": 5, "random_state": 0} | params)


def test_partial_fit_is_one_epoch_a_call():
    seen = []

    def penalty(module, x, output):
        if torch.is_grad_enabled():
            seen.append(len(x))
        return torch.zeros(())

    estimator = quick(batch_size=len(X), penalty=penalty)
    for n_calls in (1, 2, 3):
        estimator.partial_fit(X)
        assert estimator.n_iter_ == len(estimator.loss_curve_) == n_calls
        assert seen == n_calls * [150]


def test_partial_fit_holds_nothing_out():
    estimator = quick().partial_fit(X)
    assert estimator.validation_scores_ is None


def test_first_partial_fit_is_a_fit_of_one_epoch():
    once = quick(max_iter=1, early_stopping=False).fit(X)
    begun = quick().partial_fit(X)
    assert begun.loss_curve_ == once.loss_curve_
    # Only fit turns the code to its principal axes.
    np.testing.assert_allclose(begun.reconstruct(X), once.reconstruct(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("part", [{}, {"corruption": GaussianNoise(0.3)}, {"penalty": L2(0.1)}])
def test_pickling_between_calls_changes_nothing(solver, part):
    params = {"solver": solver, "learning_rate_init": 1e-3, "batch_size": 30} | part
    stayed, travelled = (quick(**params) for _ in range(2))
    for _ in range(4):
        stayed.partial_fit(X)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(X)))
    assert stayed.transform(X).tobytes() == travelled.transform(X).tobytes()
    assert stayed.loss_curve_ == travelled.loss_curve_


@pytest.mark.parametrize(
    "optimizer",
    ["SGD", "Adam", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Rprop", "ASGD"],
)
def test_pickling_between_calls_keeps_the_state_of_any_optimizer(optimizer):
    net_params = {"optimizer": getattr(torch.optim, optimizer)}
    stayed, travelled = (quick(net_params=net_params) for _ in range(2))
    for _ in range(3):
        stayed.partial_fit(X)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(X)))
    assert stayed.transform(X).tobytes() == travelled.transform(X).tobytes()


def test_partial_fit_lowers_the_loss():
    estimator = quick(1)
    for _ in range(40):
        estimator.partial_fit(X)
    assert np.mean(estimator.loss_curve_[-5:]) < 0.9 * estimator.loss_curve_[0]


def test_a_stream_of_chunks_comes_near_a_fit_of_as_many_passes():
    digits = np.random.default_rng(0).permutation(load_digits().data)
    fitted = AutoencoderTransformer(2, max_iter=12, early_stopping=False, random_state=0)
    streamed = AutoencoderTransformer(2, random_state=0)
    for _ in range(12):
        for chunk in np.array_split(digits, 20):
            streamed.partial_fit(chunk)
    assert streamed.score(digits) > fitted.fit(digits).score(digits) - 0.02


def test_the_average_of_the_weights_goes_on_from_call_to_call():
    estimator = quick(batch_size=30)
    for n_calls in (1, 2):
        estimator.partial_fit(X)
        assert estimator.net_.stepper.n_averaged_ == 5 * n_calls
    latest, average = estimator.net_.stepper.latest_, list(estimator.module_.parameters())
    assert not torch.equal(latest[0], average[0])


def test_batches_of_a_stream_are_those_for_as_many_rows_as_there_have_been():
    rows = np.random.default_rng(0).normal(size=(400, 3))
    estimator, sizes = quick(1), []
    for _ in range(4):
        sizes.append(estimator.partial_fit(rows).net_.batch_size)
    assert sizes == [32, 50, 75, 100]


def test_latest_weights_that_do_not_fit_are_refused():
    state = quick(1).partial_fit(X).__getstate__()
    state["_trained"]["latest"]["weights"].pop()
    with pytest.raises(ValueError, match="latest weights do not fit"):
        quick(1).__setstate__(state)


def test_partial_fit_continues_after_fit():
    estimator = quick(1, max_iter=60, init="random").fit(X)
    n_iter = estimator.n_iter_
    estimator.partial_fit(X)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == n_iter + 1
    assert estimator.loss_curve_[-1] < 0.5 * estimator.loss_curve_[0]
    assert estimator.score(X) > quick(1, init="random").partial_fit(X).score(X)


def test_fit_starts_anew_after_partial_fit():
    estimator = quick().partial_fit(X[:50]).fit(X)
    np.testing.assert_array_equal(estimator.transform(X), quick().fit(X).transform(X))


def test_centre_and_scale_are_those_of_the_first_call():
    estimator = quick().partial_fit(X)
    offset, scale = estimator.module_.offset.clone(), estimator.module_.scale.clone()
    estimator.partial_fit(100 * X[:20])
    assert torch.equal(estimator.module_.offset, offset)
    assert torch.equal(estimator.module_.scale, scale)


def test_single_rows_may_come_one_by_one():
    estimator = quick().partial_fit(X)
    for row in X[:5]:
        estimator.partial_fit(row[None])
    assert np.isfinite(estimator.transform(X)).all()


def test_weights_count_in_partial_fit():
    small, weight = X[::5], np.arange(30) % 3
    weighted, repeated = quick(), quick()
    for _ in range(3):
        weighted.partial_fit(small, sample_weight=weight)
        repeated.partial_fit(np.repeat(small, weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)


def test_partial_fit_refuses_another_width():
    estimator = quick().partial_fit(X)
    before = estimator.transform(X)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4"):
        estimator.partial_fit(X[:, :3])
    np.testing.assert_array_equal(estimator.transform(X), before)


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_partial_fit_refuses_another_number_of_components(begin):
    estimator = getattr(quick(2), begin)(X).set_params(n_components=3)
    with pytest.raises(ValueError, match="n_components=3"):
        estimator.partial_fit(X)
    assert estimator.transform(X).shape == (150, 2)


def test_partial_fit_computes_in_the_dtype_of_the_first_call():
    estimator = quick().partial_fit(X.astype(np.float32)).partial_fit(X)
    assert estimator.transform(X).dtype == np.float32


def test_dropout_draws_another_mask_in_every_call():
    masks = []

    def penalty(module, x, output):
        masks.append(torch.rand(3).tolist())  # from the global generator, as dropout does
        return torch.zeros(())

    estimator = quick(penalty=penalty)
    for _ in range(3):
        estimator.partial_fit(X)
    assert len({tuple(mask) for mask in masks}) == len(masks)


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_partial_fit_that_fails_leaves_the_estimator_as_it_was(begin):
    failing = []

    def penalty(module, x, output):
        if failing and torch.is_grad_enabled():
            failing.append(1)
            if len(failing) > 3:
                raise ZeroDivisionError
        return torch.zeros(())

    estimator = getattr(quick(penalty=penalty, batch_size=30), begin)(X)
    codes, keys, n_iter = estimator.transform(X), set(vars(estimator)), estimator.n_iter_
    failing.append(1)
    with pytest.raises(ZeroDivisionError):
        estimator.partial_fit(X)
    assert set(vars(estimator)) == keys
    assert estimator.n_iter_ == len(estimator.loss_curve_) == n_iter
    np.testing.assert_array_equal(estimator.transform(X), codes)


def test_first_partial_fit_that_fails_leaves_the_estimator_unfitted():
    def penalty(module, x, output):
        raise ZeroDivisionError

    estimator = quick(penalty=penalty)
    before = dict(vars(estimator))
    with pytest.raises(ZeroDivisionError):
        estimator.partial_fit(X)
    assert vars(estimator) == before


# Warm start


def test_warm_start_continues_from_the_weights():
    estimator = quick(1, init="random", warm_start=True, max_iter=30, early_stopping=False)
    first = estimator.fit(X).loss_curve_
    second = estimator.fit(X).loss_curve_
    assert second[0] < 0.5 * first[0]
    assert estimator.n_iter_ == len(second)


def test_without_warm_start_a_second_fit_is_the_first_again():
    estimator = quick()
    first = estimator.fit(X).transform(X)
    np.testing.assert_array_equal(estimator.fit(X).transform(X), first)


def test_warm_start_of_an_unfitted_estimator_is_a_fit():
    np.testing.assert_array_equal(
        quick(warm_start=True).fit(X).transform(X), quick().fit(X).transform(X)
    )


@pytest.mark.parametrize(
    ("change", "width"), [({}, 3), ({"n_components": 3}, 4)], ids=["features", "components"]
)
def test_warm_start_refuses_other_widths_and_leaves_the_estimator_as_it_was(change, width):
    estimator = quick(warm_start=True).fit(X)
    before = estimator.transform(X)
    estimator.set_params(**change)
    message = (
        r"The fitted net has 4 features and n_components=2; training cannot go on with "
        rf"{width} features and n_components={estimator.n_components}\. Call fit with "
        "warm_start=False"
    )
    with pytest.raises(ValueError, match=message):
        estimator.fit(X[:, :width])
    assert estimator.n_features_in_ == 4
    np.testing.assert_array_equal(estimator.transform(X), before)


def test_warm_start_refuses_another_architecture():
    estimator = quick(warm_start=True, hidden_layer_sizes=(8,)).fit(X)
    estimator.set_params(hidden_layer_sizes=(16, 4))
    with pytest.raises(ValueError, match="warm_start=False"):
        estimator.fit(X)


@pytest.mark.parametrize(("first", "second"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_warm_start_takes_data_of_another_dtype(first, second):
    estimator = quick(warm_start=True).fit(X.astype(first))
    assert np.isfinite(estimator.fit(X.astype(second)).transform(X)).all()


def test_warm_start_heeds_a_changed_penalty():
    estimator = quick(warm_start=True, init="random", max_iter=100, penalty=L2(1e-6)).fit(X)
    before = np.square(estimator.transform(X)).mean()
    estimator.set_params(penalty__weight=10.0).fit(X)
    assert np.square(estimator.transform(X)).mean() < 0.5 * before


def test_warm_start_that_fails_leaves_the_estimator_as_it_was():
    estimator = quick(warm_start=True).fit(X)
    before = estimator.transform(X)
    estimator.set_params(learning_rate_init=1e200, max_iter=50)
    with pytest.raises(RuntimeError, match="diverged"):
        estimator.fit(X)
    np.testing.assert_array_equal(estimator.transform(X), before)


def test_clone_of_a_warm_estimator_is_cold():
    estimator = quick(warm_start=True).fit(X)
    assert not hasattr(clone(estimator), "module_")


def test_architecture_of_the_first_fit_stays_with_warm_start():
    estimator = quick(warm_start=True, architecture=MLP((8,), tied=True)).fit(X)
    n_weights = sum(weight.numel() for weight in estimator.module_.parameters())
    estimator.fit(X)
    assert sum(weight.numel() for weight in estimator.module_.parameters()) == n_weights
    encoder, decoder = estimator.module_.encoder, estimator.module_.decoder
    assert torch.equal(decoder.layers[0].weight, encoder.layers[1].weight.T)


def test_changed_loss_and_penalty_count_from_the_next_call_on():
    estimator = quick(batch_size=10).partial_fit(X)
    estimator.set_params(batch_size=50, loss="poisson", penalty=L2(0.5)).partial_fit(X)
    objective = estimator.net_.criterion_
    assert estimator.net_.batch_size == 50
    assert isinstance(objective.loss, Poisson)
    assert objective.penalty.weight == 0.5


def test_automatic_batch_size_follows_the_chunk():
    estimator = quick(batch_size="auto").partial_fit(X[:2]).partial_fit(np.tile(X, (20, 1)))
    assert estimator.net_.batch_size > 2

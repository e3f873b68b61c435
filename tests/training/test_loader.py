from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.loader import Batches, Rows, Steps, as_tensor
from sklearn_ae._training.recipe import Recipe


def numbered(n_rows):
    return np.arange(2.0 * n_rows).reshape(n_rows, 2)


def first_column(batches):
    return [(x[:, 0] / 2).int().tolist() for x, _ in batches]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n_rows", "batch_size"), [(1, 10), (10, 10), (11, 10), (23, 5), (7, 1)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_row_comes_once(n_rows, batch_size, shuffled):
    batches = Batches(Rows(numbered(n_rows)), batch_size, generator() if shuffled else None)
    rows = first_column(batches)
    assert sorted(chain(*rows)) == list(range(n_rows))
    assert len(rows) == len(batches)
    assert max(map(len, rows)) <= batch_size
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_one_row_too_many_does_not_make_a_batch_of_one_row():
    assert [len(x) for x, _ in Batches(Rows(numbered(201)), 100)] == [67, 67, 67]


def test_without_a_generator_the_order_is_kept():
    assert list(chain(*first_column(Batches(Rows(numbered(10)), 4)))) == list(range(10))


def test_every_pass_has_another_order():
    batches = Batches(Rows(numbered(50)), 10, generator())
    assert first_column(batches) != first_column(batches)


def test_order_follows_from_the_seed():
    first, second = (Batches(Rows(numbered(50)), 10, generator(3)) for _ in range(2))
    assert first_column(first) == first_column(second)


@pytest.mark.parametrize(
    ("n_rows", "size"),
    [(1, 1), (64, 64), (65, 32), (512, 32), (800, 50), (3200, 200), (10**6, 200)],
)
def test_automatic_batch_size(n_rows, size):
    assert Recipe(2, None, None).automatic_batch_size(n_rows) == size


def test_index_chooses_the_rows_and_their_weights():
    rows = Rows(numbered(5), np.arange(5.0), np.array([4, 2]))
    x, weight = rows.take(slice(0, 2))
    assert len(rows) == 2
    assert x.tolist() == [[8, 9], [4, 5]]
    assert weight.tolist() == [4, 2]


def test_rows_without_weights_have_none():
    assert Rows(numbered(5)).take(slice(0, 2))[1] is None


@pytest.mark.parametrize(
    ("weight", "index", "expected"),
    [
        (None, None, [1, 1, 1, 1]),
        (None, np.array([2, 0]), [1, 0, 1, 0]),
        (np.array([1.0, 2, 3, 4]), None, [1, 2, 3, 4]),
        (np.array([1.0, 2, 3, 4]), np.array([2, 0]), [1, 0, 3, 0]),
    ],
)
def test_weights_of_rows_that_are_left_out_are_zero(weight, index, expected):
    assert Rows(numbered(4), weight, index).weights().tolist() == expected


@pytest.mark.parametrize("index", [None, np.array([3, 0, 2])])
def test_dataloader_of_torch_sees_the_same_rows(index):
    rows = Rows(numbered(4), np.arange(4.0), index)
    ours = rows.take(slice(0, 3))
    theirs = next(iter(DataLoader(rows, batch_size=3)))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_tensor_shares_the_memory_of_a_writeable_array():
    array = numbered(3)
    as_tensor(array)[0, 0] = 7
    assert array[0, 0] == 7


def test_tensor_of_a_read_only_array_is_a_copy_and_there_is_no_warning(tmp_path):
    np.save(tmp_path / "X.npy", numbered(10))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    as_tensor(X)[0, 0] = 7
    assert X[0, 0] == 0
    assert list(chain(*first_column(Batches(Rows(X), 4)))) == list(range(10))


# What the objective is told of the rows


@pytest.mark.parametrize("weight", [None, np.arange(5.0)])
def test_guide_comes_with_its_rows(weight):
    guide = 10 * np.arange(5.0)[:, None]
    rows = Rows(numbered(5), weight, guide=guide)
    for positions in (slice(1, 3), np.array([4, 0])):
        x, _, told = rows.take(positions)
        assert told[:, 0].tolist() == (5 * x[:, 0]).tolist()


def test_guide_of_chosen_rows_is_in_their_order():
    rows = Rows(numbered(5), index=np.array([4, 2, 0]), guide=np.array([[40], [20], [0]]))
    x, weight, guide = rows.take(np.array([2, 0]))
    assert x[:, 0].tolist() == [0, 8]
    assert weight is None
    assert guide[:, 0].tolist() == [0, 40]


def test_batches_hand_out_the_guide():
    rows = Rows(numbered(23), guide=10 * np.arange(23.0)[:, None])
    for x, _, guide in Batches(rows, 5, generator()):
        assert torch.equal(guide[:, 0], 5 * x[:, 0])


# Rounds of steps


def rounds_of(steps, n_rounds):
    return [first_column(steps) for _ in range(n_rounds)]


@pytest.mark.parametrize(
    ("n_steps", "rounds"), [(1, [1, 0]), (50, [50, 0]), (51, [50, 1, 0]), (130, [50, 50, 30, 0])]
)
@pytest.mark.parametrize("n_rows", [1, 7, 1000])
def test_rounds_are_of_fifty_steps_and_the_last_one_of_what_is_left(n_steps, rounds, n_rows):
    steps = Steps(Rows(numbered(n_rows)), 3, n_steps, generator())
    assert [len(batches) for batches in rounds_of(steps, len(rounds))] == rounds


def test_a_round_goes_on_where_the_last_one_ended():
    steps = Steps(Rows(numbered(14)), 2, 140)
    batches = list(chain(*rounds_of(steps, 3)))
    assert batches == 20 * first_column(Batches(Rows(numbered(14)), 2))


def test_every_row_comes_once_in_every_pass_of_steps_and_in_another_order():
    steps = Steps(Rows(numbered(23)), 5, 100, generator())
    rows = list(chain(*chain(*rounds_of(steps, 2))))
    passes = np.reshape(rows, (20, 23))
    np.testing.assert_array_equal(np.sort(passes), np.tile(np.arange(23), (20, 1)))
    assert len(np.unique(passes, axis=0)) == 20


def test_order_of_steps_follows_from_the_seed():
    first, second, other = (
        rounds_of(Steps(Rows(numbered(23)), 5, 100, generator(seed)), 2) for seed in (3, 3, 4)
    )
    assert first == second != other


# Passes of many steps


@pytest.mark.parametrize("max_iter", [1, 3, 100])
@pytest.mark.parametrize("n_rows", [100, 20_000, 20_001, 41_000, 1_000_000])
def test_rounds_make_up_as_many_passes_as_asked_for(n_rows, max_iter):
    loop = Recipe(2, None, None, max_iter=max_iter).loop(n_rows)
    n_batches = -(-n_rows // loop["batch_size"])
    if "n_steps" not in loop:
        assert loop["max_epochs"] == max_iter
        assert n_batches <= 100
        return
    assert loop["n_steps"] == max_iter * n_batches
    assert loop["n_per_round"] <= 100
    # The last round has at least one step, and is the last one.
    assert 0 < loop["n_steps"] - (loop["max_epochs"] - 1) * loop["n_per_round"] <= 100


def test_long_passes_are_judged_in_between():
    X = np.random.RandomState(0).normal(size=(30_000, 3)).astype(np.float32)
    autoencoder = AutoencoderTransformer(1, hidden_layer_sizes=4, random_state=0).fit(X)
    assert len(autoencoder.loss_curve_) > autoencoder.n_iter_
    assert autoencoder.n_iter_ == -(-len(autoencoder.loss_curve_) // 2)

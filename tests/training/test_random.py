from threading import Barrier, Thread

import pytest
import torch

from sklearn_ae._training.random import borrowed_global_state, seeded_construction


def test_global_state_is_put_back():
    before = torch.get_rng_state()
    with borrowed_global_state(0):
        torch.rand(10)
    assert torch.equal(torch.get_rng_state(), before)


def test_global_state_is_put_back_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), borrowed_global_state(0):
        torch.rand(1 // 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_block_draws_what_its_seed_says():
    def draw(seed):
        with borrowed_global_state(seed):
            return torch.rand(5)

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


def test_overlapping_blocks_in_threads_put_the_global_state_back():
    before = torch.get_rng_state()
    barrier = Barrier(4)

    def work(seed):
        barrier.wait()
        for _ in range(50):
            with borrowed_global_state(seed):
                torch.rand(3)

    threads = [Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.get_rng_state(), before)


def test_first_block_out_does_not_take_the_state_of_the_last_one():
    before = torch.get_rng_state()
    first, second = borrowed_global_state(0), borrowed_global_state(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    torch.rand(3)
    second.__exit__(None, None, None)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_construction_draws_the_same_layer_in_every_thread():
    weights = [None] * 4
    barrier = Barrier(4)

    def build(i):
        barrier.wait()
        with borrowed_global_state(i), seeded_construction(7):
            weights[i] = torch.nn.Linear(50, 50).weight

    threads = [Thread(target=build, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(weights[0], weight) for weight in weights)

from threading import Barrier, Thread

import numpy as np
import pytest
import torch

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.device import threads_for

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_little_work_gets_one_thread():
    with threads_for(200 * 110):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_much_work_keeps_its_threads():
    with threads_for(1e10):
        assert torch.get_num_threads() == 2


def test_threads_come_back_after_an_error():
    with pytest.raises(ZeroDivisionError), threads_for(1 // 0):
        pass
    with pytest.raises(ZeroDivisionError), threads_for(6):
        torch.rand(1 // 0)
    assert torch.get_num_threads() == 2


def test_fit_leaves_the_number_of_threads_alone():
    AutoencoderTransformer(max_iter=2).fit(np.random.RandomState(0).normal(size=(30, 3)))
    assert torch.get_num_threads() == 2


def test_fits_in_threads_leave_the_number_of_threads_alone():
    X = np.random.RandomState(0).normal(size=(100, 3))
    barrier = Barrier(3)

    def fit(max_iter):
        barrier.wait()
        AutoencoderTransformer(max_iter=max_iter, tol=0, n_iter_no_change=1000).fit(X)

    threads = [Thread(target=fit, args=(max_iter,)) for max_iter in (5, 20, 80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = []
    late = Thread(target=lambda: seen.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert torch.get_num_threads() == 2
    assert seen == [2]


def test_a_thread_that_starts_beside_a_block_gets_what_was_asked_for():
    seen = []

    def work():
        torch.rand(10).sum()  # the thread takes over what torch is at now
        with threads_for(6):
            seen.append(torch.get_num_threads())
        with threads_for(1e10):
            seen.append(torch.get_num_threads())
        seen.append(torch.get_num_threads())

    with threads_for(6):
        beside = Thread(target=work)
        beside.start()
        beside.join()
    assert seen == [1, 2, 2]


def test_blocks_in_blocks_choose_for_themselves():
    with threads_for(1e10):
        with threads_for(6):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    with threads_for(6):
        with threads_for(1e10):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2

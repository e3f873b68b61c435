from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.device import fitting_threads

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_small_batches_get_one_thread():
    with fitting_threads(nn.Linear(10, 10), batch_size=200):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_large_batches_keep_their_device():
    with fitting_threads(nn.Linear(1000, 1000), batch_size=10_000):
        assert torch.get_num_threads() == 2


def test_device_come_back_after_an_error():
    with pytest.raises(ZeroDivisionError), fitting_threads(nn.Linear(2, 2), batch_size=1 // 0):
        pass
    with pytest.raises(ZeroDivisionError), fitting_threads(nn.Linear(2, 2), batch_size=1):
        torch.rand(1 // 0)
    assert torch.get_num_threads() == 2


def test_fit_leaves_the_number_of_device_alone():
    AutoencoderTransformer(max_iter=2).fit(np.random.RandomState(0).normal(size=(30, 3)))
    assert torch.get_num_threads() == 2


def test_fits_in_device_leave_the_number_of_device_alone():
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

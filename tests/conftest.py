"""Settings of the whole test run."""

import os

import pytest
import torch

os.environ.setdefault("SCIPY_ARRAY_API", "1")


@pytest.fixture(autouse=True)
def threads_stay():
    """No test, and so nothing that it calls, changes how many threads torch computes with."""
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before

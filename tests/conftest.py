"""Settings of the whole test run."""

import os

import pytest
import torch

os.environ.setdefault("SCIPY_ARRAY_API", "1")

ALONE = "test_common.py"  # hundreds of tests that share nothing: whoever is free takes the next one


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process, so that what they share is made once."""
    for item in items:
        if item.path.name.startswith("test_") and item.path.name != ALONE:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def threads_stay():
    """No test, and so nothing that it calls, changes how many threads torch computes with."""
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before

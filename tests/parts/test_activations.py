import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_ae.architectures import MLP, TopK


@pytest.mark.parametrize("shape", [(50, 12), (1, 12), (12,)])
@pytest.mark.parametrize("k", [1, 4, 11])
def test_top_k_keeps_the_k_largest_units(k, shape):
    code = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    kept = TopK(k).build(12)(code)
    threshold = code.sort(dim=-1, descending=True).values[..., k - 1 : k]
    assert torch.equal(kept, torch.where(code >= threshold, code, 0.0))


@pytest.mark.parametrize("k", [3, 4, 100])
def test_top_k_of_no_more_than_k_units_keeps_them_all(k):
    code = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(TopK(k).build(3)(code), code)


def test_top_k_keeps_k_of_equal_units():
    kept = TopK(2).build(5)(torch.ones(7, 5))
    assert ((kept != 0).sum(dim=1) == 2).all()


def test_top_k_keeps_another_number_after_training():
    code = torch.rand(50, 12, generator=torch.Generator().manual_seed(0))
    keep = TopK(2, k_transform=6).build(12)
    assert ((keep.train()(code) > 0).sum(dim=1) == 2).all()
    assert ((keep.eval()(code) > 0).sum(dim=1) == 6).all()


def test_gradient_passes_through_the_units_that_are_kept():
    code = torch.randn(50, 12, requires_grad=True, generator=torch.Generator().manual_seed(0))
    kept = TopK(3).build(12)(code)
    kept.sum().backward()
    assert torch.equal(code.grad, (kept != 0).float())


@pytest.mark.parametrize("name", ["k", "k_transform"])
@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", np.nan, True])
def test_number_of_units_to_keep_must_be_a_positive_integer(name, bad):
    with pytest.raises(ValueError, match=rf"{name}={bad!r} of TopK must be a positive integer"):
        MLP((), code_activation=TopK(**{name: bad})).build(3, 2)


def test_number_of_units_to_keep_is_a_searchable_parameter():
    architecture = MLP((), code_activation=TopK(3))
    assert architecture.get_params()["code_activation__k"] == 3
    assert clone(architecture).set_params(code_activation__k=2).code_activation.k == 2
    assert architecture.code_activation.k == 3

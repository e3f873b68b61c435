import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import FactorAnalysis

from sklearn_ae import TabularAutoencoder
from sklearn_ae._estimators.tabular.factors import fit_factors
from sklearn_ae._estimators.tabular.floor import is_better
from sklearn_ae._estimators.tabular.grain import Grain
from sklearn_ae._estimators.tabular.losses import cross_entropy, sampled_cross_entropy

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


def test_cross_entropies_of_several_columns_are_those_of_each():
    torch.manual_seed(0)
    logits = torch.randn(50, 9) * 100
    sizes, starts = [2, 3, 4], torch.tensor([0, 2, 5])
    place = torch.stack([torch.randint(size, (50,)) for size in sizes], dim=1)
    column = torch.arange(3).repeat_interleave(torch.tensor(sizes))
    together = cross_entropy(logits, place + starts, column)
    for j, part in enumerate(logits.split(sizes, dim=1)):
        expected = F.cross_entropy(part, place[:, j], reduction="none")
        torch.testing.assert_close(together[:, j], expected, atol=1e-3, rtol=1e-5)


def test_a_sample_of_the_categories_estimates_the_loss():
    generator = torch.Generator().manual_seed(0)
    out = torch.randn(200, 4, generator=generator)
    embedding = torch.randn(5000, 4, generator=generator) / 2
    prior = torch.log_softmax(torch.randn(5000, generator=generator), dim=0)
    place = torch.randint(5000, (200,), generator=generator)
    exact = F.cross_entropy(out @ embedding.T + prior, place)
    losses = [
        sampled_cross_entropy(out, place, embedding, prior, generator).mean() for _ in range(50)
    ]
    assert torch.stack(losses).mean() == pytest.approx(exact.item(), rel=0.01)


def test_a_sample_without_any_other_category_has_a_gradient():
    out, prior = torch.zeros(3, 2, requires_grad=True), torch.full((2000,), -1e4)
    prior[0] = 0.0
    place = torch.zeros(3, dtype=torch.long)
    loss = sampled_cross_entropy(out, place, torch.ones(2000, 2), prior, torch.Generator())
    loss.sum().backward()
    assert torch.isfinite(out.grad).all()


def test_without_gaps_factors_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(2000, 6))
    model = fit_factors(X, 2, max_iter=300)
    found = model.loadings @ model.loadings.T * np.outer(model.scale, model.scale)
    found += np.diag(model.noise * model.scale**2)
    expected = FactorAnalysis(2, tol=1e-6, max_iter=5000).fit(X).get_covariance()
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_factors_fill_gaps_by_the_columns_that_tell_of_them():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 1))
    X = np.hstack([z, 10 * z, rng.normal(size=(500, 2))]) + 0.01 * rng.normal(size=(500, 4))
    holed = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    filled = fit_factors(holed, 3)(holed)
    known = np.isnan(holed[:, 0]) & ~np.isnan(holed[:, 1])
    assert np.abs(filled - X)[known, 0].mean() < 0.1


@pytest.mark.parametrize(
    ("seconds", "step"),
    [([0, 86400.0, 864000], 86400), ([7200.0, 93600], 86400), ([0, 60.0], 60), ([0, 0.5], 0)],
)
def test_dates_go_in_the_longest_steps_that_they_allow(seconds, step):
    grain = Grain.of(np.array([*seconds, np.nan]), is_date=True)
    assert grain.step == step
    np.testing.assert_array_equal(grain.rounded(np.array(seconds)), seconds)


def test_a_few_cells_do_not_make_a_column_better_than_constant():
    losses, others = np.array([0.1, 1.5]), np.array([1.0, 1.2])
    assert not is_better(losses, others)
    assert is_better(np.full(30, 0.1) + np.arange(30) / 1e3, np.ones(30))


@pytest.mark.parametrize("seed", range(3))
def test_a_column_with_hardly_any_cells_is_constant(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    table.loc[8:, "d"] = np.nan
    autoencoder = TabularAutoencoder(2, max_iter=2, hidden_layer_sizes=(), random_state=seed)
    assert autoencoder.fit(table).reconstruct(table)["d"].nunique() == 1


def test_few_categories_beside_many_numbers_are_heard():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 6))
    table = pd.DataFrame(
        z[:, :5] @ rng.normal(size=(5, 20)) + 0.3 * rng.normal(size=(400, 20))
    ).add_prefix("n")
    table["a"] = np.where(z[:, 5] > 0, "yes", "no")
    table["b"] = np.where(z[:, 5] + 0.2 * rng.normal(size=400) > 0, "up", "down")
    scores = TabularAutoencoder(6, max_iter=10, random_state=0).fit(table).feature_scores(table)
    assert scores["a"] > 0.4
    assert scores[[name for name in table if name.startswith("n")]].mean() > 0.8

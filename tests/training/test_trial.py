import random
import re
import traceback

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from torch import nn

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    GeodesicAutoencoder,
    NestedAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._estimators.imputer.gaps import ObservedLoss
from sklearn_ae._training import fit as engine
from sklearn_ae._training.trial import try_parts, users_own
from sklearn_ae.architectures import MLP, TopK
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
WITH_GAPS = np.where(X > 6, np.nan, X)
CALLED = {
    "penalty": r"It is called as penalty\(module, x, output\), and should return a tensor with one",
    "loss": r"It is called as loss\(reconstruction, x\), and should return a tensor with one",
    "corruption": r"It is called as corruption\(x, generator\), and should return a new tensor",
    "architecture": r"It is called as build\(n_features, n_components\), and should return an enc",
}


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 2, "random_state": 0} | params)


def squares(reconstruction, x):
    return (reconstruction - x).square().mean(dim=1)


class Built(BaseEstimator):
    """An architecture that builds what it is told to."""

    def __init__(self, build=None):
        self.build = build


WRONG = {
    "penalty": {
        "of the code alone": (lambda code: code.abs().mean(), "takes other arguments"),
        "of more": (lambda module, x, output, more: 0, "takes other arguments"),
        "int": (lambda module, x, output: 0, "returned 0, of type int, which is no tensor"),
        "float": (lambda module, x, output: 0.0, "returned 0.0, of type float, which is no"),
        "None": (lambda module, x, output: None, "returned None, which is no tensor"),
        "numpy": (lambda module, x, output: np.zeros(len(x)), "of type ndarray, which is no"),
    },
    "loss": {
        "of one": (lambda reconstruction: reconstruction, "takes other arguments"),
        "int": (lambda reconstruction, x: 0, "returned 0, of type int, which is no tensor"),
        "None": (lambda reconstruction, x: None, "returned None, which is no tensor"),
        "numpy": (
            lambda reconstruction, x: squares(reconstruction.detach(), x).numpy(),
            "of type ndarray, which is no tensor",
        ),
        "detached": (lambda *pair: squares(*pair).detach(), "values without a gradient"),
    },
    "corruption": {
        "of one": (lambda x: x, "takes other arguments"),
        "int": (lambda x, generator: 0, "returned 0, of type int, which is no tensor"),
        "numpy": (lambda x, generator: x.numpy(), "of type ndarray, which is no tensor"),
        "fewer rows": (
            lambda x, generator: x[:2],
            r"returned shape \(2, 4\) and torch.float32 for",
        ),
        "fewer columns": (lambda x, generator: x[:, :3], r"returned shape \(8, 3\) and torch.fl"),
        "double": (lambda x, generator: x.double(), "and torch.float64 for x of shape"),
        "NaN": (lambda x, generator: x * torch.nan, "returned NaN or infinity"),
        "in place": (lambda x, generator: x.add_(1), "has changed x itself"),
    },
    "architecture": {
        "None": (Built(lambda n_features, n_components: None), "returned None from build"),
        "one module": (
            Built(lambda n_features, n_components: nn.Linear(n_features, n_components)),
            "returned Linear",
        ),
        "names": (
            Built(lambda n_features, n_components: ("a", "b")),
            "returned .*a.*b.* from build",
        ),
    },
}
NOT_FINITE = {
    "NaN penalty": ("penalty", lambda *parts: torch.tensor(torch.nan), "returned NaN or infinity"),
    "infinite": ("penalty", lambda *parts: torch.tensor(torch.inf), "returned NaN or infinity"),
    "root of the code": (
        "penalty",
        lambda module, x, output: (0 * output.code).sum(1).sqrt(),
        "has a gradient of NaN",
    ),
    "NaN loss": ("loss", lambda *pair: squares(*pair) * torch.nan, "returned NaN or infinity"),
    "root": ("loss", lambda a, b: (0 * squares(a, b)).sqrt(), "has a gradient of NaN"),
}
CASES = [(name, case) for name, cases in WRONG.items() for case in cases]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_part_that_training_cannot_use_is_named_with_how_it_is_called(name, case):
    part, what = WRONG[name][case]
    estimator, before = quick(**{name: part}), X.copy()
    with pytest.raises(ValueError, match=rf"^{name}=[\s\S]* {what}[\s\S]*{CALLED[name]}"):
        estimator.fit(X)
    assert not hasattr(estimator, "module_")
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("case", NOT_FINITE)
def test_part_that_is_not_finite_is_told_of_where_the_loss_diverges(case):
    name, part, what = NOT_FINITE[case]
    with pytest.raises(RuntimeError, match="The loss diverged") as caught:
        quick(max_iter=10, **{name: part}).fit(X)
    (note,) = caught.value.__notes__
    assert re.match(rf"{name}=[\s\S]* {what}[\s\S]*{CALLED[name]}", note)


KINDS = {
    "imputer": lambda **part: AutoencoderImputer(AutoencoderTransformer(**part), max_steps=10),
    "detector": lambda **part: AutoencoderOutlierDetector(quick(**part)),
    "variational": lambda **part: VariationalAutoencoder(max_iter=2, **part),
    "nested": lambda **part: NestedAutoencoder(2, max_iter=2, **part),
    "geodesic": lambda **part: GeodesicAutoencoder(2, max_steps=10, **part),
}


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_architecture_are_tried_whoever_trains(kind):
    data = WITH_GAPS if kind == "imputer" else X
    with pytest.raises(ValueError, match=f"^loss=.* returned None.*{CALLED['loss']}"):
        KINDS[kind](loss=lambda reconstruction, x: None).fit(data)
    with pytest.raises(ValueError, match=f"^architecture=.* from build.*{CALLED['architecture']}"):
        KINDS[kind](architecture=Built(lambda n_features, n_components: 3)).fit(data)


@pytest.mark.parametrize("kind", ["imputer", "detector"])
@pytest.mark.parametrize("name", ["penalty", "corruption"])
def test_penalty_and_corruption_are_tried_whoever_trains(kind, name):
    data = WITH_GAPS if kind == "imputer" else X
    with pytest.raises(ValueError, match=rf"^{name}=.* takes other arguments .*{CALLED[name]}"):
        KINDS[kind](**{name: lambda x: x}).fit(data)


@pytest.mark.filterwarnings("ignore:The graph of", "ignore:The map may be")
@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_ones_own_that_are_right_pass_the_trial(kind):
    data = WITH_GAPS if kind == "imputer" else X
    KINDS[kind](loss=squares).set_params(random_state=0).fit(data)


def test_loss_without_a_gradient_passes_where_something_else_has_one():
    estimator = VariationalAutoencoder(
        loss=lambda *pair: squares(*pair).detach(), max_iter=2, random_state=0
    )
    assert estimator.fit(X).n_iter_ == 2


@pytest.mark.parametrize("name", ["penalty", "loss", "corruption"])
def test_error_in_the_code_of_a_part_is_the_users_own_with_a_note(name):
    def fails(*parts):
        return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        quick(**{name: fails}).fit(X)
    assert traceback.extract_tb(caught.tb)[-1].name == "fails"
    (note,) = caught.value.__notes__
    assert note.startswith(f"{name}=<function")
    assert "It is called as" in note


def test_error_in_an_architecture_is_the_users_own_with_a_note():
    def build(n_features, n_components):
        return nn.Linear(n_features + 1, n_components), nn.Linear(n_components, n_features)

    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        quick(architecture=Built(build)).fit(X)
    (note,) = caught.value.__notes__
    assert note.startswith("architecture=Built(")
    assert "was asked to build(4, 2)" in note


def test_activation_in_the_place_of_an_architecture_is_told_where_it_belongs():
    message = r"Got TopK\(k=3\) .*Did you mean architecture=MLP\(\(\), code_activation=TopK\(k=3\)"
    with pytest.raises(ValueError, match=message):
        quick(architecture=TopK(3)).fit(X)


# The trial leaves no trace


def recorded(part, rows):
    """Return a part that draws from every global generator, and tells of how many rows it has."""

    def calling(*given):
        torch.rand(1), np.random.rand(), random.random()
        rows.append(len(given[-2]))  # what comes last is x, the generator or the output
        return part(*given)

    return calling


PARTS = {"loss": SquaredError(), "corruption": GaussianNoise(), "penalty": L2()}


@pytest.mark.parametrize("name", PARTS)
def test_own_part_that_works_is_called_by_training_alone_but_a_corruption(name, monkeypatch):
    def fit(part):
        random.seed(3)
        torch.manual_seed(3)
        np.random.seed(3)
        codes = quick(**{name: part}).fit_transform(X)
        return codes, torch.rand(1).item(), np.random.rand(), random.random()

    rows, untried = [], []
    codes, *drawn = fit(recorded(PARTS[name], rows))
    assert (rows[0] == 8) == (name == "corruption")
    monkeypatch.setattr("sklearn_ae._training.fit.try_corruption", lambda net, rows: None)
    same, *drawn_untried = fit(recorded(PARTS[name], untried))
    np.testing.assert_array_equal(codes, same)
    assert min(untried) > 8
    assert len(rows) == len(untried) + (name == "corruption")
    assert drawn == drawn_untried


def test_parts_of_the_package_are_not_tried_but_those_that_they_hold_are():
    own = recorded(SquaredError(), [])
    assert users_own("loss", SquaredError()) is None
    assert users_own("penalty", None) is None
    assert users_own("architecture", MLP((), code_activation=TopK(2))) is None
    assert users_own("loss", ObservedLoss(SquaredError())) is None
    assert users_own("loss", ObservedLoss(own)) is own
    assert users_own("loss", own) is own


def test_trial_leaves_batch_norm_as_it_was():
    def build(n_features, n_components):
        encoder = nn.Sequential(nn.Linear(n_features, n_components), nn.BatchNorm1d(n_components))
        return encoder, nn.Linear(n_components, n_features)

    seen = []

    def spy(net, rows):
        before = {name: value.clone() for name, value in net.module_.state_dict().items()}
        try_parts(net, rows)
        seen.extend(torch.equal(value, before[k]) for k, value in net.module_.state_dict().items())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "try_corruption", spy)
        quick(architecture=Built(build), penalty=recorded(L2(), [])).fit(X)
    assert seen
    assert all(seen)


# Where training starts if nobody says it

BENT = {
    "no skip": MLP(skip=False),
    "activation": MLP(code_activation="relu"),
    "k-sparse": MLP((), code_activation=TopK(2)),
    "own": Built(
        lambda n_features, n_components: (
            nn.Linear(n_features, n_components),
            nn.Linear(n_components, n_features),
        )
    ),
}


@pytest.mark.parametrize("case", BENT)
def test_training_starts_at_random_where_there_is_no_linear_path_and_nobody_asks_for_one(case):
    codes = quick(architecture=BENT[case]).fit_transform(X)
    at_random = quick(architecture=BENT[case], init="random").fit_transform(X)
    np.testing.assert_array_equal(codes, at_random)
    with pytest.raises(ValueError, match="init='pca' starts from linear paths"):
        quick(architecture=BENT[case], init="pca").fit(X)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_variational_autoencoder_starts_at_random_without_linear_paths(loss):
    data = X / 8
    params = {"architecture": MLP(skip=False), "loss": loss, "max_iter": 2, "random_state": 0}
    codes = VariationalAutoencoder(**params).fit_transform(data)
    at_random = VariationalAutoencoder(**params, init="random").fit_transform(data)
    np.testing.assert_array_equal(codes, at_random)


@pytest.mark.parametrize("architecture", [MLP(), MLP((), skip=False), MLP(skip=True, tied=True)])
def test_training_starts_at_pca_where_there_is_one(architecture):
    codes = quick(architecture=architecture).fit_transform(X)
    at_pca = quick(architecture=architecture, init="pca").fit_transform(X)
    np.testing.assert_array_equal(codes, at_pca)

import ast
import doctest
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import check_estimator

import sklearn_ae

ROOT = Path(sklearn_ae.__file__).parents[1]
X = load_iris().data


@pytest.fixture(scope="module")
def documented():
    spec = importlib.util.spec_from_file_location("wasserstein", ROOT / "docs" / "wasserstein.py")
    module = sys.modules["wasserstein"] = importlib.util.module_from_spec(spec)  # for pickle
    spec.loader.exec_module(module)
    yield module
    del sys.modules["wasserstein"]


# The estimator that shows how to add one


def test_documented_estimator_does_what_its_docstring_says(documented):
    assert doctest.testmod(documented).failed == 0


@pytest.mark.filterwarnings("ignore")
def test_documented_estimator_passes_the_examination_of_scikit_learn(documented):
    check_estimator(documented.WassersteinAutoencoder(max_iter=4, random_state=0), on_skip=None)


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_penalty_of_the_documented_estimator_makes_codes_more_normal(documented):
    normal = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))

    def distance(regularization):
        autoencoder = documented.WassersteinAutoencoder(
            regularization=regularization, max_iter=40, random_state=0
        )
        codes = torch.from_numpy(autoencoder.fit_transform(X)).float()
        kernel = documented.kernel
        return kernel(codes, codes) + kernel(normal, normal) - 2 * kernel(codes, normal)

    assert distance(30.0) < 0.5 * distance(0.0)


def test_documented_estimator_is_short(documented):
    tree = ast.parse((ROOT / "docs" / "wasserstein.py").read_text())
    lines = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            lines |= set(range(node.lineno, node.end_lineno + 1))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            lines -= set(range(node.lineno, node.end_lineno + 1))
        if isinstance(body, list) and isinstance(getattr(body[0], "value", None), ast.Constant):
            lines -= set(range(body[0].lineno, body[0].end_lineno + 1))
    source = (ROOT / "docs" / "wasserstein.py").read_text().splitlines()
    assert sum(bool(source[line - 1].strip()) for line in lines) <= 35


# The house


def classes_of_the_package():
    for path in sorted((ROOT / "sklearn_ae").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                yield path, node


def is_estimator(node):
    return node.name in sklearn_ae.__all__ or node.name == "BaseAutoencoder"


def private_methods(node):
    names = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def test_no_private_name_of_an_estimator_is_used_outside_its_class_and_base():
    estimators = [(path, node) for path, node in classes_of_the_package() if is_estimator(node)]
    private = {"_trained"}.union(*(private_methods(node) for _, node in estimators))
    owners = {path for path, _ in estimators}
    used = [
        f"{path.name}:{node.lineno} {node.attr}"
        for path in sorted((ROOT / "sklearn_ae").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in private
        and not (path in owners and getattr(node.value, "id", None) in ("self", "estimator"))
        and not isinstance(node.value, ast.Call)  # super()
        and getattr(node.value, "id", None) != "self"  # of a class that is no estimator
    ]
    assert used == []


def test_estimators_override_at_most_three_private_methods_of_the_base():
    nodes = {node.name: node for _, node in classes_of_the_package() if is_estimator(node)}
    base = private_methods(nodes.pop("BaseAutoencoder"))
    for name, node in nodes.items():
        assert len(private_methods(node) & base) <= 3, name


def test_the_engine_imports_nothing_of_estimators():
    for path in (ROOT / "sklearn_ae" / "_training").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("_base", "_estimators")), path

"""What a user meets first: names, their types, where to go from one to the next."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sklearn_ae

SUBPACKAGES = [
    "architectures",
    "corruptions",
    "export",
    "inspection",
    "losses",
    "metrics",
    "penalties",
]
MODULES = [sklearn_ae] + [import_module(f"sklearn_ae.{name}") for name in SUBPACKAGES]
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if name != "TRUSTED"
}
CLASSES = {name: kind for name, kind in PUBLIC.items() if inspect.isclass(kind)}
INSIDE = ("LinearPlusNetwork",)  # a module of torch, public for those who write architectures


def functions_of(kind):
    """Yield the public functions that a class has from us."""
    for owner in kind.__mro__:
        if owner.__module__.startswith("sklearn_ae"):
            for name, member in vars(owner).items():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if inspect.isfunction(function) and not name.startswith("_"):
                    yield f"{owner.__name__}.{name}", function


def all_functions():
    for name, thing in PUBLIC.items():
        if name.endswith(INSIDE):
            continue
        if inspect.isclass(thing):
            yield from functions_of(thing)
            if "__init__" in vars(thing):
                yield f"{name}.__init__", thing.__init__
        else:
            yield name, inspect.unwrap(thing)


@pytest.mark.parametrize(("name", "function"), dict(all_functions()).items())
def test_public_function_has_a_type_for_each_parameter_and_for_what_it_returns(name, function):
    signature = inspect.signature(function)
    untyped = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.name not in ("self", "cls") and parameter.annotation is parameter.empty
    ]
    assert untyped == []
    assert signature.return_annotation is not signature.empty


def test_package_says_that_it_has_types():
    assert (Path(sklearn_ae.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_completion_shows_public_names_only(module):
    own = {name for name in SUBPACKAGES if module is sklearn_ae}
    assert set(dir(module)) == {*module.__all__, *own, "__version__"} - (
        set() if module is sklearn_ae else {"__version__"}
    )


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_names_what_else_to_look_at(name):
    assert "See Also\n" in CLASSES[name].__doc__


@pytest.mark.parametrize("name", [*sklearn_ae.__all__, *SUBPACKAGES])
def test_help_of_the_package_is_a_map_of_it(name):
    assert name in sklearn_ae.__doc__


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, sklearn_ae.inspection; print('matplotlib' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"

import inspect
import re

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import sklearn_ae
from sklearn_ae import architectures, corruptions, export, losses, metrics, penalties
from sklearn_ae._base import BaseAutoencoder

PARTS = [architectures, corruptions, losses, metrics, penalties]

# No extended summary, example, name before the type of what is returned, "see also", or verb form
# is asked of everything.
NOT_ASKED = {"ES01", "EX01", "RT02", "SA01", "SS05"}
ESTIMATORS = [f"sklearn_ae.{name}" for name in sklearn_ae.__all__]
AUTOENCODERS = [
    name
    for name in ESTIMATORS
    if issubclass(getattr(sklearn_ae, name.removeprefix("sklearn_ae.")), BaseAutoencoder)
]


def public_methods(name):
    kind = getattr(sklearn_ae, name.removeprefix("sklearn_ae."))
    for method, function in inspect.getmembers(kind, inspect.isfunction):
        if not method.startswith("_") and function.__module__.startswith("sklearn_ae"):
            yield f"{name}.{method}"


METHODS = [method for name in ESTIMATORS for method in public_methods(name)]
PART_CLASSES = [f"{part.__name__}.{name}" for part in PARTS for name in part.__all__]
PART_CLASSES += [f"sklearn_ae.export.{name}" for name in export.__all__ if name != "TRUSTED"]


def complaints(name, not_asked):
    return [error for error in validate(name)["errors"] if error[0] not in not_asked]


def test_there_are_estimators_and_methods_to_validate():
    assert "sklearn_ae.AutoencoderTransformer" in ESTIMATORS
    assert "sklearn_ae.AutoencoderTransformer.fit" in METHODS


@pytest.mark.parametrize("name", ESTIMATORS)
def test_docstring_of_an_estimator_is_complete_and_has_an_example(name):
    assert complaints(name, NOT_ASKED - {"EX01"}) == []


@pytest.mark.parametrize("name", METHODS)
def test_docstring_of_a_method_is_complete(name):
    assert complaints(name, NOT_ASKED) == []


@pytest.mark.parametrize("name", PART_CLASSES)
def test_docstring_of_a_part_is_complete(name):
    assert complaints(name, NOT_ASKED) == []


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_docstring_of_an_autoencoder_describes_its_fitted_attributes(name):
    doc = getattr(sklearn_ae, name.removeprefix("sklearn_ae.")).__doc__
    attributes = doc.partition("Attributes\n")[2]
    for attribute in ("module_", "net_", "n_iter_", "loss_curve_", "validation_scores_"):
        assert f"    {attribute} : " in attributes
    for attribute in ("best_loss_", "reconstruction_err_", "n_features_in_", "feature_names_in_"):
        assert f"    {attribute} : " in attributes


# The same words for the same parameter

AUTOENCODERS = [
    getattr(sklearn_ae, name)
    for name in sklearn_ae.__all__
    if issubclass(getattr(sklearn_ae, name), BaseAutoencoder)
]
OF_ITS_OWN = {"noise_level"}  # a probability here, a length there


def first_sentences():
    for kind in AUTOENCODERS:
        for parameter in ClassDoc(kind)["Parameters"]:
            text = " ".join(line.strip() for line in parameter.desc)
            yield parameter.name, re.split(r"(?<=[.:;]) ", text)[0]


@pytest.mark.parametrize("name", sorted({name for name, _ in first_sentences()} - OF_ITS_OWN))
def test_parameter_begins_with_the_same_sentence_in_every_estimator(name):
    assert len({sentence for other, sentence in first_sentences() if other == name}) == 1

"""Pages of the site name files, pages and estimators that exist."""

import re
from pathlib import Path

import pytest

import sklearn_ae

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.rst"))
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_of_a_page_exist_and_are_described(page):
    for picture, description in re.findall(r"image:: (\S+)\n(.*)", page.read_text()):
        assert (page.parent / picture).exists(), picture
        assert ":alt:" in description


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_to_pages(page):
    for target in re.findall(r":doc:`([^`]+)`", page.read_text()):
        name = target.rpartition("/")[2]
        example = ROOT / "examples" / f"{name}.py"
        assert target == "auto_examples/index" or any(
            path.exists() for path in (example, page.parent / f"{target}.rst")
        ), target


@pytest.mark.parametrize("name", sklearn_ae.__all__)
def test_estimator_is_in_the_reference_and_among_those_to_choose_from(name):
    assert name in (ROOT / "docs" / "reference.rst").read_text()
    assert name in (ROOT / "docs" / "choosing.rst").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_scripts_that_a_page_cites_exist(page):
    for script in re.findall(r"``(?:benchmarks/)?(\w+\.py)``", page.read_text()):
        assert (ROOT / "benchmarks" / script).exists(), script


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_example_says_at_once_which_package_it_needs_more(example):
    source = example.read_text()
    docstring = source.split('"""')[1]
    for module, package in {"mlxtend": "mlxtend", "skimage": "scikit-image"}.items():
        assert (f"from {module}" in source) == (f"pip install {package}" in docstring)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_example_leaves_no_files_and_has_a_tracked_picture(example):
    source = example.read_text()
    assert "savefig" not in source
    assert (ROOT / "examples" / "images" / f"{example.stem}.png").exists()

"""How the site is made: ``make docs``, without network, every warning an error."""

import inspect
import re

from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (examples use it)

import sklearn_ae

project = "sklearn_ae"
author = copyright = "the sklearn_ae developers"
version = release = sklearn_ae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_templates", "*.md", "auto_examples/images/*"]
default_role = "py:obj"  # `fit` in a docstring

autodoc_typehints = "none"  # numpydoc says it in words
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_ae"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_sidebars = {"index": [], "first_result": [], "choosing": [], "reference": []}
html_theme_options = {
    "github_url": "https://github.com/sklearn-ae/sklearn_ae",
    "header_links_before_dropdown": 5,
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"draw\.py|__init__\.py",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_ae",),
    "download_all_examples": False,
    "min_reported_time": 0,
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}


def only_ours(app, what, name, thing, skip, options):
    """Leave out what scikit-learn and torch give to every class, with links into their sites."""
    home = getattr(getattr(thing, "fget", thing), "__module__", None) or ""
    return None if home.startswith("sklearn_ae") else True


def escape_shapes(app, what, name, thing, options, lines):
    """Keep the last underscore of ``(n_features_in_,)`` from being read as a link."""
    lines[:] = [
        line if "``" in line else re.sub(r"(?<![\w`])(\w+)_(?=[,)])", r"\1\_", line)
        for line in lines
    ]


def signature_of_init(app, what, name, thing, options, signature, returns):
    """Show what a class takes, although ``__new__`` stands in front of ``__init__``."""
    if what != "class":
        return None
    own = [value.replace(annotation=value.empty) for value in parameters_of(thing)]
    return str(inspect.Signature(own)), returns


def parameters_of(kind):
    """Return the parameters of ``__init__`` but for self."""
    return list(inspect.signature(kind.__init__).parameters.values())[1:]


def setup(app):
    app.connect("autodoc-process-signature", signature_of_init)
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", only_ours)

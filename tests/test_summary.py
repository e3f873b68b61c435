"""What a notebook shows of an estimator, and what a user is told while it is fitted."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import r2_score

import sklearn_ae
from sklearn_ae import AutoencoderTransformer, GeodesicAutoencoder, NestedAutoencoder

pytestmark = [
    pytest.mark.filterwarnings("ignore:Training stopped at max_iter"),
    pytest.mark.filterwarnings("ignore:The map may be creased"),
]
X = load_digits().data[:400]
IRIS = load_iris(as_frame=True).data


def fitted(**params):
    return AutoencoderTransformer(**{"max_iter": 15, "random_state": 0} | params).fit(X)


@pytest.mark.parametrize("name", sklearn_ae.__all__)
def test_link_of_the_diagram_leads_to_the_page_of_the_estimator(name):
    html = getattr(sklearn_ae, name)()._repr_html_()
    assert f"/generated/sklearn_ae.{name}.html" in html
    assert "scikit-learn.org/1.9/modules/generated/sklearn.sklearn_ae" not in html


def test_notebook_shows_what_was_learned():
    estimator = fitted()
    for html in (estimator._repr_html_(), estimator._repr_mimebundle_()["text/html"]):
        assert "AutoencoderTransformer: 64 columns in 2 numbers, 15 epochs in" in html
        assert "R² of held-out rows" in html
        assert "(PCA: " in html


def test_notebook_shows_nothing_more_of_an_estimator_that_is_not_fitted():
    assert "columns in" not in AutoencoderTransformer()._repr_html_()


def test_notebook_shows_a_summary_of_an_estimator_that_came_from_a_file():
    html = pickle.loads(pickle.dumps(fitted()))._repr_html_()
    assert "64 columns in 2 numbers, 15 epochs, R² of held-out rows" in html


def test_notebook_says_that_training_went_back_to_pca():
    estimator = AutoencoderTransformer(2, max_iter=30, random_state=0).fit(IRIS)
    assert estimator.is_pca_
    assert "no better than PCA" in estimator._repr_html_()


def test_text_display_has_no_html():
    with config_context(display="text"):
        assert not hasattr(fitted(max_iter=1), "_repr_html_")
        assert list(fitted(max_iter=1)._repr_mimebundle_()) == ["text/plain"]


# R² of each column


def test_feature_scores_are_r2_of_each_column():
    estimator = fitted()
    expected = r2_score(X, estimator.reconstruct(X), multioutput="raw_values")
    np.testing.assert_array_equal(estimator.feature_scores(X), expected)


def test_feature_scores_have_the_names_of_the_columns_and_average_to_the_score():
    estimator = AutoencoderTransformer(1, max_iter=5, random_state=0).fit(IRIS)
    scores = estimator.feature_scores(IRIS)
    assert isinstance(scores, pd.Series)
    assert list(scores.index) == list(IRIS.columns)
    weights = IRIS.var() / IRIS.var().sum()
    assert estimator.score(IRIS) == pytest.approx(scores @ weights)


# Stages and what becomes of a training are said if asked for


def test_nested_and_geodesic_name_their_stages(capsys):
    NestedAutoencoder(2, max_components=3, max_iter=3, verbose=1, random_state=0).fit(X)
    GeodesicAutoencoder(
        max_steps=60, hidden_layer_sizes=(16,), n_landmarks=16, verbose=1, random_state=0
    ).fit(np.random.RandomState(0).uniform(size=(100, 2)) @ [[1, 0, 1], [0, 1, 1]])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Stage")]
    assert said[:2] == [
        "Stage 1 of 2: 3 components in order.",
        "Stage 2 of 2: 2 components are kept, and trained on.",
    ]
    assert said[2] == "Stage 1 of 2: neighbours, and paths along the data, of 100 rows."
    assert said[3] == "Stage 2 of 2: a net that follows."

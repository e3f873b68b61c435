import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, make_s_curve
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import Isomap, trustworthiness
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import GeodesicAutoencoder
from sklearn_ae.metrics import (
    continuity,
    embedding_report,
    geodesic_correlation,
    neighborhood_preservation,
    residual_variance,
)

X, T = make_s_curve(300, random_state=0)
FLAT = np.column_stack([T, X[:, 1]])


def test_each_number_is_that_of_its_metric():
    Z = PCA(2).fit_transform(X)
    report = embedding_report(X, {"PCA": Z}, n_neighbors=7, random_state=3)
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    along = {"n_neighbors": 7, "random_state": seed}
    assert report.loc["PCA"].dropna().to_dict() == {
        "trustworthiness": trustworthiness(X, Z, n_neighbors=7),
        "continuity": continuity(X, Z, n_neighbors=7),
        "neighbors_kept": neighborhood_preservation(X, Z, n_neighbors=7),
        "geodesic_correlation": geodesic_correlation(X, Z, **along),
        "residual_variance": residual_variance(X, Z, **along),
        "n_samples": 300,
    }


def test_a_perfect_map_is_told_from_one_laid_flat():
    report = embedding_report(X, {"laid flat": X[:, :2], "unrolled": FLAT})
    flat, unrolled = report.loc["laid flat"], report.loc["unrolled"]
    higher = ["trustworthiness", "continuity", "neighbors_kept", "geodesic_correlation"]
    assert (unrolled[higher] > flat[higher]).all()
    assert unrolled["residual_variance"] < flat["residual_variance"]
    assert unrolled["geodesic_correlation"] > 0.99


def test_embeddings_come_in_the_order_in_which_they_were_given():
    assert list(embedding_report(X, {"b": FLAT, "a": FLAT}).index) == ["b", "a"]


def test_r2_is_that_of_the_way_back_and_seconds_are_counted():
    estimators = {"PCA": PCA(2), "Isomap": Isomap(n_neighbors=10), "array": FLAT}
    report = embedding_report(X, estimators)
    pca = PCA(2).fit(X)
    back = pca.inverse_transform(pca.transform(X))
    assert report.loc["PCA", "r2"] == pytest.approx(
        r2_score(X, back, multioutput="variance_weighted")
    )
    assert report["r2"].notna().tolist() == [True, False, False]
    assert report["seconds"].notna().tolist() == [True, True, False]
    assert (report["seconds"].dropna() > 0).all()


def test_estimators_are_left_as_they_were():
    pca = PCA(2)
    embedding_report(X, {"PCA": pca})
    assert not hasattr(pca, "components_")


def test_a_frozen_estimator_is_not_fitted_anew():
    pca = PCA(2).fit(X[:50])
    report = embedding_report(X, {"then": FrozenEstimator(pca), "now": PCA(2)})
    back = pca.inverse_transform(pca.transform(X))
    assert report.loc["then", "r2"] == pytest.approx(
        r2_score(X, back, multioutput="variance_weighted")
    )
    assert report.loc["then", "r2"] < report.loc["now", "r2"]


@pytest.mark.parametrize("container", [None, "pandas", "polars"])
def test_frames_and_pipelines_are_embedded_too(container):
    table = load_iris(as_frame=True).data
    pipeline = make_pipeline(StandardScaler(), PCA(2))
    if container is not None:
        pipeline.set_output(transform=container)
    report = embedding_report(table, {"pipeline": pipeline, "frame": table.iloc[:, :2]})
    pipeline.set_output(transform="default").fit(table)
    back = pipeline.inverse_transform(pipeline.transform(table))
    assert report.loc["pipeline", "r2"] == pytest.approx(
        r2_score(table, back, multioutput="variance_weighted")
    )


def test_one_of_ours_has_every_number():
    geodesic = GeodesicAutoencoder(n_neighbors=10, max_steps=300, random_state=0)
    assert embedding_report(X, {"ours": geodesic}).notna().all(axis=None)


def test_of_many_rows_the_metrics_see_a_sample_and_say_so():
    report = embedding_report(X, {"a": FLAT, "b": FLAT}, sample_size=100, random_state=1)
    assert report["n_samples"].tolist() == [100, 100]
    pd.testing.assert_series_equal(report.loc["a"], report.loc["b"], check_names=False)
    again = embedding_report(X, {"a": FLAT}, sample_size=100, random_state=1)
    other = embedding_report(X, {"a": FLAT}, sample_size=100, random_state=2)
    assert again.loc["a", "neighbors_kept"] == report.loc["a", "neighbors_kept"]
    assert other.loc["a", "neighbors_kept"] != report.loc["a", "neighbors_kept"]


@pytest.mark.parametrize("sample_size", [None, 300, 301])
def test_few_rows_are_all_seen(sample_size):
    assert embedding_report(X, {"a": FLAT}, sample_size=sample_size)["n_samples"].item() == 300


def test_an_embedding_in_one_place_has_no_correlation():
    row = embedding_report(X, {"one place": np.zeros((300, 2))}).loc["one place"]
    assert np.isnan(row["geodesic_correlation"])
    assert row["residual_variance"] == 1


@pytest.mark.parametrize(
    ("embeddings", "options", "error", "message"),
    [
        ({"short": FLAT[1:]}, {}, ValueError, "embedding 'short' has 299 rows, but X has 300"),
        ({"gap": np.full((300, 2), np.nan)}, {}, ValueError, "embedding 'gap' contains NaN"),
        ({"class": PCA}, {}, TypeError, "'class' is the class PCA. Give an object"),
        ({"logit": LogisticRegression()}, {}, TypeError, "neither fit_transform nor transform"),
        ({"a": FLAT}, {"n_neighbors": 150}, ValueError, "n_neighbors=150 .* half of the 300"),
        ({"a": FLAT}, {"n_neighbors": True}, ValueError, "n_neighbors=True"),
        ({"a": FLAT}, {"sample_size": 0}, ValueError, "sample_size=0"),
    ],
)
def test_what_cannot_be_reported_on_is_refused_before_anything_is_fitted(
    embeddings, options, error, message
):
    class Fitted(PCA):
        def fit_transform(self, X, y=None):
            raise AssertionError("fitted")

    with pytest.raises(error, match=message):
        embedding_report(X, {"first": Fitted()} | embeddings, **options)


def test_rows_far_from_zero_have_the_same_report():
    near, far = (embedding_report(rows, {"two": X[:, :2]}) for rows in (X, X + 1e8))
    np.testing.assert_allclose(far.drop(columns="seconds"), near.drop(columns="seconds"), atol=1e-3)


@pytest.mark.parametrize("embeddings", [np.zeros((150, 2)), [PCA(2)], None])
def test_embeddings_without_names_are_refused(embeddings):
    with pytest.raises(TypeError, match="should be a dict"):
        embedding_report(load_iris().data, embeddings)

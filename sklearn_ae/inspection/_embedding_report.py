"""EmbeddingReportDisplay: what several metrics say of several embeddings."""

from typing import Any, Self

import numpy as np
import pandas as pd

from .._typing import ArrayLike
from ..metrics import embedding_report
from ._figure import character, kept_in_place, panels, pyplot, wrapped

BEST, OTHER = "#3f90da", "0.45"
NARROWEST, LINE_HEIGHT = 1.2, 0.26  # of a panel with the gap beside it, in inches
# What is written above each panel, and which way is better.
TITLES = {
    "trustworthiness": ("trustworthiness", "higher"),
    "continuity": ("continuity", "higher"),
    "neighbors_kept": ("neighbours\nkept", "higher"),
    "geodesic_correlation": ("geodesic\ncorrelation", "higher"),
    "residual_variance": ("residual\nvariance", "lower"),
    "r2": ("R² of the\nway back", "higher"),
    "seconds": ("seconds\n(log scale)", "lower"),
}


class EmbeddingReportDisplay:
    """What several metrics say of several embeddings: a panel for each metric.

    The best embedding in each panel is coloured, and so are others that show the same number. Axes
    do not begin at 0 and are as wide as the numbers need: read the numbers before you call a
    difference large, and `sklearn_ae.metrics.embedding_report` for what each metric does not see.

    Parameters
    ----------
    report : DataFrame
        What `sklearn_ae.metrics.embedding_report` returns, or any table with some of its columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What the panels are in.
    axes_ : ndarray of Axes
        The panels, in the order of the report's columns. Those without a number are left out.
    figure_ : matplotlib Figure
        What they are in.

    See Also
    --------
    LatentSpaceDisplay : The embeddings themselves.

    Examples
    --------
    >>> from sklearn.datasets import make_s_curve
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.manifold import Isomap
    >>> from sklearn_ae.inspection import EmbeddingReportDisplay
    >>> X, _ = make_s_curve(500, random_state=0)
    >>> embeddings = {"PCA": PCA(2), "Isomap": Isomap(n_neighbors=10)}
    >>> display = EmbeddingReportDisplay.from_embeddings(X, embeddings)
    >>> list(display.report.index)
    ['PCA', 'Isomap']
    """

    def __init__(self, report: pd.DataFrame) -> None:
        self.report = report

    @classmethod
    def from_embeddings(
        cls, X: ArrayLike, embeddings: dict, *, ax: Any = None, **options: Any
    ) -> Self:
        """Compute the report on embeddings, and draw it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        embeddings : dict of str to array-like or estimator
            Embeddings of the rows of X by name, or estimators that make them.
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a figure.
        **options
            As for `sklearn_ae.metrics.embedding_report`.

        Returns
        -------
        display : EmbeddingReportDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        return cls(embedding_report(X, embeddings, **options)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the report.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place the panels take. None makes a figure.

        Returns
        -------
        display : EmbeddingReportDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ValueError
            If the report has none of the columns, or no numbers in them.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        known = [name for name in self.report.columns if name in TITLES]
        columns = [name for name in known if self.report[name].notna().any()]
        if not columns:
            raise ValueError(
                f"report has the columns {list(self.report.columns)}, and no numbers in any of "
                f"{list(TITLES)}. Pass what metrics.embedding_report returns."
            )
        names = [wrapped(name) for name in self.report.index]
        longest = max(len(line) for name in names for line in name.split("\n")) * character() / 72
        high = 1.1 + LINE_HEIGHT * sum(name.count("\n") + 1.4 for name in names)
        n_columns = len(columns)
        if ax is None:
            size = 1.4 * n_columns + 1.3 * longest + 0.2, high
            _, ax = plt.subplots(figsize=size, layout="constrained")
        else:  # in more than one line where the titles would meet, if there is room for it
            width, height = ax.bbox.size / ax.figure.dpi
            fewest = int(np.ceil(n_columns / max(height // high, 1)))
            n_columns = int(np.clip((width - longest) / NARROWEST, fewest, n_columns))
        with kept_in_place(ax) as drawn:
            self.ax_, self.figure_ = ax, ax.figure
            every = panels(ax, -(-len(columns) // n_columns), n_columns, sharey=True).ravel()
            self.axes_, unused = every[: len(columns)], every[len(columns) :]
            for panel in unused:
                panel.remove()
            drawn.extend(self.axes_)
            for panel, column in zip(self.axes_, columns, strict=True):
                draw_metric(panel, self.report[column].to_numpy(float), *TITLES[column])
            self.axes_[0].set_yticks(range(len(names)), names)
            self.axes_[0].set_ylim(len(names) - 0.5, -0.5)
        return self


def draw_metric(ax, values, title, better):
    """Draw the values of one metric as points, with the numbers above them.

    Parameters
    ----------
    ax : Axes
    values : ndarray of shape (n_embeddings,)
        NaN where there is none.
    title : str
    better : {"higher", "lower"}
    """
    texts = [number(value) for value in values]
    best = np.nanmax(values) if better == "higher" else np.nanmin(values)
    for line, (value, text) in enumerate(zip(values, texts, strict=True)):
        is_best = text == number(best)
        color = BEST if is_best else OTHER
        weight = "bold" if is_best else "normal"
        if np.isnan(value):
            ax.text(0.5, line, "–", transform=ax.get_yaxis_transform(), ha="center", va="center")
            continue
        ax.plot(value, line, "o", color=color, markersize=7)
        ax.annotate(
            text,
            (value, line),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            fontweight=weight,
        )
    ax.set_title(title, pad=18, fontsize="medium")
    ax.annotate(
        f"{better} is better",
        (0.5, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        ha="center",
        color="0.5",
        fontsize="small",
    )
    if "log scale" in title:
        ax.set_xscale("log")
    ax.margins(x=0.35)
    ax.grid(axis="y", color="0.5", alpha=0.2)
    ax.set_axisbelow(True)
    ax.tick_params(left=False, bottom=False, labelbottom=False)


def number(value):
    """Return a number with two digits after the point, and at least two that count.

    Parameters
    ----------
    value : float
    """
    if abs(value) >= 9.995:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.095 or value == 0 else f"{value:.2g}"

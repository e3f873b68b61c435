"""LatentSpaceDisplay: the codes of all rows, coloured by what is known of them."""

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_array

from .._typing import ArrayLike
from .._validation import is_whole
from ._coloring import MISSING, MOST_CLASSES, PALETTE, ByClass, Look, coloring
from ._figure import broken, kept_in_place, plain, pyplot, wrapped
from ._fitted import as_table, encode, name_of

MOST_ELONGATED = 5  # as far as the sides may differ where both axes have one scale
ROWS_FOR_AXES = 50_000
MOST_MARKERS = 20_000  # one by one, more would only cover each other

MOST_ELONGATED = 5  # as far as the sides may differ where both axes have one scale


class LatentSpaceDisplay:
    """The codes of all rows as points, coloured by a number or by classes.

    Look at it to see whether what you know of the rows (their class, their age) shows in the code,
    for groups and gaps that you did not know of, and for rows far from all others. Two components
    are drawn as they are. Of more, the first two principal axes of the codes are, and the axes say
    how much of the codes' variance that is: groups that lie behind each other may be apart in the
    rest. One component is drawn against y, or as a histogram.

    Both axes have one scale, so that distances in the picture are distances between codes, unless
    one side is more than five times as long as the other. The islands of t-SNE or UMAP are an
    exception: how far they are apart, and how large they are, means little.

    Up to 20,000 rows are drawn one by one, in random order. Of more, a density is drawn: the
    colour of a place is that of the class to which most of its rows belong, or of the mean of
    their numbers, and it is the stronger the more rows there are.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        The codes.
    y : array-like of shape (n_samples,), default=None
        What colours them.
    classes : bool or "auto", default="auto"
        Whether y holds classes, which get a legend, or numbers, which get a colour bar. "auto" says
        classes of strings, categories and bools, and of up to 20 different whole numbers.
    components : tuple of int, default=None
        Which two components to draw, counted from 0. None for the principal axes of more than two.
    y_name : str, default=None
        What y is. None for the name of a Series.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        What it is in.
    points_ : list of matplotlib Artist
        The points, or the image of their density.
    legend_ : matplotlib Legend or None
        Of the classes.
    colorbar_ : matplotlib Colorbar or None
        Of the numbers.

    See Also
    --------
    LatentGridDisplay : What the decoder makes of the places in between.
    sklearn_ae.metrics.embedding_report : Whether what the picture seems to say is so.

    Notes
    -----
    Classes have the ten colours of Petroff (2021), which are apart in every colour vision, then the
    same colours in other shapes. Of more than 30 classes (ten in a density) the largest are
    coloured, and the others are grey.

    Numbers whose largest and smallest few would leave a third of the colours, or less, to all
    others are coloured from the 1st to the 99th percentile, and the colour bar has pointed ends.

    References
    ----------
    Petroff (2021). Accessible color sequences for data visualization. arXiv:2107.02270.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.inspection import LatentSpaceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> autoencoder = AutoencoderTransformer(n_components=2, random_state=0).fit(X)
    >>> species = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    >>> display = LatentSpaceDisplay.from_estimator(autoencoder, X, species, y_name="species")
    >>> display.ax_.get_xlabel()
    'component 0'
    """

    def __init__(
        self,
        codes: ArrayLike,
        y: Any = None,
        *,
        classes: bool | str = "auto",
        components: Any = None,
        y_name: str | None = None,
        name: str | None = None,
    ) -> None:
        self.codes = codes
        self.y = y
        self.classes = classes
        self.components = components
        self.y_name = y_name
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: Any = None,
        *,
        classes: bool | str = "auto",
        components: Any = None,
        y_name: str | None = None,
        name: str | None = None,
        ax: Any = None,
        density: bool | str = "auto",
        cmap: Any = "viridis",
        scatter_kwargs: dict | None = None,
    ) -> Self:
        """Draw the codes that a fitted estimator makes of the rows of X.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `transform`: one of ours, PCA, a pipeline that ends in one, or a search.
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,), default=None
            What colours the points: a number or a class for each row.
        classes : bool or "auto", default="auto"
            Whether y holds classes.
        components : tuple of int, default=None
            Which two components to draw, counted from 0.
        y_name : str, default=None
            What y is. None for the name of a Series.
        name : str, default=None
            Title. None for the name of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        density : bool or "auto", default="auto"
            Whether to draw a density in place of points. "auto" does for more than 20,000 rows.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of numbers.
        scatter_kwargs : dict, default=None
            Further parameters of ``Axes.scatter``, for example ``{"s": 5}``.

        Returns
        -------
        display : LatentSpaceDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        name = name_of(estimator) if name is None else name
        display = cls(
            encode(estimator, X),
            y,
            classes=classes,
            components=components,
            y_name=y_name,
            name=name,
        )
        return display.plot(ax, density=density, cmap=cmap, scatter_kwargs=scatter_kwargs)

    @classmethod
    def from_arrays(
        cls,
        codes: ArrayLike,
        y: Any = None,
        *,
        classes: bool | str = "auto",
        components: Any = None,
        y_name: str | None = None,
        name: str | None = None,
        ax: Any = None,
        density: bool | str = "auto",
        cmap: Any = "viridis",
        scatter_kwargs: dict | None = None,
    ) -> Self:
        """Draw codes, or any other embedding.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            Codes, or the embedding of t-SNE, for example.
        y : array-like of shape (n_samples,), default=None
            What colours the points: a number or a class for each row.
        classes : bool or "auto", default="auto"
            Whether y holds classes.
        components : tuple of int, default=None
            Which two components to draw, counted from 0.
        y_name : str, default=None
            What y is. None for the name of a Series.
        name : str, default=None
            Title.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        density : bool or "auto", default="auto"
            Whether to draw a density in place of points. "auto" does for more than 20,000 rows.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of numbers.
        scatter_kwargs : dict, default=None
            Further parameters of ``Axes.scatter``, for example ``{"s": 5}``.

        Returns
        -------
        display : LatentSpaceDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        display = cls(
            as_table(codes),
            y,
            classes=classes,
            components=components,
            y_name=y_name,
            name=name,
        )
        return display.plot(ax, density=density, cmap=cmap, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        density: bool | str = "auto",
        cmap: Any = "viridis",
        scatter_kwargs: dict | None = None,
    ) -> Self:
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        density : bool or "auto", default="auto"
            Whether to draw a density in place of points. "auto" does for more than 20,000 rows.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of numbers.
        scatter_kwargs : dict, default=None
            Further parameters of ``Axes.scatter``, for example ``{"s": 5}``.

        Returns
        -------
        display : LatentSpaceDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ValueError
            If codes are not finite, y does not fit to them, a component is not there, or `density`
            is something else.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        codes = check_array(self.codes, dtype=[np.float64, np.float32], input_name="codes")
        points, labels = projected(codes, self.components)
        look = Look(is_dense(density, len(codes)), cmap, scatter_kwargs or {})
        # Strips of one component are told apart by their place, colours of a density by nothing.
        n_looks = len(PALETTE) if look.density and len(labels) == 2 else MOST_CLASSES
        colors = coloring(self.y, len(codes), self.classes, self.y_name, n_looks)
        is_new = ax is None
        if is_new:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.points_: list = []
        self.legend_ = self.colorbar_ = None
        with kept_in_place(ax) as drawn:
            if len(labels) == 2:
                self._plot_two(points, labels, colors, look, is_new)
            else:
                self._plot_one(points[:, 0], labels, colors, look, is_new)
            if self.name is not None:
                ax.set_title(plain(self.name))
            if self.colorbar_ is not None:
                drawn.append(self.colorbar_.ax)
        return self

    def _plot_two(self, points, labels, colors, look, is_new):
        ax = self.ax_
        for axis, label, length in zip((ax.xaxis, ax.yaxis), labels, ax.bbox.size, strict=True):
            axis.set_label_text(broken(label, 72 * length / ax.figure.dpi))
        self._draw(points, colors, look)
        keep_scale(ax, points)
        self._explain(colors, look, is_new)

    def _plot_one(self, codes, labels, colors, look, is_new):
        """Draw one component against y: numbers on an axis, classes in strips."""
        ax = self.ax_
        ax.set_xlabel(labels[0])
        if colors is None:
            _, _, bars = ax.hist(codes, bins=n_bins(codes), color=PALETTE[0])
            self.points_ = [bars]
            ax.set_ylabel("rows")
        elif isinstance(colors, ByClass):
            spread = np.random.RandomState(0).uniform(-0.35, 0.35, len(codes))
            self._draw(np.column_stack([codes, colors.group + spread]), colors, look)
            ax.set_yticks(range(len(colors.names)), [wrapped(name) for name in colors.names])
            ax.set_ylim(len(colors.names) - 0.4, -0.6)
            ax.set_ylabel(plain(colors.title or ""))
        else:
            heights, with_a_number = heights_of(colors)
            self._draw(np.column_stack([codes, heights]), with_a_number, look)
            ax.set_ylabel(plain("y" if colors.title is None else colors.title))
            self._explain(with_a_number, look, is_new)

    def _draw(self, points, colors, look):
        from ._points import draw_points

        self.points_, self.colorbar_ = draw_points(self.ax_, points, colors, look)

    def _explain(self, colors, look, widen):
        from ._points import explain_classes

        if isinstance(colors, ByClass):
            self.legend_ = explain_classes(self.ax_, colors, look.density, widen)


def is_dense(density, n_samples):
    """Return whether a density is drawn in place of points.

    Parameters
    ----------
    density : bool or "auto"
    n_samples : int
    """
    if isinstance(density, str) and density == "auto":
        return n_samples > MOST_MARKERS
    if not isinstance(density, bool | np.bool_):
        raise ValueError(f"density={density!r} should be True, False or 'auto'.")
    return bool(density)


def projected(codes, components=None):
    """Return two columns to draw, or the only one, and what they are.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
    components : tuple of int or None, default=None
        Which ones. None for the principal axes of more than two.

    Returns
    -------
    points : ndarray of shape (n_samples, 2) or (n_samples, 1)
    labels : list of str

    Raises
    ------
    ValueError
        If a component is not there.
    """
    width = codes.shape[1]
    if components is not None:
        chosen = checked_pair(components, width)
        return codes[:, chosen], [f"component {i} of {width}" for i in chosen]
    if width <= 2:
        return codes, [f"component {i}" for i in range(width)]
    if len(codes) == 1 or not np.ptp(codes, axis=0).any():  # all in one place: no axis
        points, shares = np.zeros((len(codes), 2)), np.zeros(2)
    else:
        some = np.random.RandomState(0).permutation(len(codes))[:ROWS_FOR_AXES]
        pca = PCA(2, random_state=0).fit(codes[some])
        points, shares = pca.transform(codes), pca.explained_variance_ratio_
    return points, [
        f"principal axis {i}: {share:.0%} of the code's variance" for i, share in enumerate(shares)
    ]


def checked_pair(components, width):
    """Return two components as a list; raise ValueError unless they are there.

    Parameters
    ----------
    components : tuple of int
    width : int
        How many there are.
    """
    chosen = list(components) if np.iterable(components) else []
    if len(set(chosen)) != 2 or not all(is_whole(i, at_least=0) and i < width for i in chosen):
        raise ValueError(
            f"components={components!r} should be two different ones of the {width} that the "
            f"codes have, from 0 to {width - 1}."
        )
    return chosen


def keep_scale(ax, points):
    """Give both axes one scale, unless one of them would be a line then.

    Parameters
    ----------
    ax : Axes
    points : ndarray of shape (n_samples, 2)
    """
    sides = np.ptp(points, axis=0)
    tied = all(
        len(shared.get_siblings(ax)) > 1
        for shared in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    )
    if not tied and sides.min() > 0 and sides.max() <= MOST_ELONGATED * sides.min():
        ax.set_aspect("equal", adjustable="datalim")


def n_bins(values):
    """Return how many bars a histogram has: more for more rows, as far as they can be seen.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    """
    return int(np.clip(2 * len(values) ** (1 / 3), 10, 100))


def heights_of(numbers):
    """Return where rows are on the axis of their number; those without one are below all others.

    Parameters
    ----------
    numbers : ByNumber

    Returns
    -------
    heights : ndarray of shape (n_samples,)
    coloring : ByClass or None
        That tells those without a number from the others, if there are any.
    """
    values = numbers.values
    missing = ~np.isfinite(values)
    if not missing.any():
        return values, None
    known = values[~missing] if not missing.all() else np.zeros(1)
    below = known.min() - 0.1 * (np.ptp(known) or 1)
    names = ["a number", f"no finite value ({missing.sum():,})"]
    coloring = ByClass(None, names, [(PALETTE[0], "o"), MISSING], missing.astype(int))
    return np.where(missing, below, values), coloring

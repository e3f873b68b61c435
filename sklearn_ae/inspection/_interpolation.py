"""InterpolationDisplay: the way from one row to another, straight and through the code."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils import check_array

from .._typing import ArrayLike
from .._validation import is_whole
from ._figure import kept_in_place, panels, plain, pyplot
from ._fitted import as_table, decode, encode
from ._images import brightness, checked_image_shape, draw_lines_of_images, figsize_of_images
from ._profiles import name_features, units_of
from ._rows import names_of


class InterpolationDisplay:
    """The way from one row to another: straight, and by way of their codes.

    The straight way blends both rows. The way between their codes stays near the data if the code
    is good: half-way, a thing that could be, not two things on top of each other. Look at it to see
    whether what lies between codes means anything; PCA's way is as straight as the first line,
    only blurred.

    Parameters
    ----------
    paths : dict of str to ndarray of shape (n_steps, n_features)
        Points on each way, by its name.
    image_shape : tuple of int, default=None
        Height and width of the images that rows are, and 3 for colours. None for profiles; where
        columns are in different units, relative to how they differ along the ways.
    feature_names : list of str, default=None
        Names of the features, for profiles.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on; for profiles what the panels are in.
    axes_ : ndarray of Axes
        The panels of the profiles; for images `ax_` alone.
    figure_ : matplotlib Figure
        What they are in.

    See Also
    --------
    LatentGridDisplay : What lies between all codes, for codes of two components.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.inspection import InterpolationDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(n_components=8, random_state=0).fit(X)
    >>> display = InterpolationDisplay.from_estimator(autoencoder, X[0], X[1], image_shape=(8, 8))
    >>> list(display.paths)
    ['straight', 'through the code']
    """

    def __init__(
        self, paths: Any, *, image_shape: tuple[int, ...] | None = None, feature_names: Any = None
    ) -> None:
        self.paths = paths
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        a: ArrayLike,
        b: ArrayLike,
        *,
        n_steps: int = 9,
        image_shape: tuple[int, ...] | None = None,
        ax: Any = None,
        cmap: Any = "gray",
    ) -> Self:
        """Draw both ways between two rows.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `transform` and `inverse_transform`: one of ours, PCA, or a pipeline that
            ends in one.
        a, b : array-like of shape (n_features,) or (1, n_features)
            Both ends: rows of data, as arrays, Series, or DataFrames of one row.
        n_steps : int, default=9
            How many points to draw of each way, ends included.
        image_shape : tuple of int, default=None
            Height and width of the images that rows are, and 3 for colours. None for profiles.
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.

        Returns
        -------
        display : InterpolationDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        if not is_whole(n_steps, at_least=2):
            raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2: both ends.")
        ends = pair_of_rows(a, b)
        share = np.linspace(0, 1, n_steps)[:, None]
        paths = {"straight": between(as_table(ends).astype(float), share)}
        paths["through the code"] = decode(estimator, between(encode(estimator, ends), share))
        display = cls(paths, image_shape=image_shape, feature_names=names_of(ends)[1])
        return display.plot(ax, cmap=cmap)

    @classmethod
    def from_arrays(
        cls,
        paths: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        feature_names: Any = None,
        ax: Any = None,
        cmap: Any = "gray",
    ) -> Self:
        """Draw any ways, for example those of several estimators below each other.

        Parameters
        ----------
        paths : dict of str to array-like of shape (n_steps, n_features)
            Points on each way, by its name; as many on each.
        image_shape : tuple of int, default=None
            Height and width of the images that rows are, and 3 for colours. None for profiles.
        feature_names : list of str, default=None
            Names of the features, for profiles.
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.

        Returns
        -------
        display : InterpolationDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        paths = {name: as_table(path) for name, path in paths.items()}
        display = cls(paths, image_shape=image_shape, feature_names=feature_names)
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray") -> Self:
        """Draw the ways.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.

        Returns
        -------
        display : InterpolationDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ValueError
            If the ways differ in shape, or do not have the shape of images that was asked for.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        paths = {name: check_array(path, dtype=float) for name, path in self.paths.items()}
        shapes = {path.shape for path in paths.values()}
        if len(shapes) != 1:
            raise ValueError(
                f"paths should hold one table or more, all of one shape, but have "
                f"{sorted(shapes)}. Draw ways of different length one by one."
            )
        if self.image_shape is None:
            self._plot_profiles(plt, ax, paths)
        else:
            self._plot_images(plt, ax, paths, cmap)
        self.figure_ = self.ax_.figure
        return self

    def _rounding(self):
        """Return the relative rounding error of the coarsest of the paths."""
        dtypes = [np.asarray(path).dtype for path in self.paths.values()]
        return max(np.finfo(dtype if dtype.kind == "f" else float).eps for dtype in dtypes)

    def _plot_images(self, plt, ax, paths, cmap):
        first = next(iter(paths.values()))
        n_steps, n_features = first.shape
        shape = checked_image_shape(self.image_shape, n_features)
        if ax is None:
            size = figsize_of_images(len(paths), n_steps, shape)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        shares = [f"{share:.0%}" for share in np.linspace(0, 1, n_steps)]
        with kept_in_place(ax):
            draw_lines_of_images(ax, paths, shape, cmap, brightness(first), shares)
            ax.set_xlabel("share of the way")
        self.ax_, self.axes_ = ax, np.array([ax])

    def _plot_profiles(self, plt, ax, paths):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        if ax is None:
            _, ax = plt.subplots(figsize=(8, 2.3 * len(paths) + 0.7), layout="constrained")
        colors = ScalarMappable(Normalize(0, 1), "viridis")
        center, scale, differ = units_of(np.vstack(list(paths.values())), self._rounding())
        with kept_in_place(ax) as drawn:
            self.ax_, self.axes_ = ax, panels(ax, len(paths), 1, sharex=True, sharey=True).ravel()
            for panel, (name, path) in zip(self.axes_, paths.items(), strict=True):
                for share, row in zip(np.linspace(0, 1, len(path)), path, strict=True):
                    panel.plot((row - center) / scale, color=colors.to_rgba(share), linewidth=1.2)
                panel.set_title(plain(name), loc="left", fontsize="medium")
                panel.set_ylabel("z-score" if differ else "value")
            name_features(self.axes_[-1], self.feature_names, path.shape[1])
            bar = ax.figure.colorbar(colors, ax=list(self.axes_), label="share of the way")
            drawn.extend([*self.axes_, bar.ax])


def pair_of_rows(a, b):
    """Return two rows as a table, which keeps the names of their columns.

    Parameters
    ----------
    a, b : array-like of shape (n_features,) or (1, n_features)

    Returns
    -------
    rows : ndarray or DataFrame of shape (2, n_features)

    Raises
    ------
    ValueError
        If one of the two is not one row, or their widths differ.
    """
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        a, b = (row.to_frame().T.infer_objects() for row in (a, b))
    for name, row in (("a", a), ("b", b)):
        shape = np.shape(row)
        if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
            raise ValueError(f"{name} has the shape {shape}, but should be one row, as X[0] is.")
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        return pd.concat([a, b])
    a, b = np.ravel(a), np.ravel(b)
    if len(a) != len(b):
        raise ValueError(
            f"a has {len(a)} features, but b has {len(b)}. Pass two rows of one table."
        )
    return np.stack([a, b])


def between(ends, share):
    """Return points on the segment between two rows.

    Parameters
    ----------
    ends : ndarray of shape (2, n_features)
    share : ndarray of shape (n_steps, 1)
        Of the way, in [0, 1].
    """
    return (1 - share) * ends[0] + share * ends[1]

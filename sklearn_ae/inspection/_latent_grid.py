"""LatentGridDisplay: what the decoder makes of the places of a code."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array

from .._typing import ArrayLike
from .._validation import is_whole
from ._coloring import usual_range
from ._figure import foreground, kept_in_place, plain, pyplot
from ._fitted import as_table, decode, encode, name_of
from ._images import brightness, checked_image_shape, colored, mosaic
from ._latent_space import MOST_ELONGATED, checked_pair
from ._profiles import units_of
from ._rows import some_rows

MARGIN = 0.8  # cells: a place further from all rows is left blank


class LatentGridDisplay:
    """Decoded places of a grid over a code, each drawn where it lies.

    Look at it to see what a direction of the code means, and how one kind of row turns into
    another. Places far from all rows are left blank: the decoder answers there as well, but it has
    learned nothing there. Put a `LatentSpaceDisplay` beside it, which has the same axes and says
    where rows of which kind are.

    Codes of two components are what it is for. Of more, two are varied, and the others stay at
    their mean; of one, there is a single line.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes of data, which say how far the grid reaches and which places are blank.
    decoder : callable
        What makes rows of data, shape (n_places, n_features), of codes.
    image_shape : tuple of int, default=None
        Height and width of the images that rows are, and 3 for colours. None draws each row as a
        small curve.
    components : tuple of int, default=None
        Which two components are varied, counted from 0. None for the first two.
    n_steps : int, default=16
        How many places along the longer side.
    value_range : tuple of float, default=None
        The values that are drawn darkest and brightest. None for those of the decoded rows.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on; its coordinates are those of the code.
    figure_ : matplotlib Figure
        What it is in.
    decoded_ : ndarray of shape (n_lines, n_columns, n_features)
        The decoded rows, the first line at the bottom; NaN where it is blank.

    See Also
    --------
    LatentSpaceDisplay : Where the rows are.
    InterpolationDisplay : What lies between two rows, for codes of any width.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import VariationalAutoencoder
    >>> from sklearn_ae.inspection import LatentGridDisplay
    >>> X = load_digits().data
    >>> autoencoder = VariationalAutoencoder(n_components=2, random_state=0).fit(X)
    >>> display = LatentGridDisplay.from_estimator(autoencoder, X, image_shape=(8, 8))
    >>> display.decoded_.shape[2]
    64
    """

    def __init__(
        self,
        codes: ArrayLike,
        decoder: Callable,
        *,
        image_shape: tuple[int, ...] | None = None,
        components: Any = None,
        n_steps: int = 16,
        value_range: Any = None,
        name: str | None = None,
    ) -> None:
        self.codes = codes
        self.decoder = decoder
        self.image_shape = image_shape
        self.components = components
        self.n_steps = n_steps
        self.value_range = value_range
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: tuple[int, ...] | None = None,
        components: Any = None,
        n_steps: int = 16,
        name: str | None = None,
        ax: Any = None,
        cmap: Any = "gray",
    ) -> Self:
        """Draw what a fitted estimator decodes a grid over the codes of X to.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `transform` and `inverse_transform`: one of ours, PCA, or a pipeline that
            ends in one.
        X : array-like of shape (n_samples, n_features)
            Data whose codes the grid is laid over, for example the training data.
        image_shape : tuple of int, default=None
            Height and width of the images that rows are, and 3 for colours. None draws each row as
            a small curve.
        components : tuple of int, default=None
            Which two components to vary, counted from 0. None for the first two.
        n_steps : int, default=16
            How many places along the longer side.
        name : str, default=None
            Title. None for the name of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.

        Returns
        -------
        display : LatentGridDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        X = some_rows(X)
        codes = encode(estimator, X)
        display = cls(
            codes.astype(float),
            lambda places: decode(estimator, places),
            image_shape=image_shape,
            components=components,
            n_steps=n_steps,
            value_range=None if image_shape is None else brightness(as_table(X)),
            name=name_of(estimator) if name is None else name,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray") -> Self:
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.

        Returns
        -------
        display : LatentGridDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ValueError
            If a component is not there, or rows do not have the shape of images that was asked for.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        codes = check_array(self.codes, dtype=np.float64, input_name="codes")
        if not is_whole(self.n_steps, at_least=2):
            raise ValueError(f"n_steps={self.n_steps!r} should be an int of at least 2.")
        width = codes.shape[1]
        pair = [0, 1][:width] if self.components is None else checked_pair(self.components, width)
        edges = cell_edges(codes[:, pair], self.n_steps)
        self.decoded_ = decoded_grid(self.decoder, codes, pair, edges)
        if ax is None:
            size = (7, 6.4) if len(pair) == 2 else (9, 1.9)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        with kept_in_place(ax):
            self._label(pair, width)
            if self.image_shape is None:
                draw_curves(ax, self.decoded_, edges)
            else:
                self._draw_images(edges, cmap)
            ax.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        return self

    def _label(self, pair, width):
        self.ax_.set_xlabel(f"component {pair[0]}")
        if width == 1:
            self.ax_.set_yticks([])
        else:
            self.ax_.set_ylabel(f"component {pair[1]}")
        title = self.name or ""
        if width > 2:
            title = f"{title}, other components at their mean".removeprefix(", ")
        self.ax_.set_title(plain(title))

    def _draw_images(self, edges, cmap):
        n_lines, n_columns, n_features = self.decoded_.shape
        shape = checked_image_shape(self.image_shape, n_features)
        limits = brightness(self.decoded_) if self.value_range is None else self.value_range
        rows = self.decoded_[::-1].reshape(-1, n_features)  # images are drawn from the top
        images = colored(rows, shape, cmap, limits)
        images[np.isnan(rows).all(axis=1)] = 0
        tiles = mosaic(images.reshape(n_lines, n_columns, *images.shape[1:]))
        extent = (*edges[0][[0, -1]], *edges[1][[0, -1]])
        how = "nearest" if max(shape[:2]) <= 32 else "auto"
        self.ax_.imshow(tiles, extent=extent, interpolation=how)
        # Pixels are square, whatever the scales of both components are.
        self.ax_.set_aspect(np.ptp(edges[0]) / np.ptp(edges[1]) * tiles.shape[0] / tiles.shape[1])


def cell_edges(codes, n_steps):
    """Return the edges of cells over codes, as far as most of them reach.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 1) or (n_samples, 2)
    n_steps : int
        How many cells the longer side has. They are squares, unless the other side is too short.

    Returns
    -------
    edges : list of two ndarray
        Of columns and lines; of one component there is one line.
    """
    low, high = np.array([usual_range(values)[:2] for values in codes.T]).T
    middle, sides = (low + high) / 2, np.where(high > low, high - low, 0)
    cell = (sides.max() or 1.0) / n_steps
    cells = np.full(len(sides), cell)
    elongated = (sides > 0) & (MOST_ELONGATED * sides < sides.max())
    cells[elongated] = sides[elongated] / n_steps
    numbers = np.maximum(np.ceil(np.round(sides / cells, 6)), 1).astype(int)
    edges = [
        center + width * (np.arange(n + 1) - n / 2)
        for center, width, n in zip(middle, cells, numbers, strict=True)
    ]
    return edges if len(edges) == 2 else [*edges, np.array([-cell / 2, cell / 2])]


def decoded_grid(decoder, codes, pair, edges):
    """Return what a decoder makes of the cells that are near codes.

    Parameters
    ----------
    decoder : callable
    codes : ndarray of shape (n_samples, n_components)
    pair : list of int
        The components that are varied.
    edges : list of two ndarray
        Of columns and lines of cells.

    Returns
    -------
    decoded : ndarray of shape (n_lines, n_columns, n_features)
        NaN where there are no codes.
    """
    centers = np.meshgrid(*[(side[1:] + side[:-1]) / 2 for side in edges])
    places = np.column_stack([center.ravel() for center in centers])[:, : len(pair)]
    cell = np.array([side[1] - side[0] for side in edges])[: len(pair)]
    search = NearestNeighbors(n_neighbors=1).fit(codes[:, pair] / cell)
    near = search.kneighbors(places / cell)[0][:, 0] <= MARGIN
    full = np.tile(codes.mean(axis=0), (near.sum(), 1))
    full[:, pair] = places[near]
    rows = decoder(full)
    decoded = np.full((len(places), rows.shape[1]), np.nan)
    decoded[near] = rows
    return decoded.reshape(*centers[0].shape, -1)


def draw_curves(ax, decoded, edges):
    """Draw each row as a small curve in its cell, all on one scale.

    Parameters
    ----------
    ax : Axes
    decoded : ndarray of shape (n_lines, n_columns, n_features)
    edges : list of two ndarray
    """
    from matplotlib.collections import LineCollection

    n_features = decoded.shape[2]
    center, scale, _ = units_of(decoded.reshape(-1, n_features))
    values = (decoded - center) / scale
    low, high = np.nanmin(values), np.nanmax(values)
    cell = [side[1] - side[0] for side in edges]
    x = edges[0][:-1, None] + cell[0] * np.linspace(0.1, 0.9, n_features)
    y = 0.1 + 0.8 * (values - low) / ((high - low) or 1)
    y = edges[1][:-1, None, None] + cell[1] * y
    curves = np.stack(np.broadcast_arrays(x[None], y), axis=-1).reshape(-1, n_features, 2)
    curves = curves[np.isfinite(curves).all(axis=(1, 2))]
    ax.add_collection(LineCollection(curves, colors=foreground(), linewidths=0.9))
    ax.vlines(edges[0], *edges[1][[0, -1]], color="0.5", alpha=0.2, linewidth=0.5, zorder=0)
    ax.hlines(edges[1], *edges[0][[0, -1]], color="0.5", alpha=0.2, linewidth=0.5, zorder=0)

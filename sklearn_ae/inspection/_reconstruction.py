"""ReconstructionDisplay: rows beside what an estimator makes of them."""

from typing import Any, Self

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils import check_array

from .._typing import ArrayLike
from .._validation import is_whole
from ._figure import kept_in_place, panels, plain, pyplot, shortened
from ._fitted import as_table, reconstruct
from ._images import brightness, checked_image_shape, draw_lines_of_images, figsize_of_images
from ._profiles import (
    MOST_NAMES,
    draw_profile,
    explain_profiles,
    largest_apart,
    name_features,
    room_of,
    units_of,
)
from ._rows import names_of, spread, take_rows, thinned


class ReconstructionDisplay:
    """Rows beside their reconstructions, and beside the damage that was repaired.

    Look at it to see what kind of error R² is made of: a blur, a wrong detail, a few features that
    the code does not keep. Rows that are images are drawn as such if `image_shape` says so. Others
    are profiles, value by value along the features, in which the features with the largest errors
    are marked; where columns are in different units, as z-scores: in standard deviations from the
    mean of the column. R² beside images is that of all rows of X, or of 10,000 of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows as they are.
    reconstruction : ndarray of shape (n_samples, n_features), or dict of str to ndarray
        What an estimator made of them, or of their damaged copies; or what several did, by name.
    damaged : ndarray of shape (n_samples, n_features), default=None
        What the estimator was shown, NaN where a value was taken away.
    image_shape : tuple of int, default=None
        Height and width of the images that rows are, and 3 for colours. None for profiles.
    n_rows : int, default=None
        How many rows are drawn, evenly spread over X. None for 8 images or 3 profiles.
    feature_names : list of str, default=None
        Names of the features, for profiles.
    row_names : list, default=None
        Names of the rows, for profiles. None for their positions.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on; for profiles what the panels are in.
    axes_ : ndarray of Axes
        The panels of the profiles; for images `ax_` alone.
    figure_ : matplotlib Figure
        What they are in.
    rows_ : ndarray of int
        Positions of the rows that were drawn.
    marked_ : list of list of int
        The features that are marked in each profile, the largest error first; empty for images.

    See Also
    --------
    sklearn_ae.AutoencoderOutlierDetector.explain : The features that give outliers away.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_ae.inspection import ReconstructionDisplay
    >>> X = load_digits().data
    >>> pca = PCA(n_components=8).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8))
    >>> print(display.ax_.get_yticklabels()[1].get_text())
    reconstruction
    R² 0.67
    """

    def __init__(
        self,
        X: ArrayLike,
        reconstruction: ArrayLike,
        *,
        damaged: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_rows: int | None = None,
        feature_names: Any = None,
        row_names: Any = None,
    ) -> None:
        self.X = X
        self.reconstruction = reconstruction
        self.damaged = damaged
        self.image_shape = image_shape
        self.n_rows = n_rows
        self.feature_names = feature_names
        self.row_names = row_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        damaged: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_rows: int | None = None,
        ax: Any = None,
        cmap: Any = "gray",
        n_marked: int = 3,
    ) -> Self:
        """Draw what a fitted estimator makes of rows of X.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `reconstruct`, or with `transform` and `inverse_transform`, as PCA, or an
            imputer; or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows as they are.
        damaged : array-like of shape (n_samples, n_features), default=None
            Rows as the estimator is to see them. None for X.
        image_shape : tuple of int, default=None
            Height and width of the images that rows are, and 3 for colours. None for profiles.
        n_rows : int, default=None
            How many rows to draw, evenly spread over X. None for 8 images or 3 profiles.
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.
        n_marked : int, default=3
            How many of the largest errors to mark in each profile.

        Returns
        -------
        display : ReconstructionDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        if damaged is not None and np.shape(damaged) != np.shape(X):
            raise ValueError(
                f"damaged has the shape {np.shape(damaged)}, but X has {np.shape(X)}. Pass a "
                "damaged copy of each row of X."
            )
        names, columns = names_of(X)
        some = thinned(np.shape(X)[0])
        X = take_rows(X, some)
        damaged = None if damaged is None else take_rows(damaged, some)
        display = cls(
            as_table(X),
            reconstruct(estimator, X if damaged is None else damaged),
            damaged=None if damaged is None else as_table(damaged),
            image_shape=image_shape,
            n_rows=n_rows,
            feature_names=columns,
            row_names=[names[i] for i in some],
        )
        return display.plot(ax, cmap=cmap, n_marked=n_marked)

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        reconstruction: ArrayLike,
        *,
        damaged: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_rows: int | None = None,
        ax: Any = None,
        cmap: Any = "gray",
        n_marked: int = 3,
    ) -> Self:
        """Draw rows of X beside what was made of them, however that was.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows as they are.
        reconstruction : array-like of shape (n_samples, n_features), or dict of str to array-like
            What was made of them; or by name what was made of them in several ways. Errors are
            marked in the last of them.
        damaged : array-like of shape (n_samples, n_features), default=None
            What it was made of, if that was not X.
        image_shape : tuple of int, default=None
            Height and width of the images that rows are, and 3 for colours. None for profiles.
        n_rows : int, default=None
            How many rows to draw, evenly spread over X. None for 8 images or 3 profiles.
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.
        n_marked : int, default=3
            How many of the largest errors to mark in each profile.

        Returns
        -------
        display : ReconstructionDisplay
            With what was drawn in its attributes.
        """
        pyplot(cls)
        names, columns = names_of(X)
        display = cls(
            as_table(X),
            {name: as_table(made) for name, made in named(reconstruction).items()},
            damaged=None if damaged is None else as_table(damaged),
            image_shape=image_shape,
            n_rows=n_rows,
            feature_names=columns,
            row_names=names,
        )
        return display.plot(ax, cmap=cmap, n_marked=n_marked)

    def plot(self, ax: Any = None, *, cmap: Any = "gray", n_marked: int = 3) -> Self:
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; panels take its place. None makes a figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images of one channel.
        n_marked : int, default=3
            How many of the largest errors to mark in each profile.

        Returns
        -------
        display : ReconstructionDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ValueError
            If the tables differ in shape, or do not have the shape of images that was asked for.
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        kinds = self._checked_tables()
        n_rows = (3 if self.image_shape is None else 8) if self.n_rows is None else self.n_rows
        if not is_whole(n_rows):
            raise ValueError(f"n_rows={n_rows!r} should be an int of at least 1.")
        self.rows_ = spread(len(kinds["input"]), n_rows)
        shown = {name: table[self.rows_] for name, table in kinds.items()}
        some = thinned(len(kinds["input"]))
        sample = {name: table[some] for name, table in kinds.items()}
        if self.image_shape is None:
            self._plot_profiles(plt, ax, shown, sample, n_marked)
        else:
            self._plot_images(plt, ax, shown, sample, cmap)
        self.figure_ = self.ax_.figure
        return self

    def _checked_tables(self):
        """Return the tables by name, in the order in which they are drawn."""
        given = {"input": self.X, "damaged": self.damaged} | named(self.reconstruction)
        tables = {
            name: check_array(table, dtype=np.float64, ensure_all_finite="allow-nan")
            for name, table in given.items()
            if table is not None
        }
        shape = tables["input"].shape
        for name, table in tables.items():
            if table.shape != shape:
                raise ValueError(
                    f"{name} has the shape {table.shape}, but X has {shape}. Pass a row for each "
                    "row of X, with the same columns."
                )
        return tables

    def _plot_images(self, plt, ax, shown, sample, cmap):
        shape = checked_image_shape(self.image_shape, shown["input"].shape[1])
        if ax is None:
            size = figsize_of_images(len(shown), len(self.rows_), shape)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        texts = captions(sample)
        lines = {texts[name]: rows for name, rows in shown.items()}
        with kept_in_place(ax):
            draw_lines_of_images(ax, lines, shape, cmap, brightness(sample["input"]))
        self.ax_, self.axes_, self.marked_ = ax, np.array([ax]), []

    def _plot_profiles(self, plt, ax, shown, sample, n_marked):
        center, scale, differ = units_of(sample["input"])
        rows = {name: (table - center) / scale for name, table in shown.items()}
        n_rows, n_features = rows["input"].shape
        if ax is None:
            _, ax = plt.subplots(figsize=(8, 1.9 * n_rows + 1), layout="constrained")
        with kept_in_place(ax) as drawn:
            self.ax_, self.axes_ = ax, panels(ax, n_rows, 1, sharex=True).ravel()
            drawn.extend(self.axes_)
            self.marked_ = [
                self._plot_profile(i, {name: table[i] for name, table in rows.items()}, n_marked)
                for i in range(n_rows)
            ]
            for panel in self.axes_:
                panel.set_ylabel("z-score" if differ else "value")
            name_features(self.axes_[-1], self.feature_names, n_features)
            explain_profiles(self.axes_[0], list(rows), n_features > MOST_NAMES)

    def _plot_profile(self, i, profile, n_marked):
        """Draw one row in panel i, and return which features are marked in it."""
        panel = self.axes_[i]
        errors = abs(list(profile.values())[-1] - profile["input"])
        marked = largest_apart(errors, min(n_marked, max(len(errors) // 3, 1)), room_of(panel))
        draw_profile(panel, profile, marked, self.feature_names)
        row = self.rows_[i]
        name = row if self.row_names is None else self.row_names[row]
        panel.set_title(plain(f"row {shortened(name, 24)}"), loc="left", fontsize="medium")
        return marked


def named(reconstruction):
    """Return reconstructions by name, if there is but one.

    Parameters
    ----------
    reconstruction : array-like or dict of str to array-like

    Returns
    -------
    reconstructions : dict of str to array-like
    """
    if isinstance(reconstruction, dict):
        return reconstruction
    return {"reconstruction": reconstruction}


def captions(kinds):
    """Return what to write beside each kind of image: R² of the rows, or how much is missing.

    Parameters
    ----------
    kinds : dict of str to ndarray of shape (n_samples, n_features)

    Returns
    -------
    captions : dict of str to str
    """
    X = kinds["input"]
    measurable = len(X) > 1 and np.isfinite(X).all() and np.ptp(X, axis=0).any()
    texts = {"input": "input"}
    for name, table in list(kinds.items())[1:]:
        missing = np.isnan(table).mean()
        texts[name] = shortened(name, 28)
        if missing:
            texts[name] += f"\n{missing:.0%} missing"
        elif measurable:
            r2 = r2_score(X, table, multioutput="variance_weighted")
            texts[name] += f"\nR² {r2:.2f}"
    return texts

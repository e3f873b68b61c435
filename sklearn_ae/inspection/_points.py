"""Points: many rows on two axes, one by one or as a density, in the colours of a colouring."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ._coloring import MISSING, OTHERS, PALETTE, ByClass, ByNumber, usual_range
from ._figure import legend_beside, plain

CELL = 2  # dots of the screen, each way, in a density
FAINTEST, FAINTEST_NUMBER = 0.35, 0.75  # opacity of a cell with one row: still seen


def draw_points(ax, points, coloring, look):
    """Draw points, and a colour bar beside them if their colours are numbers.

    Parameters
    ----------
    ax : Axes
    points : ndarray of shape (n_samples, 2)
    coloring : ByClass, ByNumber or None
    look : Look

    Returns
    -------
    artists : list of Artist
        The points.
    colorbar : Colorbar or None
    """
    if look.density:
        return _draw_density(ax, points, coloring, look.cmap)
    given = look.scatter_kwargs
    if isinstance(coloring, ByClass):
        return _scatter_classes(ax, points, coloring, given), None
    if isinstance(coloring, ByNumber):
        return _scatter_numbers(ax, points, coloring, look.cmap, given)
    return [_scatter(ax, points, len(points), given, color=PALETTE[0])], None


def explain_classes(ax, coloring, density, widen):
    """Put a legend of the classes beside the axes.

    Parameters
    ----------
    ax : Axes
    coloring : ByClass
    density : bool
    widen : bool
        Whether the figure may grow.

    Returns
    -------
    legend : Legend
    """
    if density:
        handles = [Patch(color=color) for color, _ in coloring.looks]
    else:
        handles = [
            Line2D([], [], linestyle="", marker=shape, color=color, markersize=6)
            for color, shape in coloring.looks
        ]
    return legend_beside(ax, handles, coloring.names, coloring.title, widen)


def _explain_numbers(ax, coloring, mappable, extend, density):
    """Put a colour bar beside the axes that says what is missing, too."""
    title = "y" if coloring.title is None else coloring.title
    label = plain(f"mean {title} of the rows at a place" if density else title)
    n_missing = int((~np.isfinite(coloring.values)).sum())
    if n_missing:
        mark = "grey" if density else "×"
        label += f"\n{mark}: no finite value ({n_missing:,} rows)"
    return ax.figure.colorbar(mappable, ax=ax, label=label, extend=extend)


def _scatter(ax, points, n_samples, given, **look):
    """Draw some of so many points; what the user has given comes before our look."""
    size = {"s": float(np.clip(400 / np.sqrt(n_samples), 3, 40))}
    look = size | {"alpha": 0.85 if n_samples < 2000 else 0.6, "linewidths": 0} | look
    # Thousands of points as a vector graphic would make a file that no one can open.
    return ax.scatter(*points.T, **({"rasterized": n_samples > 2000} | look | given))


def _shuffled(rows):
    """Return rows in random order: the last class must not lie on top of all others."""
    return np.random.RandomState(0).permutation(rows)


def _scatter_classes(ax, points, coloring, given):
    colors = np.array([to_rgb(color) for color, _ in coloring.looks])
    shapes = np.array([shape for _, shape in coloring.looks])
    of_rows = shapes[coloring.group]
    artists = []
    for shape in dict.fromkeys(of_rows[np.argsort(coloring.group, kind="stable")]):
        rows = _shuffled(np.flatnonzero(of_rows == shape))
        look = {"marker": shape, "c": colors[coloring.group[rows]]}
        look |= {"linewidths": 1} if shape == MISSING[1] else {}
        artists.append(_scatter(ax, points[rows], len(points), given, **look))
    return artists


def _scatter_numbers(ax, points, coloring, cmap, given):
    low, high, extend = usual_range(coloring.values)
    known = np.isfinite(coloring.values)
    rows = _shuffled(np.flatnonzero(known))
    look = {"c": coloring.values[rows], "cmap": cmap, "vmin": low, "vmax": high}
    artists = [_scatter(ax, points[rows], len(points), given, **look)]
    if not known.all():
        look = {"color": MISSING[0], "marker": MISSING[1], "linewidths": 1}
        artists.append(_scatter(ax, points[~known], len(points), given, **look))
    opaque = ScalarMappable(Normalize(low, high), cmap)
    return artists, _explain_numbers(ax, coloring, opaque, extend, density=False)


def _draw_density(ax, points, coloring, cmap):
    """Draw an image whose cells tell how many rows they hold, and of what kind."""
    limits = _limits(points)
    box = ax.get_window_extent()
    shape = [max(int(length / CELL), 50) for length in (box.height, box.width)]
    cell = _cells(points, limits, shape)
    counts = np.bincount(cell, minlength=shape[0] * shape[1])
    place = {
        "extent": limits.ravel(),
        "origin": "lower",
        "aspect": "auto",
        "interpolation": "nearest",
    }
    if coloring is None:
        table = np.ma.masked_equal(counts.reshape(shape), 0)
        image = ax.imshow(table, norm=LogNorm(1, max(counts.max(), 2)), cmap=cmap, **place)
        return [image], ax.figure.colorbar(image, ax=ax, label="rows at a place")
    if isinstance(coloring, ByClass):
        colors, faintest, bar = _majority(cell, counts, coloring), FAINTEST, None
    else:
        # Fainter, a colour would not be found again in the colour bar.
        means, faintest = _means(cell, counts, coloring), FAINTEST_NUMBER
        low, high, extend = usual_range(means)
        mappable = ScalarMappable(Normalize(low, high), cmap)
        colors = mappable.to_rgba(means)[:, :3]
        colors[np.isnan(means)] = to_rgb(OTHERS[0])
        bar = _explain_numbers(ax, coloring, mappable, extend, density=True)
    image = np.column_stack([colors, _opacity(counts, faintest)]).reshape(*shape, 4)
    return [ax.imshow(image, **place)], bar


def _opacity(counts, faintest):
    """Return the opacity of cells: the more rows, the stronger; nothing where there are none."""
    strength = np.log1p(counts) / np.log1p(np.percentile(counts[counts > 0], 99))
    return np.where(counts > 0, faintest + (1 - faintest) * strength.clip(0, 1), 0)


def _limits(points):
    """Return the range of the points on both axes, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.02 * (high - low), 0.5)
    return np.column_stack([low - margin, high + margin])


def _cells(points, limits, shape):
    """Return the position of the cell of each point in a raveled image."""
    n_lines, n_columns = shape
    share = (points - limits[:, 0]) / (limits[:, 1] - limits[:, 0])
    column, line = (share * (n_columns, n_lines)).astype(int).T
    return line * n_columns + column


def _majority(cell, counts, coloring):
    """Return the colour of the class that most rows of each cell belong to."""
    n_groups = len(coloring.looks)
    of_groups = np.bincount(coloring.group * len(counts) + cell, minlength=n_groups * len(counts))
    winner = of_groups.reshape(n_groups, -1).argmax(axis=0)
    return np.array([to_rgb(color) for color, _ in coloring.looks])[winner]


def _means(cell, counts, coloring):
    """Return the mean number in each cell; NaN where none is known."""
    known = np.isfinite(coloring.values)
    n_known = np.bincount(cell[known], minlength=len(counts))
    sums = np.bincount(cell[known], coloring.values[known], minlength=len(counts))
    return np.divide(sums, n_known, out=np.full(len(counts), np.nan), where=n_known > 0)

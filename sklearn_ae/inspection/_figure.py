"""Figures: matplotlib where it is installed, axes to draw on, and legends beside them."""

from contextlib import contextmanager
from textwrap import wrap

import numpy as np

LONGEST_LINE = 28  # characters of a name in a legend
MOST_LINES = 3
CHARACTER, LINE = 0.5, 1.45  # width and height in a legend of the size "small", in font sizes


def pyplot(asked_by):
    """Return matplotlib.pyplot, imported by those who draw only.

    Parameters
    ----------
    asked_by : type
        The class that the error names.

    Returns
    -------
    pyplot : module

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{asked_by.__name__} draws with matplotlib, which is not installed: "
            "pip install 'sklearn_ae[plot]'."
        ) from error
    return plt


def panels(ax, n_rows, n_columns, **options):
    """Return several panels in the place of axes.

    Parameters
    ----------
    ax : Axes
        Of which nothing is to be seen any more.
    n_rows, n_columns : int
    **options
        As for ``Figure.subplots``.

    Returns
    -------
    panels : ndarray of Axes of shape (n_rows, n_columns)
    """
    ax.set_axis_off()
    place = ax.get_subplotspec()
    if place is None:  # axes that were put somewhere by hand
        box = ax.get_position()
        edges = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
        place = ax.figure.add_gridspec(1, 1, **edges)[0]
    space = {} if ax.figure.get_layout_engine() is not None else {"hspace": 0.6, "wspace": 0.15}
    grid = place.subgridspec(n_rows, n_columns, **space)
    return grid.subplots(squeeze=False, **options)


@contextmanager
def kept_in_place(ax):
    """Keep what is drawn off the neighbours of axes, in a figure without a layout engine.

    Parameters
    ----------
    ax : Axes

    Yields
    ------
    drawn : list of Axes
        To be filled with what takes part in the picture besides the axes, or in their place.
    """
    managed = ax.figure.get_layout_engine() is not None
    region = None if managed else _region_of(ax)
    drawn = [ax]
    yield drawn
    if not managed:
        for _ in range(2):  # labels change as axes shrink
            _shrink([part for part in drawn if part.axison], region)


def _region_of(ax):
    """Return the part of the figure that belongs to axes: half of the way to their neighbours."""
    from matplotlib.gridspec import GridSpec

    place, figure = ax.get_subplotspec(), ax.figure
    if place is None or type(place.get_gridspec()) is not GridSpec:
        return ax.get_tightbbox().transformed(figure.transSubfigure.inverted()).extents
    bottoms, tops, lefts, rights = place.get_gridspec().get_grid_positions(figure)
    rows, columns = place.rowspan, place.colspan
    left = _half_way(rights, lefts, columns.start, 0.01)
    right = _half_way(rights, lefts, columns.stop, 0.99)
    top = _half_way(bottoms, tops, rows.start, 0.99)
    bottom = _half_way(bottoms, tops, rows.stop, 0.01)
    return np.array([left, bottom, right, top])


def _half_way(ends, starts, i, edge):
    """Return the middle of the gap before cell i; the edge where there is no cell on one side."""
    return (ends[i - 1] + starts[i]) / 2 if 0 < i < len(starts) else edge


def _shrink(drawn, region):
    """Shrink axes together until their labels are in a region of the figure."""
    from matplotlib.transforms import Bbox

    to_figure = drawn[0].figure.transSubfigure.inverted()
    boxes = [ax.get_tightbbox(for_layout_only=True) for ax in drawn]
    reach = Bbox.union(boxes).transformed(to_figure)
    old = Bbox.union([ax.get_position(original=True) for ax in drawn])
    low = np.maximum(region[:2] - reach.min, 0)
    high = np.maximum(reach.max - region[2:], 0)
    if not (low + high).any():
        return
    share = np.maximum(1 - (low + high) / old.size, 0.3)
    for ax in drawn:
        box = ax.get_position(original=True)
        corner = old.min + low + (box.min - old.min) * share
        ax.set_position([*corner, *(box.size * share)])


def plain(text):
    """Return a text in which dollar signs are dollar signs, not mathematics.

    Parameters
    ----------
    text : str
    """
    return str(text).replace("$", r"\$")


def character():
    """Return the mean width of a character of a legend, in points."""
    return CHARACTER * _font_size()


def line():
    """Return the height of a line of a legend, in points."""
    return LINE * _font_size()


def _font_size():
    from matplotlib import rcParams

    return rcParams["font.size"]


def foreground():
    """Return the colour of what is written: black, unless the style is a dark one."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def broken(text, length):
    """Return a text in two lines, the second one after the colon, if one would be too long.

    Parameters
    ----------
    text : str
    length : float
        Of the axis that it stands beside, in points.
    """
    return text.replace(": ", "\n") if 1.2 * character() * len(text) > length else text


def shortened(text, most):
    """Return a text of at most so many characters: the middle goes, since ends tell apart.

    Parameters
    ----------
    text : str
    most : int
    """
    text = str(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def wrapped(name, width=LONGEST_LINE, most_lines=MOST_LINES):
    """Return a name in lines that fit into a legend.

    Parameters
    ----------
    name : str
    width : int, default=28
        Characters of a line.
    most_lines : int, default=3

    Returns
    -------
    lines : str
    """
    lines = wrap(shortened(name, width * most_lines), width) or ["(empty)"]
    if len(lines) > most_lines:  # broken at spaces, lines are not full
        lines = wrap(shortened(name, width * (most_lines - 1)), width)[:most_lines]
    return plain("\n".join(lines))


def legend_beside(ax, handles, labels, title=None, widen=False):
    """Put a legend to the right of the axes, where it covers nothing.

    Names are in up to three lines if all fit into one column, else in one line, shortened.

    Parameters
    ----------
    ax : Axes
    handles : list of Artist
    labels : list of str
    title : str or None, default=None
    widen : bool, default=False
        Whether to make the figure wider, so that the axes stay as wide as they are.

    Returns
    -------
    legend : Legend
    """
    width, height = (72 * side / ax.figure.dpi for side in ax.bbox.size)  # in points
    room = np.inf if widen else 0.5 * width / character()
    names = [wrapped(label, int(np.clip(room, 8, LONGEST_LINE))) for label in labels]
    n_fitting = max(int(height / line()) - (title is not None), 1)
    n_columns = int(np.ceil(len(labels) / n_fitting))
    if sum(name.count("\n") + 1 for name in names) > n_fitting:
        longest = int(np.clip(room / n_columns - 4, 6, 0.75 * LONGEST_LINE))
        names = [plain(shortened(label, longest) or "(empty)") for label in labels]
    legend = ax.legend(
        handles,
        [f" {name}" for name in names],  # matplotlib < 3.10 leaves out what begins with "_"
        title=None if title is None else wrapped(title),
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        borderaxespad=0,
        fontsize="small",
        title_fontsize="small",
        alignment="left",
        ncols=n_columns,
        frameon=False,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
    if widen:
        inches = legend.get_window_extent().width / ax.figure.dpi
        ax.figure.set_figwidth(ax.figure.get_figwidth() + inches)
    return legend


def legend_above(ax, handles, labels, title=None, loc="center"):
    """Put a legend above the axes, where it covers nothing, in as few lines as fit.

    Parameters
    ----------
    ax : Axes
    handles : list of Artist
    labels : list of str
    title : str or None, default=None
        What to write above the legend.
    loc : {"left", "center"}, default="center"
        Of the title.

    Returns
    -------
    legend : Legend
    """
    widths = [character() * len(label) + 40 for label in labels]  # with a handle and a gap
    n_lines = int(np.ceil(sum(widths) / (72 * ax.bbox.width / ax.figure.dpi)))
    legend = ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        ncols=int(np.ceil(len(labels) / n_lines)),
        frameon=False,
        fontsize="small",
    )
    if title is not None:
        ax.set_title(plain(title), pad=10 + line() * n_lines, fontsize="medium", loc=loc)
    return legend


def ticks_at_whole(ax, first, last):
    """Put the ticks of the x-axis at integers, and only where there is something.

    Parameters
    ----------
    ax : Axes
    first, last : int
        What is drawn at the ends.
    """
    locator = ax.xaxis.get_major_locator()
    locator.set_params(integer=True, min_n_ticks=1)
    ticks = locator.tick_values(first, last)
    ax.set_xticks(ticks[(first <= ticks) & (ticks <= last)])

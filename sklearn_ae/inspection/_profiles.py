"""Profiles: rows that are no images, value by value along their features."""

from itertools import cycle

import numpy as np
import pandas as pd

from ._figure import character, foreground, legend_above, line, plain, shortened

EPS = np.finfo(float).eps
MOST_NAMES = 30  # features whose names can be written below an axis
ERROR = "#bd1f01"
COLORS = ("#3f90da", "#ffa90e", "#832db6", "#a96b59")  # of reconstructions


def _points(marker, fill):
    return {"linestyle": "", "marker": marker, "markersize": 6, "markerfacecolor": fill}


def looks_of_profiles(kinds, curves):
    """Return how rows are drawn: as curves, or as points where features have names.

    Parameters
    ----------
    kinds : list of str
        "input", "damaged" where there is any, and the names of reconstructions.
    curves : bool

    Returns
    -------
    looks : dict of str to dict
    """
    looks = {"input": {"linewidth": 1.2} if curves else _points("o", "none")}
    looks["damaged"] = {"linewidth": 1, "zorder": 1} if curves else _points("x", "none")
    looks["input"]["color"], looks["damaged"]["color"] = foreground(), "0.65"
    # The last one is that in which errors are marked, and always of the same colour.
    made = [kind for kind in kinds if kind not in looks]
    for kind, color in zip(reversed(made), cycle(COLORS), strict=False):
        look = {"linewidth": 1.2} if curves else _points("o", color) | {"markersize": 4}
        looks[kind] = look | {"color": color}
    return looks


def units_of(X, rounding=EPS):
    """Return what a value is drawn relative to, if the columns are in different units.

    They are taken to be if some columns spread more than ten times as far as others, and columns
    side by side differ by a factor of two: those of a signal spread as far as their neighbours.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    rounding : float, default=2.2e-16
        Relative spread of columns that are constant but for rounding, up to a small factor.

    Returns
    -------
    center, scale : ndarray of shape (n_features,) or float
        Mean and standard deviation of columns in different units; else 0 and 1.
    differ : bool
    """
    table = pd.DataFrame(X)
    center, scale = table.mean().to_numpy(), table.std(ddof=0).to_numpy()
    scale = np.where(scale > 16 * rounding * table.abs().max().to_numpy(), scale, 0)
    spread = np.log10(scale[scale > 0])
    if len(X) < 3 or len(spread) < 2 or np.ptp(spread) <= 1:
        return 0.0, 1.0, False
    if np.median(abs(np.diff(spread))) <= np.log10(2):
        return 0.0, 1.0, False
    return center, np.where(scale > 0, scale, 1), True


def largest_apart(errors, n, room=np.inf):
    """Return the features with the largest errors, at some distance from each other.

    The next largest error of a curve is nearly always beside the largest one, and their names
    would be on top of each other.

    Parameters
    ----------
    errors : ndarray of shape (n_features,)
        Without sign; NaN where nothing is known.
    n : int
    room : float, default=inf
        Width of the axes, in points.

    Returns
    -------
    features : list of int
        At most n, the largest error first.
    """
    errors = np.nan_to_num(errors, nan=-1.0)
    width = 0 if len(errors) <= MOST_NAMES else len(errors) * name_width() / room
    places = name_places(len(errors), width)
    found = []
    for feature in np.argsort(-errors, kind="stable"):
        if len(found) == n or errors[feature] <= 0:
            break
        if all(abs(places[feature] - places[other]) > width for other in found):
            found.append(int(feature))
    return found


def name_width():
    """Return how many points the name of a mark takes, with a gap."""
    return 14 * character()


def room_of(ax):
    """Return the width of axes in points, less what layout may take of it yet.

    Parameters
    ----------
    ax : Axes
    """
    return 0.85 * 72 * ax.bbox.width / ax.figure.dpi


def name_places(n_features, width):
    """Return where the names of marks are written: above the features, but not off the axes.

    Parameters
    ----------
    n_features : int
    width : float
        Of a name, in features.
    """
    return np.arange(n_features).clip(width / 2, max(n_features - 1 - width / 2, width / 2))


def name_features(ax, names, n_features):
    """Say along the x axis what the features are.

    Parameters
    ----------
    ax : Axes
        The lowest one of those that share an x axis.
    names : list of str or None
    n_features : int
    """
    ax.set_xlim(-0.5, n_features - 0.5)
    room = room_of(ax)
    if names is None or n_features > MOST_NAMES:
        ax.set_xlabel("feature")
        n_ticks = max(int(room / (name_width() if names else 3 * line() / 1.45)), 1)
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=n_ticks)
        if names is not None:
            ax.xaxis.set_major_formatter(lambda i, _: _name_at(names, i))
        return
    labels = [plain(shortened(name, 20)) for name in names]
    upright = max(map(len, labels)) * n_features * 1.1 * character() > room
    step = int(np.ceil(n_features * line() / room)) if upright else 1
    ax.set_xticks(range(0, n_features, step), labels[::step], rotation=90 * upright)


def _name_at(names, i):
    return plain(shortened(names[int(i)], 11)) if 0 <= i < len(names) else ""


def draw_profile(ax, profile, marked, names):
    """Draw one row: its values, what was made of them, and where that is most wrong.

    Parameters
    ----------
    ax : Axes
    profile : dict of str to ndarray of shape (n_features,)
        "input", "damaged" where there is any, and reconstructions by their names.
    marked : list of int
        Features with the largest errors of the last reconstruction.
    names : list of str or None
    """
    n_features = len(profile["input"])
    features = np.arange(n_features)
    curves = n_features > MOST_NAMES
    looks = looks_of_profiles(list(profile), curves)
    for kind, values in profile.items():
        ax.plot(features, values, **looks[kind])
    last = list(profile)[-1]
    ends = np.stack([profile["input"], profile[last]])
    if not curves:
        ax.vlines(features, *ends, color="0.7", linewidth=1, zorder=1)
    ax.vlines(features[marked], *ends[:, marked], color=ERROR, linewidth=2.5, zorder=1.5)
    if curves:
        _name_marks(ax, marked, names, ends.max(axis=0))
    else:  # a short line would be hidden by the points
        look = looks[last] | {"color": ERROR, "markerfacecolor": ERROR}
        ax.plot(features[marked], ends[1, marked], **look)


def _name_marks(ax, marked, names, tops):
    """Write the names of some features above a curve, which is made room for."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))
    places = name_places(len(tops), len(tops) * name_width() / room_of(ax))
    for feature in marked:
        name = feature if names is None else names[feature]
        ax.annotate(
            plain(shortened(name, 11)),
            (feature, tops[feature]),
            xytext=(places[feature], 0.97),
            textcoords=("data", "axes fraction"),
            ha="center",
            va="top",
            color=ERROR,
            fontsize="small",
            arrowprops={"arrowstyle": "-", "color": ERROR, "linewidth": 0.6},
        )


def explain_profiles(ax, kinds, curves):
    """Put a legend between the axes and their title.

    Parameters
    ----------
    ax : Axes
    kinds : list of str
    curves : bool
    """
    from matplotlib.lines import Line2D

    looks = looks_of_profiles(kinds, curves)
    handles = [Line2D([], [], **looks[kind]) for kind in kinds]
    dot = {} if curves else {"marker": "o", "markersize": 4}
    handles.append(Line2D([], [], color=ERROR, linewidth=2.5, **dot))
    labels = [*map(plain, kinds), "largest errors"]
    legend_above(ax, handles, labels, ax.get_title(loc="left"), loc="left")

"""Profiles: rows that are no images, value by value along their features."""

import numpy as np

from ._figure import legend_above, plain, shortened

MOST_NAMES = 30  # features whose names can be written below an axis
DIFFERENT_UNITS = 10  # how many times one column spreads as far as another
NAME = 64  # points that the name of a mark takes, with a gap
ERROR = "#bd1f01"


def _points(color, marker, fill):
    return {
        "linestyle": "",
        "marker": marker,
        "markersize": 6,
        "color": color,
        "markerfacecolor": fill,
    }


# As points where features have names, as curves where they are many.
LOOKS = {
    "input": (_points("black", "o", "none"), {"color": "black", "linewidth": 1.2}),
    "damaged": (_points("0.6", "x", "none"), {"color": "0.7", "linewidth": 1, "zorder": 1}),
    "reconstruction": (
        _points("#3f90da", "o", "#3f90da") | {"markersize": 4},
        {"color": "#3f90da", "linewidth": 1.2},
    ),
}


def units_of(X):
    """Return what a value is drawn relative to, if the columns are in different units.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    center, scale : ndarray of shape (n_features,) or float
        Mean and standard deviation where columns differ in spread or in size; else 0 and 1.
    differ : bool
    """
    center, scale = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    spread = scale[scale > 0]
    if len(X) < 3 or len(spread) == 0 or spread.max() <= DIFFERENT_UNITS * spread.min():
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
    apart = 0 if len(errors) <= MOST_NAMES else len(errors) * NAME / room
    found = []
    for feature in np.argsort(-errors, kind="stable"):
        if len(found) == n or errors[feature] <= 0:
            break
        if all(abs(feature - other) > apart for other in found):
            found.append(int(feature))
    return found


def name_features(ax, names, n_features, write=True):
    """Say along the x axis what the features are.

    Parameters
    ----------
    ax : Axes
    names : list of str or None
    n_features : int
    write : bool, default=True
        Whether to write the names, or only mark their places.
    """
    ax.set_xlim(-0.5, n_features - 0.5)
    if n_features > MOST_NAMES:
        ax.set_xlabel("feature" if write else "")
        ax.tick_params(labelbottom=write)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if names is not None:
            ax.xaxis.set_major_formatter(lambda i, _: _name_at(names, i))
        return
    if names is None:
        names = range(n_features)
        ax.set_xlabel("feature" if write else "")
    labels = [plain(shortened(name, 20)) for name in names]
    rotation = 90 if max(map(len, labels)) * n_features > 80 else 0
    ax.set_xticks(range(n_features), labels if write else [""] * n_features, rotation=rotation)


def _name_at(names, i):
    return plain(shortened(names[int(i)], 11)) if 0 <= i < len(names) else ""


def draw_profile(ax, profile, marked, names):
    """Draw one row: its values, what was made of them, and where that is most wrong.

    Parameters
    ----------
    ax : Axes
    profile : dict of str to ndarray of shape (n_features,)
        "input", "reconstruction", and "damaged" where there is any.
    marked : list of int
        Features with the largest errors.
    names : list of str or None
    """
    n_features = len(profile["input"])
    features = np.arange(n_features)
    curves = n_features > MOST_NAMES
    for kind, values in profile.items():
        ax.plot(features, values, **LOOKS[kind][curves])
    ends = np.stack([profile["input"], profile["reconstruction"]])
    if not curves:
        ax.vlines(features, *ends, color="0.7", linewidth=1, zorder=1)
    ax.vlines(features[marked], *ends[:, marked], color=ERROR, linewidth=2.5, zorder=1.5)
    if curves:
        _name_marks(ax, marked, names, ends.max(axis=0))
    else:  # a short line would be hidden by the points
        look = LOOKS["reconstruction"][0] | {"color": ERROR, "markerfacecolor": ERROR}
        ax.plot(features[marked], ends[1, marked], **look)


def _name_marks(ax, marked, names, tops):
    """Write the names of some features above a curve, which is made room for."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))
    n_features = len(tops)
    for feature in marked:
        name = feature if names is None else names[feature]
        side = "left" if feature < n_features / 16 else "center"
        side = "right" if feature > n_features * 15 / 16 else side
        ax.annotate(
            plain(shortened(name, 11)),
            (feature, tops[feature]),
            xytext=(feature, 0.97),
            textcoords=("data", "axes fraction"),
            ha=side,
            va="top",
            color=ERROR,
            fontsize="small",
            arrowprops={"arrowstyle": "-", "color": ERROR, "linewidth": 0.6},
        )


def explain_profiles(ax, kinds, curves):
    """Put a legend above the axes and their title.

    Parameters
    ----------
    ax : Axes
    kinds : list of str
    curves : bool
    """
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **LOOKS[kind][curves]) for kind in kinds]
    dot = {} if curves else {"marker": "o", "markersize": 4}
    handles.append(Line2D([], [], color=ERROR, linewidth=2.5, **dot))
    legend_above(ax, handles, [*kinds, "largest errors"], lift=22)

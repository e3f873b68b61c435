"""From scores of normal rows to p-values and thresholds."""

from math import ceil

import numpy as np

FALSE_ALARMS = 0.05  # largest p-value of what contamination="auto" calls an outlier
FEW_ROWS = 8  # of fewer none can be spared for calibration
MANY_ROWS = 500  # from here on a part of them is enough to calibrate by
HELD_OUT = 0.15  # share of many rows
MIN_FOLDS = 3
ROWS_OF_FITS = 300  # fits that fit in this many rows are cheap, so that fewer rows get more folds
TIE = 1e-9  # scores as near as this differ by rounding


def conformal_p_values(n_lower, n_calibration):
    """Return the conformal p-values of scores by how many others are as low.

    Parameters
    ----------
    n_lower : int or ndarray of int
        How many of the scores of normal rows are as low or lower.
    n_calibration : int
        How many scores of normal rows there are.
    """
    return (1 + n_lower) / (1 + n_calibration)


def conformal_threshold(scores, level):
    """Return the number below which are just the scores with p-values up to a level.

    Parameters
    ----------
    scores : ndarray of shape (n_calibration,)
        Of normal rows, in increasing order.
    level : float

    Returns
    -------
    threshold : float
        The least of all numbers where the scores are so few that no p-value is small enough.
    """
    n = len(scores)
    n_small = int(np.sum(conformal_p_values(np.arange(n + 1), n) <= level))
    return float(scores[n_small - 1]) if n_small else float(np.finfo(float).min)


def no_stricter(scores, own_scores):
    """Return scores of rows by fits to others, lowered where the final fit is stricter.

    Fits differ. Where the final one gives lower scores to its own rows than the others give to rows
    unknown to them, one and the same normal row is an outlier to it and none to them. This happens
    with nets that settle here or there, and where most rows are equal. So of each rank the lower
    score counts, of those of the final fit at a rank higher by half a standard deviation of what
    chance makes of it.

    Parameters
    ----------
    scores, own_scores : ndarray of shape (n_samples,)

    Returns
    -------
    lowered : ndarray of shape (n_samples,)
        In increasing order.
    """
    rank = np.arange(1, len(scores) + 1)
    later = np.minimum(rank + (np.sqrt(rank) / 2).astype(int), len(scores)) - 1
    return np.minimum(np.sort(scores), np.sort(own_scores)[later])


def threshold_below(scores, share):
    """Return a number that a share of some scores is below, those that tie on the same side.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    share : float
        Where ties make it impossible, more are below, unless these were more than half of all.
    """
    scores = np.sort(scores)
    last = scores[max(ceil(share * (len(scores) - 1)) - 1, 0)]
    margin = TIE * (1 + abs(last))
    n_below = np.searchsorted(scores, last + margin, side="right")
    if n_below > len(scores) / 2:
        n_below = np.searchsorted(scores, last - margin)
    if n_below == 0:
        return float(scores[0] - margin)
    return float(scores[n_below - 1 : n_below + 1].mean())


def number_held_out(n_samples, fraction):
    """Return how many rows are not learned from but calibrated by."""
    if n_samples < FEW_ROWS:
        return 0
    if fraction != "auto":
        n_held_out = round(fraction * n_samples)
        if n_held_out == n_samples:
            raise ValueError(
                f"calibration_fraction={fraction} holds out all {n_samples} "
                "rows and leaves none to learn from. Use a smaller one, or 'auto'."
            )
        return n_held_out
    if n_samples < MANY_ROWS:
        return 0
    # One fewer than a multiple of 20 makes a p-value of 0.05 possible.
    return round((HELD_OUT * n_samples + 1) * FALSE_ALARMS) * round(1 / FALSE_ALARMS) - 1


def number_of_folds(n_samples, fraction):
    """Return how many fits to the others give rows their scores, where none are held out, or 0."""
    if fraction != "auto" or not FEW_ROWS <= n_samples < MANY_ROWS:
        return 0
    return min(max(ceil(ROWS_OF_FITS / n_samples), MIN_FOLDS), n_samples)


def warning_of_few_rows(n_calibration):
    """Return what to warn of if no row can have a p-value that is small enough, or None."""
    smallest = conformal_p_values(0, n_calibration)
    if smallest <= FALSE_ALARMS:
        return None
    return (
        f"contamination='auto' calls rows with p-values up to {FALSE_ALARMS} outliers, but "
        f"with {n_calibration} rows to calibrate by, none is below {smallest:.2g}: no "
        "row will be called one. Pass at least 19 rows and calibration_fraction='auto', or "
        "set contamination to the share of outliers. score_samples ranks rows anyway."
    )

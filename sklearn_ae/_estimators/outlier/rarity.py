"""How rare the single values of a row are among those of normal rows."""

import numpy as np

N_BINS = 17  # of a histogram; 2, 3, 5, 9 or 17 values at equal distances have bins of their own
UNSEEN = 0.1  # rows in an empty bin


class Histograms:
    """A histogram of each column, in bins of equal width from its least to its largest value.

    The sum of the logarithms over the columns tells how rare the values of a row are, each by
    itself (Goldstein & Dengel 2012): what isolation of single columns sees, heavy tails and values
    of their own in columns of few values included. A value between the centres of two bins counts
    in both, and is as rare as both are, in proportion: a rounding error makes no difference.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Normal rows, standardised.

    Attributes
    ----------
    low, width : ndarray of shape (n_features,)
        The centre of the first bin, and how wide bins are.
    surprise : ndarray of shape (N_BINS + 2, n_features)
        Minus the logarithm of the share of the rows in each bin; the first and the last bin are
        empty, below and above all values.

    References
    ----------
    Goldstein & Dengel (2012). Histogram-based outlier score (HBOS): a fast unsupervised anomaly
    detection algorithm. KI 2012, poster and demo track.
    """

    def __init__(self, Z):
        n_samples, n_features = Z.shape
        self.low, high = Z.min(axis=0), Z.max(axis=0)
        self.width = np.where(high > self.low, high - self.low, 1.0) / (N_BINS - 1)
        cells, beyond = self._cells(Z)
        cells += (N_BINS + 2) * np.arange(n_features)
        counts = np.zeros((N_BINS + 2) * n_features)
        for bins, part in ((cells, 1 - beyond), (cells + 1, beyond)):
            counts += np.bincount(bins.ravel(), part.ravel(), minlength=len(counts))
        counts = counts.reshape(n_features, N_BINS + 2).T
        self.surprise = np.log(n_samples) - np.log(counts + UNSEEN)

    def state(self):
        """Return plain arrays."""
        return {"low": self.low, "width": self.width, "surprise": self.surprise}

    @classmethod
    def from_state(cls, state, n_features):
        """Return what `state` has described.

        Parameters
        ----------
        state : dict
        n_features : int

        Raises
        ------
        ValueError
            If it cannot be such a state.
        """
        shapes = {
            "low": (n_features,),
            "width": (n_features,),
            "surprise": (N_BINS + 2, n_features),
        }
        valid = isinstance(state, dict) and state.keys() == shapes.keys()
        for name, shape in shapes.items():
            array = state[name] if valid else None
            if getattr(array, "shape", None) != shape or array.dtype.kind != "f":
                raise ValueError("What the detector has learned is damaged: histograms.")
        own = cls.__new__(cls)
        own.low, own.width, own.surprise = (state[name] for name in shapes)
        return own

    def __call__(self, Z):
        """Return how rare the values of rows are, shape (n_rows,), in nats.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_features)
        """
        cells, beyond = self._cells(Z)
        below, above = (np.take_along_axis(self.surprise, bins, 0) for bins in (cells, cells + 1))
        return (below + beyond * (above - below)).sum(axis=1)

    def _cells(self, Z):
        """Return the bin whose centre is just below each value, and how far on to the next."""
        place = np.clip((Z - self.low) / self.width + 1, 0, N_BINS + 1)
        cells = np.minimum(place.astype(np.intp), N_BINS)
        return cells, place - cells

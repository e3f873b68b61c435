"""Is the time that ``verbose=1`` says is left the time that is left?

Each estimator is fitted to digits, a line per epoch is read with a clock, and what is said at a
quarter, half and three quarters of the real duration is compared with what was left then: 1 is
right, 2 twice too long.

    python benchmarks/remaining_time.py
"""

import io
import re
import time
import warnings
from contextlib import redirect_stdout

import numpy as np
from sklearn.datasets import load_digits
from training import machine

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    VariationalAutoencoder,
)

UNITS = {"s": 1, "min": 60, "h": 3600}


class Clocked(io.StringIO):
    """Notes when each line was printed, and the duration at its end."""

    def __init__(self):
        super().__init__()
        self.said = []

    def write(self, text):
        found = re.findall(r"([\d.]+) (s|min|h)\s*$", text)
        if found:
            self.said.append((time.perf_counter(), float(found[0][0]) * UNITS[found[0][1]]))
        return super().write(text)


def ratios(estimator, X):
    clock, start = Clocked(), time.perf_counter()
    with redirect_stdout(clock):
        estimator.fit(X)
    end = time.perf_counter()
    times, left = np.array(clock.said).T
    for share in (0.25, 0.5, 0.75):
        i = np.argmin(np.abs(times - start - share * (end - start)))
        yield left[i] / (end - times[i])


def main():
    warnings.simplefilter("ignore")
    X = load_digits().data
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    shared = {"random_state": 0, "verbose": 1}
    AutoencoderTransformer(2, max_iter=2).fit(X)  # what is slow only once
    print(f"{'estimated / real time left at':32}{'1/4':>6}{'1/2':>6}{'3/4':>6}")
    for estimator, rows in [
        (AutoencoderTransformer(4, **shared), X),
        (DenoisingAutoencoder(16, **shared), X),
        (VariationalAutoencoder(8, **shared), X),
        (NestedAutoencoder(max_components=16, **shared), X),
        (GeodesicAutoencoder(2, **shared), X),
        (AutoencoderImputer(**shared), gaps),
    ]:
        values = "".join(f"{value:6.2f}" for value in ratios(estimator, rows))
        print(f"{type(estimator).__name__:32}{values}", flush=True)
    print(machine())


if __name__ == "__main__":
    main()

"""What is printed while a net is trained, if the user asks for it."""

import time

from skorch.callbacks import Callback

WIDTH = 12


class ProgressLines(Callback):
    """Prints a line per epoch: losses, R² of held-out rows, the time so far and the time to come.

    Parameters
    ----------
    word : str, default="epoch"
        What is counted.
    """

    only_watches = True

    def __init__(self, word="epoch"):
        self.word = word

    def on_train_begin(self, net, **kwargs):
        self.start_ = time.perf_counter()
        self.names_ = None

    def on_epoch_end(self, net, **kwargs):
        row, n_done = net.history[-1], len(net.monitor.loss_curve_)
        elapsed = time.perf_counter() - self.start_
        losses = [name for name in ("train_loss", "valid_loss", "valid_r2") if name in row]
        if self.names_ is None:
            self.names_ = [self.word, *losses, "elapsed", "about_left"]
            _print_line(self.names_)
            _print_line(["-" * len(name) for name in self.names_])
        left = net.monitor.n_left(n_done, net.max_epochs) * elapsed / n_done
        numbers = [f"{row[name]:.5g}" for name in losses]
        _print_line([str(n_done), *numbers, duration(elapsed), duration(left)])


def say(recipe, words):
    """Print what training does next, if the user asks for it.

    Parameters
    ----------
    recipe : Recipe
    words : str
        A sentence; nothing is said if there is none.
    """
    if recipe.verbose and words:
        print(words, flush=True)


def _print_line(cells):
    first, *others = cells
    print(f"{first:>6}" + "".join(f"{cell:>{WIDTH}}" for cell in others), flush=True)


def duration(seconds):
    """Return a duration as a reader would say it.

    Parameters
    ----------
    seconds : float
    """
    if seconds < 120:
        return f"{seconds:.{int(seconds < 10)}f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""LearningCurveDisplay: how training went, epoch by epoch."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from .._training.loader import Steps
from .._training.start import has_linear_paths
from .._typing import ArrayLike
from ._figure import kept_in_place, legend_above, panels, pyplot
from ._fitted import as_table, last_step, name_of
from ._rows import some_rows

TRAINING, HELD_OUT, LEVEL = "#3f90da", "#e76300", "0.5"
N_FOLDS = 5
FEW_EPOCHS = 30
WORST_R2 = -0.25
LOSS_NAMES = {
    "squared_error": "squared error / variance",
    "log_loss": "log loss per feature",
    "poisson": "Poisson loss per feature",
}


class LearningCurveDisplay:
    """Loss and R² after each epoch, the best epoch, and the level of PCA.

    Look at it to see whether training was long enough (it should end on a plain), whether it
    overfits (the loss of training falls while that of held-out rows rises), and whether the net
    gets anywhere that PCA does not. The held-out loss is that of the moving average of the weights,
    the training loss is that of the weights on their way, so early on the two may cross.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        Training loss.
    held_out_loss : array-like of shape (n_epochs,), default=None
        Loss of the held-out rows.
    held_out_r2 : array-like of shape (n_epochs,), default=None
        R² of the held-out rows. On axes of its own.
    pca_loss, pca_r2 : float, default=None
        What PCA of as many components reaches.
    pca_name : str, default="PCA"
        What to call it.
    best_epoch : int, default=None
        The one whose weights were kept, counted from 1; 0 for none of them. None for the one with
        the smallest held-out loss, or else with the largest R².
    loss_name : str, default="loss"
        What the loss is.
    epoch_name : str, default="epoch"
        What there is a value for: an epoch, or a "round" of steps where training counts those.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on, or what both panels are in.
    axes_ : ndarray of Axes
        The panel of the loss, and that of R² if there is one.
    figure_ : matplotlib Figure
        What they are in.
    best_epoch_ : int or None
        The epoch that is marked.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores for more and more rows, which is something
        else.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.inspection import LearningCurveDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(n_components=4, random_state=0).fit(X)
    >>> display = LearningCurveDisplay.from_estimator(autoencoder)
    >>> bool(autoencoder.best_loss_ < display.pca_loss / 2)
    True
    """

    def __init__(
        self,
        loss: str | Callable,
        *,
        held_out_loss: ArrayLike | None = None,
        held_out_r2: ArrayLike | None = None,
        pca_loss: float | None = None,
        pca_r2: float | None = None,
        pca_name: str = "PCA",
        best_epoch: int | None = None,
        loss_name: str = "loss",
        epoch_name: str = "epoch",
        name: str | None = None,
    ) -> None:
        self.loss = loss
        self.held_out_loss = held_out_loss
        self.held_out_r2 = held_out_r2
        self.pca_loss = pca_loss
        self.pca_r2 = pca_r2
        self.pca_name = pca_name
        self.best_epoch = best_epoch
        self.loss_name = loss_name
        self.epoch_name = epoch_name
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike | None = None, *, name: str | None = None, ax: Any = None
    ) -> Self:
        """Draw how the training of a fitted estimator went.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `loss_curve_`: one of ours, a pipeline that ends in one, or a search.
        X : array-like of shape (n_samples, n_features), default=None
            Training data, for the level of PCA with as many components where the estimator does not
            know it: a freshly fitted one that started from PCA, and minimised nothing but the
            squared error, has measured it on the rows that were held out. Otherwise it is that of
            rows which a PCA has not seen, in five folds of at most 10,000 rows. Those are other
            rows than training held out, so small differences are chance.
        name : str, default=None
            Title. None for the name of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; two panels take its place. None makes a figure.

        Returns
        -------
        display : LearningCurveDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ValueError
            If the estimator has no `loss_curve_`.
        """
        pyplot(cls)
        step, X = last_step(estimator, some_rows(X))
        if not hasattr(step, "loss_curve_"):
            raise ValueError(_without_curve(step))
        pca_loss, pca_r2, pca_name = loss_at_pca(step), None, "PCA"
        if X is not None and pca_loss is None:
            pca_r2 = r2_of_unseen_rows(as_table(X), len(step.get_feature_names_out()))
            pca_loss = 1 - pca_r2 if has_plain_loss(step) else None
            pca_name = "PCA of other rows"
        name = name_of(estimator) if name is None else name
        if getattr(step, "is_pca_", False):
            name += "\nno better than PCA, to which it went back"
        elif hasattr(step, "reconstruction_curve_"):
            name += "\nthe training of all components, then of those that are kept"
        display = cls(
            step.loss_curve_,
            held_out_loss=getattr(step, "validation_loss_curve_", None),
            held_out_r2=getattr(step, "validation_scores_", None),
            pca_loss=pca_loss,
            pca_r2=pca_r2,
            pca_name=pca_name,
            best_epoch=best_epoch(step),
            loss_name=loss_name(step),
            epoch_name=epoch_name(step),
            name=name,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; two panels take its place. None makes a figure.

        Returns
        -------
        display : LearningCurveDisplay
            Itself, with what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self))
        two = self._draws_r2()
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 5.6 if two else 3.8), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.best_epoch_ = self._best_epoch()
        with kept_in_place(ax) as drawn:
            self.axes_ = panels(ax, 2, 1, sharex=True).ravel() if two else np.array([ax])
            drawn.extend(self.axes_)
            self._plot_loss(self.axes_[0], tell_best=not two)
            if two:
                self._plot_r2(self.axes_[1])
            self.axes_[-1].set_xlabel(self.epoch_name)
            self.axes_[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        return self

    def _draws_r2(self):
        """Whether R² says what the loss does not: how held-out rows fare, or where PCA is."""
        if self.held_out_r2 is None:
            return False
        return self.held_out_loss is None or (self.pca_loss is None and self.pca_r2 is not None)

    def _best_epoch(self):
        if self.best_epoch is not None:
            return self.best_epoch
        if self.held_out_loss is not None:
            return int(np.nanargmin(self.held_out_loss)) + 1
        return None if self.held_out_r2 is None else int(np.nanargmax(self.held_out_r2)) + 1

    def _plot_loss(self, ax, tell_best):
        from matplotlib.ticker import LogLocator, NullFormatter

        draw_curve(ax, self.loss, "training", TRAINING)
        values = list(self.loss)
        if self.held_out_loss is not None:
            draw_curve(ax, self.held_out_loss, "held-out rows", HELD_OUT)
            values += list(self.held_out_loss)
        self._mark(ax, self.pca_loss, tell_best)
        ax.set_ylabel(self.loss_name)
        if np.nanmin(values) > 0 and np.nanmax(values) > 10 * np.nanmin(values):
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
        legend_above(ax, *ax.get_legend_handles_labels(), self.name)

    def _plot_r2(self, ax):
        draw_curve(ax, self.held_out_r2, "held-out rows", HELD_OUT)
        self._mark(ax, self.pca_r2, True)
        ax.set_ylabel("R²")
        low = np.nanmin(self.held_out_r2)
        if low < WORST_R2:  # below, nothing is learned yet: how far is of no interest
            ax.set_ylim(bottom=WORST_R2)
        legend_above(ax, *ax.get_legend_handles_labels())

    def _mark(self, ax, level, tell_best):
        """Draw the level of PCA and the best epoch, as far as they are known."""
        if level is not None:
            label = f"{self.pca_name}: {level:.2f}"
            ax.axhline(level, color=LEVEL, linestyle="--", linewidth=1, label=label)
        what = "smallest held-out loss" if self.held_out_loss is not None else "largest held-out R²"
        what = "weights kept" if self.best_epoch is not None else what
        if self.best_epoch_:
            label = f"{what}: {self.epoch_name} {self.best_epoch_}" if tell_best else None
            ax.axvline(self.best_epoch_, color=LEVEL, linestyle=":", linewidth=1, label=label)


def draw_curve(ax, values, label, color):
    """Draw one value for each epoch, counted from 1; few are seen as points, too.

    Parameters
    ----------
    ax : Axes
    values : array-like of shape (n_epochs,)
    label, color : str
    """
    marker = "." if len(values) <= FEW_EPOCHS else ""
    epochs = np.arange(1, len(values) + 1)
    ax.plot(epochs, values, color=color, label=label, marker=marker, linewidth=1.5)


def has_plain_loss(estimator):
    """Whether training minimised the squared error alone, which is 1 - R² up to chance.

    Parameters
    ----------
    estimator : estimator
    """
    parts = [getattr(estimator, part, "not a parameter") for part in ("penalty", "corruption")]
    return getattr(estimator, "loss", None) == "squared_error" and parts == [None, None]


def loss_at_pca(estimator):
    """Return the loss of the held-out rows before the first step, if that was at PCA.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    loss : float or None
        None of what was saved and loaded, which does not keep it.
    """
    asked = getattr(estimator, "init", None) in ("auto", "pca") and not estimator.warm_start
    if not (asked and has_plain_loss(estimator)):
        return None
    if not has_linear_paths(estimator.module_):
        return None  # "auto" was "random"
    monitor = getattr(getattr(estimator, "net_", None), "monitor", None)
    values = getattr(monitor, "start_values_", None)
    return None if values is None else float(values.mean())


def loss_name(estimator):
    """Return what the loss of an estimator is, for an axis.

    Parameters
    ----------
    estimator : estimator
    """
    parts = [getattr(estimator, part, "not a parameter") for part in ("penalty", "corruption")]
    if parts == [None, None] and isinstance(estimator.loss, str):
        return LOSS_NAMES[estimator.loss]
    return "objective" if hasattr(estimator, "module_") else "loss"


def epoch_name(estimator):
    """Return what an estimator has a loss for: each epoch, or each round of steps.

    Parameters
    ----------
    estimator : estimator
    """
    iterator = getattr(getattr(estimator, "net_", None), "iterator_train", None)
    return "round" if iterator is Steps else "epoch"


def _without_curve(estimator):
    """Return what to say of an estimator that has no learning curve."""
    name = type(estimator).__name__
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return f"{name} has no loss_curve_ before it is fitted. Fit it."
    return (
        f"{name} has no loss_curve_. LearningCurveDisplay takes what is trained by gradients: an "
        "autoencoder, a pipeline that ends in one, or a search; of a detector its autoencoder_."
    )


def best_epoch(estimator):
    """Return the epoch whose weights an estimator kept, as far as it tells.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    epoch : int or None
        Counted from 1. 0 is none of them, and None is not known.
    """
    curve = getattr(estimator, "validation_loss_curve_", None)
    if getattr(estimator, "is_pca_", False):
        return 0
    if curve is None:  # R² of two trainings is not comparable
        return 0 if hasattr(estimator, "reconstruction_curve_") else None
    found = np.flatnonzero(np.isclose(curve, estimator.best_loss_, rtol=1e-9, atol=0))
    return int(found[-1]) + 1 if len(found) else 0


def r2_of_unseen_rows(X, n_components):
    """Return R² of PCA for rows that it has not seen, relative to the mean of those it has.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_components : int

    Returns
    -------
    r2 : float
    """
    error = total = 0.0
    folds = KFold(min(N_FOLDS, len(X)), shuffle=True, random_state=0)
    for seen, unseen in folds.split(X):
        pca = PCA(min(n_components, X.shape[1], len(seen)), random_state=0).fit(X[seen])
        rest = X[unseen] - pca.inverse_transform(pca.transform(X[unseen]))
        error += np.square(rest).sum()
        total += np.square(X[unseen] - pca.mean_).sum()
    return 1 - error / total if total else 1.0

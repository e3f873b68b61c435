"""Which weights are the best, when training ends, and what becomes of a loss that explodes."""

import math

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from .chance import chance

TYPICAL_EPOCHS = 12  # of a training whose learning rate falls when held-out rows say so
MAX_RESTARTS = 5  # times the learning rate is halved before a diverging fit gives up


class Monitor(Callback):
    """Keeps the best weights, restarts a diverging training and ends a stalled one.

    Parameters
    ----------
    held_out : Rows or None, default=None
        Rows whose objective decides what is best. Without them the training loss decides when to
        stop, and the last average is kept.
    tol : float, default=1e-3
        Smallest decrease of the loss that counts as one.
    n_iter_no_change : int, default=12
        Training ends when more epochs than this pass without a decrease.
    max_epochs : int or None, default=None
        Training ends after so many epochs that did not diverge.
    max_restarts : int, default=5
        How often a diverging training goes back, before it gives up.
    start : Rows or None, default=None
        Rows whose loss at the start tells a diverging loss from a decreasing one. Without them the
        mean loss of the first epoch does, which may have seen the worst already.
    """

    only_watches = True

    def __init__(
        self,
        held_out=None,
        tol=1e-3,
        n_iter_no_change=12,
        max_epochs=None,
        max_restarts=MAX_RESTARTS,
        start=None,
    ):
        self.held_out = held_out
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.max_epochs = max_epochs
        self.max_restarts = max_restarts
        self.start = start

    def on_train_begin(self, net, X=None, **kwargs):
        self.finished_ = False
        self.stopped_by_ = None
        self.loss_curve_, self.validation_loss_curve_, self.validation_scores_ = [], [], []
        self.n_restarts_ = self.n_stalled_ = self.n_sound_ = 0
        net.stepper.begin(net)
        self.best_weights_ = [weight.clone() for weight in net.stepper.weights_]
        self.best_loss_ = math.inf
        self.has_held_out_ = self.held_out is not None
        if self.held_out is not None:
            self.start_values_, _ = net.evaluate(self.held_out)
            self.best_values_ = self.start_values_
            loss = self.start_values_.mean().item()
            self.best_loss_ = math.inf if math.isnan(loss) else loss  # nothing is below NaN
        self.reference_ = self.best_loss_
        self.limit_ = None
        if self.start is not None:
            self._set_limit(net.evaluate(self.start)[0].mean().item())

    def on_epoch_end(self, net, **kwargs):
        net.stepper.settle(net)
        train_loss = loss = net.history[-1, "train_loss"]
        if self.held_out is not None:
            values, r2 = net.stepper.evaluate_average(net, self.held_out)
            loss = values.mean().item()
            net.history.record("valid_loss", loss)
            net.history.record("valid_r2", r2)
        self.loss_curve_.append(train_loss)
        if self.held_out is not None:
            self.validation_loss_curve_.append(loss)
            self.validation_scores_.append(r2)
        if not (math.isfinite(loss) and self._is_sane(train_loss)):
            self._restart(net)
            return
        self.n_sound_ += 1
        if loss < self.best_loss_:
            self.best_loss_ = loss
            torch._foreach_copy_(self.best_weights_, net.stepper.average_)
            if self.held_out is not None:
                self.best_values_ = values
        self.n_stalled_ += 1
        if loss < self.reference_ - self.tol:
            self.reference_ = loss
            self.n_stalled_ = 0
        stalled = self.n_stalled_ > self.n_iter_no_change
        self.finished_ = stalled or self.n_sound_ == self.max_epochs

    def on_train_end(self, net, **kwargs):
        if self.n_restarts_ and not self.n_sound_:
            raise Diverged
        kept = net.stepper.average_ if self.held_out is None else self.best_weights_
        net.stepper.end(kept)

    def _is_sane(self, train_loss):
        """Whether a loss is below what a decreasing loss passes, which the first one sets."""
        if self.limit_ is None and math.isfinite(train_loss):
            self._set_limit(train_loss)
        return math.isfinite(train_loss) and train_loss <= self.limit_

    def _set_limit(self, loss):
        self.limit_ = loss + 10 * max(abs(loss), 1)

    def n_left(self, n_done, n_most):
        """Return an estimate of how many epochs are to come.

        Where patience decides, a training has about as long to go as it has lasted, and at least
        until patience runs out.

        Parameters
        ----------
        n_done : int
        n_most : int
            Of epochs, in the whole training.
        """
        if self.finished_:
            return 0
        most = n_most - n_done
        if self.n_iter_no_change >= n_most:
            return most
        patience = self.n_iter_no_change + 1 - self.n_stalled_
        return min(max(patience, n_done), most)

    def put_in_front(self, earlier):
        """Put the epochs of an earlier training in front of those of this one.

        Parameters
        ----------
        earlier : Monitor
        """
        self.loss_curve_ = earlier.loss_curve_ + self.loss_curve_
        self.validation_loss_curve_ = earlier.validation_loss_curve_ + self.validation_loss_curve_
        self.validation_scores_ = earlier.validation_scores_ + self.validation_scores_
        self.finished_ = earlier.finished_ and self.finished_

    def warning(self, max_iter):
        """Return what to warn of after training by at most so many epochs, or None."""
        if self.stopped_by_ == "interrupt":
            return (
                f"Training was interrupted after {len(self.loss_curve_)} epochs; the best "
                "weights so far are kept."
            )
        if self.finished_:
            return None
        return ConvergenceWarning(
            f"Training stopped at max_iter={max_iter} epochs before the loss settled. "
            "Increase max_iter, or tol if the result is good enough."
        )

    def p_value(self):
        """Return how likely chance alone made the best weights better than those of the start.

        A paired, one-sided t test over the held-out rows.
        """
        return chance((self.start_values_ - self.best_values_).double().cpu().numpy())

    def _restart(self, net):
        """Go back to the best weights and halve the learning rate."""
        if self.n_restarts_ == self.max_restarts:
            raise Diverged
        self.n_restarts_ += 1
        net.stepper.restart(net, self.best_weights_)


class FallingMonitor(Monitor):
    """Lets the learning rate fall when the held-out loss stalls, and ends the training after that.

    Without held-out rows it falls when the steps come to an end.

    Parameters
    ----------
    schedule : Trapezoid
        Of the net's stepper.
    held_out : Rows or None, default=None
    **params
        As for `Monitor`; `tol` is relative to the loss of the start, where that is below 1.
    """

    def __init__(self, schedule, held_out=None, **params):
        super().__init__(held_out, **params)
        self.schedule = schedule

    def on_train_begin(self, net, X=None, **kwargs):
        super().on_train_begin(net, X, **kwargs)
        if self.has_held_out_:
            self.tol *= min(abs(self.best_loss_), 1.0)  # the start may be infinitely bad

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        n_taken = net.stepper.n_taken_
        if self.has_held_out_ and self.n_stalled_ > self.n_iter_no_change:
            self.schedule.fall_from(n_taken)
        self.finished_ = n_taken >= self.schedule.n_steps or self.n_sound_ == self.max_epochs

    def n_left(self, n_done, n_most):
        """Return an estimate of how many epochs are to come.

        When the learning rate falls, that is known. Before, held-out rows decide when, and the
        training has about as long to go as it has lasted.

        Parameters
        ----------
        n_done : int
        n_most : int
            Of epochs, in the whole training.
        """
        share = self.schedule.n_steps / self.schedule.max_steps
        left = max(math.ceil(share * n_most) - n_done, 0)
        if not self.has_held_out_ or share < 1:
            return left
        return min(max(n_done, TYPICAL_EPOCHS - n_done), left)


class Diverged(RuntimeError):
    """The loss stayed infinite or kept exploding after all restarts."""

"""The training loop: a skorch net, what it minimises, and when it stops."""

import math
import warnings

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from torch import nn

from ._loader import Rows

MAX_RESTARTS = 5  # times the learning rate is halved before a diverging fit gives up


class Objective(nn.Module):
    """What training minimises: loss plus penalty.

    Parameters
    ----------
    loss : callable
        ``loss(reconstruction, x)``, one value per row.
    penalty : callable or None, default=None
        ``penalty(module, x, output)``, one value per row or one for the batch.
    corruption : callable or None, default=None
        ``corruption(x, generator)``, what the encoder sees instead of x.
    unit : float, default=1.0
        What the loss is measured in.
    seed : int, default=0
        Where the corruption's random numbers start. Held-out rows get the same ones every time, so
        that their loss changes with the weights only.
    device : str, default="cpu"
    """

    def __init__(self, loss, penalty=None, corruption=None, unit=1.0, seed=0, device="cpu"):
        super().__init__()
        self.loss = loss
        self.unit = unit
        self.penalty = penalty
        self.corruption = corruption
        self.seed = seed
        self.generator = torch.Generator(device).manual_seed(seed)

    def forward(self, module, x):
        """Return the values of the rows of x, shape (n_rows,), and the module's output."""
        output = module(x if self.corruption is None else self._corrupted(x))
        values = self.loss(output.reconstruction, x) / self.unit
        if self.penalty is not None:
            values = values + self.penalty(module, x, output)
        return values, output

    def _corrupted(self, x):
        if self.training:
            return self.corruption(x, self.generator)
        return self.corruption(x, torch.Generator(x.device).manual_seed(self.seed))


class AutoencoderNet(NeuralNet):
    """A skorch net whose criterion sees the module and the batch, and whose loop is lean.

    A loop of skorch's records and announces every batch, which on small batches costs more than
    the computing. Here the loss of an epoch is collected once, and batches are announced only to
    callbacks that listen to them.

    Parameters
    ----------
    module, criterion : AutoencoderModule, Objective
    monitor : Monitor
    **kwargs
        As for `skorch.NeuralNet`.
    """

    def __init__(self, module, criterion, *, monitor, **kwargs):
        self.monitor = monitor
        super().__init__(module, criterion, **kwargs)

    def get_default_callbacks(self):
        return [
            ("epoch_timer", EpochTimer()),
            ("monitor", self.monitor),
            ("print_log", PrintLog(keys_ignored=["train_batch_count"])),
        ]

    def get_dataset(self, X, y=None):
        return X if isinstance(X, Rows) else Rows(X)

    def train_step_single(self, batch, **fit_params):
        loss, output = self._loss(batch)
        loss.backward()
        return {"loss": loss, "y_pred": output.reconstruction}

    def train_step(self, batch, **fit_params):
        step = super().train_step(batch, **fit_params)
        self.monitor.follow()
        return step

    def _loss(self, batch):
        x, weight = batch
        values, output = self.criterion_(self.module_, x.to(self.device))
        if weight is not None:
            values = values * weight.to(self.device)
        return values.mean(), output

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        self._set_training(training)
        announced = self._is_heard("on_batch_begin") or self._is_heard("on_batch_end")
        losses, sizes = [], []
        for batch in iterator:
            if announced:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            losses.append(step["loss"].detach())
            sizes.append(len(batch[0]))
            if announced:
                self.history.record_batch(f"{prefix}_loss", losses[-1].item())
                self.history.record_batch(f"{prefix}_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=batch, training=training, **step)
        losses = torch.stack(losses).double()
        mean = (losses @ torch.tensor(sizes).to(losses) / sum(sizes)).item()
        self.history.record(f"{prefix}_loss", mean)
        self.history.record(f"{prefix}_batch_count", len(sizes))

    @torch.no_grad()
    def evaluate(self, rows):
        """Return the objective at each of some rows, times its weight, and their R².

        R² is relative to the mean of the training data.

        Parameters
        ----------
        rows : Rows

        Returns
        -------
        values : Tensor of shape (n_rows,)
        r2 : float
        """
        self._set_training(False)
        values, error, total = [], 0.0, 0.0
        for x, weight in self.get_iterator(rows):
            x = x.to(self.device)
            value, output = self.criterion_(self.module_, x)
            weight = torch.ones_like(value) if weight is None else weight.to(self.device)
            values.append(weight * value)
            error += weight @ (output.reconstruction - x).square().sum(dim=1)
            total += weight @ (x - self.module_.offset).square().sum(dim=1)
        return torch.cat(values), 1 - (error / total).item()

    def notify(self, method_name, **cb_kwargs):
        if method_name == "on_grad_computed" and not self._is_heard(method_name):
            return
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            if method_name != "on_epoch_end":
                raise
            raise _Finished from None  # how skorch's own EarlyStopping ends a fit

    def _is_heard(self, hook):
        ours = getattr(Callback, hook)
        return any(getattr(type(callback), hook) is not ours for _, callback in self.callbacks_)

    def on_epoch_begin(self, net, **kwargs):
        if self.monitor.finished_:
            raise _Finished
        super().on_epoch_begin(net, **kwargs)

    def partial_fit(self, X, y=None, **fit_params):
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y)
        except _Finished:
            pass
        except KeyboardInterrupt:
            warnings.warn(
                f"Training was interrupted in epoch {len(self.history)}; the best weights so far "
                "are kept.",
                stacklevel=4,
            )
            self.monitor.finished_ = True
        self.notify("on_train_end", X=X, y=y)
        return self


class _Finished(Exception):
    """Ends the loop of a net from inside; not an error."""


class Monitor(Callback):
    """Averages the weights, keeps the best ones, restarts a diverging fit and ends a stalled one.

    Adam at a constant learning rate jitters around the minimum; the exponential moving average of
    its weights does not, so no schedule has to know in advance how long training lasts (Polyak &
    Juditsky 1992). The average is what is evaluated and kept.

    Parameters
    ----------
    held_out : Rows or None, default=None
        Rows whose objective decides what is best. Without them the training loss decides when to
        stop, and the last average is kept.
    tol : float, default=1e-4
        Smallest relative decrease of the loss that counts as one.
    n_iter_no_change : int, default=10
        Training ends when more epochs than this pass without a decrease.
    decay : float, default=0.98
        Of the moving average, per step.
    """

    def __init__(self, held_out=None, tol=1e-4, n_iter_no_change=10, decay=0.98):
        self.held_out = held_out
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.decay = decay

    def on_train_begin(self, net, X=None, **kwargs):
        self.finished_ = False
        self.n_restarts_ = self.n_stalled_ = self.n_steps_ = self.best_epoch_ = 0
        self.weights_ = [weight.detach() for weight in net.module_.parameters()]
        self.average_ = [weight.clone() for weight in self.weights_]
        self.best_weights_ = [weight.clone() for weight in self.weights_]
        self.best_loss_ = math.inf
        if self.held_out is not None:
            self.start_values_, _ = net.evaluate(self.held_out)
            self.best_values_ = self.start_values_
            self.best_loss_ = self.start_values_.mean().item()
        self.reference_ = self.best_loss_
        self.limit_ = None

    def follow(self):
        """Move the average one step towards the weights."""
        self.n_steps_ += 1
        share = max(1 - self.decay, 10 / (10 + self.n_steps_))  # forget the start at first
        torch._foreach_lerp_(self.average_, self.weights_, share)

    def on_epoch_end(self, net, **kwargs):
        train_loss = loss = net.history[-1, "train_loss"]
        if self.limit_ is None:  # far above anything that a decreasing loss passes
            self.limit_ = train_loss + 10 * max(abs(train_loss), 1)
        if self.held_out is not None:
            values, r2 = self._evaluate_average(net)
            loss = values.mean().item()
            net.history.record("valid_loss", loss)
            net.history.record("valid_r2", r2)
        if not (math.isfinite(loss) and train_loss <= self.limit_):
            self._restart(net)
            return
        if loss < self.best_loss_:
            self.best_loss_ = loss
            self.best_epoch_ = len(net.history)
            torch._foreach_copy_(self.best_weights_, self.average_)
            if self.held_out is not None:
                self.best_values_ = values
        self.n_stalled_ += 1
        if loss < self.reference_ - self.tol * abs(self.reference_) or self.reference_ == math.inf:
            self.reference_ = loss
            self.n_stalled_ = 0
        self.finished_ = self.n_stalled_ > self.n_iter_no_change

    def on_train_end(self, net, **kwargs):
        kept = self.average_ if self.held_out is None else self.best_weights_
        torch._foreach_copy_(self.weights_, kept)

    def gain(self):
        """Return how many standard errors the best held-out loss lies below that of the start."""
        decrease = (self.start_values_ - self.best_values_).double()
        error = decrease.std() / math.sqrt(len(decrease))
        return (decrease.mean() / error).item() if error > 0 else 0.0

    def _evaluate_average(self, net):
        current = [weight.clone() for weight in self.weights_]
        torch._foreach_copy_(self.weights_, self.average_)
        result = net.evaluate(self.held_out)
        torch._foreach_copy_(self.weights_, current)
        return result

    def _restart(self, net):
        """Go back to the best weights and halve the learning rate."""
        if self.n_restarts_ == MAX_RESTARTS:
            raise Diverged(self.n_restarts_)
        self.n_restarts_ += 1
        self.n_steps_ = 0
        torch._foreach_copy_(self.weights_, self.best_weights_)
        torch._foreach_copy_(self.average_, self.best_weights_)
        net.optimizer_.state.clear()
        for group in net.optimizer_.param_groups:
            group["lr"] /= 2


class Diverged(Exception):
    """The loss stayed infinite or kept exploding after all restarts."""

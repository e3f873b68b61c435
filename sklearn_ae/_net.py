"""The training loop: a skorch net, and when it stops."""

import copy
import inspect
import math

import torch
from scipy.special import stdtr
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog

from ._device import fitting_threads, float_tensors
from ._loader import Rows

WARM_UP = 50  # steps: the first ones of Adam are as long as any, and would leave a good start
MAX_RESTARTS = 5  # times the learning rate is halved before a diverging fit gives up


class AutoencoderNet(NeuralNet):
    """A skorch net whose criterion sees the module and the batch, and whose loop is lean.

    A loop of skorch's records and announces every batch, which on small batches costs more than
    the computing. Here the loss of an epoch is collected once, and batches are announced only to
    callbacks that listen to them.

    Parameters
    ----------
    module, criterion : AutoencoderModule, Objective
    monitor : Monitor
    alpha : float, default=0.0
        Decoupled weight decay (Loshchilov & Hutter 2019), for any optimizer.
    **kwargs
        As for `skorch.NeuralNet`.
    """

    def __init__(self, module, criterion, *, monitor, alpha=0.0, **kwargs):
        self.monitor = monitor
        self.alpha = alpha
        super().__init__(module, criterion, **kwargs)

    def get_default_callbacks(self):
        callbacks = [("epoch_timer", EpochTimer()), ("monitor", self.monitor)]
        if self.verbose:  # a silent PrintLog still formats its table, in every epoch
            callbacks.append(("print_log", PrintLog(keys_ignored=["train_batch_count"])))
        return callbacks

    def get_dataset(self, X, y=None):
        return X if isinstance(X, Rows) else Rows(X)

    def train_step_single(self, batch, **fit_params):
        loss, output = self._loss(batch)
        loss.backward()
        return {"loss": loss, "y_pred": output.reconstruction}

    def train_step(self, batch, **fit_params):
        share = self.monitor.next_share()
        if share == 1:
            step = self._take_step(batch)
        else:
            groups = self.optimizer_.param_groups
            rates = [group["lr"] for group in groups]
            for group in groups:
                group["lr"] *= share
            try:
                step = self._take_step(batch)
            finally:  # Ctrl-C in a step must not leave the small rate to the next partial_fit
                for group, rate in zip(groups, rates, strict=True):
                    group["lr"] = rate
        self.monitor.follow(self)
        return step

    def _take_step(self, batch):
        if self.needs_closure_:
            return super().train_step(batch)
        self.optimizer_.zero_grad()
        step = self.train_step_single(batch)
        self.optimizer_.step()
        return step

    def initialize_optimizer(self, *args, **kwargs):
        super().initialize_optimizer(*args, **kwargs)
        closure = inspect.signature(type(self.optimizer_).step).parameters["closure"]
        self.needs_closure_ = closure.default is not None or self._listeners("on_grad_computed")
        return self

    def _loss(self, batch):
        x, weight, *guide = batch
        weight = None if weight is None else self._tensor(weight)
        guide = [self._tensor(part) for part in guide]
        values, output = self.criterion_(self.module_, self._tensor(x), weight, *guide)
        if weight is not None:
            values = values * weight
        return values.mean(), output

    def _tensor(self, x):
        return x.to(self.device, self.module_.offset.dtype)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        self._set_training(training)
        announced = self._listeners("on_batch_begin") or self._listeners("on_batch_end")
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
        for x, weight, *guide in self.get_iterator(rows):
            x = self._tensor(x)
            weight = x.new_ones(len(x)) if weight is None else self._tensor(weight)
            guide = [self._tensor(part) for part in guide]
            value, output = self.criterion_(self.module_, x, weight, *guide)
            values.append(weight * value)
            gaps = x.isnan()  # there is nothing to be right or wrong about
            wrong, apart = output.reconstruction - x, x - self.module_.offset
            error += weight @ wrong.masked_fill(gaps, 0).square().sum(dim=1)
            total += weight @ apart.masked_fill(gaps, 0).square().sum(dim=1)
        return torch.cat(values), 1 - (error / total).item() if error else 1.0

    def infer(self, x, **fit_params):
        return self.module_(self._tensor(x)).reconstruction  # what net_.predict gives back

    def notify(self, method_name, **cb_kwargs):
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self._listeners(method_name):
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                if method_name != "on_epoch_end" or callback is self.monitor:
                    raise
                raise _Finished from None  # how skorch's own EarlyStopping ends a fit

    def _listeners(self, hook):
        ours = getattr(Callback, hook)
        return [item for item in self.callbacks_ if getattr(type(item[1]), hook) is not ours]

    def on_epoch_begin(self, net, **kwargs):
        if self.monitor.finished_:
            raise _Finished
        super().on_epoch_begin(net, **kwargs)

    def partial_fit(self, X, y=None, **fit_params):
        if not self.initialized_:
            self.initialize()
        with fitting_threads(self.module_, self.batch_size):
            self._train(X)
        return self

    def _train(self, X):
        self.notify("on_train_begin", X=X, y=None)
        try:
            self.fit_loop(X)
        except _Finished:
            if not self.monitor.finished_:
                self.monitor.stopped_by_ = "callback"
        except KeyboardInterrupt:
            self.monitor.stopped_by_ = "interrupt"
        if self.monitor.stopped_by_ is not None:
            self.monitor.finished_ = True
        self.notify("on_train_end", X=X, y=None)


class _Finished(Exception):
    """Ends the loop of a net from inside; not an error."""


def warm_up(step):
    """Return the share of the learning rate for a step, counted from 1: it grows over the first 50.

    Parameters
    ----------
    step : int
    """
    return min(step / WARM_UP, 1.0)


class OneCycle:
    """The share of the learning rate for a step: up and down to nothing (Smith & Topin 2018).

    Parameters
    ----------
    n_steps : int
        In the whole training.
    ramp : float, default=0.2
        Share of the steps in which the learning rate grows.
    largest : float, default=1.0
        The largest share.
    """

    def __init__(self, n_steps, ramp=0.2, largest=1.0):
        self.n_steps = n_steps
        self.largest = largest
        self.n_up = max(ramp * n_steps, 1)

    def __call__(self, step):
        """Return the share for a step, counted from 1."""
        up, down = step / self.n_up, (step - self.n_up) / max(self.n_steps - self.n_up, 1)
        wave = -math.cos(math.pi * up) if up < 1 else math.cos(math.pi * down)
        return self.largest * (1 + wave) / 2


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
    tol : float, default=1e-3
        Smallest decrease of the loss that counts as one.
    n_iter_no_change : int, default=12
        Training ends when more epochs than this pass without a decrease.
    decay : float, default=0.98
        Of the moving average, per step.
    max_epochs : int or None, default=None
        Training ends after so many epochs that did not diverge.
    n_before : int, default=0
        Steps that the optimizer has taken before.
    schedule : callable, default=warm_up
        ``schedule(step)``, the share of the learning rate that a step is taken with.
    max_restarts : int, default=5
        How often a diverging fit goes back, before it gives up.
    start : Rows or None, default=None
        Rows whose loss at the start tells a diverging loss from a decreasing one. Without them the
        mean loss of the first epoch does, which may have seen the worst already.
    """

    def __init__(
        self,
        held_out=None,
        tol=1e-3,
        n_iter_no_change=12,
        decay=0.98,
        max_epochs=None,
        n_before=0,
        schedule=warm_up,
        max_restarts=MAX_RESTARTS,
        start=None,
    ):
        self.held_out = held_out
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.decay = decay
        self.max_epochs = max_epochs
        self.n_before = n_before
        self.schedule = schedule
        self.max_restarts = max_restarts
        self.start = start

    def on_train_begin(self, net, X=None, **kwargs):
        self.finished_ = False
        self.stopped_by_ = None
        self.loss_curve_, self.validation_scores_ = [], []
        self.n_restarts_ = self.n_stalled_ = self.n_sound_ = 0
        self.n_steps_ = self.n_pending_ = 0
        self.weights_ = float_tensors(net.module_)
        # Linear paths are spared: decay leads to a linear autoencoder, not to zero.
        coders = [part for part in net.module_.modules() if hasattr(part, "linear_parameters")]
        spared = {id(weight) for coder in coders for weight in coder.linear_parameters()}
        self.decaying_ = [
            weight.detach()
            for weight in net.module_.parameters()
            if weight.ndim > 1 and id(weight) not in spared
        ]
        self.average_ = [weight.clone() for weight in self.weights_]
        self.best_weights_ = [weight.clone() for weight in self.weights_]
        self.best_loss_ = math.inf
        self.has_held_out_ = self.held_out is not None
        if self.held_out is not None:
            self.start_values_, _ = net.evaluate(self.held_out)
            self.best_values_ = self.start_values_
            self.best_loss_ = self.start_values_.mean().item()
        self.reference_ = self.best_loss_
        self.limit_ = None
        if self.start is not None:
            self._set_limit(net.evaluate(self.start)[0].mean().item())
        self.n_taken_ = self.n_before

    def next_share(self):
        """Return the share of the learning rate that the next step is to be taken with."""
        self.n_taken_ += 1
        return self.schedule(self.n_taken_)

    def follow(self, net):
        """Decay and average the weights: once in four steps, which costs less and does as well."""
        self.n_pending_ += 1
        if self.n_pending_ == 4:
            self._catch_up(net)

    def _catch_up(self, net):
        n = self.n_pending_
        if n == 0:
            return
        self.n_steps_ += n
        self.n_pending_ = 0
        if net.alpha and self.decaying_:
            rate = net.optimizer_.param_groups[0]["lr"]
            torch._foreach_mul_(self.decaying_, max(1 - rate * net.alpha, 0.0) ** n)
        share = max(1 - self.decay**n, 10 / (10 + self.n_steps_))  # forget the start at first
        torch._foreach_lerp_(self.average_, self.weights_, share)

    def on_epoch_end(self, net, **kwargs):
        self._catch_up(net)
        train_loss = loss = net.history[-1, "train_loss"]
        if self.held_out is not None:
            values, r2 = self._evaluate_average(net)
            loss = values.mean().item()
            net.history.record("valid_loss", loss)
            net.history.record("valid_r2", r2)
        self.loss_curve_.append(train_loss)
        if self.held_out is not None:
            self.validation_scores_.append(r2)
        if not (math.isfinite(loss) and self._is_sane(train_loss)):
            self._restart(net)
            return
        self.n_sound_ += 1
        if loss < self.best_loss_:
            self.best_loss_ = loss
            torch._foreach_copy_(self.best_weights_, self.average_)
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
        kept = self.average_ if self.held_out is None else self.best_weights_
        torch._foreach_copy_(self.weights_, kept)

    def _is_sane(self, train_loss):
        """Whether a loss is below what a decreasing loss passes, which the first one sets."""
        if self.limit_ is None and math.isfinite(train_loss):
            self._set_limit(train_loss)
        return math.isfinite(train_loss) and train_loss <= self.limit_

    def _set_limit(self, loss):
        self.limit_ = loss + 10 * max(abs(loss), 1)

    def average_in(self, module):
        """Return a copy of a module, with the averaged weights in it."""
        module = copy.deepcopy(module)
        for tensor, average in zip(float_tensors(module), self.average_, strict=True):
            tensor.copy_(average)
        return module

    def put_in_front(self, earlier):
        """Put the epochs of an earlier training in front of those of this one.

        Parameters
        ----------
        earlier : Monitor
        """
        self.loss_curve_ = earlier.loss_curve_ + self.loss_curve_
        self.validation_scores_ = earlier.validation_scores_ + self.validation_scores_
        self.finished_ = earlier.finished_ and self.finished_

    def p_value(self):
        """Return how likely chance alone made the best weights better than those of the start.

        A paired, one-sided t test over the held-out rows.
        """
        decrease = (self.start_values_ - self.best_values_).double()
        if len(decrease) < 2 or decrease.std() == 0:
            return 1.0
        error = decrease.std().item() / math.sqrt(len(decrease))
        return stdtr(len(decrease) - 1, -decrease.mean().item() / error)

    def _evaluate_average(self, net):
        current = [weight.clone() for weight in self.weights_]
        torch._foreach_copy_(self.weights_, self.average_)
        result = net.evaluate(self.held_out)
        torch._foreach_copy_(self.weights_, current)
        return result

    def _restart(self, net):
        """Go back to the best weights and halve the learning rate."""
        if self.n_restarts_ == self.max_restarts:
            raise Diverged
        self.n_restarts_ += 1
        self.n_steps_ = self.n_pending_ = self.n_taken_ = 0
        torch._foreach_copy_(self.weights_, self.best_weights_)
        torch._foreach_copy_(self.average_, self.best_weights_)
        net.optimizer_.state.clear()
        for group in net.optimizer_.param_groups:
            group["lr"] /= 2


class Diverged(RuntimeError):
    """The loss stayed infinite or kept exploding after all restarts."""


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks (1.9) of the fit and of each of its epochs.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The context of the fit.
    estimator : estimator
        Whose fit it is.
    data : dict
        X, y and metadata of the fit.
    max_epochs : int
        Of how many epochs they are told, at most.
    """

    def __init__(self, context, estimator, data, max_epochs):
        self.context = context
        self.estimator = estimator
        self.data = data
        self.n_left = max_epochs
        self.task_ = None
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def follow(self, module, monitor, n_components):
        """Tell of the training of a module from now on.

        Parameters
        ----------
        module : AutoencoderModule
        monitor : Monitor
        n_components : int
            Width of the code of the module.
        """
        self._end_task()  # the epoch of a training that diverged
        self.module = module
        self.monitor = monitor
        self.n_components = n_components
        self.dtype = module.offset.dtype

    def fitted_attributes(self):
        """Return the attributes that make a copy of the estimator a fitted one."""
        return {
            "module_": self.monitor.average_in(self.module).eval().to(self.dtype),
            "n_features_in_": self.estimator.n_features_in_,
            "_n_features_out": self.n_components,
        }

    def on_epoch_begin(self, net, **kwargs):
        if self.n_left == 0:
            return
        self.n_left -= 1
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net, **kwargs):
        if self._end_task():
            raise KeyboardInterrupt  # skorch's word for it

    def _end_task(self):
        """Say that an epoch is over, if one was begun, and return whether training should end."""
        if self.task_ is None:
            return False
        task, self.task_ = self.task_, None
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=self.fitted_attributes,
            **self.data,
        )

    def finish(self):
        """Say that the fit is over, and let go of the data."""
        self._end_task()
        self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.data
        )
        self.context = self.estimator = self.data = self.module = self.monitor = None


def optimizer_params(solver, device):
    """Return the parameters of a skorch net that make its optimizer.

    Parameters
    ----------
    solver : {"adam", "sgd"}
    device : str

    Returns
    -------
    params : dict
    """
    if solver == "sgd":
        momentum = {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
        return {"optimizer": torch.optim.SGD} | momentum
    return {
        "optimizer": torch.optim.Adam,
        "optimizer__betas": (0.9, 0.99),
        # PCA is a stationary point of the linear paths: what gradient they have at the start is
        # rounding, which the usual eps of 1e-8 would scale up to steps that differ by machine.
        "optimizer__eps": 1e-5,
        # On the CPU this makes small steps a third cheaper.
        "optimizer__fused": torch.device(device).type in ("cpu", "cuda"),
    }

"""The training loop: a skorch net that is lean."""

import inspect
from functools import partial

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer

from .device import room_for, threads_for
from .loader import Batches, PreparedRows, Rows, Steps, parts_of
from .progress import ProgressLines
from .shared_rows import SharedRows
from .sparse_batch import SparseRows, is_mostly_zeros
from .sparse_passes import passes_over
from .tables import Table
from .world import here
from .written_out import recorded_where_possible, says, written_out, written_out_sparse


class AutoencoderNet(NeuralNet):
    """A skorch net whose criterion sees the module and the batch, and whose loop is lean.

    A loop of skorch's records and announces every batch, which on small batches costs more than
    the computing. Here the loss of an epoch is collected once, and batches are announced only to
    callbacks that listen to them. Steps whose backward pass is written out take the place of
    autograd and the optimizer wherever they can.

    Parameters
    ----------
    module, criterion : AutoencoderModule, Objective
    monitor : Monitor
    stepper : Stepper
    alpha : float, default=0.0
        Decoupled weight decay (Loshchilov & Hutter 2019), for any optimizer.
    **kwargs
        As for `skorch.NeuralNet`.

    Attributes
    ----------
    step_ : Step or None
        Takes the steps of the training under way. None where autograd does.
    why_autograd_ : str or None
        What has stood in the way of a written-out step, in the last training.
    """

    step_ = why_autograd_ = None

    def __init__(self, module, criterion, *, monitor, stepper, alpha=0.0, **kwargs):
        self.monitor = monitor
        self.stepper = stepper
        self.alpha = alpha
        super().__init__(module, criterion, **kwargs)

    def get_default_callbacks(self):
        callbacks = [("epoch_timer", EpochTimer()), ("monitor", self.monitor)]
        if self.verbose:
            word = "round" if self.iterator_train is Steps else "epoch"
            callbacks.append(("print_log", ProgressLines(word)))
        return callbacks

    def get_iterator(self, dataset, training=False):
        iterator = super().get_iterator(dataset, training)
        if not training and isinstance(getattr(dataset, "X", None), Table):
            return parts_of(dataset)  # a batch of wide rows would not fit in memory
        return iterator

    def get_dataset(self, X, y=None):
        return X if isinstance(X, Rows) else Rows(X)

    def train_step_single(self, batch, **fit_params):
        n_rows, prediction = len(batch[0]), None
        if n_rows:
            loss, output = self._loss(batch)
            loss.backward()
            prediction = output.reconstruction
        else:  # all rows of the batch are those of other ranks
            loss = self.module_.offset.new_zeros(())
        return {"loss": self._averaged(loss, n_rows), "y_pred": prediction}

    def _averaged(self, loss, n_rows):
        """Return the loss of the batch of all ranks, and make the gradients those of that."""
        if here().size == 1:
            return loss
        parameters = [p for _, p in self.get_all_learnable_params() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return here().average([p.grad for p in parameters], loss.detach(), n_rows)

    def train_step(self, batch, **fit_params):
        return self.stepper.take(self, batch)

    def take_step(self, batch):
        """Take one step at the learning rate of now, and return its loss and its prediction."""
        if self.step_ is not None:
            return self._take_written_step(batch)
        if self.needs_closure_:
            return super().train_step(batch)
        self.optimizer_.zero_grad()
        step = self.train_step_single(batch)
        self.optimizer_.step()
        return step

    def _take_written_step(self, batch):
        x, weight, *guide = batch
        if not self.is_prepared_:
            x, weight, *guide = (p if p is None else self._tensor(p) for p in (x, weight, *guide))
        rate = self.optimizer_.param_groups[0]["lr"]
        between = partial(self._tell_of_gradients, batch) if self.tells_of_gradients_ else None
        value = self.step_(x, weight, guide[0] if guide else None, rate, between)
        output = self.step_.output().reconstruction if self.announced_ and len(x) else None
        return {"loss": value, "y_pred": output}

    def _tell_of_gradients(self, batch):
        parameters = list(self.get_all_learnable_params())
        self.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)

    def _choose_path(self, write=written_out):
        """Write the steps out, or say why autograd takes them."""
        self._release()
        step = write(self.module_, self.criterion_, self.optimizer_)
        self.step_, self.why_autograd_ = (None, step) if isinstance(step, str) else (step, None)
        if self.step_ is not None:
            self.step_ = recorded_where_possible(step)
            self.stepper.follow(self.module_, self.step_.flat)

    def _release(self):
        if self.step_ is not None:
            self.step_.release()
            self.step_ = None
            self.stepper.follow(self.module_)

    def forget(self):
        """Let the optimizer start anew."""
        self.optimizer_.state.clear()
        if self.step_ is not None:
            self.step_.forget()

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
        if training:
            self.announced_ = announced
            self.tells_of_gradients_ = self._listeners("on_grad_computed")
            if not self.is_watched_only_:  # a callback may have changed anything
                self._choose_path()
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
        total = here().sum(losses @ torch.tensor(sizes).to(losses))
        mean = (total / here().sum(sum(sizes))).item()
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
        for weight, value, wrong, apart in self._evaluated(rows):
            values.append(weight * value)
            error += weight @ wrong
            total += weight @ apart
        values, error, total = self._of_all_ranks(values, error, total)
        return values, 1 - (error / total).item() if error else 1.0

    def _evaluated(self, rows):
        """Yield the weights of some rows, their values, and how far off and apart they are."""
        objective, module = self.criterion_, self.module_
        passes = passes_over(rows.X, module) if objective.is_error_alone else None
        if passes is not None and type(rows) is Rows:
            unit = objective.unit * len(module.offset)
            for weight, wrong, apart in passes.errors(rows):
                yield weight, wrong / unit, wrong, apart
            return
        for x, weight, *guide in self.get_iterator(rows):
            if len(x) == 0:  # all of them are those of other ranks
                continue
            x = self._tensor(x)
            weight = x.new_ones(len(x)) if weight is None else self._tensor(weight)
            guide = [self._tensor(part) for part in guide]
            value, output = objective(module, x, weight, *guide)
            yield weight, value, *objective.deviations(module, output, x)

    def _of_all_ranks(self, values, error, total):
        """Return what was found of rows, for those of all ranks."""
        world, nothing = here(), self.module_.offset.new_zeros(())
        values = torch.cat(values) if values else nothing.new_zeros(0)
        return world.concat(values), world.sum(error + nothing), world.sum(total + nothing)

    def infer(self, x, **fit_params):
        return self.module_(self._tensor(x)).reconstruction  # what net_.predict gives back

    def notify(self, method_name, **cb_kwargs):
        getattr(self, method_name)(self, **cb_kwargs)
        is_over = False
        for _, callback in self._listeners(method_name):
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                if method_name != "on_epoch_end" or callback is self.monitor:
                    raise
                is_over = True  # how skorch's own EarlyStopping ends a fit
                break
        if method_name == "on_epoch_end" and here().sum(int(is_over)):  # on any rank
            raise _Finished

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
        with threads_for(self.batch_size * self.module_.n_weights):
            self._train(X)
        return self

    def _train(self, X):
        self.notify("on_train_begin", X=X, y=None)
        try:
            with here().lockstep():
                self._loop(X)
            self.notify("on_train_end", X=X, y=None)
        finally:
            self._release()

    def _loop(self, X):
        self._set_training(True)
        self.is_watched_only_ = all(
            says(callback, "only_watches") or type(callback) is EpochTimer
            for _, callback in self.callbacks_
        )
        is_plain = type(X) is Rows and self.iterator_train in (Batches, Steps)
        stays_sparse = is_plain and self.is_watched_only_ and is_mostly_zeros(X.X)
        self._choose_path(written_out_sparse if stays_sparse else written_out)
        try:
            # Those that a callback has put back do not run again.
            n_epochs = self.max_epochs - len(self.monitor.loss_curve_)
            self.fit_loop(self._prepared(X), epochs=n_epochs)
        except _Finished:
            if not self.monitor.finished_:
                self.monitor.stopped_by_ = "callback"
        except KeyboardInterrupt:
            if here().size > 1:  # the others do not know of it
                raise
            self.monitor.stopped_by_ = "interrupt"
        if self.monitor.stopped_by_ is not None:
            self.monitor.finished_ = True

    def _prepared(self, X):
        """Return rows as the steps take them, if nobody else sees them."""
        if self.step_ is not None and self.step_.takes_sparse:
            self.is_prepared_ = True
            return SparseRows(X, self.module_.offset).with_norms()
        plain = type(X) in (Rows, SharedRows) and self.iterator_train in (Batches, Steps)
        few = plain and len(X) * X.X.shape[1] <= room_for(X.X, self.device)
        self.is_prepared_ = few and self.is_watched_only_ and self.step_ is not None
        if not self.is_prepared_:
            return X
        return PreparedRows(X, self.step_) if type(X) is Rows else X.prepared(self.step_)

    def __getstate__(self):
        return super().__getstate__() | {"step_": None}  # of the training under way


class _Finished(Exception):
    """Ends the loop of a net from inside; not an error."""

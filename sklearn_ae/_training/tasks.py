"""What scikit-learn's callbacks (1.9) are told of a training."""

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in for scikit-learn's mixin where there is none."""


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

    only_watches = True

    def __init__(self, context, estimator, data, max_epochs):
        self.context = context
        self.estimator = estimator
        self.data = data
        self.n_left = max_epochs
        self.task_ = None
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def follow(self, module, stepper, n_components):
        """Tell of the training of a module from now on.

        Parameters
        ----------
        module : AutoencoderModule
        stepper : Stepper
        n_components : int
            Width of the code of the module.
        """
        self._end_task()  # the epoch of a training that diverged
        self.module = module
        self.stepper = stepper
        self.n_components = n_components
        self.dtype = module.offset.dtype

    def fitted_attributes(self):
        """Return the attributes that make a copy of the estimator a fitted one."""
        return {
            "module_": self.stepper.average_in(self.module).eval().to(self.dtype),
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
        self.context = self.estimator = self.data = self.module = self.stepper = None


def tasks_of(estimator, max_epochs, data, kind=EpochTasks):
    """Return what tells scikit-learn's callbacks of a fit; None if the estimator has none.

    Parameters
    ----------
    estimator : estimator
    max_epochs : int
    data : dict
        X, y and metadata of the fit.
    kind : callable, default=EpochTasks
        Makes what tells them, of the same parameters.
    """
    if not hasattr(estimator, "_skl_callbacks"):
        return None
    context = estimator._init_callback_context(max_subtasks=max_epochs)
    return kind(context, estimator, data, max_epochs)

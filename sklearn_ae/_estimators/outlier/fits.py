"""The fits that a detector is made of, and what scikit-learn's callbacks (1.9) are told of them."""

from contextlib import contextmanager


class Fits:
    """Tells scikit-learn's callbacks of a fit and of each autoencoder that is fitted in it.

    Parameters
    ----------
    estimator : estimator
        Whose fit it is.
    n_fits : int
        Of how many autoencoders.
    data : dict
        X, y and metadata of the fit.
    """

    def __init__(self, estimator, n_fits, data):
        self.estimator = estimator
        self.data = data
        self.context = None
        if hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx"):
            self.context = estimator._init_callback_context(max_subtasks=n_fits)
            self.context.call_on_fit_task_begin(estimator=estimator, **data)

    @contextmanager
    def next(self, autoencoder):
        """Fit an autoencoder in this block: callbacks hear of it, and of its epochs.

        Parameters
        ----------
        autoencoder : estimator
        """
        if self.context is None:
            yield
            return
        task = self.context.subcontext(task_name="autoencoder")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        if hasattr(autoencoder, "set_callbacks"):
            with task.propagate_callback_context(autoencoder):
                yield
        else:
            yield
        self._end(task)

    def finish(self):
        """Say that the fit is over."""
        if self.context is not None:
            self._end(self.context)

    def _end(self, task):
        task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.data
        )

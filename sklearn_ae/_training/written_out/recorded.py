"""Steps that are recorded once and then replayed, as CUDA graphs: one launch in place of fifty."""

import torch

from .parameters import Adam

WARM_UPS = 2  # steps that are taken one operation at a time, so that all memory is there
MOST = 4  # sizes of batches that there are records of; most trainings have two


def cuda_graph(function):
    """Record what a function does on the GPU, without doing it; return what does it.

    Parameters
    ----------
    function : callable
        Without arguments. Reads and writes tensors that stay.

    Returns
    -------
    replay : callable
    out : object
        What the function has returned; each replay writes to it.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = function()
    return graph.replay, out


class RecordedStep:
    """Takes the steps of another one, after the first few as records of them.

    Batches of a size that has been seen before are copied to where the record reads them, unless
    they lie there. Nothing waits for the GPU.

    Parameters
    ----------
    step : Step
        Whose operations are the same for each batch of a size (``step.repeats``).
    record : callable, default=cuda_graph
    """

    takes_sparse = False

    def __init__(self, step, record=cuda_graph):
        self.step, self.record = step, record
        self.flat = step.flat
        # Torch's kernel reads it as a single, whatever the parameters are.
        self.rate = step.flat.values.new_zeros((), dtype=torch.float32)
        self.last_rate = None
        self.n_seen, self.records = {}, {}

    def __call__(self, x, weight, guide, rate, between=None):
        """Take a step, and return the value of the objective for its batch; as `Step`."""
        key = x.shape[0], weight is None
        self.n_seen[key] = self.n_seen.get(key, 0) + 1
        is_new = key not in self.records
        self._set_rate(rate)
        few = self.n_seen[key] <= WARM_UPS or (is_new and len(self.records) == MOST)
        if few or between is not None or guide is not None:
            return self.step(x, weight, guide, self.rate, between)
        if is_new:
            self.records[key] = self._recorded(x, weight)
        replay, value, places, _ = self.records[key]
        for place, given in zip(places, (x, weight), strict=True):
            if place is not None and place.data_ptr() != given.data_ptr():
                place.copy_(given)
        replay()
        return value.clone()  # the next step writes to it

    def _recorded(self, x, weight):
        # Prepared rows come at the same place each time; weights do not.
        weight = None if weight is None else weight.clone()
        replay, value = self.record(lambda: self.step(x, weight, None, self.rate))
        gradient = self.step.gradient
        parts = gradient, gradient.encoder, gradient.decoder
        held = [dict(part.buffers) for part in parts]  # the record writes to them as long as it is
        return replay, value, (x, weight), held

    def _set_rate(self, rate):
        if rate != self.last_rate:
            self.rate.fill_(rate)
            self.last_rate = rate

    def prepare(self, X):
        """Return rows as the step takes them from now on; as `Step.prepare`."""
        return self.step.prepare(X)

    def output(self):
        """Return what the module has made of the last batch."""
        return self.step.output()

    def forget(self):
        """Start the optimizer anew, in the same memory."""
        self.step.forget()

    def release(self):
        """Give parameters and optimizer memory of their own again."""
        self.records.clear()
        self.step.release()


def recorded_where_possible(step):
    """Return a step as it is, or recorded where it lies on a GPU and repeats itself.

    Parameters
    ----------
    step : Step
    """
    can = step.flat.values.is_cuda and step.repeats and type(step.rule) is Adam
    return RecordedStep(step) if can else step

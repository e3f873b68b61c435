"""How to add an estimator, by example: an autoencoder whose codes can be drawn at random.

A new estimator is one file: a part or two (here a penalty), and a class that states its parameters
and turns them into a recipe. Nothing of how training goes needs to be known. `CONTRIBUTING.md` says
where everything else is; `tests/test_contributing.py` runs this file.
"""

import torch
from numpy.random import RandomState
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Real
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._base import BaseAutoencoder


class MaximumMeanDiscrepancy(BaseEstimator):
    """How far the codes of a batch are, as a whole, from draws of the normal distribution.

    Parameters
    ----------
    weight : float, default=1.0
        Strength, relative to the loss.
    """

    def __init__(self, weight=1.0):
        self.weight = weight

    def __call__(self, module, x, output, generator=None):
        """Return one number for the batch."""
        code = output.code
        drawn = torch.empty_like(code).normal_(generator=generator)
        within = kernel(code, code) + kernel(drawn, drawn)
        return self.weight * (within - 2 * kernel(code, drawn))


def kernel(a, b):
    """Return the mean inverse multiquadratic kernel of the rows of a and of b."""
    width = 2 * a.shape[1]
    return (width / (width + torch.cdist(a, b).square())).mean()


class WassersteinAutoencoder(BaseAutoencoder):
    """Autoencoder whose codes follow the standard normal distribution, and can be drawn from it.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    regularization : float, default=1.0
        Weight of the distance between codes and normal draws.

    References
    ----------
    Tolstikhin, Bousquet, Gelly, Schölkopf (2018). Wasserstein auto-encoders. ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> iris = WassersteinAutoencoder(random_state=0).fit(load_iris().data)
    >>> iris.sample(3, random_state=0).shape
    (3, 4)
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "regularization": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        regularization=1.0,
        hidden_layer_sizes=(128, 64),
        activation="silu",
        architecture=None,
        loss="squared_error",
        init="random",
        alpha=0.3,
        solver="adam",
        batch_size="auto",
        learning_rate_init=0.01,
        max_iter=500,
        tol=1e-3,
        n_iter_no_change=12,
        early_stopping="auto",
        validation_fraction=0.15,
        warm_start=False,
        random_state=None,
        verbose=0,
        device="cpu",
        callbacks=None,
        net_params=None,
    ):
        self.n_components = n_components
        self.regularization = regularization
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.loss = loss
        self.init = init
        self.alpha = alpha
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params

    def sample(self, n_samples=1, random_state=None):
        """Draw new rows: decode codes from the standard normal distribution."""
        check_is_fitted(self)
        # RandomState() draws from the operating system, not from numpy's global state.
        random_state = RandomState() if random_state is None else check_random_state(random_state)
        codes = random_state.normal(size=(n_samples, self.n_components))
        return self.inverse_transform(codes)

    def _recipe(self):
        return self._make_recipe(penalty=MaximumMeanDiscrepancy(self.regularization))

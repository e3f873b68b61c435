"""VariationalAutoencoder: a code that is a normal distribution, and can be drawn from."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..._base import BaseAutoencoder
from ..._constraints import FEW_COMPONENTS, LEFT_TO_THE_DATA
from ..._dask import takes_dask
from ..._interpolation import arc, decoded_path
from ..._training.module import in_batches, squared_errors
from ..._training.pca import mean_over_rows
from ..._typing import ArrayLike, Seed
from ..._validation import is_whole
from ...losses import loss_of
from ...penalties import GaussianKL, gaussian_kl
from .evidence import EvidenceLowerBound, VariationalModule, standard_normal_draws
from .recipe import VariationalRecipe
from .surplus import COLLAPSED, tells_noise

THROUGH_LINK = (256, 256)  # what hidden_layer_sizes="auto" is where the loss has a link


@takes_dask
class VariationalAutoencoder(BaseAutoencoder):
    """Autoencoder that models the density of the data, and draws new rows from it.

    The encoder maps a row to a normal distribution of codes, the decoder a code to a distribution
    of rows, and both are trained to make the evidence lower bound on the likelihood of the data
    large: reconstruct well from a code drawn at random, while the codes of all rows together stay
    near the standard normal distribution (Kingma & Welling 2014). With linear maps this is
    probabilistic PCA, where it starts.

    Use it to draw new rows (`sample`), for a smooth code whose neighbourhoods decode to similar
    rows, to score rows by (a bound on) their likelihood (`score_samples`), or to let the data
    choose how many units they need: others tend to collapse. Do not use it for the smallest
    reconstruction error, for sharp images (its samples are blurred), or for features of a
    classifier (in our benchmark they are no better than the pixels).

    `beta` weighs the distance from the standard normal distribution. More of it leaves fewer units
    with less information: more bias, less variance. Less of it reconstructs better, and makes what
    `sample` draws less like the data.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    beta : float, default=1.0
        Weight of the divergence from the standard normal distribution (Higgins et al. 2017). 1
        makes the loss the evidence lower bound. 0 takes the distribution away, and leaves an
        `AutoencoderTransformer`.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder. "auto" is (128, 64) for the squared error, and (256, 256) for losses
        that decode through a link.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    architecture : object, default=None
        What builds encoder and decoder in place of `hidden_layer_sizes` and `activation`: an object
        of `sklearn_ae.architectures`, or any other with ``get_params`` and
        ``build(n_features, n_components)``, which returns two modules. It is asked for an encoder
        of twice the width, for means and logarithms of variances. Weights cannot be tied, and the
        code has no activation.
    loss : {"squared_error", "log_loss", "poisson"} or callable, default="squared_error"
        What is lost. It is the decoder's distribution. "squared_error": normal, with one variance
        for all features, which is learned. "log_loss": Bernoulli, for values in [0, 1]. "poisson":
        for counts. A callable ``loss(reconstruction, x)`` returns one value per row: minus the
        logarithm of the likelihood, divided by the number of features.
    init : {"auto", "pca", "random"}, default="auto"
        Where training starts. "pca" needs linear paths; "random" builds none. "auto" is "pca" for
        the squared error, and "random" for losses that decode through a link, unless there is an
        `architecture`: then "pca" if that has linear paths.
    alpha : float or "auto", default="auto"
        Weight decay of the nonlinear paths, decoupled from the loss (Loshchilov & Hutter 2019).
        More of it keeps the result nearer to PCA: more bias, less variance. Without linear paths
        it keeps it nearer to the mean. "auto" is 0.3 for the squared error, and 0.2 for losses that
        decode through a link.
    solver : {"adam", "sgd"}, default="adam"
        Optimizer: Adam, or stochastic gradient descent with Nesterov's momentum of 0.9.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" takes all of up to 64 rows, else a sixteenth, at least 32 and at most
        200.
    learning_rate_init : float, default=0.01
        Step size. It stays constant; what is kept is the moving average of the weights (Polyak &
        Juditsky 1992), which settles all the same.
    max_iter : int, default=500
        Largest number of epochs, that is passes over X.
    tol : float, default=1e-3
        Smallest decrease of the loss that counts as one. For the squared error it is a share of the
        variance.
    n_iter_no_change : int, default=12
        Training ends when more epochs than this pass without a decrease by `tol`. Where an epoch
        has more than 100 steps, it is divided into rounds, which count instead.
    early_stopping : bool or "auto", default="auto"
        Whether to hold rows out, whose loss then decides what the best weights are, when to stop,
        and whether they are better than PCA. "auto" does unless there is but one row. False stops
        by the training loss, and promises nothing about PCA.
    validation_fraction : float, default=0.15
        Share of the rows that is held out, rounded up; at least 8 rows or a quarter of them, and at
        most 5000.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one. Loss, penalty and settings are those
        of now.
    random_state : int, RandomState instance or None, default=None
        Seeds all that is drawn: weights, order, held-out rows and noise. The same int gives the
        same bytes on the same machine.
    verbose : int, default=0
        1 prints a line per epoch.
    device : str, default="cpu"
        Where torch computes, for example "cuda". "auto" is a GPU if there is one, else the CPU.
    callbacks : list, default=None
        Callbacks of skorch, copied before use. Those of scikit-learn 1.9 are set with
        ``set_callbacks``.
    net_params : dict, default=None
        Further parameters of `skorch.NeuralNet`, for example
        ``{"optimizer": torch.optim.RAdam}``. Not those that have a parameter here.

    Attributes
    ----------
    module_ : torch.nn.Module
        The net, with ``encode``, ``decode`` and ``forward``, which take tensors in the units of X.
    net_ : skorch.NeuralNet
        What trained it.
    noise_variance_ : float or None
        Variance of the decoder's normal distribution, in squared units of X, as of
        `sklearn.decomposition.PCA`. None for other losses.
    kl_divergence_ : ndarray of shape (n_components,) or None
        Mean divergence of each unit from the standard normal distribution over the training data,
        in nats: how much the unit tells about a row. None for ``beta=0``.
    is_pca_ : bool
        False. The choice between what was learned and PCA is made only where nothing but the loss
        is minimised (``beta=0``).
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean training loss in each epoch: for ``beta=1`` minus the evidence lower bound, divided by
        the number of features, in nats.
    validation_loss_curve_ : list of float or None
        Mean loss of the rows held out, likewise. None if no rows were held out.
    validation_scores_ : list of float or None
        R² of the held-out rows, reconstructed from codes drawn at random, after each epoch,
        relative to the mean of X. None if no rows were held out.
    best_loss_ : float
        Smallest loss of the rows that decide: those held out, else those trained on.
    reconstruction_err_ : float
        Mean over the rows of X of the squared distance to their reconstruction.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    See Also
    --------
    AutoencoderImputer : Fills gaps with draws, given what is observed of a row.
    sklearn.mixture.GaussianMixture : Draws rows and has a density; for few features.

    Notes
    -----
    `transform` returns the means of the codes, and `reconstruct` decodes them. They are not turned
    to their principal axes: the distribution of a code is told unit by unit. `kl_divergence_` tells
    how much each unit says.

    A unit whose mean divergence is below 0.01 nats has collapsed: it tells nothing, and its code is
    about zero for all rows. A unit may also tell noise: it raises the bound by less than its
    weights cost on the training rows (Schwarz 1978), and not at all on those held out. `fit` warns
    and names units of both kinds.

    The variance of the decoder's normal distribution is learned together with its weights (Rybkin
    et al. 2021); fixed at the variance of the data, as is often seen, it makes most units collapse.
    It never falls below 1e-4 of the variance of X, so that the likelihood stays finite.

    References
    ----------
    Kingma & Welling (2014). Auto-encoding variational Bayes. ICLR.

    Higgins et al. (2017). beta-VAE: learning basic visual concepts with a constrained variational
    framework. ICLR.

    Lucas, Tucker, Grosse, Norouzi (2019). Don't blame the ELBO! A linear VAE perspective on
    posterior collapse. NeurIPS.

    Rybkin, Daniilidis, Levine (2021). Simple and effective VAE training with calibrated decoders.
    ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ae import VariationalAutoencoder
    >>> X_train, X_test = train_test_split(load_digits().data, random_state=0)
    >>> autoencoder = VariationalAutoencoder(n_components=8, random_state=0).fit(X_train)
    >>> autoencoder.sample(5, random_state=0).shape
    (5, 64)
    >>> pca = PCA(n_components=8).fit(X_train)
    >>> bool(autoencoder.score_samples(X_test).mean() > pca.score(X_test))
    True
    """

    _recipe_class = VariationalRecipe

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        **LEFT_TO_THE_DATA,
        "max_iter": BaseAutoencoder._parameter_constraints["max_iter"],
        "beta": [Interval(Real, 0, None, closed="left")],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        beta: float = 1.0,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        init: str = "auto",
        alpha: float | str = "auto",
        solver: str = "adam",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        max_iter: int = 500,
        tol: float = 1e-3,
        n_iter_no_change: int = 12,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.15,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
        device: str = "cpu",
        callbacks: list | None = None,
        net_params: dict | None = None,
    ) -> None:
        self.n_components = n_components
        self.beta = beta
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

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the evidence lower bound of each row; higher is more normal.

        The bound is the mean of the logarithm of the likelihood over codes of the row, minus the
        divergence of their distribution from the standard normal one. The mean is taken over 32
        draws, 16 points of a scrambled Sobol sequence and their mirror images, the same ones for
        all rows; the divergence is exact. `beta` does not enter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data like that of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In nats; a lower bound on the logarithm of the density of X. With ``beta=0`` minus the
            sum of squared errors, as for `AutoencoderTransformer`.

        Raises
        ------
        ValueError
            If X is not what the loss is meant for, as in `fit`: not in [0, 1] for "log_loss",
            negative for "poisson".
        """
        X = self._check(X)
        if not self._has_distribution:
            return -squared_errors(self.module_, X)
        self._trained.recipe.check_loss(X)  # outside of it the density is none
        return in_batches(self._bound(), X, self.module_)

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> np.ndarray:
        """Draw new rows: decode codes from the standard normal distribution.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Seeds the codes. None draws anew every time.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features)
            The means of the decoder's distribution, without its noise.

        Raises
        ------
        ValueError
            If n_samples is below 1, or the model was fitted with ``beta=0``.
        """
        check_is_fitted(self)
        if not is_whole(n_samples):
            raise ValueError(f"n_samples={n_samples!r} must be a positive integer.")
        if not self._has_distribution:
            raise ValueError(
                "With beta=0 the code has no distribution to draw from. Fit with beta > 0."
            )
        # RandomState() draws from the operating system, not from numpy's global state.
        random_state = RandomState() if random_state is None else check_random_state(random_state)
        return self.inverse_transform(random_state.normal(size=(n_samples, self._n_features_out)))

    def interpolate(
        self,
        a: ArrayLike,
        b: ArrayLike,
        n_steps: int = 10,
        *,
        codes: bool = False,
        method: str = "linear",
    ) -> np.ndarray:
        """Decode points between the codes of two rows.

        Parameters
        ----------
        a, b : array-like of shape (n_features,) or (n_components,)
            Both ends: rows of data, or codes if `codes`.
        n_steps : int, default=10
            How many points, ends included; at least 2.
        codes : bool, default=False
            Whether the ends are codes, as `transform` returns them.
        method : {"linear", "slerp"}, default="linear"
            "linear" takes the segment between the codes. "slerp" turns one code into the other on
            an arc around the zero code (Shoemake 1985): codes of many components lie near a sphere
            around zero, and the middle of a segment lies inside it, where no codes are.

        Returns
        -------
        points : ndarray or DataFrame of shape (n_steps, n_features)
            The first is the reconstruction of a, the last that of b.

        Raises
        ------
        ValueError
            If a or b is not one row, n_steps is below 2, or the method is unknown.
        """
        if method not in ("linear", "slerp"):
            raise ValueError(f"method={method!r} is unknown; choose 'linear' or 'slerp'.")
        if method == "linear":
            return super().interpolate(a, b, n_steps, codes=codes)
        return decoded_path(self, a, b, n_steps, codes, arc)

    @property
    def _has_distribution(self):
        return isinstance(self.module_, VariationalModule)

    def _recipe(self):
        through_link = self.beta > 0 and hasattr(loss_of(self.loss), "link")
        chosen = {"init": "auto", "alpha": 0.3}
        if through_link:
            chosen = {"init": "random" if self.architecture is None else "auto", "alpha": 0.2}
        own = {name: value for name, value in chosen.items() if getattr(self, name) == "auto"}
        few = THROUGH_LINK if through_link else FEW_COMPONENTS
        return self._make_recipe(penalty=GaussianKL(self.beta), few=few, **own)

    def _bound(self, at_a_time=1):
        """Return the evidence lower bound of each row of a tensor, as a torch module."""
        draws = standard_normal_draws(self._n_features_out, self._trained.seed)
        return EvidenceLowerBound(self.module_, self._trained.recipe.loss, draws, at_a_time)

    def __sklearn_ae_graph__(self, method):
        """Return what a method computes as a torch module, or None; for `export.to_onnx`."""
        graph = super().__sklearn_ae_graph__(method)
        if method == "score_samples" and self._has_distribution:
            return self._bound(at_a_time=16)
        return graph

    def _describe(self, X, weight):
        self.noise_variance_ = self.kl_divergence_ = None
        if not self._has_distribution:
            return []
        module, n_units = self.module_, self._n_features_out
        if getattr(self._trained.recipe.loss, "has_noise", False):
            self.noise_variance_ = (module.noise() * module.scale**2).item()

        def divergence(rows):
            return in_batches(lambda x: gaussian_kl(*module.distribution(x)), rows, module, n_units)

        self.kl_divergence_ = mean_over_rows(divergence, X, weight)
        if self._trained.streaming:
            return []  # the rows of one call do not tell what others do
        idle = self.kl_divergence_ < COLLAPSED
        if self.net_.monitor.finished_:  # otherwise units may be about to learn something
            idle |= tells_noise(self._trained, self.kl_divergence_, X, weight)
        return warnings_of_collapse(idle, n_units, self.beta)


def warnings_of_collapse(idle, n_units, beta):
    """Return what to warn of if units of a code tell nothing."""
    idle = np.flatnonzero(idle)
    if len(idle) == 0:
        return []
    names = ", ".join(map(str, idle[:10])) + (", ..." if len(idle) > 10 else "")
    n_left = n_units - len(idle)
    fewer = f"n_components={n_left}, or " if n_left else ""
    return [
        f"{len(idle)} of {n_units} units of the code have collapsed and tell nothing "
        f"about a row (mean divergence below {COLLAPSED} nats, or what they tell is noise: "
        f"the bound on rows held out is no better with them): {names}. Use "
        f"{fewer}a smaller beta than {beta} if the data should need more. "
        "kl_divergence_ has the value of each unit."
    ]

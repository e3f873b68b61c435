"""DenoisingAutoencoder: reconstruct the clean row from a damaged one."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._base import BaseAutoencoder
from .._constraints import LEFT_TO_THE_DATA
from .._dask import takes_dask
from .._typing import ArrayLike, Seed
from ..architectures import MLP
from ..corruptions import GaussianNoise, Masking, SaltAndPepper, SwapNoise

NOISES = {
    "masking": Masking,
    "gaussian": GaussianNoise,
    "salt_and_pepper": SaltAndPepper,
    "swap": SwapNoise,
}


@takes_dask
class DenoisingAutoencoder(BaseAutoencoder):
    """Autoencoder that learns to undo damage.

    In training the encoder sees rows with noise in them and the decoder is asked for the rows
    without it (Vincent et al. 2008). Copying does not help, so the code may be as wide as the data
    or wider: the net has to know how the features belong together, which is what maps a damaged row
    back to where rows usually lie.

    Use it to repair rows (`denoise`), for features that a classifier reads, when the code is wide,
    or when new data are noisier than the training data. Choose the noise that resembles the damage
    to come. Do not use it for the smallest reconstruction error of clean rows: a plain
    `AutoencoderTransformer` has that.

    The more noise, the more the net relies on what is common to all rows: more bias, less
    variance. Too little noise teaches nothing, with too much the reconstruction turns into the
    mean. The best level lies in between; look for it by cross-validation.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    noise : {"masking", "gaussian", "salt_and_pepper", "swap"} or callable, default="masking"
        What is done to the rows. "masking" sets values to zero (to the mean, in columns
        that zero is not among), "gaussian" adds noise, "salt_and_pepper" sets values to the
        smallest or largest of their column, "swap" takes them from other rows. Or an object of
        `sklearn_ae.corruptions`, or any ``corruption(x, generator)``.
    noise_level : float or "auto", default="auto"
        How much: for "gaussian" the standard deviation in the units of X, else the probability that
        a value is damaged. "auto" is 0.3; for "gaussian" it is half the root of the mean variance
        of the columns. 0 makes this an `AutoencoderTransformer`. A noise that is an object has a
        level of its own.
    emphasis : float, default=0.0
        How much more the damaged values count (Vincent et al. 2010): those that the noise left as
        they were count ``1 - emphasis``. With 1 the net is asked for the damaged values only.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder. "auto" is (128, 64) for a code narrower than the data. A code as wide or
        wider that something constrains gets no hidden layer, but sigmoid units of its own.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    architecture : object, default=None
        What builds encoder and decoder in place of `hidden_layer_sizes` and `activation`: an object
        of `sklearn_ae.architectures`, or any other with ``get_params`` and
        ``build(n_features, n_components)``, which returns two modules. Its parameters can be
        searched, as ``architecture__tied``. For ``init="pca"`` both modules need the attribute
        ``has_linear_path`` and the methods ``start_linear`` and ``linear_parameters`` of
        `sklearn_ae.architectures.LinearPlusNetwork`.
    loss : {"squared_error", "log_loss", "poisson"} or callable, default="squared_error"
        What is lost. "squared_error" for real values, relative to their variance; "log_loss" for
        values in [0, 1], decoded through a sigmoid; "poisson" for counts, decoded through an
        exponential. A callable ``loss(reconstruction, x)`` returns one value per row.
    init : {"auto", "pca", "random"}, default="auto"
        Where training starts. "pca" needs linear paths; "random" builds none. "auto" is "pca",
        unless the `architecture` has no linear paths, or ``hidden_layer_sizes="auto"`` gives the
        code sigmoid units: then it is "random".
    alpha : float, default=0.3
        Weight decay of the nonlinear paths, decoupled from the loss (Loshchilov & Hutter 2019).
        More of it keeps the result nearer to PCA: more bias, less variance. Without linear paths
        it keeps it nearer to the mean.
    solver : {"adam", "sgd"}, default="adam"
        Optimizer: Adam, or stochastic gradient descent with Nesterov's momentum of 0.9.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" takes all of up to 64 rows, else a sixteenth, at least 32 and at most
        200.
    learning_rate_init : float, default=0.01
        Step size. It stays constant; what is kept is the moving average of the weights (Polyak &
        Juditsky 1992), which settles all the same.
    max_iter : int or "auto", default="auto"
        Largest number of epochs, that is passes over X. "auto" is 500; where
        ``hidden_layer_sizes="auto"`` gives the code sigmoid units it is 20, or as many as take
        1000 steps.
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
    is_pca_ : bool
        False. The choice between what was learned and PCA is made only where nothing but the loss
        is minimised (``noise_level=0``).
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean training loss in each epoch (or round, see `n_iter_no_change`), penalty included.
    validation_loss_curve_ : list of float or None
        Mean loss of the rows held out, likewise. None if no rows were held out.
    validation_scores_ : list of float or None
        R² of the held-out rows, reconstructed from damaged ones, after each epoch, relative to the
        mean of X. None if no rows were held out.
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
    AutoencoderImputer : Fills gaps, and knows where they are.
    ContractiveAutoencoder : Asks for a flat encoder in so many words.
    sklearn_ae.corruptions : The kinds of damage, for other estimators.

    Notes
    -----
    Nothing is damaged outside of `fit` and `partial_fit`.

    For small Gaussian noise of variance s², ``(denoise(X) - X) / s²`` estimates the gradient of the
    logarithm of the density of X (Alain & Bengio 2014): a repaired row has moved to where rows are
    more likely.

    A net trained on one kind of noise does not undo another, and masking to black is not masking to
    the mean: where zero is not among the values of a column, ``noise=Masking(0.3, value=0)``
    prepares for zeros. After much masking a net makes too much of undamaged rows, since it has only
    ever seen a part of each.

    After `fit` the code is centred and turned to its principal axes, as for
    `AutoencoderTransformer`.

    The sigmoid units of a wide code make features for a classifier. To repair rows, a code narrower
    than the data does better, or one with ``init="pca"``, which keeps linear paths.

    Images with values in [0, 1], as features for a classifier: ``n_components=1000``,
    ``loss="log_loss"``, ``batch_size=100``, ``max_iter=20``, with "gaussian" or "masking" of 0.5.

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol (2008). Extracting and composing robust features with
    denoising autoencoders. ICML.

    Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010). Stacked denoising autoencoders: learning
    useful representations in a deep network with a local denoising criterion. JMLR 11.

    Alain & Bengio (2014). What regularized auto-encoders learn from the data-generating
    distribution. JMLR 15.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import r2_score
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ae import DenoisingAutoencoder
    >>> X_train, X_test = train_test_split(load_digits().data, random_state=0)
    >>> damaged = X_test * (np.random.default_rng(0).random(X_test.shape) > 0.3)
    >>> autoencoder = DenoisingAutoencoder(n_components=32, random_state=0).fit(X_train)
    >>> repaired = autoencoder.denoise(damaged)
    >>> round(r2_score(X_test, damaged, multioutput="variance_weighted"), 1)
    0.1
    >>> round(r2_score(X_test, repaired, multioutput="variance_weighted"), 1)
    0.8
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        **LEFT_TO_THE_DATA,
        "noise": [StrOptions(set(NOISES)), callable],
        "noise_level": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "emphasis": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        noise: str | Callable = "masking",
        noise_level: float | str = "auto",
        emphasis: float = 0.0,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        init: str = "auto",
        alpha: float = 0.3,
        solver: str = "adam",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        max_iter: int | str = "auto",
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
        self.noise = noise
        self.noise_level = noise_level
        self.emphasis = emphasis
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

    def denoise(self, X: ArrayLike) -> np.ndarray:
        """Repair rows: `reconstruct` by the name that its field gives it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Damaged rows, without NaN.

        Returns
        -------
        repaired : ndarray or DataFrame of shape (n_samples, n_features)
            The rows as the net thinks they were.
        """
        return self.reconstruct(X)

    def _recipe(self):
        self._check_level()
        noise = self.noise
        if isinstance(noise, str):
            kind, level = NOISES[noise], self.noise_level
            noise = kind(0.3) if level == "auto" and kind is not GaussianNoise else kind(level)
        wide = MLP((), code_activation="logistic")
        return self._make_recipe(wide=wide, wide_steps=1000, corruption=noise)

    def _check_level(self):
        if self.noise_level == "auto":
            return
        if not isinstance(self.noise, str):
            raise ValueError(
                f"noise_level={self.noise_level!r} and noise={self.noise!r} are both given, "
                "but such a noise has its own level. Set it there, or leave noise_level at 'auto'."
            )
        if self.noise != "gaussian" and self.noise_level > 1:
            raise ValueError(
                f"noise_level={self.noise_level!r} is the probability that noise={self.noise!r} "
                "damages a value, and cannot exceed 1. Only the level of 'gaussian' is in the "
                "units of X."
            )

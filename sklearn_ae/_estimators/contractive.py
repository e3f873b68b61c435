"""ContractiveAutoencoder: a code that changes only along the data."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from .._base import BaseAutoencoder
from .._constraints import LEFT_TO_THE_DATA
from .._typing import Seed
from ..architectures import MLP
from ..penalties import JACOBIANS, Contractive


class ContractiveAutoencoder(BaseAutoencoder):
    """Autoencoder whose code ignores what does not happen in the data.

    The squared Frobenius norm of the encoder's Jacobian, that is the sum of its squared slopes, is
    added to the loss (Rifai et al. 2011). The code has to be flat in every direction that the
    reconstruction can spare: along the manifold of the data it still changes, across it hardly. So
    the code may be as wide as the data or wider.

    Use it for codes that shall be robust to small changes of the input, as features for a
    classifier, with a wide code, or to find the directions in which the data vary: the leading
    singular vectors of the Jacobian. Unlike `DenoisingAutoencoder` it makes the code robust rather
    than the reconstruction, and has no noise in it. It is not for the smallest reconstruction
    error.

    More contraction means a flatter code: more bias, less variance. Too little leaves the identity,
    too much the mean. The best weight lies in between; look for it by cross-validation.

    The decoder has the transposed weights of the encoder. With weights of its own it could undo any
    shrinking of the code, which would satisfy the penalty and change nothing.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    contraction : float, default=0.03
        Weight of the squared norm of the Jacobian, relative to the loss. X is taken in units of its
        scale, so the same weight suits all units and widths. 0 makes this an
        `AutoencoderTransformer`, whose weights are not tied.
    jacobian : {"auto", "exact", "hutchinson"}, default="auto"
        How the norm is computed. "auto" takes the closed form of encoders with at most one hidden
        layer and a linear code, or with none, and elsewhere an unbiased estimate from one random
        vector, "hutchinson". Both cost about as much as a forward pass. "exact" computes the whole
        Jacobian of a deeper encoder, at n_components times that.
    curvature : float, default=0.0
        Weight of the squared change of the Jacobian under small random displacements (Rifai et al.
        2011b), which makes it vary slowly.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder. "auto" is (128, 64) for a code narrower than the data. A code as wide or
        wider that something constrains gets no hidden layer, but sigmoid units of its own.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    architecture : object, default=None
        What builds encoder and decoder in place of `hidden_layer_sizes` and `activation`: an object
        of `sklearn_ae.architectures`, or any other with ``get_params`` and
        ``build(n_features, n_components)``, which returns two modules. The weights are then tied
        only if it ties them, as ``MLP(tied=True)`` does.
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
        ``hidden_layer_sizes="auto"`` gives the code sigmoid units it is 20, or as many as take 300
        steps.
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
        is minimised (``contraction=0``).
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean training loss in each epoch (or round, see `n_iter_no_change`), penalty included.
    validation_loss_curve_ : list of float or None
        Mean loss of the rows held out, likewise. None if no rows were held out.
    validation_scores_ : list of float or None
        R² of the held-out rows after each epoch, relative to the mean of X. None if no rows were
        held out.
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
    DenoisingAutoencoder : A flat encoder by way of damaged rows, at a lower cost.
    sklearn_ae.penalties.Contractive : The penalty, for other estimators.

    Notes
    -----
    Images with values in [0, 1], as features for a classifier: ``n_components=1000``,
    ``loss="log_loss"``, ``batch_size=100``, ``max_iter=20``, ``contraction=0.01``.

    The norm of the Jacobian does not change when the code is turned, so after `fit` the code is
    centred and turned to its principal axes, as for `AutoencoderTransformer`; not so if it has an
    activation, as a wide one does.

    References
    ----------
    Rifai, Vincent, Muller, Glorot, Bengio (2011). Contractive auto-encoders: explicit invariance
    during feature extraction. ICML.

    Rifai, Mesnil, Vincent, Muller, Bengio, Dauphin, Glorot (2011b). Higher order contractive
    auto-encoder. ECML PKDD.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ae import ContractiveAutoencoder
    >>> X_train, X_test = train_test_split(load_digits().data, random_state=0)
    >>> autoencoder = ContractiveAutoencoder(n_components=128, random_state=0).fit(X_train)
    >>> noise = np.random.default_rng(0).uniform(0, 16, X_test.shape)
    >>> bool(autoencoder.score(X_test) > autoencoder.score(noise) + 0.5)
    True
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        **LEFT_TO_THE_DATA,
        "contraction": [Interval(Real, 0, None, closed="left")],
        "jacobian": [StrOptions(set(JACOBIANS))],
        "curvature": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        contraction: float = 0.03,
        jacobian: str = "auto",
        curvature: float = 0.0,
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
        self.contraction = contraction
        self.jacobian = jacobian
        self.curvature = curvature
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

    def _recipe(self):
        penalty = Contractive(self.contraction, self.jacobian, curvature=self.curvature)
        wide = MLP((), code_activation="logistic", tied=True)
        return self._make_recipe(penalty=penalty, mlp={"tied": not penalty.does_nothing}, wide=wide)

"""AutoencoderTransformer: the plain autoencoder, and the one that takes any part."""

from collections.abc import Callable, Sequence
from typing import Any

from .._base import BaseAutoencoder
from .._constraints import LEFT_TO_THE_DATA
from .._typing import Seed
from ..architectures import MLP


class AutoencoderTransformer(BaseAutoencoder):
    """Nonlinear dimensionality reduction by an autoencoder.

    The encoder maps a row of n_features values to a code of n_components values, the decoder maps
    the code back, and both are trained to lose as little as possible on the way. With linear maps
    this is PCA (Baldi & Hornik 1989); the nets here have a linear path, start at PCA, and learn
    what is to be gained beyond it. Where nothing is, on rows held out for that question, the result
    is PCA.

    Use it in the place of PCA when that needs too many components, or loses too much with few. It
    reconstructs; it does not promise a picture whose distances mean anything: a rolled-up sheet is
    reconstructed well and stays rolled up. With n_components >= n_features it needs a `penalty` or
    a `corruption`, or it copies its input.

    X is centred and divided by one number, the root of its mean variance, so that the geometry of
    the data stays. Features in different units should be scaled before, as for PCA.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
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
    penalty : callable, default=None
        ``penalty(module, x, output)`` is added to the loss: one value per row, or one for the
        batch. ``output.code`` and ``output.reconstruction`` are what the module made of the batch
        x. See `sklearn_ae.penalties`.
    corruption : callable, default=None
        ``corruption(x, generator)`` is what the encoder sees of a batch x in training, while the
        decoder is asked for x itself. See `sklearn_ae.corruptions`.
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
        Whether training did not help on the held-out rows, so that the model is the PCA of all
        rows; for "log_loss" and "poisson" what is PCA for that loss, or the mean of X if that loses
        less. The curves and `best_loss_` then tell of the attempt.
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
    NestedAutoencoder : Says how many components the data need.
    GeodesicAutoencoder : A code that is a map, for pictures and distances.
    sklearn.decomposition.PCA : The linear relative; enough where its reconstruction is.

    Notes
    -----
    Training computes in float32 wherever that resolves the data, which is twice as fast; everything
    afterwards computes in the dtype of the X of `fit`. Nets too small to profit from several
    threads train on one.

    A model starts at the PCA of the rows it is trained on, and its weights after the epoch with the
    smallest held-out loss are kept if a one-sided paired t test (p < 0.01) finds them better on
    the held-out rows than that PCA. Otherwise it becomes the PCA of all rows.

    What is promised is therefore about the loss that is asked for, beyond chance, and for
    ``init="pca"``, without a constraint and with rows held out. "squared_error": never worse than
    PCA. "log_loss" and "poisson": never worse than the linear encoder and decoder that lose least
    through the same link (generalised PCA; Collins et al. 2001), nor than the mean of X; nothing is
    said of their squared error. A callable: never worse, by it, than PCA.

    For "poisson" the encoder is given log(1 + x). The exponential is taken as it is up to the
    largest count of each column of the training rows and grows linearly from there, so that a row
    ten times as large as any before has a large reconstruction, not an infinite one.

    After `fit` the code is centred and turned to its principal axes, so its components are
    uncorrelated and in the order of their variance, in units of the scale; the decoder turns with
    it, so reconstructions stay as they were. Not so where something cares which way the units
    point: an activation of the code, columns of unit norm, or a `penalty` that does not say that it
    ``ignores_rotation``; nor after `partial_fit`.

    A loss that explodes sends the fit back to its best weights, at half the learning rate.

    Where torchrun has started several processes, or `torch.distributed` has been initialised, all
    of them fit one model: to the same rows if they give the same, else to those of all. Methods of
    a fitted estimator that go by rows take Dask arrays and DataFrames, too, and return another one.

    References
    ----------
    Baldi & Hornik (1989). Neural networks and principal component analysis. Neural Networks 2.

    Collins, Dasgupta, Schapire (2001). A generalization of principal components analysis to the
    exponential family. NeurIPS.

    Hinton & Salakhutdinov (2006). Reducing the dimensionality of data with neural networks.
    Science 313.

    Polyak & Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on
    Control and Optimization 30.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.metrics import r2_score
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ae import AutoencoderTransformer
    >>> X_train, X_test = train_test_split(load_digits().data, random_state=0)
    >>> autoencoder = AutoencoderTransformer(n_components=8, random_state=0).fit(X_train)
    >>> codes = autoencoder.transform(X_test)
    >>> codes.shape
    (450, 8)
    >>> pca = PCA(n_components=8).fit(X_train)
    >>> Z = pca.inverse_transform(pca.transform(X_test))
    >>> gain = autoencoder.score(X_test) - r2_score(X_test, Z, multioutput="variance_weighted")
    >>> bool(gain > 0.1)
    True
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        **LEFT_TO_THE_DATA,
        "penalty": [callable, None],
        "corruption": [callable, None],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        penalty: Callable | None = None,
        corruption: Callable | None = None,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.loss = loss
        self.penalty = penalty
        self.corruption = corruption
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
        return self._make_recipe(wide=MLP((), code_activation="logistic"))

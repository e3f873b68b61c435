"""SparseAutoencoder: many units, of which each row uses few."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from .._base import BaseAutoencoder
from .._training.module import codes_of
from .._training.pca import mean_over_rows
from .._typing import Seed
from .._validation import Whole
from ..architectures import TopK
from ..penalties import L1, KLSparsity


class SparseAutoencoder(BaseAutoencoder):
    """Autoencoder whose rows each use few units of the code.

    The code may be much wider than the data, and each row is put together from a few of its units:
    a dictionary that is learned with a net that looks words up. Unlike
    `sklearn.decomposition.DictionaryLearning`, coding a new row is one matrix product.

    Use it for parts-based, readable features (`components_`), and for a linear classifier behind
    it: sparse, wide codes tend to be the easiest to separate. Do not use it to compress, or to draw
    a map: the code is wide on purpose.

    The sparser the code, the fewer words a row may use: more bias, less variance. Without a
    constraint a wide code copies its input; with too strong a one units die and the reconstruction
    turns into the mean. The best strength lies in between; look for it by cross-validation.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code.
    sparsity : {"l1", "kl", "top_k"}, default="l1"
        "l1" penalises the sum of the code's values, which are not negative; the decoder's columns
        are kept at unit norm, or the code would shrink and they would grow. "kl" draws each unit's
        mean activity, between 0 and 1, towards `target_activity` (Ng 2011). "top_k" keeps the
        `n_active` largest units of each row (Makhzani & Frey 2013). With "kl" and "top_k" the
        decoder has the transposed weights of the encoder.
    strength : float, default=None
        Weight of the penalty of "l1" and "kl", relative to the loss. None is 0.3 for "l1" and 1 for
        "kl"; "top_k" has none. 0 makes this an `AutoencoderTransformer` with the parameters that
        both have.
    target_activity : float, default=0.05
        For "kl": mean activity of a unit that costs nothing, in (0, 1).
    n_active : int or "auto", default="auto"
        For "top_k": number of units that each row uses in training. "auto" is a fortieth of the
        units, but at least 10.
    n_active_transform : int, default=None
        For "top_k": number of units that each row uses after training. None is `n_active`, or three
        times as many if that is "auto": they suit a classifier better.
    hidden_layer_sizes : int or sequence of int, default=()
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        decoder that adds up `components_`.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    architecture : object, default=None
        What builds encoder and decoder in place of `hidden_layer_sizes` and `activation`: an object
        of `sklearn_ae.architectures`, or any other with ``get_params`` and
        ``build(n_features, n_components)``, which returns two modules. Activation of the code,
        unit norm, ties and the number of active units are then up to it:
        ``MLP((), code_activation="relu", unit_norm=True)``.
    loss : {"squared_error", "log_loss", "poisson"} or callable, default="squared_error"
        What is lost. "squared_error" for real values, relative to their variance; "log_loss" for
        values in [0, 1], decoded through a sigmoid; "poisson" for counts, decoded through an
        exponential. A callable ``loss(reconstruction, x)`` returns one value per row.
    init : {"random", "pca"}, default="random"
        Where training starts. "pca" needs linear paths, which sparse codes have not; it is for an
        architecture of your own.
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
    components_ : ndarray of shape (n_components, n_features_in_)
        What a unit of each component adds to the reconstruction of the zero code, in units of the
        scale of X (for other losses before the link): the columns of a decoder without hidden
        layers, of unit norm for "l1".
    activity_ : ndarray of shape (n_components,)
        Mean absolute value of each unit over the training data. A unit at 0 is dead.
    code_sparsity_ : float
        Mean sparsity of the training data's codes by Hoyer (2004): 0 if all units of a row are
        equal, 1 if only one differs from zero.
    is_pca_ : bool
        False. The choice between what was learned and PCA is made only where nothing but the loss
        is minimised (``strength=0`` and ``init="pca"``).
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
    sklearn.decomposition.DictionaryLearning : A linear dictionary; no encoder, slower.
    sklearn_ae.penalties.KLSparsity : A penalty, for other estimators.
    sklearn_ae.architectures.TopK : So many active units, for other estimators.

    Notes
    -----
    Images with values in [0, 1], as features for a classifier: ``n_components=1000``,
    ``loss="log_loss"``, ``batch_size=100``, ``max_iter=20``, with "top_k", ``n_active=25`` and
    ``n_active_transform=75``, or "l1" and ``strength=0.1``. More units after training than in it
    suit a classifier, and reconstruct worse.

    `alpha` does nothing without hidden layers where the weights are tied, as for "kl" and "top_k":
    it spares linear decoders.

    The units are in no order, and are not turned to principal axes: turned units would not be
    sparse.

    References
    ----------
    Olshausen & Field (1996). Emergence of simple-cell receptive field properties by learning a
    sparse code for natural images. Nature 381.

    Hoyer (2004). Non-negative matrix factorization with sparseness constraints. JMLR 5.

    Ng (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Makhzani & Frey (2013). k-sparse autoencoders. arXiv:1312.5663.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import SparseAutoencoder
    >>> X = load_digits().data
    >>> autoencoder = SparseAutoencoder(128, sparsity="top_k", random_state=0).fit(X)
    >>> codes = autoencoder.transform(X)
    >>> int((codes[0] != 0).sum())
    30
    >>> autoencoder.components_.shape
    (128, 64)
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "sparsity": [StrOptions({"l1", "kl", "top_k"})],
        "strength": [Interval(Real, 0, None, closed="left"), None],
        "target_activity": [Interval(Real, 0, 1, closed="neither")],
        "n_active": [StrOptions({"auto"}), Whole()],
        "n_active_transform": [Whole(), None],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        sparsity: str = "l1",
        strength: float | None = None,
        target_activity: float = 0.05,
        n_active: int | str = "auto",
        n_active_transform: int | None = None,
        hidden_layer_sizes: int | Sequence[int] = (),
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        init: str = "random",
        alpha: float = 0.3,
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
        self.sparsity = sparsity
        self.strength = strength
        self.target_activity = target_activity
        self.n_active = n_active
        self.n_active_transform = n_active_transform
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

    @property
    def components_(self) -> np.ndarray:
        """What each unit of the code adds to the reconstruction of the zero code."""
        if not hasattr(self, "module_"):
            raise AttributeError("components_ is there after fit.")
        zero = self.module_.offset.new_zeros(1, self._n_features_out)
        units = torch.eye(self._n_features_out).to(zero)
        with torch.inference_mode():
            return (self.module_.decoder(units) - self.module_.decoder(zero)).cpu().numpy()

    def _recipe(self):
        if self.sparsity == "top_k" and self.strength is not None:
            raise ValueError(
                f"strength={self.strength!r} does not go with sparsity='top_k', which penalises "
                "nothing. Set n_active, or leave strength at None."
            )
        given = {} if self.strength is None else {"weight": self.strength}
        if self.sparsity == "l1":
            penalty, mlp = L1(**given), {"code_activation": "relu", "unit_norm": True}
        elif self.sparsity == "kl":
            penalty = KLSparsity(**given, target=self.target_activity)
            mlp = {"code_activation": "logistic", "tied": True}
        else:
            penalty, keep = None, self._top_k()
            mlp = {"code_activation": keep, "tied": True}
        return self._make_recipe(penalty=penalty, mlp={} if self.strength == 0 else mlp)

    def _top_k(self):
        k, k_transform = self.n_active, self.n_active_transform
        if k == "auto":
            k = max(self.n_components // 40, 10)
            k_transform = 3 * k if k_transform is None else k_transform
        return TopK(k, k_transform=k_transform)

    def _describe(self, X, weight):
        def activity_and_sparsity(rows):
            codes = codes_of(self.module_, rows)
            return np.column_stack([np.abs(codes), hoyer_sparsity(codes)])

        *activity, sparsity = mean_over_rows(activity_and_sparsity, X, weight)
        self.activity_ = np.array(activity)
        self.code_sparsity_ = float(sparsity)
        return []


def hoyer_sparsity(codes):
    """Return the sparsity of each row: 0 for equal values, 1 for a single one (Hoyer 2004).

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)

    Returns
    -------
    sparsity : ndarray of shape (n_samples,)
        1 for rows of zeros, and 0 if there is but one component.
    """
    root = np.sqrt(codes.shape[1])
    if root == 1:
        return np.zeros(len(codes))
    l1, l2 = np.abs(codes).sum(axis=1), np.linalg.norm(codes, axis=1)
    ratio = np.divide(l1, l2, out=np.ones(len(codes)), where=l2 > 0)
    return ((root - ratio) / (root - 1)).clip(0, 1)

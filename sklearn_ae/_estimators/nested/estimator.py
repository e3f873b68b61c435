"""NestedAutoencoder: ordered codes, and how many components the data needs."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from ..._base import BaseAutoencoder
from ..._dask import takes_dask
from ..._training.loader import Rows
from ..._typing import ArrayLike, Seed, Weights
from ..._validation import Whole, warning_of_units
from .fit import reconstruction_curve, train_nested, train_nested_on
from .recipe import NestedRecipe

FEW_TRIED = 10  # components, of which all may well be needed


@takes_dask
class NestedAutoencoder(BaseAutoencoder):
    """Autoencoder with ordered components, which finds out how many of them the data needs.

    Each row is reconstructed from the first b units of its code, with b drawn anew every time
    (nested dropout, Rippel et al. 2014). So the first unit is trained to tell most about a row, the
    second most of what is left, and so on, like the components of PCA; with linear coders they
    *are* those. One fit then gives what a search over n_components would: the share of the
    variance that any number of components explains (`reconstruction_curve_`). The net is cut to
    the number that is needed and trained on, so that in the end it is nearly as good as one that
    was trained for that number alone.

    Use it where you would ask PCA for ``n_components=0.95`` or look for the knee of its scree plot,
    and when codes should be shortened later on (`inverse_transform` takes the first few columns).
    If you know how many components you want, `AutoencoderTransformer` is quicker and a little
    better, most of all with one or two.

    X is centred and divided by one number, the root of its mean variance, so that the geometry of
    the data stays. Features in different units should be scaled before, as for PCA.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the code. A float in (0, 1) asks for the fewest components that explain this share
        of the variance of held-out rows. "auto" looks for the knee of the curve: it keeps the
        components up to the last one that gains more than 0.7 of the average over the
        max_components (Jolliffe's version of Kaiser's rule, for gains in the place of eigenvalues),
        or halves what was left unexplained.
    max_components : int, default=None
        How many components are tried. None for n_components if that is an int, else
        for 32. There are never more than features, unless n_components is.
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder.
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
    init : {"pca", "random"}, default="pca"
        Where training starts. "pca" needs linear paths; "random" builds none.
    alpha : float, default=0.3
        Weight decay of the nonlinear paths, decoupled from the loss (Loshchilov & Hutter 2019).
        More of it keeps the result nearer to PCA: more bias, less variance. Without linear paths
        it keeps it nearer to the mean.
    solver : {"adam", "sgd"}, default="adam"
        Optimizer: Adam, or stochastic gradient descent with Nesterov's momentum of 0.9.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" takes all of up to 64 rows, else an eighth, at least 32 and at most
        400: twice as many as elsewhere, since the numbers of units that are drawn add noise.
    learning_rate_init : float, default=0.01
        Step size. It stays constant; what is kept is the moving average of the weights (Polyak &
        Juditsky 1992), which settles all the same.
    max_iter : int, default=500
        Largest number of epochs, that is passes over X. It goes for each of the two trainings.
    tol : float, default=1e-3
        Smallest decrease of the loss that counts as one. For the squared error it is a share of the
        variance.
    n_iter_no_change : int, default=8
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
    n_components_ : int
        The number of components.
    reconstruction_curve_ : ndarray of shape (max_components,)
        R² of the held-out rows, reconstructed from the first 1, 2, ... components, relative to the
        mean of X; before the net was cut. Of the training rows if none were held out.
    explained_variance_ratio_ : ndarray of shape (n_components_,)
        What each component adds to R² of the rows of X, in the end. The sum is ``score(X)``.
    module_ : torch.nn.Module
        The net, with ``encode``, ``decode`` and ``forward``, which take tensors in the units of X.
        ``decode`` takes the first columns of codes, too.
    net_ : skorch.NeuralNet
        What trained it.
    is_pca_ : bool
        Whether training did not help on the held-out rows, so that the model is the PCA of all
        rows. The curves and `best_loss_` then tell of the attempt.
    n_iter_ : int
        Number of epochs of both trainings.
    loss_curve_ : list of float
        Mean training loss in each epoch of both trainings.
    validation_loss_curve_ : list of float or None
        Mean loss of the rows held out, likewise. None if no rows were held out.
    validation_scores_ : list of float or None
        R² of the held-out rows after each epoch, from all components, relative to the mean of X.
        None if no rows were held out.
    best_loss_ : float
        Smallest loss, in the second training, of the rows that decide: those held out, else those
        trained on.
    reconstruction_err_ : float
        Mean over the rows of X of the squared distance to their reconstruction.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    See Also
    --------
    AutoencoderTransformer : For a number of components that is known.
    sklearn_ae.inspection.ExplainedVarianceDisplay : Draws the curve beside PCA's.
    sklearn_ae.metrics.intrinsic_dimension : Asks neighbours instead, without training.

    Notes
    -----
    In the first training the first b units are kept with a probability proportional to
    ``(b * (u + 0.02))**-0.5``, where u is the share of the variance that b principal components
    leave. The decoder is told which units it has: zero alone would also be a value. In the second
    training 0.7 of the rows are reconstructed from all units that are left; with the others, and
    probabilities proportional to 1 / b, the order of the units stays. Held-out rows decide when to
    stop, what the best weights are, and how many components there are; where training is not
    significantly better than PCA on them, the curve is that of PCA, as for
    `AutoencoderTransformer`.

    The order is that of what a unit adds to the reconstruction. It is not that of the variances of
    the units, which may be correlated: turned to principal axes, the first units would no longer be
    a code by themselves.

    With few components the order has a price: the first ones serve all numbers of components, and
    reconstruct less than a code of that width alone. From four on it is small.

    References
    ----------
    Rippel, Gelbart, Adams (2014). Learning ordered representations with nested dropout. ICML.

    Jolliffe (1972). Discarding variables in a principal component analysis. Journal of the Royal
    Statistical Society C 21.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import NestedAutoencoder
    >>> X = load_digits().data
    >>> nested = NestedAutoencoder(n_components=0.8, random_state=0).fit(X)
    >>> nested.n_components_ < 10  # PCA needs 13
    True
    >>> codes = nested.transform(X)
    >>> nested.inverse_transform(codes[:, :3]).shape
    (1797, 64)
    """

    _recipe_class = NestedRecipe

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "n_components": [
            Whole(),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "max_components": [Whole(), None],
    }

    def __init__(
        self,
        n_components: int | float | str = "auto",
        *,
        max_components: int | None = None,
        hidden_layer_sizes: int | Sequence[int] = (128, 64),
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        init: str = "pca",
        alpha: float = 0.3,
        solver: str = "adam",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.01,
        max_iter: int = 500,
        tol: float = 1e-3,
        n_iter_no_change: int = 8,
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
        self.max_components = max_components
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

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: Any = None, sample_weight: Weights = None) -> Self:
        """Train on the rows of X for one epoch, from where the last call left off.

        The first call sets the centring, the scale and the start from its X; make it a
        representative one. Unless n_components is an int, it is a call of `fit`, which chooses how
        many components there are. Afterwards nothing is held out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The next rows.
        y : None
            Ignored, present for pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, relative to the others of this call.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter cannot be used.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        if not (hasattr(self, "module_") or isinstance(self.n_components, Integral)):
            return self.fit(X, y, sample_weight)
        return super().partial_fit(X, y, sample_weight)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the rows of data that codes, or the first columns of codes, stand for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Codes, as `transform` returns them, or their first columns; at most `n_components_`.

        Returns
        -------
        reconstruction : ndarray or DataFrame of shape (n_samples, n_features)
            After ``set_output(transform="pandas")`` or ``"polars"`` a DataFrame with the columns
            that `fit` saw (``x0``, ``x1``, ... if they had no names) and the index of X.

        Raises
        ------
        ValueError
            If X has more than `n_components_` columns.
        """
        return super().inverse_transform(X)

    def _recipe(self):
        asked, most = self.n_components, self.max_components
        if isinstance(asked, Integral) and most is not None and asked > most:
            raise ValueError(
                f"n_components={asked} is more than max_components={most}, the number that are "
                "tried. Raise max_components, or leave it at None."
            )
        width = asked if isinstance(asked, Integral) else getattr(self, "_n_features_out", 0)
        return self._make_recipe(n_components=width, asked=asked)

    def _train(self, recipe, X, weight, seed, tasks, before):
        if before is None:
            trained, curve = train_nested(recipe, X, weight, seed, tasks)
        else:
            trained, curve = train_nested_on(recipe, X, weight, seed, tasks, before)
        self.reconstruction_curve_ = curve
        return trained

    def _describe(self, X, weight):
        self.n_components_ = self._n_features_out
        curve = reconstruction_curve(self.module_, Rows(X, weight))
        self.explained_variance_ratio_ = np.diff(curve, prepend=0)
        if self._trained.streaming:
            self.reconstruction_curve_ = curve
        return self._remarks(X)

    def _remarks(self, X):
        """Return what to warn of, where the data was to say how many components it needs."""
        share, curve = self.n_components, self.reconstruction_curve_
        if isinstance(share, Integral):
            return []
        remarks = [warning_of_units(self, X)]
        n_tried = self._trained.recipe.n_tried(self.n_features_in_)
        if share == "auto" and self.n_components_ == len(curve) == n_tried > FEW_TRIED:
            remarks.append(
                f"n_components='auto' found no knee: all {len(curve)} components that were tried "
                "are worth about as much. Either the data has no structure of fewer dimensions, "
                "or it needs more: raise max_components if reconstruction_curve_ still rises."
            )
        if share != "auto" and curve.max() < share:
            remarks.append(
                f"n_components={share} asks for this share of the variance, but all {len(curve)} "
                f"components that were tried explain {curve.max():.3f} of that of the held-out "
                "rows, and are kept. Raise max_components, or ask for less."
            )
        return remarks

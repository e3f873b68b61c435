"""GeodesicAutoencoder: a code that is a map of the data, like Isomap's, and a way back."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..._base import BaseAutoencoder
from ..._training.random import borrowed_global_state
from ..._typing import ArrayLike, Seed, Weights
from ..._validation import Whole, unchanged_on_error, warn_user
from .alarms import alarms, alarms_of_target
from .fit import train_geodesic, train_geodesic_on
from .recipe import GeodesicRecipe

NOTHING_KNOWN = dict.fromkeys(
    [
        "landmarks_",
        "n_neighbors_",
        "n_connected_components_",
        "n_short_cuts_",
        "_uncut",
        "geodesic_residual_variance_",
        "stress_",
        "stress_ratio_",
        "_creases",
        "target_embedding_",
        "target_score_",
        "_trained_score",
        "_unsettled",
        "_local_dimension",
    ]
)
# Training takes a number of steps, all rows take part, and its start is its own.
NOT_HERE = {
    "init",
    "max_iter",
    "tol",
    "n_iter_no_change",
    "early_stopping",
    "validation_fraction",
}


class GeodesicAutoencoder(BaseAutoencoder):
    """Autoencoder whose code is a map of the data: distances in it are distances along the data.

    Isomap finds such maps, and unrolls what is rolled up. This estimator learns one that also maps
    new rows fast, leads back from the map to the data (`inverse_transform`), averages noise away,
    and costs about the same for a thousand rows and for a million. It measures geodesic distances,
    which are shortest paths over a graph of nearest neighbours, from a few landmarks to all rows,
    and trains encoder and decoder to keep these distances in the code and to reconstruct the rows.

    Use it where you would use Isomap: for maps whose distances mean something, of data near a
    surface without holes that can be rolled out flat. It warns when there seems to be no such map.
    Do not use it for the smallest reconstruction error (`AutoencoderTransformer`), for data that
    falls into separate clusters, or below a few hundred rows, where neighbours are too far apart.

    With `target` the code follows any other embedding instead, which so gets a `transform` for new
    rows and an `inverse_transform`: t-SNE, spectral embedding, UMAP, ...

    Parameters
    ----------
    n_components : int, default=2
        Width of the code. It is the dimension of the map.
    n_neighbors : int or "auto", default="auto"
        Neighbours of each row in the graph. Too many make short cuts between the folds of the data,
        too few make detours or let the graph fall apart. "auto" takes 18, or fewer down to 5 if
        that makes the distances much flatter without tearing open what 18 hold together, as a ring.
        If only 5 or 6 do, it looks for single short cuts and takes them out of a larger graph; if
        none does, it warns of it, too. More neighbours than rows mean all of them.
    n_landmarks : int, default=64
        Rows from which geodesic distances are measured: far from each other, and all over the data.
        More than `n_components`.
    geodesic_weight : float, default=10.0
        What the errors of the map count, compared to those of the reconstruction. 0 makes a plain
        autoencoder after a start from landmark MDS.
    target : estimator, default=None
        What makes the coordinates that the code follows instead of geodesic distances: an embedder
        with ``fit_transform``, as those of `sklearn.manifold`, of as many components. It is copied,
        and seeded by `random_state` if it has no seed of its own. `n_neighbors`, `n_landmarks`,
        `metric` and `metric_params` then have no effect.
    metric : str or callable, default="euclidean"
        Distance between neighbours, as for `sklearn.neighbors.NearestNeighbors`; not "precomputed".
    metric_params : dict, default=None
        Further arguments of the metric, for example ``{"V": X.var(axis=0)}`` for "seuclidean" or
        ``{"VI": np.linalg.inv(np.cov(X.T))}`` for "mahalanobis".
    max_anchors : int, default=20_000
        How many rows, drawn at random, make up the graph, or are given to `target`. Paths to other
        rows lead over the nearest of these. With a `target`, other rows are not trained on.
    noise_level : float, default=1.0
        Length of the Gaussian noise that is added to what the encoder sees in training, in typical
        distances between nearest neighbours. It keeps the map smooth between the rows.
    hidden_layer_sizes : int or sequence of int, default=(64, 64, 64)
        Width of each hidden layer of the encoder; the decoder has them in reverse.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    architecture : object, default=None
        What builds encoder and decoder in place of `hidden_layer_sizes` and `activation`: an object
        of `sklearn_ae.architectures`, or any other with ``get_params`` and
        ``build(n_features, n_components)``, which returns two modules. The default has no linear
        paths: they are a bad start for rolled-up data.
    loss : {"squared_error", "log_loss", "poisson"} or callable, default="squared_error"
        What is lost. "squared_error" for real values, "log_loss" for values in [0, 1], "poisson"
        for counts; a callable ``loss(reconstruction, x)`` returns one value per row.
    alpha : float, default=0.0
        Weight decay of the nonlinear paths, decoupled from the loss (Loshchilov & Hutter 2019).
        Without linear paths it pulls all rows together.
    solver : {"adam", "sgd"}, default="adam"
        Optimizer: Adam, or stochastic gradient descent with Nesterov's momentum of 0.9.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" takes 256, or all of fewer.
    learning_rate_init : float, default=0.02
        Step size. It grows to this over the first fifth of the steps and then falls to zero.
    max_steps : int, default=1000
        Steps of the optimizer, however many rows there are. Of more than `max_steps` times
        `batch_size` rows as many are drawn at random.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one. Distances and settings are those of
        now.
    random_state : int, RandomState instance or None, default=None
        Seeds all that is drawn: anchors, landmarks, weights, order and noise. The same int gives
        the same bytes on the same machine.
    verbose : int, default=0
        1 prints a line per epoch. 50 steps are one.
    device : str, default="cpu"
        Where torch computes, for example "cuda". "auto" is a GPU if there is one, else the CPU.
    callbacks : list, default=None
        Callbacks of skorch, copied before use. 50 steps are an epoch to them. Those of scikit-learn
        1.9 are set with ``set_callbacks``.
    net_params : dict, default=None
        Further parameters of `skorch.NeuralNet`, for example
        ``{"optimizer": torch.optim.RAdam}``. Not those that have a parameter here.

    Attributes
    ----------
    landmarks_ : ndarray of shape (n_landmarks, n_features) or None
        The landmarks: fewer if there are fewer different rows. None with a `target`.
    n_neighbors_ : int or None
        Neighbours of each row in the graph. None with a `target`.
    n_connected_components_ : int or None
        How many parts the graph fell into, before they were joined. None with a `target`.
    n_short_cuts_ : int or None
        How many edges were taken out of the graph as short cuts. None with a `target`.
    geodesic_residual_variance_ : ndarray of shape (max(5, n_components),) or None
        Share of the variance of the geodesic distances that a map of 1, 2, ... components leaves
        unexplained, by landmark MDS. Where it stops falling is the dimension of the data. None
        with a `target`.
    stress_ : float or None
        Root of the mean squared error of the distances in the code, relative to that of the
        geodesic distances (Kruskal's stress). None with a `target`.
    stress_ratio_ : float or None
        Stress of the code over that of landmark MDS, both measured robustly. Where the distances
        are flat a smooth map has less than 0.85, a creased one about 1. Where the rows lie flat in
        space already, a smooth one has about 1, a creased one more. None with a `target`.
    target_embedding_ : ndarray of shape (min(n_samples, max_anchors), n_components) or None
        The coordinates that the code was to follow. None without a `target`.
    target_score_ : float or None
        R² with which it follows them on rows that are not trained on: a tenth of the different
        rows, at least 10 and at most 1000. None without a `target`, or below 50 different rows.
    module_ : torch.nn.Module
        The net, with ``encode``, ``decode`` and ``forward``, which take tensors in the units of X.
    net_ : skorch.NeuralNet
        What trained it.
    is_pca_ : bool
        False: there is no going back to PCA here.
    n_iter_ : int
        Number of rounds of 50 steps.
    loss_curve_ : list of float
        Mean training loss in each round. It changes its meaning when landmark MDS is left behind.
    validation_loss_curve_ : None
        No rows are held out.
    validation_scores_ : None
        No rows are held out.
    best_loss_ : float
        Smallest loss of a round.
    reconstruction_err_ : float
        Mean over the rows of X of the squared distance to their reconstruction.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any that are strings.

    Warns
    -----
    UserWarning
        With its number, if the graph fell into parts; if short cuts were taken out of it; if the
        distances are not those of a flat map of so many components (residual variance above 0.02),
        with what seems to be the cause: short cuts, a curved or closed surface, too few components,
        or data that spreads in many directions; if the map seems creased; or if the code does not
        follow a `target` to new rows.

    See Also
    --------
    sklearn.manifold.Isomap : Sooner below a few thousand rows; no way back.
    sklearn_ae.metrics.embedding_report : Whether a map is any good.
    sklearn_ae.inspection.LatentSpaceDisplay : Draws it.

    Notes
    -----
    Distances in the code are in the units of X, and its components are centred, uncorrelated and
    in the order of their variance. With a `target` they are the target's instead.

    Landmark MDS gives first coordinates, which the code follows for 30 % of the steps. Then it
    follows the distances d to the landmarks, by the pseudo-Huber loss of their relative error:
    paths that zig-zag, or lead around a hole, are outliers. If the result looks creased, training
    starts anew, twice at most.

    No n × n matrix is ever made. Neighbours among more than 50,000 anchors of more than 15 features
    are found by pynndescent, if it is installed (``pip install 'sklearn_ae[neighbors]'``).

    Isomap is faster to fit below about 3,000 rows.

    References
    ----------
    Tenenbaum, de Silva, Langford (2000). A global geometric framework for nonlinear dimensionality
    reduction. Science 290. (Isomap)

    de Silva & Tenenbaum (2004). Sparse multidimensional scaling using landmark points. (landmarks)

    Duque, Morin, Wolf, Moon (2020). Extendable and invertible manifold learning with geometry
    regularized autoencoders. IEEE Big Data. (target)

    Smith & Topin (2018). Super-convergence. arXiv:1708.07120. (the learning rate)

    Examples
    --------
    >>> from sklearn.datasets import make_swiss_roll
    >>> from sklearn_ae import GeodesicAutoencoder
    >>> from sklearn_ae.metrics import geodesic_correlation
    >>> X, _ = make_swiss_roll(2000, random_state=0)
    >>> X_new, _ = make_swiss_roll(1000, random_state=1)
    >>> roll = GeodesicAutoencoder(n_components=2, random_state=0).fit(X)
    >>> bool(geodesic_correlation(X_new, roll.transform(X_new)) > 0.99)
    True
    >>> bool(roll.score(X_new) > 0.99)
    True
    """

    _recipe_class = GeodesicRecipe

    _parameter_constraints: dict = {
        **{
            name: constraint
            for name, constraint in BaseAutoencoder._parameter_constraints.items()
            if name not in NOT_HERE
        },
        "n_neighbors": [StrOptions({"auto"}), Whole()],
        "n_landmarks": [Whole(2)],
        "geodesic_weight": [Interval(Real, 0, None, closed="left")],
        "target": [HasMethods(["fit_transform", "get_params"]), None],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "max_anchors": [Whole(2)],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "max_steps": [Whole()],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        n_neighbors: int | str = "auto",
        n_landmarks: int = 64,
        geodesic_weight: float = 10.0,
        target: Any = None,
        metric: str | Callable = "euclidean",
        metric_params: dict | None = None,
        max_anchors: int = 20_000,
        noise_level: float = 1.0,
        hidden_layer_sizes: int | Sequence[int] = (64, 64, 64),
        activation: str = "silu",
        architecture: Any = None,
        loss: str | Callable = "squared_error",
        alpha: float = 0.0,
        solver: str = "adam",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.02,
        max_steps: int = 1000,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
        device: str = "cpu",
        callbacks: list | None = None,
        net_params: dict | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_landmarks = n_landmarks
        self.geodesic_weight = geodesic_weight
        self.target = target
        self.metric = metric
        self.metric_params = metric_params
        self.max_anchors = max_anchors
        self.noise_level = noise_level
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.loss = loss
        self.alpha = alpha
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_steps = max_steps
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: Any = None, sample_weight: Weights = None) -> Self:
        """Train on the rows of X, from where the last call left off.

        The first call is a `fit`. Each further one makes one pass over its rows, whose geodesic
        distances are measured among themselves, so let each piece cover the data densely; centre,
        scale and orientation of the map stay as they were. There is seldom a need for it: `fit`
        reads memory-mapped data of any length, and trains on a sample of it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
            If X, the weights or a parameter cannot be used, or there is a `target`, whose
            coordinates of different pieces have nothing to do with each other.
        RuntimeError
            If the loss diverges even at a much smaller learning rate.
        """
        if not hasattr(self, "module_"):
            return self.fit(X, y, sample_weight)
        if self.target is not None:
            raise ValueError(
                f"target={self.target!r} would give each piece of the data coordinates of its own. "
                "Call fit with all rows; it takes max_anchors of them."
            )
        with unchanged_on_error(self):
            recipe = self._recipe()
            X, weight = self._check_training_data(X, sample_weight, recipe, reset=False)
            before, past = self._trained, self.loss_curve_
            seed = (before.seed + len(past)) % 2**31
            with borrowed_global_state(seed, self.device):
                recipe = recipe.fitted_to(X)
                trained, facts = train_geodesic_on(recipe, X, weight, seed, before)
            self.__dict__.update(facts)
            curve = past + trained.net.monitor.loss_curve_
            self._keep(trained, X, weight, curve, float(np.nanmin([np.inf, *curve])))
        warn_user(trained.net.monitor.warning(self.max_steps))
        return self

    def _recipe(self):
        recipe = self._make_recipe()
        target, n = self.target, self.n_components
        if isinstance(target, type):
            raise ValueError(
                f"target={target.__name__} is a class. Give an object of it: {target.__name__}()."
            )
        n_of_target = getattr(target, "n_components", n)
        if isinstance(n_of_target, Integral) and n_of_target != n:
            raise ValueError(
                f"target={target!r} has n_components={n_of_target}, and the code has "
                f"n_components={n}. Give both the same number."
            )
        if target is None and self.n_landmarks <= n:
            raise ValueError(
                f"n_landmarks={self.n_landmarks} cannot span a map of n_components={n}. Use at "
                f"least {n + 1}, and better {max(64, 2 * n)}."
            )
        if self.metric == "precomputed":
            raise ValueError(
                "metric='precomputed' leaves no rows to encode. Give the rows of data, and the "
                "name of a metric or a function of two rows."
            )
        return recipe

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False  # the neighbours of each row are asked for among all others
        return tags

    def _train(self, recipe, X, weight, seed, tasks, before):
        trained, facts = train_geodesic(recipe, X, weight, seed, tasks, before)
        vars(self).update(NOTHING_KNOWN | facts)
        return trained

    def _describe(self, X, weight):
        if self.target is not None:
            return list(alarms_of_target(vars(self), self.target))
        return list(alarms(vars(self), self.n_components))

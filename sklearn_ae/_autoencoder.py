"""AutoencoderTransformer: the plain autoencoder, and the one that takes any part."""

from ._base import BaseAutoencoder


class AutoencoderTransformer(BaseAutoencoder):
    """Nonlinear dimensionality reduction by an autoencoder."""

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "penalty": [callable, None],
        "corruption": [callable, None],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128,),
        activation="silu",
        architecture=None,
        loss="squared_error",
        penalty=None,
        corruption=None,
        init="pca",
        alpha=0.0,
        solver="adam",
        batch_size="auto",
        learning_rate_init=0.01,
        max_iter=500,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping="auto",
        validation_fraction=0.1,
        warm_start=False,
        random_state=None,
        verbose=0,
        device="cpu",
        callbacks=None,
        net_params=None,
    ):
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

    def _regularizers(self):
        return self.penalty, self.corruption

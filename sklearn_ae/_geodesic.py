"""GeodesicAutoencoder: a code that is a map of the data, like Isomap's, and a way back."""

import warnings
from math import ceil
from numbers import Integral, Real

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._base import BaseAutoencoder, Learned
from ._following import FollowingObjective, FramedModule, pseudo_huber
from ._geodesics import CURVED
from ._guides import embedding_guide, geodesic_guide
from ._loader import ROUND, Steps
from ._net import MAX_RESTARTS, Diverged, Monitor, OneCycle
from ._pca import moments, principal_axes
from ._random import seeded_construction
from .architectures import MLP

BATCH_SIZE = 256
REGRESSED = 0.3  # share of the steps in which the code follows the coordinates of landmark MDS
MAX_TRAININGS = 3
CREASED = 0.8  # stress relative to that of landmark MDS: smooth maps are below, creased ones above
N_JUDGED = 5000  # rows that a map is judged by
NOTHING_KNOWN = dict.fromkeys(
    [
        "landmarks_",
        "n_neighbors_",
        "n_connected_components_",
        "n_short_cuts_",
        "geodesic_residual_variance_",
        "stress_",
        "stress_ratio_",
        "target_embedding_",
        "target_score_",
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
    """TODO."""

    _parameter_constraints: dict = {
        **{
            name: constraint
            for name, constraint in BaseAutoencoder._parameter_constraints.items()
            if name not in NOT_HERE
        },
        "n_neighbors": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_landmarks": [Interval(Integral, 2, None, closed="left")],
        "geodesic_weight": [Interval(Real, 0, None, closed="left")],
        "target": [HasMethods(["fit_transform", "get_params"]), None],
        "metric": [str, callable],
        "max_anchors": [Interval(Integral, 2, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        n_neighbors="auto",
        n_landmarks=64,
        geodesic_weight=10.0,
        target=None,
        metric="euclidean",
        max_anchors=20_000,
        hidden_layer_sizes=(64, 64, 64),
        activation="silu",
        architecture=None,
        loss="squared_error",
        alpha=0.0,
        solver="adam",
        batch_size="auto",
        learning_rate_init=0.01,
        max_steps=1000,
        warm_start=False,
        random_state=None,
        verbose=0,
        device="cpu",
        callbacks=None,
        net_params=None,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.n_landmarks = n_landmarks
        self.geodesic_weight = geodesic_weight
        self.target = target
        self.metric = metric
        self.max_anchors = max_anchors
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

    def _regularizers(self):
        return None, None

    def _default_architecture(self):
        return MLP(self.hidden_layer_sizes, self.activation, skip=False)

    def _make_module(self, parts, n_components):
        n_features = self.n_features_in_
        encoder, decoder = parts["architecture"].build(n_features, n_components)
        link = getattr(parts["loss"], "link", None)
        return FramedModule(encoder, decoder, n_features, n_components, link)

    def _start(self, module, parts, rows, seed):
        with seeded_construction(seed):
            for coder in (module.encoder, module.decoder):
                if hasattr(coder, "start_bent"):
                    coder.start_bent()

    def _make_objective(self, parts, module, seed, device):
        loss, landmarks = parts["loss"], parts["landmarks"]
        if landmarks is not None:
            landmarks = torch.from_numpy(landmarks.copy())
        return FollowingObjective(
            loss,
            landmarks,
            self.geodesic_weight,
            parts["shortest"],
            unit=loss.unit(module.scale.item()) if hasattr(loss, "unit") else 1.0,
            seed=seed,
            device=device,
        )

    def _automatic_batch_size(self, n_rows):
        return min(BATCH_SIZE, n_rows)

    def _max_epochs(self):
        return MAX_TRAININGS * ceil(self.max_steps / ROUND)

    def _warn_if_copying_is_easy(self, parts):
        """A code that is a map of the data is no copy, however wide it is."""

    def _learn(self, X, weight, parts, seed, tasks, continued):
        """Return the first trained net that is not creased, or the best of three."""
        guide = self._guide(X, weight, seed)
        parts["landmarks"], parts["shortest"] = guide.landmarks, guide.shortest
        settings = self._net_settings(len(guide.rows), ceil(self.max_steps / ROUND))
        best = None
        for attempt in range(MAX_TRAININGS):
            attempt_seed = (seed + attempt) % 2**31
            net = self._train_once(guide, parts, attempt_seed, settings, tasks, continued)
            creases, judgement = self._judge(net.module, guide)
            if best is None or creases < best[0]:
                best = creases, judgement, net
            interrupted = net.criterion_.n_steps < self.max_steps
            if interrupted or best[0] <= CREASED:
                break
        _, judgement, net = best
        net.module.set_frame(guide.unit, guide.shift)
        vars(self).update(NOTHING_KNOWN | guide.facts | judgement)
        return Learned(net, settings)

    def _guide(self, X, weight, seed):
        shared = {"n_components": self.n_components, "max_anchors": self.max_anchors}
        if self.target is not None:
            return embedding_guide(X, weight, seed, target=self.target, **shared)
        n_rows = self.max_steps * self._net_settings(len(X), 1)["batch_size"]
        return geodesic_guide(
            X,
            weight,
            seed,
            n_rows=n_rows,
            metric=self.metric,
            n_neighbors=self.n_neighbors,
            n_landmarks=self.n_landmarks,
            **shared,
        )

    def _train_once(self, guide, parts, seed, settings, tasks, continued):
        """Return a net after all steps; at a smaller learning rate if the loss diverges."""
        rows, n_rounds = guide.rows, settings["max_epochs"]
        for attempt in range(MAX_RESTARTS + 1):
            if continued:
                module = self._continued_module(parts, rows.X.dtype)
                module.set_frame()
            else:
                module = self._new_module(parts, rows.X, rows.weight, rows, seed)
            monitor = Monitor(
                tol=0,
                n_iter_no_change=n_rounds,
                max_epochs=n_rounds,
                schedule=OneCycle(self.max_steps),
                max_restarts=0,
            )
            steps = {"iterator_train": Steps, "iterator_train__n_steps": self.max_steps}
            net = self._make_net(module, parts, monitor, seed, settings | steps, tasks)
            net.criterion_.n_regressed = 0 if continued else int(REGRESSED * self.max_steps)
            try:
                self._train(net, rows)
            except Diverged:
                if attempt == MAX_RESTARTS:
                    raise
                settings["lr"] /= 2
            else:
                return net

    def _judge(self, module, guide):
        """Return how creased a map is, and how well it follows, by some of the rows."""
        X, distances, coordinates = guide.sample(N_JUDGED)
        codes = _encode(module, X)
        if guide.landmarks is None:
            score = r2_score(coordinates, codes, multioutput="variance_weighted")
            return 0.0, {"target_score_": score}
        apart = cdist(codes, _encode(module, guide.landmarks))
        apart_in_mds = cdist(coordinates, guide.landmark_coordinates)
        far = np.maximum(distances, guide.shortest)
        stress, stress_of_mds = (_scale_free_stress(d, far) for d in (apart, apart_in_mds))
        ratio = stress / max(stress_of_mds, 1e-12)
        total = np.square(distances).sum(dtype=float)
        kruskal = float(np.sqrt(np.square(apart - distances).sum() / total)) if total else 0.0
        return ratio, {"stress_": kruskal, "stress_ratio_": ratio}

    def _describe(self, X, weight):
        if self.target is None:
            codes = self._apply(self.module_.encode, X, self._n_features_out).astype(float)
            centre, _ = moments(codes, weight)
            axes = principal_axes(codes, centre, self._n_features_out, weight)
            self.module_.turn_code(centre, axes)
        super()._describe(X, weight)

    def _warn_of_result(self):
        if self.target is None:
            for message in self._alarms():
                warnings.warn(message, UserWarning, stacklevel=4)

    def _alarms(self):
        k, n_parts = self.n_neighbors_, self.n_connected_components_
        residual = self.geodesic_residual_variance_[self._n_features_out - 1]
        if n_parts > 1:
            yield (
                f"The graph of {k} nearest neighbours fell into {n_parts} parts, which have been "
                "joined by the shortest links between them. Trust the map within a part, not "
                f"between parts. Use more than n_neighbors={k}, or fit each part by itself."
            )
        if self.n_short_cuts_:
            yield (
                f"Short cuts through empty space: {self.n_short_cuts_} edges of the graph of {k} "
                "nearest neighbours joined points that are far apart without them, and have been "
                f"taken out, which leaves {residual:.3f} of the variance of the geodesic "
                "distances unexplained. Check the map; more rows or less noise make it safe."
            )
        if residual > CURVED:
            yield (
                f"The geodesic distances are not those of a flat map of {self._n_features_out} "
                f"components: landmark MDS leaves {residual:.3f} of their variance unexplained, "
                f"and more than {CURVED} is much. Either the graph of {k} neighbours has short "
                "cuts through empty space (more rows, less noise or fewer n_neighbors help), or "
                "the data lies on a curved or closed surface, or it needs more components: "
                "geodesic_residual_variance_ tells what 1, 2, ... would leave."
            )
        if self.stress_ratio_ > CREASED:
            yield (
                f"The map may be creased: even the best of {MAX_TRAININGS} trainings has "
                f"{self.stress_ratio_:.2f} times the stress of landmark MDS, and a smooth map has "
                f"less than {CREASED}. Use more max_steps, another random_state or larger "
                "hidden_layer_sizes."
            )


def _encode(module, X):
    with torch.inference_mode():
        return module.encode(torch.from_numpy(X).to(module.offset)).cpu().numpy()


def _scale_free_stress(distances, targets):
    """Return the mean robust stress, after scaling: a robust loss settles on the median path."""
    ratio = distances / targets
    middle = np.median(ratio)
    error = ratio / middle - 1 if middle > 0 else ratio
    return float(pseudo_huber(torch.from_numpy(error)).mean())

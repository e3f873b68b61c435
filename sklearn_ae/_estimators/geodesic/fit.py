"""How a geodesic autoencoder is trained: follow a guide, look at the map, start anew if creased."""

from dataclasses import replace
from math import ceil

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import r2_score

from ..._neighbor_graph import CURVED
from ..._training.build import Trained, build_net, started_module
from ..._training.fit import continued_module, run
from ..._training.loader import ROUND
from ..._training.module import codes_of
from ..._training.monitor import MAX_RESTARTS, Diverged, Monitor
from ..._training.pca import frame_of, moments, principal_axes
from ..._training.progress import say
from ..._training.ranks import refuse_several
from ..._training.step import OneCycle, Stepper
from ...corruptions import GaussianNoise
from .following import pseudo_huber
from .guides import embedding_guide, geodesic_guide
from .recipe import MAX_TRAININGS

REGRESSED = 0.3  # share of the steps in which the code follows the coordinates of landmark MDS
CREASED = 0.85  # stress relative to that of landmark MDS: flat maps are below, creased ones above
FLAT = 2  # the same of the plane through the rows, below which they lie flat in space themselves
WORSE = 1.2  # the same where they do, from which on a map is creased: no map can be much better
N_JUDGED = 5000  # rows that a map is judged by
REFINED = 0.01  # share of the learning rate for rows that come later


def train_geodesic(recipe, X, weight, seed, tasks=None, before=None):
    """Train until a map is not creased, three times at most, and return the best one.

    Parameters
    ----------
    recipe : GeodesicRecipe
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    tasks : EpochTasks or None, default=None
    before : Trained or None, default=None

    Returns
    -------
    trained : Trained
    facts : dict
        What was found on the way, named as the estimator's attributes.
    """
    unit = None if before is None else before.module.unit()
    recipe, guide = guided(recipe, X, weight, seed, unit)
    loop = recipe.loop(len(guide.rows), recipe.n_rounds)
    best = None
    for attempt in range(MAX_TRAININGS):
        again = f", training {attempt + 1} of {MAX_TRAININGS} at most: the last map was creased"
        say(recipe, f"Stage 2 of 2: a net that follows{again if attempt else ''}.")
        own_seed = (seed + attempt) % 2**31
        net = follow(recipe, guide, own_seed, loop, OneCycle(recipe.max_steps), before, tasks)
        creases, judgement = judge(recipe, net.module, guide)
        if best is None or creases < best[0]:
            best = creases, judgement, net
        if net.monitor.stopped_by_ is not None or best[0] <= CREASED:
            break
    _, judgement, net = best
    module = net.module
    turn = guide.unit * torch.eye(recipe.n_components, dtype=torch.float64)
    module.set_frame(turn, guide.shift)
    if recipe.target is None:
        module.turn_code(*frame_of(codes_of(module, X), weight))
    return Trained(module, net, without_guide(recipe), seed, loop), guide.facts | judgement


def train_geodesic_on(recipe, X, weight, seed, before):
    """Make one pass over new rows, whose distances are measured among themselves.

    As `train_geodesic` otherwise; centre, scale and orientation of the map stay as they were.
    """
    frame = before.module.frame()
    recipe, guide = guided(recipe, X, weight, seed, before.module.unit())
    n_steps = ceil(len(guide.rows) / recipe.loop(len(X))["batch_size"])
    loop = recipe.loop(len(X), ceil(n_steps / ROUND))
    net = follow(recipe, guide, seed, loop, OneCycle(n_steps, largest=REFINED), before)
    _, judgement = judge(recipe, net.module, guide)
    net.module.set_frame(*frame)
    recipe = without_guide(recipe)
    return Trained(net.module, net, recipe, before.seed, loop), guide.facts | judgement


def without_guide(recipe):
    """Return a recipe without what was found in the data: a training to come finds its own."""
    return replace(recipe, landmarks=None)


def guided(recipe, X, weight, seed, unit):
    """Return the recipe with what was found in the data, and what the code is to follow."""
    refuse_several("GeodesicAutoencoder")
    shared = {"n_components": recipe.n_components, "max_anchors": recipe.max_anchors}
    if recipe.target is not None:
        say(recipe, "Stage 1 of 2: the embedding that the code is to follow.")
        guide = embedding_guide(X, weight, seed, target=recipe.target, unit=unit, **shared)
    else:
        say(recipe, f"Stage 1 of 2: neighbours, and paths along the data, of {len(X):,} rows.")
        guide = geodesic_guide(
            X,
            weight,
            seed,
            n_rows=recipe.max_steps * recipe.loop(len(X))["batch_size"],
            n_neighbors=recipe.n_neighbors,
            n_landmarks=recipe.n_landmarks,
            metric=recipe.metric,
            metric_params=recipe.metric_params,
            unit=unit,
            **shared,
        )
    noise = recipe.noise_level * guide.nearest / np.sqrt(X.shape[1])
    found = {
        "corruption": GaussianNoise(noise) if noise > 0 else None,
        "landmarks": guide.landmarks,
        "shortest": guide.shortest,
    }
    return replace(recipe, **found), guide


def follow(recipe, guide, seed, loop, schedule, before=None, tasks=None):
    """Return a net after all steps; at a smaller learning rate if the loss diverges.

    Parameters
    ----------
    recipe : GeodesicRecipe
    guide : Guide
    seed : int
    loop : dict
        As from `Recipe.loop`.
    schedule : OneCycle
    before : Trained or None, default=None
    tasks : EpochTasks or None, default=None

    Returns
    -------
    net : AutoencoderNet
    """
    rows, X = guide.rows, guide.rows.X
    for attempt in range(MAX_RESTARTS + 1):
        if before is None:
            module = started_module(recipe, X, rows.weight, rows, seed)
        else:
            module = continued_module(recipe, before, X, rows.weight, X.dtype)
            module.set_frame(torch.eye(recipe.n_components), 0.0)
        monitor = Monitor(
            tol=0,
            n_iter_no_change=loop["max_epochs"],
            max_epochs=loop["max_epochs"],
            max_restarts=0,
            start=guide.some_rows(N_JUDGED),
        )
        slower = loop | {"lr": loop["lr"] / 2**attempt, "n_steps": schedule.n_steps}
        net = build_net(recipe, module, monitor, Stepper(schedule), seed, slower, tasks)
        net.criterion_.n_regressed = 0 if before else int(REGRESSED * schedule.n_steps)
        try:
            run(net, rows, recipe)
        except Diverged:
            if attempt == MAX_RESTARTS:
                raise
        else:
            return net


def judge(recipe, module, guide):
    """Return how creased a map is, as far as one can tell, and how well it follows."""
    if guide.landmarks is None:
        trained = following_score(module, guide.some_rows(N_JUDGED))
        new = None if guide.held_out is None else following_score(module, guide.held_out)
        return 0.0, {"target_score_": new, "_trained_score": trained}
    X, distances, coordinates = guide.sample(N_JUDGED)
    codes = codes_of(module, X)
    apart = cdist(codes, codes_of(module, guide.landmarks))
    apart_in_mds = cdist(coordinates, guide.landmark_coordinates)
    far = np.maximum(distances, guide.shortest)
    stress = scale_free_stress(apart, distances, far)
    stress_of_mds = scale_free_stress(apart_in_mds, distances, far)
    ratio = stress / max(stress_of_mds, 1e-12)
    total = np.square(distances).sum(dtype=float)
    kruskal = float(np.sqrt(np.square(apart - distances).sum() / total)) if total else 0.0
    # Where no map is right, the stress of a smooth one may be as large as of a creased one.
    residual = guide.facts["geodesic_residual_variance_"][recipe.n_components - 1]
    creases = ratio if residual <= CURVED else 0.0
    if creases > CREASED:
        in_plane = plane_through(X, recipe.n_components, guide.landmarks)
        stress_of_plane = scale_free_stress(cdist(*in_plane), distances, far)
        if stress_of_plane < FLAT * stress_of_mds:
            creases *= CREASED / (WORSE * max(1.0, stress_of_plane / stress_of_mds))
    return creases, {"stress_": kruskal, "stress_ratio_": ratio, "_creases": creases}


def plane_through(X, n_components, *others):
    """Return the places of rows, and of others, along the directions of largest variance."""
    rows = X.astype(np.float64)
    mean, _ = moments(rows)
    axes = principal_axes(rows, mean, n_components, random_state=np.random.RandomState(0))
    return [(some - mean) @ axes.T for some in (rows, *others)]


def following_score(module, rows):
    """Return the R² with which the codes of rows follow their coordinates."""
    codes = codes_of(module, rows.X[rows.index])
    return r2_score(rows.guide, codes, multioutput="variance_weighted")


def scale_free_stress(apart, distances, far):
    """Return the mean robust stress, after scaling: a robust loss settles on the median path."""
    ratio = apart / far
    middle = np.median(ratio)
    error = ratio / middle - 1 if middle > 0 else (apart - distances) / far
    return float(pseudo_huber(torch.from_numpy(error)).mean())

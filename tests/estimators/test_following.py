import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from sklearn.base import BaseEstimator
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from torch import nn

from sklearn_ae import GeodesicAutoencoder
from sklearn_ae._estimators.geodesic.following import (
    DELTA,
    FollowingObjective,
    FramedModule,
    pseudo_huber,
    relative_stress,
)
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.objective import Objective
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.losses import SquaredError


def table(n_rows=20, n_columns=4, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).normal(size=(n_rows, n_columns)))


X, LANDMARKS = table(), table(6, seed=1)
COORDINATES, DISTANCES = table(20, 2, seed=2), table(20, 6, seed=3).abs() + 0.1
GUIDE = torch.cat([DISTANCES, COORDINATES], dim=1)


def module(kind=FramedModule):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        decoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 4))
        made = kind(encoder, decoder, 4, *([2] if kind is FramedModule else [])).double()
    made.offset.copy_(X.mean(dim=0))
    made.scale.fill_(1.7)
    return made


def following(landmarks=LANDMARKS, weight=3.0, **params):
    return FollowingObjective(SquaredError(), landmarks, weight, **params)


def values(objective, guide=GUIDE, **params):
    with torch.no_grad():
        return objective(module(), X, guide=guide, **params)[0]


def loss_values():
    with torch.no_grad():
        return SquaredError()(module()(X).reconstruction, X)


def turned(degrees=40.0, factor=2.5):
    angle = np.deg2rad(degrees)
    rotation = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return factor * torch.tensor(rotation, dtype=torch.float64)


def framed(turn=None, shift=(3.0, -1.0)):
    made = module()
    made.set_frame(turned() if turn is None else turn, torch.tensor(shift))
    return made


# The frame


@torch.no_grad()
def test_new_module_is_one_without_a_frame():
    plain = module(AutoencoderModule)
    torch.testing.assert_close(module().encode(X), plain.encode(X))
    torch.testing.assert_close(module()(X).reconstruction, plain(X).reconstruction)


@torch.no_grad()
def test_code_is_the_output_of_the_encoder_times_the_turn_plus_the_shift():
    expected = module().encode(X) @ turned() + torch.tensor([3.0, -1.0])
    torch.testing.assert_close(framed().encode(X), expected)


@pytest.mark.parametrize("turn", [turned(), turned(0, -1.0), turned(170, 1e-4)])
@torch.no_grad()
def test_reconstruction_does_not_depend_on_the_frame(turn):
    made = framed(turn)
    made.turn_code(np.array([1.0, 2.0]), turned(75, 1.0).numpy())
    output = made(X)
    torch.testing.assert_close(output.reconstruction, module()(X).reconstruction)
    torch.testing.assert_close(made.decode(made.encode(X)), output.reconstruction)
    torch.testing.assert_close(output.code, made.encode(X))


def test_shift_may_be_one_number_or_an_array():
    made = module()
    made.set_frame(torch.eye(2), 4.0)
    assert made.shift.tolist() == [4, 4]
    made.set_frame(torch.eye(2), np.array([1.0, 2.0]))
    assert made.shift.tolist() == [1, 2]


@pytest.mark.parametrize("factor", [1e-3, 1.0, 40.0])
def test_unit_is_the_length_of_a_step_of_length_one(factor):
    made = framed(turned(factor=factor))
    assert made.unit() == pytest.approx(factor)
    with torch.no_grad():
        ours, plain = (pdist(some.encode(X)) for some in (made, module()))
    np.testing.assert_allclose(ours, factor * plain)


def test_frame_is_a_copy():
    made = framed()
    turn, shift = made.frame()
    made.set_frame(torch.eye(2), 0.0)
    torch.testing.assert_close(turn, turned())
    assert shift.tolist() == [3, -1]


@torch.no_grad()
def test_turned_code_is_what_it_was_along_the_axes_from_the_centre():
    made, centre, axes = framed(), np.array([0.5, 2.0]), turned(75, 1.0).numpy()
    before = made.encode(X).numpy()
    made.turn_code(centre, axes)
    np.testing.assert_allclose(made.encode(X), (before - centre) @ axes.T)
    assert made.unit() == pytest.approx(2.5)


def test_frame_belongs_to_the_state_and_is_not_trained():
    made = framed()
    assert {"turn", "turn_back", "shift"} <= {*made.state_dict()}
    assert {*dict(made.named_parameters())} == {*dict(module(AutoencoderModule).named_parameters())}
    other = module()
    other.load_state_dict(made.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(other.encode(X), made.encode(X))


# The objective


@torch.no_grad()
def test_without_a_guide_it_is_the_plain_objective():
    torch.testing.assert_close(values(following(), guide=None), loss_values())
    plain = Objective(SquaredError(), corruption=GaussianNoise(0.3), unit=2.0, seed=4)
    ours = following(corruption=GaussianNoise(0.3), unit=2.0, seed=4)
    torch.testing.assert_close(values(ours, guide=None), plain(module(), X)[0])


@torch.no_grad()
def test_without_landmarks_it_is_the_loss_and_the_weighted_mean_square_of_code_errors():
    errors = (module().encode(X) - COORDINATES).square().mean(dim=1)
    expected = loss_values() + 3 * errors
    for guide in (COORDINATES, GUIDE):
        torch.testing.assert_close(values(following(None), guide), expected)


@torch.no_grad()
def test_first_steps_follow_the_coordinates_whatever_the_weight():
    errors = (module().encode(X) - COORDINATES).square().mean(dim=1)
    for weight in (0.0, 3.0):
        objective = following(weight=weight, n_regressed=1)
        torch.testing.assert_close(values(objective), loss_values() + errors)


@torch.no_grad()
def test_later_steps_follow_the_distances_to_the_encoded_landmarks():
    code, landmarks = module().encode(X), module().encode(LANDMARKS)
    stress = relative_stress(code, landmarks, DISTANCES, 0.4)
    expected = loss_values() + 2 * DELTA * 3 * stress
    torch.testing.assert_close(values(following(shortest=0.4)), expected)


def test_weight_of_zero_leaves_the_loss():
    torch.testing.assert_close(values(following(weight=0.0)), loss_values())


def test_steps_are_counted_in_training_only():
    objective = following(n_regressed=2)
    first, second, third = (values(objective) for _ in range(3))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(second, third)
    objective.eval()
    torch.testing.assert_close(values(objective), third)
    assert objective.n_steps == 3


def test_loss_is_measured_in_its_unit_and_the_stress_is_not():
    one, ten = values(following()), values(following(unit=10.0))
    torch.testing.assert_close(one - ten, 0.9 * loss_values())


@pytest.mark.parametrize("n_regressed", [0, 1])
@torch.no_grad()
def test_encoder_sees_the_corrupted_rows_and_the_landmarks_as_they_are(n_regressed):
    def corruption(x, generator):
        return x + 1

    objective = following(corruption=corruption, n_regressed=n_regressed)
    code = module().encode(X + 1)
    loss = SquaredError()(module().decode(code), X)
    if n_regressed:
        expected = loss + (code - COORDINATES).square().mean(dim=1)
    else:
        stress = relative_stress(code, module().encode(LANDMARKS), DISTANCES, 1.0)
        expected = loss + 2 * DELTA * 3 * stress
    found, output = objective(module(), X, guide=GUIDE)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(output.code, code)


@pytest.mark.parametrize("n_regressed", [0, 9])
def test_noise_follows_from_the_seed_and_differs_from_step_to_step(n_regressed):
    params = {"corruption": GaussianNoise(0.3), "n_regressed": n_regressed}
    first, again, other = (following(seed=seed, **params) for seed in (0, 0, 1))
    before = values(first)
    assert torch.equal(before, values(again))
    assert not torch.equal(before, values(other))
    assert not torch.equal(before, values(first))


def test_code_that_keeps_all_distances_costs_the_loss_only():
    with torch.no_grad():
        distances = torch.cdist(module().encode(X), module().encode(LANDMARKS))
    guide = torch.cat([distances, COORDINATES], dim=1)
    torch.testing.assert_close(values(following(), guide), loss_values(), atol=1e-6, rtol=0)


# The stress


def test_stress_is_the_mean_pseudo_huber_loss_of_relative_errors():
    code, landmarks = COORDINATES.numpy(), table(6, 2, seed=4).numpy()
    distances = DISTANCES.numpy()
    errors = (cdist(code, landmarks) - distances) / np.maximum(distances, 0.5)
    expected = (np.sqrt(errors**2 + DELTA**2) - DELTA).mean(axis=1)
    found = relative_stress(COORDINATES, torch.from_numpy(landmarks), DISTANCES, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_stress_of_distances_that_are_kept_is_zero():
    distances = torch.cdist(COORDINATES, COORDINATES[:5])
    stress = relative_stress(COORDINATES, COORDINATES[:5], distances, 0.1)
    assert stress.max() < 1e-4


def test_gradient_is_finite_where_a_row_is_a_landmark():
    code = COORDINATES.clone().requires_grad_()
    for distances in (torch.zeros(20, 20), torch.ones(20, 20)):
        relative_stress(code, code, distances.double(), 0.1).sum().backward()
        assert torch.isfinite(code.grad).all()


def test_stress_is_that_of_scaled_codes_and_distances():
    wide = relative_stress(100 * COORDINATES, 100 * COORDINATES[:5], 100 * DISTANCES[:, :5], 10.0)
    narrow = relative_stress(COORDINATES, COORDINATES[:5], DISTANCES[:, :5], 0.1)
    torch.testing.assert_close(wide, narrow, rtol=1e-3, atol=0)


def test_pseudo_huber_loss_is_quadratic_for_small_errors_and_linear_for_large_ones():
    small = torch.tensor([0.0, 1e-3, -1e-3], dtype=torch.float64)
    torch.testing.assert_close(pseudo_huber(small), small**2 / (2 * DELTA), rtol=1e-3, atol=0)
    large = torch.tensor([10.0, -1000.0], dtype=torch.float64)
    torch.testing.assert_close(pseudo_huber(large), large.abs() - DELTA, rtol=1e-5, atol=0)


# Whether a code follows to rows that it has not seen


ROLL = make_swiss_roll(400, random_state=0)[0]


class Noise(BaseEstimator):
    """An embedder whose coordinates have nothing to do with the rows."""

    def fit_transform(self, X, y=None):
        return np.random.RandomState(0).normal(size=(len(X), 2))


def follower(target, **params):
    return GeodesicAutoencoder(target=target, random_state=0, **{"max_steps": 200} | params)


def test_target_of_noise_is_not_followed_to_new_rows_and_that_is_said():
    estimator = follower(Noise(), max_steps=400)
    with pytest.warns(UserWarning, match=r"does not follow target=Noise\(\) to new rows: R² is -"):
        estimator.fit(ROLL)
    assert estimator.target_score_ < 0.1
    everywhere = r2_score(estimator.target_embedding_, estimator.transform(ROLL))
    assert everywhere > estimator.target_score_ + 0.1


def test_target_that_is_followed_has_its_score_on_rows_held_out():
    estimator = follower(PCA(2)).fit(ROLL)
    codes = estimator.transform(ROLL)
    everywhere = r2_score(estimator.target_embedding_, codes, multioutput="variance_weighted")
    assert 0.95 < estimator.target_score_ < 1
    assert estimator.target_score_ == pytest.approx(everywhere, abs=0.03)
    assert estimator.target_score_ != pytest.approx(everywhere, abs=1e-6)


def test_of_few_rows_none_is_held_out_and_there_is_no_score():
    assert follower(PCA(2), max_steps=5).fit(ROLL[:40]).target_score_ is None


@pytest.mark.filterwarnings("ignore:The geodesic distances are not those of a flat map")
@pytest.mark.parametrize("exponent", [-400, -150, 150, 400])
@pytest.mark.parametrize("target", [None, PCA(2)], ids=["geodesic", "target"])
def test_code_is_in_the_units_of_very_large_or_small_data(target, exponent):
    params = {"max_steps": 60, "hidden_layer_sizes": (16,), "n_landmarks": 16, "n_neighbors": 10}
    data = 2.0**60 * ROLL[:150]  # trained on in double precision, as all that is far from 1
    factor = 2.0**exponent
    plain, scaled = (follower(target, **params).fit(some) for some in (data, factor * data))
    codes, found = plain.transform(data), scaled.transform(factor * data) / factor
    np.testing.assert_allclose(found, codes, atol=1e-6 * np.abs(codes).max())
    assert scaled.score(factor * data) == pytest.approx(plain.score(data))

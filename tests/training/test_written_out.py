import copy
import pickle
import re
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_ae._estimators.geodesic.following import FollowingObjective, FramedModule
from sklearn_ae._estimators.imputer.gaps import (
    CorrectingModule,
    HideEntries,
    ObservedLoss,
    WithGaps,
)
from sklearn_ae._estimators.imputer.low_rank import LowRankNormal
from sklearn_ae._estimators.nested.prefixes import NestedObjective, PrefixDecoder
from sklearn_ae._estimators.variational.evidence import VariationalModule, VariationalObjective
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.objective import Objective
from sklearn_ae._training.written_out import written_out
from sklearn_ae._training.written_out.closed_form import ClosedForm
from sklearn_ae._training.written_out.leaves import Leaves
from sklearn_ae.architectures import MLP, Convolutional, LinearPlusNetwork, TopK
from sklearn_ae.architectures._activations import ACTIVATIONS
from sklearn_ae.corruptions import GaussianNoise, Masking
from sklearn_ae.losses import LogLoss, Poisson, SquaredError
from sklearn_ae.penalties import L1, L2, Contractive, GaussianKL, KLSparsity

N_ROWS, N_FEATURES, N_COMPONENTS, N_LANDMARKS = 12, 6, 3, 5
SIGMOID_CODE = {"code_activation": "logistic"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scaled(module, loss):
    """Return a module in double precision, all of whose numbers are drawn."""
    module.suit(loss)
    module.double()
    with torch.no_grad():
        module.offset.normal_(generator=generator())
        module.scale.fill_(1.7)
        if module.represent is not None:
            module.seen_offset.normal_(generator=generator(20))
            module.seen_scale.fill_(0.8)
        if module.is_bounded:  # so that some values lie within, and some beyond either end
            module.low.uniform_(-1.0, -0.5, generator=generator(21))
            module.high.uniform_(0.0, 0.5, generator=generator(22))
        for i, parameter in enumerate(module.parameters()):
            parameter.normal_(std=0.5, generator=generator(i))
    return module


def mlp(hidden_layer_sizes=(7, 4), **settings):
    return MLP(hidden_layer_sizes, **settings)


def autoencoder(loss, **settings):
    coders = mlp(**settings).build(N_FEATURES, N_COMPONENTS)
    return scaled(AutoencoderModule(*coders, N_FEATURES, getattr(loss, "link", None)), loss)


# What the estimators train: each returns a module, and a function that returns its objective anew.


def plain(loss, penalty=None, corruption=None, emphasis=0.0, **settings):
    def objective():
        return Objective(loss, penalty, corruption, unit=2.3, penalty_unit=1.3, emphasis=emphasis)

    return autoencoder(loss, **settings), objective


def denoising(loss, **settings):
    return plain(loss, corruption=Masking(0.3), emphasis=0.4, **settings)


def variational(loss, penalty=None, corruption=None, **settings):
    encoder = mlp(**settings).build(N_FEATURES, 2 * N_COMPONENTS)[0]
    decoder = mlp(**settings).build(N_FEATURES, N_COMPONENTS)[1]
    module = VariationalModule(encoder, decoder, N_FEATURES, getattr(loss, "link", None))
    penalty = GaussianKL(0.7) if penalty is None else penalty
    return scaled(module, loss), lambda: VariationalObjective(
        loss, penalty, corruption, penalty_unit=1.3
    )


def noisy_variational(loss, **settings):
    return variational(loss, corruption=Masking(0.3), **settings)


def nested(loss, **settings):
    encoder = mlp(**settings).build(N_FEATURES, N_COMPONENTS)[0]
    decoder = mlp(**settings).build(N_FEATURES, 2 * N_COMPONENTS)[1]
    decoder = PrefixDecoder(decoder, N_COMPONENTS)
    module = AutoencoderModule(encoder, decoder, N_FEATURES, getattr(loss, "link", None))
    shares = np.array([0.2, 0.3, 0.5])
    return scaled(module, loss), lambda: NestedObjective(loss, shares, unit=2.3)


def following(loss, landmarks=True, n_regressed=0, **settings):
    coders = mlp(**settings).build(N_FEATURES, N_COMPONENTS)
    module = FramedModule(*coders, N_FEATURES, N_COMPONENTS, getattr(loss, "link", None))
    some = torch.rand(N_LANDMARKS, N_FEATURES, generator=generator(9)) if landmarks else None

    def objective():
        noise = {"corruption": GaussianNoise(0.3), "unit": 2.3}
        return FollowingObjective(loss, some, 3.0, 0.5, n_regressed, **noise)

    return scaled(module, loss), objective


def regressed(loss, **settings):
    return following(loss, n_regressed=100, **settings)


def targeted(loss, **settings):
    return following(loss, landmarks=False, **settings)


def with_gaps(loss, penalty=None, **settings):
    coders = WithGaps(mlp(**settings)).build(N_FEATURES, N_COMPONENTS)
    module = AutoencoderModule(*coders, N_FEATURES, getattr(loss, "link", None))

    def objective():
        hide = HideEntries(Masking(0.2))
        return Objective(ObservedLoss(loss), penalty, hide, unit=2.3, emphasis=0.9)

    return scaled(module, loss), objective


def correcting(loss, **settings):
    module, objective = with_gaps(loss, **settings)
    rng = np.random.default_rng(0)
    base = LowRankNormal(rng.normal(size=N_FEATURES), 1.7, rng.normal(size=(N_FEATURES, 2)), 0.1)
    return CorrectingModule(module, base), objective


def variational_with_gaps(loss, **settings):
    encoder = WithGaps(mlp(**settings)).build(N_FEATURES, 2 * N_COMPONENTS)[0]
    decoder = mlp(**settings).build(N_FEATURES, N_COMPONENTS)[1]
    module = VariationalModule(encoder, decoder, N_FEATURES, getattr(loss, "link", None))

    def objective():
        loss_of_seen = ObservedLoss(loss)
        return VariationalObjective(loss_of_seen, GaussianKL(), HideEntries(), penalty_unit=1.3)

    return scaled(module, loss), objective


KINDS = [
    plain,
    denoising,
    variational,
    noisy_variational,
    nested,
    following,
    regressed,
    targeted,
    with_gaps,
    correcting,
    variational_with_gaps,
]
LOSSES = [SquaredError(), LogLoss(), Poisson()]


def mean_absolute_error(reconstruction, x):
    return (reconstruction - x).abs().mean(dim=1)


# The two paths


def batch_for(module, objective, weighted=False, seed=0):
    """Return rows in [0, 1], with gaps if there may be some, their weights, and their guide."""
    x = torch.rand(N_ROWS, N_FEATURES, dtype=torch.double, generator=generator(seed))
    if isinstance(objective.loss, ObservedLoss):
        x[torch.rand(x.shape, generator=generator(seed)) < 0.2] = torch.nan
    weight = 2 * torch.rand(N_ROWS, dtype=torch.double, generator=generator(1))
    guide = None
    if isinstance(objective, FollowingObjective):
        n_landmarks = 0 if objective.landmarks is None else N_LANDMARKS
        shape = N_ROWS, n_landmarks + N_COMPONENTS
        guide = 2 * torch.rand(shape, dtype=torch.double, generator=generator(2))
    return x, weight if weighted else None, guide


def by_autograd(module, objective, batch):
    """Return the value of a batch, and the gradients by the names of the parameters."""
    x, weight, guide = batch
    module.zero_grad()
    values, _ = objective(module, x, weight, guide)
    value = (values if weight is None else values * weight).mean()
    value.backward()
    return value.detach(), {name: p.grad for name, p in module.named_parameters()}


def step_for(module, objective):
    step = written_out(module, objective, torch.optim.Adam(module.parameters()))
    assert not isinstance(step, str), step
    return step


def assert_paths_agree(case, kind=ClosedForm, weighted=(False, True), what=""):
    """Assert that two batches in a row have the gradients and the values of autograd."""
    module, new_objective = case
    for is_weighted in weighted:
        reference, written = copy.deepcopy(module), copy.deepcopy(module)
        objective, same = (new_objective().double().train() for _ in range(2))
        step = step_for(written, same)
        assert isinstance(step.gradient, kind), what
        for seed in range(2):
            batch = batch_for(module, objective, is_weighted, seed)
            expected, gradients = by_autograd(reference, objective, batch)
            value = step.gradient(*batch)
            assert abs(value - expected) <= 1e-9 * abs(expected), what
            for name, parameter in written.named_parameters():
                assert_same_gradient(parameter.grad, gradients[name], f"{name} {what}")


def assert_same_gradient(gradient, expected, what):
    if expected is None:
        expected = torch.zeros_like(gradient)
    largest = max(expected.abs().max().item(), 1e-3)
    torch.testing.assert_close(
        gradient, expected, rtol=0, atol=1e-10 * largest, msg=lambda text: f"{what}\n{text}"
    )


CODE_ACTIVATIONS = [*ACTIVATIONS, TopK(2)]
WEIGHTS = [{}, {"tied": True}, {"unit_norm": True}]
WIDTHS = [(), (5,), (7, 4)]


@pytest.mark.parametrize("code_activation", CODE_ACTIVATIONS, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_all_coders_are_those_of_autograd(activation, code_activation):
    activations = {"activation": activation, "code_activation": code_activation}
    for widths, skip, weights in product(WIDTHS, [True, False], WEIGHTS):
        settings = {"hidden_layer_sizes": widths, "skip": skip} | weights | activations
        case = plain(SquaredError(), **settings)
        assert_paths_agree(case, weighted=[False], what=settings)


# A linear base has no link.
OBJECTIVES = [
    pytest.param(kind, loss, id=f"{kind.__name__} {type(loss).__name__}")
    for kind, loss in product(KINDS, LOSSES)
    if kind is not correcting or isinstance(loss, SquaredError)
]


@pytest.mark.parametrize(("kind", "loss"), OBJECTIVES)
def test_gradients_of_all_objectives_are_those_of_autograd(kind, loss):
    for widths, skip in product(WIDTHS, [True, False]):
        settings = {"hidden_layer_sizes": widths, "skip": skip}
        assert_paths_agree(kind(loss, **settings), what=settings)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("penalty", [L1(0.7), L2(0.7), KLSparsity(0.7, 0.2)], ids=repr)
def test_gradients_of_penalties_are_those_of_autograd(penalty, loss):
    for widths, tied in product(WIDTHS, [True, False]):
        settings = {"hidden_layer_sizes": widths, "tied": tied} | SIGMOID_CODE
        for kind in (plain, with_gaps):
            assert_paths_agree(kind(loss, penalty=penalty, **settings), what=settings)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_the_exact_contractive_penalty_are_those_of_autograd(activation):
    hidden = {"hidden_layer_sizes": (5,), "activation": activation}
    flat = {"hidden_layer_sizes": (), "code_activation": activation}
    for settings, tied, skip in product([hidden, flat], [True, False], [True, False]):
        settings = settings | {"tied": tied, "skip": skip}
        penalty = Contractive(0.7)
        assert_paths_agree(plain(SquaredError(), penalty=penalty, **settings), what=settings)


def of_weights(module, x, output):
    return sum(layer.weight.square().sum() for layer in module.encoder.layers)


def of_a_second_pass(module, x, output):
    return (module.encode(x + 0.1) - output.code).square().sum(dim=1)


def of_hidden_sums(module, x, output):
    return sum(a.abs().mean(dim=1) for a in output.preactivations)


OTHER_PENALTIES = [
    Contractive(0.7, "hutchinson"),
    Contractive(0.7, "exact"),
    Contractive(0.7, curvature=0.3),
    of_weights,
    of_a_second_pass,
    of_hidden_sums,
    lambda module, x, output: output.code.abs().amax(),
]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("penalty", OTHER_PENALTIES)
def test_gradients_of_any_other_penalty_are_those_of_autograd(penalty, tied):
    for code_activation, unit_norm in product(["identity", "tanh", TopK(2)], [True, False]):
        settings = {"code_activation": code_activation, "tied": tied}
        if unit_norm and not tied:
            settings["unit_norm"] = True
        case = plain(SquaredError(), penalty=penalty, hidden_layer_sizes=(7, 4), **settings)
        assert_paths_agree(case, Leaves, what=settings)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_gradients_of_any_other_loss_are_those_of_autograd(kind):
    for widths in WIDTHS:
        assert_paths_agree(kind(mean_absolute_error, hidden_layer_sizes=widths), Leaves)


# A training


ADAM = {"betas": (0.9, 0.99), "eps": 1e-5}
OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 3e-3, fused=True, **ADAM),
    "adam with decay": lambda parameters: torch.optim.Adam(parameters, 3e-3, weight_decay=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, 1e-2, momentum=0.9, nesterov=True),
    "plain sgd": lambda parameters: torch.optim.SGD(parameters, 1e-2),
}


def batches(module, objective, dtype=torch.float32, n_epochs=10):
    """Yield batches of two sizes."""
    for seed in range(2 * n_epochs):
        parts = batch_for(module, objective, weighted=True, seed=seed % 4)
        yield [None if p is None else p.to(dtype)[: N_ROWS - seed % 2] for p in parts]


def curve_of_autograd(module, objective, optimizer):
    curve = []
    for batch in batches(module, objective):
        curve.append(by_autograd(module, objective, batch)[0].item())
        optimizer.step()
    return curve


def curve_of_step(module, objective, optimizer):
    step, rate = written_out(module, objective, optimizer), optimizer.param_groups[0]["lr"]
    curve = [step(*batch, rate).item() for batch in batches(module, objective)]
    step.release()
    return curve


def trained_on_both_paths(case, optimizer="adam"):
    """Return the curves of the losses, and the states of all that has a state."""
    module, new_objective = case
    for curve_of in (curve_of_autograd, curve_of_step):
        own, objective = copy.deepcopy(module).float(), new_objective().float().train()
        own_optimizer = OPTIMIZERS[optimizer](own.parameters())
        yield curve_of(own, objective, own_optimizer), own, objective, own_optimizer


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("loss", [SquaredError(), mean_absolute_error])
def test_loss_curves_of_both_paths_are_the_same(kind, loss):
    (expected, *_), (curve, *_) = trained_on_both_paths(kind(loss))
    assert min(expected) < expected[0]
    np.testing.assert_allclose(curve, expected, rtol=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_end_in_the_same_state(optimizer):
    case = plain(SquaredError(), tied=True)
    (_, expected, _, like), (_, module, _, own) = trained_on_both_paths(case, optimizer)
    for a, b in zip(module.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(own.state[a], like.state[b])


@pytest.mark.parametrize("kind", [denoising, variational, nested, following, with_gaps])
def test_both_paths_draw_the_same_numbers(kind):
    (_, _, expected, _), (_, _, objective, _) = trained_on_both_paths(kind(SquaredError()))
    assert torch.equal(objective.generator.get_state(), expected.generator.get_state())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_goes_on_from_the_state_of_the_optimizer(optimizer):
    module, new_objective = plain(SquaredError())
    ends = []
    for n_by_autograd in (0, 5):
        own, objective = copy.deepcopy(module), new_objective().train()
        own_optimizer = OPTIMIZERS[optimizer](own.parameters())
        batch = batch_for(own, objective)
        for _ in range(n_by_autograd):
            by_autograd(own, objective, batch)
            own_optimizer.step()
        step = written_out(own, objective, own_optimizer)
        for _ in range(10 - n_by_autograd):
            step(*batch, own_optimizer.param_groups[0]["lr"])
        ends.append(step.flat.values)
    torch.testing.assert_close(*ends)


def test_schedules_of_torch_go_with_a_step():
    module, new_objective = plain(SquaredError())
    optimizer = torch.optim.Adam(module.parameters(), 1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    step = written_out(module, new_objective(), optimizer)
    step(*batch_for(module, new_objective()), optimizer.param_groups[0]["lr"])
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_step_that_forgets_is_as_new():
    module, new_objective = plain(SquaredError())
    step = step_for(module, new_objective().train())
    batch = batch_for(module, new_objective())
    start = step.flat.values.clone()
    ends = []
    for _ in range(2):
        step.flat.values.copy_(start)
        step.forget()
        for _ in range(3):
            step(*batch, 1e-2)
        ends.append(step.flat.values.clone())
    assert torch.equal(*ends)


# What a module is in the meantime, and afterwards


def test_parameters_in_use_are_views_of_one_tensor_and_work_as_ever():
    module, new_objective = plain(SquaredError())
    before = copy.deepcopy(module)
    step = step_for(module, new_objective().train())
    x, _, _ = batch_for(module, step.gradient.objective)
    torch.testing.assert_close(module(x).reconstruction, before(x).reconstruction)
    twins = copy.deepcopy(module), pickle.loads(pickle.dumps(module))
    step.flat.values.zero_()
    assert not module.decode(module.encode(x)).sub(module.offset).any()
    for twin in twins:
        torch.testing.assert_close(twin(x).reconstruction, before(x).reconstruction)


def test_released_parameters_have_memory_of_their_own():
    module, new_objective = variational(SquaredError())
    step = step_for(module, new_objective().train())
    batch = batch_for(module, step.gradient.objective)
    step(*batch, 1e-2)
    values = {name: value.clone() for name, value in module.state_dict().items()}
    step.release()
    step.flat.values.zero_()
    for name, value in module.state_dict().items():
        assert torch.equal(value, values[name])
        assert value.is_contiguous()
    assert all(parameter.grad is None for parameter in module.parameters())


def test_decaying_parameters_come_first_and_spare_linear_paths():
    module, new_objective = plain(SquaredError())
    step = step_for(module, new_objective())
    step.flat.first.zero_()
    is_zero = {name for name, p in module.named_parameters() if not p.any()}
    assert is_zero == {
        f"{coder}.layers.{i}.weight" for coder in ("encoder", "decoder") for i in range(3)
    }


def test_a_step_does_not_write_to_its_batch():
    for kind in KINDS:
        module, new_objective = kind(SquaredError())
        step = step_for(module, new_objective().double().train())
        batch = batch_for(module, step.gradient.objective, weighted=True)
        before = copy.deepcopy(batch)
        step(*batch, 1e-2)
        torch.testing.assert_close(batch, before, rtol=0, atol=0, equal_nan=True)


# What else a step can be asked


def test_prepared_rows_have_the_same_gradients_to_the_bit():
    for kind in (plain, variational, nested, targeted):
        gradients = []
        for is_prepared in (False, True):
            module, new_objective = kind(SquaredError())
            objective = new_objective().double().train()
            objective.corruption = None
            step = step_for(module, objective)
            x, weight, guide = batch_for(module, objective)
            step.gradient(step.prepare(x) if is_prepared else x, weight, guide)
            gradients.append(step.flat.gradients)
        assert torch.equal(*gradients)


@pytest.mark.parametrize("case", [denoising(SquaredError()), plain(LogLoss())])
def test_rows_that_a_step_needs_in_their_units_are_prepared_by_a_cast_only(case):
    module, new_objective = case
    step = step_for(module, new_objective().train())
    x = torch.rand(N_ROWS, N_FEATURES)
    torch.testing.assert_close(step.prepare(x), x.double())


@pytest.mark.parametrize("kind", [plain, denoising, correcting])
def test_output_is_what_the_module_makes_of_the_batch(kind):
    module, new_objective = kind(SquaredError())
    objective, same = (new_objective().double().train() for _ in range(2))
    batch = batch_for(module, objective)
    _, expected = objective(module, batch[0])
    step = step_for(module, same)
    step.gradient(*batch)
    output = step.output()
    torch.testing.assert_close(output.reconstruction, expected.reconstruction)
    torch.testing.assert_close(output.code, expected.code)


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device."""

    n_waits = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waiting = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal")
        self.n_waits += function.overloadpacket.__name__ in waiting
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("kind", "loss"), OBJECTIVES)
def test_a_step_never_waits_for_the_device(kind, loss):
    module, new_objective = kind(loss)
    step = step_for(module, new_objective().double().train())
    batch = batch_for(module, step.gradient.objective, weighted=True)
    with Waits() as mode:
        step(*batch, 1e-2)
    assert mode.n_waits == 0


def test_batches_of_many_sizes_have_the_gradients_of_autograd():
    module, new_objective = plain(SquaredError())
    reference, objective = copy.deepcopy(module), new_objective()
    step = step_for(module, new_objective())
    x = torch.rand(100, N_FEATURES, dtype=torch.double, generator=generator())
    for n_rows in (*range(1, 100), 1):
        _, expected = by_autograd(reference, objective, (x[:n_rows], None, None))
        step.gradient(x[:n_rows])
    for name, parameter in module.named_parameters():
        assert_same_gradient(parameter.grad, expected[name], name)


# What goes through autograd


class Own(AutoencoderModule):
    pass


def with_coders(*coders):
    return AutoencoderModule(*coders, N_FEATURES)


def small_coders(activation=torch.tanh, code_activation=None, bias=True):
    down, up = nn.Linear(N_FEATURES, 2, bias=bias), nn.Linear(2, N_FEATURES)
    code = nn.Linear(2, 2)
    encoder = LinearPlusNetwork([down, code], None, activation, code_activation)
    return encoder, LinearPlusNetwork([up], None, activation)


def frozen():
    module = with_coders(*small_coders())
    module.encoder.layers[0].weight.requires_grad_(False)
    return module


def hooked():
    module = with_coders(*small_coders())
    module.decoder.register_forward_hook(lambda *args: None)
    return module


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (with_coders(nn.Linear(6, 2), nn.Linear(2, 6)), "the encoder is a Linear"),
        (with_coders(*Convolutional((8, 8)).build(64, 2)), "the encoder is a .*Conv"),
        (with_coders(*small_coders(F.elu)), "activation=.*elu"),
        (with_coders(*small_coders(code_activation=nn.Softmax(1))), "Softmax"),
        (with_coders(*small_coders(bias=False)), "layer Linear.*bias=False"),
        (frozen(), "frozen"),
        (hooked(), "hooks"),
        (Own(*small_coders(), N_FEATURES), "the module is a Own"),
        (with_coders(*small_coders()).half(), "float16"),
    ],
)
def test_what_is_not_written_out_in_a_module_is_told(module, reason):
    told = written_out(module, Objective(SquaredError()), torch.optim.Adam(module.parameters()))
    assert re.search(reason, told)


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (torch.optim.RAdam, "RAdam"),
        (torch.optim.AdamW, "AdamW"),
        (partial(torch.optim.Adam, amsgrad=True), "amsgrad=True"),
        (partial(torch.optim.Adam, maximize=True), "maximize=True"),
        (partial(torch.optim.SGD, momentum=0.9, dampening=0.1), "dampening=0.1"),
        (lambda own: torch.optim.Adam([{"params": own[:1]}, {"params": own[1:]}]), "groups"),
        (lambda own: torch.optim.Adam(own[1:]), "other parameters"),
    ],
)
def test_what_is_not_written_out_of_an_optimizer_is_told(optimizer, reason):
    module = with_coders(*small_coders())
    told = written_out(module, Objective(SquaredError()), optimizer(list(module.parameters())))
    assert reason in told


def test_a_module_that_is_not_written_out_stays_as_it_was():
    module = frozen()
    before = [parameter.data_ptr() for parameter in module.parameters()]
    written_out(module, Objective(SquaredError()), torch.optim.Adam(module.parameters()))
    assert [parameter.data_ptr() for parameter in module.parameters()] == before

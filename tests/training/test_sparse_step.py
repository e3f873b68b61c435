import copy
from itertools import product

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_ae._estimators.nested.prefixes import NestedObjective, PrefixDecoder
from sklearn_ae._training import sparse_batch
from sklearn_ae._training.loader import Rows
from sklearn_ae._training.module import AutoencoderModule, codes_of, squared_errors
from sklearn_ae._training.objective import Objective
from sklearn_ae._training.sparse_batch import SparseBatch, SparseRows, is_mostly_zeros
from sklearn_ae._training.sparse_passes import passes_over
from sklearn_ae._training.tables import SparseTable
from sklearn_ae._training.written_out import written_out, written_out_sparse
from sklearn_ae._training.written_out.sparse_step import why_dense
from sklearn_ae.architectures import MLP, TopK
from sklearn_ae.corruptions import Masking
from sklearn_ae.losses import LogLoss, SquaredError
from sklearn_ae.penalties import L1, L2, Contractive, KLSparsity

N_ROWS, N_FEATURES, N_COMPONENTS = 12, 40, 3


def counts(n_rows=N_ROWS, n_features=N_FEATURES, dtype=float, fill=0.1):
    rng = np.random.default_rng(0)
    return sparse.csr_array(rng.poisson(fill, size=(n_rows, n_features)).astype(dtype))


def scaled(module, dtype=torch.float64):
    module.to(dtype)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        module.offset.uniform_(0, 0.2, generator=generator)
        module.scale.fill_(0.7)
        for parameter in module.parameters():
            parameter.normal_(std=0.5, generator=generator)
    return module


def plain(penalty=None, loss=None, corruption=None, n_features=N_FEATURES, **settings):
    settings = {"hidden_layer_sizes": (7, 4)} | settings
    coders = MLP(**settings).build(n_features, N_COMPONENTS)
    loss = SquaredError() if loss is None else loss
    module = AutoencoderModule(*coders, n_features, getattr(loss, "link", None))
    module.suit(loss)
    return scaled(module), Objective(loss, penalty, corruption, unit=2.3, penalty_unit=1.3)


def nested(**settings):
    encoder = MLP(**settings).build(N_FEATURES, N_COMPONENTS)[0]
    decoder = MLP(**settings).build(N_FEATURES, 2 * N_COMPONENTS)[1]
    module = AutoencoderModule(encoder, PrefixDecoder(decoder, N_COMPONENTS), N_FEATURES)
    return scaled(module), NestedObjective(SquaredError(), np.array([0.2, 0.3, 0.5]), unit=2.3)


def adam(module):
    return torch.optim.Adam(module.parameters(), fused=True)


def assert_gradients_are_those_of_autograd(module, objective, weight=None):
    reference, same = copy.deepcopy(module), copy.deepcopy(objective)
    step = written_out_sparse(module, objective, adam(module))
    assert step.takes_sparse
    for seed in range(2):  # the second batch finds the gradients of the first
        matrix = counts(N_ROWS - seed)
        given = None if weight is None else weight[: len(matrix.indptr) - 1]
        reference.zero_grad()
        values, _ = same(reference, torch.from_numpy(matrix.toarray()), given)
        expected = (values if given is None else values * given).mean()
        expected.backward()
        value = step.gradient(SparseBatch(matrix, module.offset), given)
        torch.testing.assert_close(value, expected.detach())
        for ours, theirs in zip(module.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("kind", [plain, nested])
@pytest.mark.parametrize("widths", [(), (5,), (7, 4)])
def test_gradients_of_sparse_rows_are_those_of_autograd(kind, widths):
    for skip, code_activation in product([True, False], ["identity", "tanh", TopK(2)]):
        settings = {"skip": skip, "code_activation": code_activation}
        case = kind(hidden_layer_sizes=widths, **settings)
        for weight in (None, torch.linspace(0, 2, N_ROWS, dtype=torch.float64)):
            assert_gradients_are_those_of_autograd(*copy.deepcopy(case), weight)


@pytest.mark.parametrize("penalty", [L1(0.7), L2(0.7), KLSparsity(0.7, 0.2)], ids=repr)
def test_penalties_of_the_code_go_with_sparse_rows(penalty):
    case = plain(penalty, code_activation="logistic")
    assert_gradients_are_those_of_autograd(*case)


@pytest.mark.parametrize("rule", [torch.optim.Adam, torch.optim.SGD])
def test_steps_on_sparse_rows_are_those_on_dense_ones(rule):
    modules = [plain()[0] for _ in range(2)]
    steps = [
        write(module, plain()[1], rule(module.parameters(), lr=0.01))
        for write, module in zip((written_out_sparse, written_out), modules, strict=True)
    ]
    assert [step.takes_sparse for step in steps] == [True, False]
    matrix, weight = counts(), torch.linspace(0, 2, N_ROWS, dtype=torch.float64)
    for _ in range(20):
        values = [
            step(x, weight, None, 0.01)
            for step, x in zip(
                steps,
                (SparseBatch(matrix, modules[0].offset), torch.from_numpy(matrix.toarray())),
                strict=True,
            )
        ]
        torch.testing.assert_close(*values)
    for step in steps:
        step.release()
    for ours, theirs in zip(*(module.parameters() for module in modules), strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.is_contiguous()
        assert ours.grad is None


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (plain(tied=True), "shares its weights"),
        (plain(unit_norm=True), "normalises them"),
        (plain(loss=LogLoss()), "reconstruction of zeros"),
        (plain(corruption=Masking()), "what is encoded"),
        (plain(Contractive(), hidden_layer_sizes=5), "penalty needs"),
    ],
)
def test_what_needs_dense_rows_says_why_and_gets_them(case, reason):
    module, objective = case
    assert reason in why_dense(module, objective)
    assert not written_out_sparse(module, objective, adam(module)).takes_sparse


def test_weight_decay_finds_the_matrices_side_by_side():
    module, objective = plain()
    step = written_out_sparse(module, objective, adam(module))
    before = [parameter.clone() for parameter in module.parameters()]
    torch._foreach_mul_(step.flat.decaying, 0.5)
    spared = {id(coder.skip.weight) for coder in (module.encoder, module.decoder)}
    for parameter, old in zip(module.parameters(), before, strict=True):
        decays = parameter.ndim == 2 and id(parameter) not in spared
        torch.testing.assert_close(parameter, 0.5 * old if decays else old)


# Products


@pytest.mark.parametrize("fill", [0.001, 0.3])
def test_products_of_centred_rows_are_those_of_dense_ones(fill):
    matrix, offset = counts(30, 5000, np.float32, fill), torch.rand(5000)
    batch, centred = SparseBatch(matrix, offset), torch.from_numpy(matrix.toarray()) - offset
    M, E = torch.randn(5000, 3), torch.randn(30, 3)
    torch.testing.assert_close(batch.times(M), centred @ M, rtol=1e-4, atol=1e-3)
    product = torch.cat([part for _, part in batch.transposed_times(E)])
    torch.testing.assert_close(product, centred.T @ E, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(batch.squared_norms().float(), centred.square().sum(dim=1))


def test_batches_have_the_rows_weights_and_norms_at_their_positions():
    table, weight, index = SparseTable(counts()), np.arange(N_ROWS, dtype=float), np.arange(3, 11)
    rows = SparseRows(Rows(table, weight, index), torch.zeros(N_FEATURES).double()).with_norms()
    batch, its_weight = rows.take(np.array([4, 0]))
    np.testing.assert_array_equal(batch.matrix.toarray(), table[np.array([7, 3])])
    np.testing.assert_array_equal(its_weight, [7, 3])
    expected = np.square(table[np.array([7, 3])]).sum(axis=1)
    np.testing.assert_allclose(batch.squared_norms(), expected)


@pytest.mark.parametrize(
    ("n_rows", "n_features", "fill", "expected"),
    [
        (7000, 2500, 0.01, True),
        (7000, 2500, 0.16, False),
        (9000, 2000, 0.01, False),
        (300, 2500, 0.01, False),
    ],
)
def test_large_and_wide_tables_of_few_values_stay_sparse(n_rows, n_features, fill, expected):
    matrix = sparse.random_array((n_rows, n_features), density=fill, format="csr", rng=0)
    assert is_mostly_zeros(SparseTable(matrix)) == expected


# A fitted module


@pytest.fixture
def all_wide_tables(monkeypatch):
    monkeypatch.setattr(sparse_batch, "MAX_PREPARED", 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "settings", [{"hidden_layer_sizes": ()}, {"skip": False}, {"tied": True}, {"unit_norm": True}]
)
@pytest.mark.usefixtures("all_wide_tables")
def test_codes_and_errors_of_sparse_rows_are_those_of_dense_ones(dtype, settings):
    module = scaled(plain(n_features=2500, **settings)[0], dtype).eval()
    table = SparseTable(counts(50, 2500, module.dtype))
    assert passes_over(table, module) is not None
    tolerance = {"rtol": 1e-4 if dtype == torch.float32 else 1e-10, "atol": 1e-4}
    codes = codes_of(module, table)
    assert codes.dtype == module.dtype
    np.testing.assert_allclose(codes, codes_of(module, table[:]), **tolerance)
    errors = squared_errors(module, table)
    assert errors.dtype == module.dtype
    np.testing.assert_allclose(errors, squared_errors(module, table[:]), rtol=tolerance["rtol"])


@pytest.mark.usefixtures("all_wide_tables")
def test_codes_need_no_dense_rows_where_reconstructions_do():
    module, table = plain(loss=LogLoss(), n_features=2500)[0].eval(), SparseTable(counts(50, 2500))
    assert passes_over(table, module) is None
    assert passes_over(table, module, both=False) is not None
    np.testing.assert_allclose(codes_of(module, table), codes_of(module, table[:]), rtol=1e-9)


@pytest.mark.usefixtures("all_wide_tables")
def test_errors_of_almost_perfect_reconstructions_keep_their_digits():
    axis = np.zeros((2500, 1), np.float32)
    axis[::20] = 1 / np.sqrt(125)
    rows = np.linspace(1, 30, 40, dtype=np.float32)[:, None] @ axis.T
    rows[:, 0] += 1e-2
    module = plain(n_features=2500, hidden_layer_sizes=())[0].float().eval()
    module.offset.zero_()
    weight = np.hstack([axis, np.zeros((2500, 2), np.float32)])
    module.encoder.start_linear(weight.T, np.zeros(3, np.float32))
    module.decoder.start_linear(weight, np.zeros(2500, np.float32))
    errors = squared_errors(module, SparseTable(sparse.csr_array(rows)))
    np.testing.assert_allclose(errors, squared_errors(module, rows), rtol=1e-4)
    assert (errors < 1e-3).all()

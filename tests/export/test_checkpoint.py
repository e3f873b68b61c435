import errno
import os

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import MLP
from sklearn_ae.export import _checkpoint, checkpointed, load, save

pytestmark = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter",
    "ignore:The (geodesic distances|graph|map)",
    "ignore:n_components=0.9 asks for this share",
    "ignore:.* units of the code have collapsed",
)

X = load_digits().data[:300]


class Crash(BaseException):
    """What ends a process."""


class DropoutCoder:
    """An architecture that draws from torch's global generator and has running statistics."""

    def get_params(self, deep=True):
        return {}

    def build(self, n_features, n_components):
        layers = nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.Dropout(0.3)
        return nn.Sequential(*layers, nn.Linear(8, n_components)), nn.Linear(
            n_components, n_features
        )

    def __repr__(self):
        return "DropoutCoder()"


def quick(kind=AutoencoderTransformer, **params):
    shared = {"hidden_layer_sizes": (16,), "random_state": 0}
    if kind is not GeodesicAutoencoder:
        shared |= {"max_iter": 8}
    return kind(**shared | params)


KINDS = {
    "plain": lambda: quick(),
    "full batch": lambda: quick(batch_size=300, early_stopping=False),
    "sgd": lambda: quick(solver="sgd", learning_rate_init=1e-3),
    "double": lambda: quick(max_iter=5, init="random"),
    "dropout": lambda: quick(hidden_layer_sizes="auto", architecture=DropoutCoder(), init="random"),
    "denoising": lambda: quick(DenoisingAutoencoder),
    "sparse": lambda: SparseAutoencoder(sparsity="kl", max_iter=8, random_state=0),
    "variational": lambda: quick(VariationalAutoencoder),
    "two trainings": lambda: quick(NestedAutoencoder, n_components=0.9, max_components=6),
    "steps": lambda: quick(GeodesicAutoencoder, max_steps=330, batch_size=64),
    "imputer": lambda: AutoencoderImputer(quick(), max_steps=170, random_state=0),
    "falling learning rate": lambda: AutoencoderImputer(
        quick(n_components=1, hidden_layer_sizes=(2,), learning_rate_init=3e-2),
        linear_base=False,
        max_steps=1000,
        random_state=0,
    ),
    "detector": lambda: AutoencoderOutlierDetector(quick(), random_state=0),
    "pipeline": lambda: make_pipeline(StandardScaler(), quick()),
}


def outcome(estimator):
    if hasattr(estimator, "score_samples"):
        return estimator.score_samples(X).tobytes()
    return estimator.transform(np.where(X > 8, X, np.nan)).tobytes()


def fit_until(n_writes, make, path, monkeypatch):
    """Fit in a block, and let the process die when the checkpoint has been written so often."""
    write, n_left = _checkpoint.write_trainings, [n_writes]

    def write_and_die(*args):
        write(*args)
        n_left[0] -= 1
        if n_left[0] < 0:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "write_trainings", write_and_die)
        with pytest.raises(Crash), checkpointed(path, every=1):
            make().fit(X)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_that_goes_on_ends_with_the_bytes_of_an_uninterrupted_one(kind, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    expected = outcome(KINDS[kind]().fit(X))
    for n_writes in (1, 2):  # dies, goes on, dies, goes on
        fit_until(n_writes, KINDS[kind], path, monkeypatch)
    with checkpointed(path, every=1):
        estimator = KINDS[kind]().fit(X)
    assert outcome(estimator) == expected


def test_fit_does_not_train_again_what_the_file_holds(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    fit_until(5, quick, path, monkeypatch)
    with checkpointed(path, every=1):
        estimator = quick().fit(X)
    epochs = [epoch["epoch"] for epoch in estimator.net_.history]
    assert epochs == list(range(1, 9))
    assert estimator.n_iter_ == 8
    assert estimator.loss_curve_ == quick().fit(X).loss_curve_


def test_checkpoints_change_nothing_of_a_fit(tmp_path):
    with checkpointed(tmp_path / "checkpoint", every=1):
        kept = quick().fit(X)
    assert outcome(kept) == outcome(quick().fit(X))
    assert len(kept.net_.callbacks_) == len(quick().fit(X).net_.callbacks_)


def test_file_is_removed_at_the_end_and_nothing_is_left_beside_it(tmp_path):
    with checkpointed(tmp_path / "checkpoint"):
        quick().fit(X)
        assert (tmp_path / "checkpoint").exists()
    assert list(tmp_path.iterdir()) == []


def test_several_fits_of_a_block_go_on_in_their_order(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"

    def both():
        return make_pipeline(quick(n_components=10), quick(max_iter=6))

    fit_until(11, both, path, monkeypatch)
    with checkpointed(path, every=1):
        pipeline = both().fit(X)
    assert outcome(pipeline) == outcome(both().fit(X))


def test_every_says_how_often_the_file_is_written(tmp_path, monkeypatch):
    write, lengths = _checkpoint.write_trainings, []

    def counting(path, trainings):
        lengths.extend(len(t["kept"]["monitor"]["loss_curve_"]) for t in trainings)
        write(path, trainings)

    monkeypatch.setattr(_checkpoint, "write_trainings", counting)
    with checkpointed(tmp_path / "checkpoint", every=3):
        quick().fit(X)
    assert lengths == [3, 6, 8]


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "often"])
def test_every_is_a_positive_integer_or_auto(every, tmp_path):
    with pytest.raises(ValueError, match=r"every=.* must be"), checkpointed(tmp_path / "c", every):
        pass


OTHERS = {
    "rows": lambda: quick().fit(X + 1),
    "one value": lambda: quick().fit(np.where(np.arange(X.size).reshape(X.shape) == 70, 5, X)),
    "weights": lambda: quick().fit(X, sample_weight=np.arange(1, 301)),
    "seed": lambda: quick(random_state=1).fit(X),
    "parameters": lambda: quick(alpha=0.1).fit(X),
    "architecture": lambda: quick(hidden_layer_sizes=(17,)).fit(X),
    "no seed": lambda: quick(random_state=None).fit(X),
    "kind": lambda: quick(VariationalAutoencoder).fit(X),
}


@pytest.mark.parametrize("other", OTHERS)
def test_checkpoint_of_another_fit_is_refused_and_stays(other, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    fit_until(2, quick, path, monkeypatch)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="checkpoint' is that of another"), checkpointed(path):
        OTHERS[other]()
    assert path.read_bytes() == before


def test_refused_checkpoint_leaves_the_fitted_estimator_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    fit_until(2, quick, path, monkeypatch)
    estimator = quick().fit(X)
    codes = estimator.transform(X)
    with pytest.raises(ValueError, match="another fit"), checkpointed(path):
        estimator.fit(X[:200])
    assert estimator.transform(X).tobytes() == codes.tobytes()


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b"", lambda b: bytes(len(b))])
def test_damaged_checkpoint_is_refused_before_training_and_stays(damage, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    fit_until(2, quick, path, monkeypatch)
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="checkpoint' cannot be loaded"), checkpointed(path):
        pytest.fail("the block must not begin")
    assert path.read_bytes() == before


def test_saved_model_is_not_taken_for_a_checkpoint_nor_overwritten(tmp_path):
    path = tmp_path / "model"
    save(quick(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="it is no checkpoint"), checkpointed(path):
        pytest.fail("the block must not begin")
    assert path.read_bytes() == before


def test_checkpoint_is_not_taken_for_a_model(tmp_path, monkeypatch):
    fit_until(1, quick, tmp_path / "checkpoint", monkeypatch)
    with pytest.raises(ValueError, match="is it the checkpoint of a fit"):
        load(tmp_path / "checkpoint")


def test_path_that_cannot_be_written_is_an_error_before_training(tmp_path):
    path = tmp_path / "nowhere" / "checkpoint"
    with (
        pytest.raises(FileNotFoundError, match=r"folder must be there.*nowhere.checkpoint.$"),
        checkpointed(path),
    ):
        pytest.fail("the block must not begin")


def test_full_disk_warns_once_and_the_fit_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    fit_until(2, quick, path, monkeypatch)
    before = path.read_bytes()

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    estimator = quick()
    message = r"could not be written.*No space left"
    with checkpointed(path, every=1):
        with pytest.warns(RuntimeWarning, match=message) as record:
            estimator.fit(X)
        assert path.read_bytes() == before
    assert len([w for w in record if w.category is RuntimeWarning]) == 1
    assert outcome(estimator) == outcome(quick().fit(X))


def test_interrupted_fit_keeps_its_file_and_goes_on(tmp_path):
    path = tmp_path / "checkpoint"

    class CtrlC(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 5:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"), checkpointed(path, every=1):
        quick(callbacks=[CtrlC()]).fit(X)
    assert path.exists()
    with checkpointed(path, every=1):
        estimator = quick().fit(X)
    assert outcome(estimator) == outcome(quick().fit(X))


def test_block_is_over_after_it(tmp_path):
    with checkpointed(tmp_path / "checkpoint"):
        pass
    quick().fit(X)
    assert list(tmp_path.iterdir()) == []


def test_tied_weights_are_kept_once(tmp_path, monkeypatch):
    def tied():
        return quick(hidden_layer_sizes="auto", architecture=MLP((8,), tied=True))

    fit_until(3, tied, tmp_path / "checkpoint", monkeypatch)
    with checkpointed(tmp_path / "checkpoint"):
        estimator = tied().fit(X)
    assert outcome(estimator) == outcome(tied().fit(X))

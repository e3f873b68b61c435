"""scikit-learn's callbacks (1.9 and later)."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from sklearn_ae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    GeodesicAutoencoder,
    NestedAutoencoder,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Training stopped at max_iter"),
    pytest.mark.filterwarnings("ignore:The map may be creased"),
]

X, Y = load_iris(return_X_y=True)
SHEET = np.random.RandomState(0).uniform(size=(100, 2)) @ [[1, 0, 1], [0, 1, 1]]
HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 4, "random_state": 0} | params)


class Recorder:
    """Notes the hooks that are called, with the context's task and depth."""

    def __init__(self, stop_after=None):
        self.log = []
        self.stop_after = stop_after

    def note(self, hook, context):
        depth, parent = 0, context.parent
        while parent is not None:
            depth, parent = depth + 1, parent.parent
        self.log.append((hook, depth, context.task_id))

    def setup(self, estimator, context):
        self.note("setup", context)
        self.max_subtasks = context.max_subtasks

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.note("end", context)
        n_epochs = sum(hook == "end" and depth == 1 for hook, depth, _ in self.log)
        return self.stop_after is not None and n_epochs >= self.stop_after

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def epochs(self, hook="end"):
        return [task for name, depth, task in self.log if name == hook and depth == 1]


def without_callbacks(estimator, X=X):
    """Whether this scikit-learn is too old for callbacks; then there is no trace of them."""
    assert hasattr(estimator, "set_callbacks") is HAS_CALLBACKS
    if not HAS_CALLBACKS:
        assert np.isfinite(estimator.fit(X).transform(X)).all()
    return not HAS_CALLBACKS


@pytest.mark.parametrize("early_stopping", [True, False])
def test_every_epoch_is_a_subcontext_of_the_fit(early_stopping):
    estimator, recorder = quick(early_stopping=early_stopping), Recorder()
    if without_callbacks(estimator):
        return
    estimator.set_callbacks(recorder).fit(X)
    epochs = [(hook, 1, i) for i in range(estimator.n_iter_) for hook in ("begin", "end")]
    root = [("setup", 0, 0), ("begin", 0, 0), *epochs, ("end", 0, 0), ("teardown", 0, 0)]
    assert recorder.log == root
    assert recorder.max_subtasks == 4


def test_fit_that_stalls_ends_its_contexts():
    estimator, recorder = quick(max_iter=500), Recorder()
    if without_callbacks(estimator):
        return
    estimator.set_callbacks(recorder).fit(X)
    assert len(recorder.epochs("begin")) == len(recorder.epochs("end")) == estimator.n_iter_
    assert estimator.n_iter_ < 500
    assert recorder.log[-2:] == [("end", 0, 0), ("teardown", 0, 0)]


def test_callback_can_end_the_fit():
    estimator, recorder = quick(max_iter=100, tol=0, n_iter_no_change=100), Recorder(stop_after=3)
    if without_callbacks(estimator):
        return
    assert estimator.set_callbacks(recorder).fit(X).n_iter_ == 3
    assert np.isfinite(estimator.transform(X)).all()


def test_callback_is_torn_down_when_the_fit_fails():
    estimator, recorder = quick(loss=lambda reconstruction, x: 1 / 0), Recorder()
    if without_callbacks(quick()):
        return
    with pytest.raises(ZeroDivisionError):
        estimator.set_callbacks(recorder).fit(X)
    assert recorder.log[-1] == ("teardown", 0, 0)


def test_callback_is_heard_again_in_a_second_fit():
    estimator, recorder = quick(), Recorder()
    if without_callbacks(estimator):
        return
    estimator.set_callbacks(recorder).fit(X).fit(X)
    assert recorder.epochs() == 2 * list(range(estimator.n_iter_))


def test_callbacks_of_scikit_learn_do_not_change_the_fit_or_what_is_saved():
    estimator, recorder = quick(), Recorder()
    if without_callbacks(estimator):
        return
    estimator.set_callbacks(recorder).fit(X)
    np.testing.assert_array_equal(estimator.transform(X), quick().fit(X).transform(X))
    restored = pickle.loads(pickle.dumps(estimator.set_callbacks()))
    np.testing.assert_array_equal(restored.transform(X), estimator.transform(X))
    assert vars(restored).keys() == vars(quick().fit(X)).keys()


def test_first_partial_fit_and_fit_work_with_callbacks_set():
    estimator = quick()
    if without_callbacks(estimator):
        return
    estimator.set_callbacks(Recorder()).partial_fit(X).fit(X).partial_fit(X)
    assert np.isfinite(clone(estimator).fit(X).transform(X)).all()


def test_callback_cloned_into_a_grid_search_hears_the_epochs():
    if without_callbacks(quick()):
        return
    from sklearn.callback import ProgressBar

    search = GridSearchCV(quick(), {"n_components": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X)
    assert search.best_estimator_.n_iter_ <= 4


@pytest.mark.parametrize("where", ["alone", "pipeline", "grid search", "grid search of pipeline"])
def test_progress_bar_shows_the_epochs(where, capsys):
    if without_callbacks(quick()):
        return
    import rich
    from sklearn.callback import ProgressBar

    rich.reconfigure(width=200)  # in a narrow terminal the bars lose their ends
    pipeline = make_pipeline(StandardScaler(), quick(), LogisticRegression())
    estimator = {
        "alone": quick(),
        "pipeline": pipeline,
        "grid search": GridSearchCV(quick(), {"n_components": [1, 2]}, cv=2),
        "grid search of pipeline": GridSearchCV(
            pipeline, {"autoencodertransformer__n_components": [1, 2]}, cv=2
        ),
    }[where]
    estimator.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    output = capsys.readouterr().out
    assert "AutoencoderTransformer" in output
    assert "100%" in output


# Training that counts steps, in rounds of fifty, and may start anew


def geodesic(**params):
    small = {"max_steps": 60, "hidden_layer_sizes": (16,), "n_landmarks": 16, "random_state": 0}
    return GeodesicAutoencoder(**small | params)


def test_rounds_of_all_trainings_are_subcontexts_of_one_fit():
    estimator, recorder = geodesic(), Recorder()
    if without_callbacks(estimator, SHEET):
        return
    estimator.set_callbacks(recorder).fit(SHEET)
    epochs = [(hook, 1, i) for i in range(6) for hook in ("begin", "end")]
    root = [("setup", 0, 0), ("begin", 0, 0), *epochs, ("end", 0, 0), ("teardown", 0, 0)]
    assert recorder.log == root
    assert recorder.max_subtasks == 6


def test_epochs_of_both_trainings_of_a_nested_autoencoder_are_subcontexts_with_models_that_work():
    class Widths(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            super().on_fit_task_end(estimator, context)
            if context.parent is not None:
                self.widths.append(fitted_estimator.transform(X).shape[1])

    estimator, recorder = (
        NestedAutoencoder(2, max_components=3, max_iter=4, random_state=0),
        Widths(),
    )
    if without_callbacks(estimator):
        return
    recorder.widths = []
    estimator.set_callbacks(recorder).fit(X)
    assert recorder.widths == 4 * [3] + 4 * [2]
    assert recorder.max_subtasks == 8


def test_subcontexts_end_in_trainings_that_diverge_before_one_learns():
    estimator, recorder = geodesic(max_steps=300, learning_rate_init=10.0), Recorder()
    if without_callbacks(estimator, SHEET):
        return
    estimator.set_callbacks(recorder).fit(SHEET)
    assert recorder.epochs("begin") == recorder.epochs("end")
    assert recorder.log[-2:] == [("end", 0, 0), ("teardown", 0, 0)]


def test_callback_can_end_a_fit_that_counts_steps():
    estimator, recorder = geodesic(max_steps=300), Recorder(stop_after=2)
    if without_callbacks(estimator, SHEET):
        return
    assert estimator.set_callbacks(recorder).fit(SHEET).n_iter_ == 2
    assert recorder.epochs() == [0, 1]


def test_progress_bar_shows_the_rounds(capsys):
    if without_callbacks(quick()):
        return
    import rich
    from sklearn.callback import ProgressBar

    rich.reconfigure(width=200)
    geodesic().set_callbacks(ProgressBar(max_propagation_depth=None)).fit(SHEET)
    output = capsys.readouterr().out
    assert "GeodesicAutoencoder" in output
    assert "100%" in output


# A detector, whose fit is several


@pytest.mark.parametrize("n_rows", [60, 600])
def test_progress_bar_shows_the_fits_of_a_detector(n_rows, capsys):
    if without_callbacks(quick()):
        return
    import rich
    from sklearn.callback import ProgressBar

    rich.reconfigure(width=200)
    rows = np.random.RandomState(0).normal(size=(n_rows, 3))
    detector = AutoencoderOutlierDetector(quick(), random_state=0)
    detector.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(rows)
    output = capsys.readouterr().out
    assert "AutoencoderOutlierDetector" in output
    assert "AutoencoderTransformer" in output
    assert "100%" in output


def test_callbacks_do_not_change_what_a_detector_learns():
    plain = AutoencoderOutlierDetector(quick(), random_state=0).fit(X)
    watched, recorder = AutoencoderOutlierDetector(quick(), random_state=0), Recorder()
    if without_callbacks(watched):
        return
    watched.set_callbacks(recorder).fit(X)
    np.testing.assert_array_equal(watched.score_samples(X), plain.score_samples(X))
    assert recorder.epochs("begin") == recorder.epochs("end") == [0, 1, 2, 3]
    assert recorder.log[-2:] == [("end", 0, 0), ("teardown", 0, 0)]
    assert vars(watched.set_callbacks()).keys() == vars(plain).keys()

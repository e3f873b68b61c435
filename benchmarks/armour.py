"""What do estimators make of pathological input? A sensible model, or an error before training.

    python benchmarks/armour.py

A cell is "ok" if the fitted estimator returns finite codes, reconstructions and scores, in the
dtype of the data and the order of its rows, and has not written to its input; with "R² .." where
it reconstructs worse than PCA by more than 0.02. "refused" is a ValueError from `fit` that left
the estimator unfitted. Anything else stands there in words.
"""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score

import sklearn_ae

N_ROWS, N_FEATURES, N_COMPONENTS = 80, 5, 2


def base(dtype=np.float64):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(N_ROWS, N_COMPONENTS))
    X = codes @ rng.normal(size=(N_COMPONENTS, N_FEATURES))
    return (X + 0.1 * rng.normal(size=X.shape)).astype(dtype)


def with_(index, value, dtype=np.float64):
    X = base(dtype)
    X[index] = value
    return X


def read_only():
    X = base()
    X.flags.writeable = False
    return X


INPUTS = {
    "plain": base,
    "float32": lambda: base(np.float32),
    "times 1e-12": lambda: base() * 1e-12,
    "times 1e12": lambda: base() * 1e12,
    "times 1e-300": lambda: base() * 1e-300,
    "float32 times 1e-30": lambda: base(np.float32) * np.float32(1e-30),
    "float32 near overflow": lambda: base(np.float32) * np.float32(3e37),
    "float64 near overflow": lambda: base() * 1e307,
    "mean 1e9": lambda: base() + 1e9,
    "columns 1e-12 .. 1e12": lambda: base() * np.logspace(-12, 12, N_FEATURES),
    "constant column": lambda: with_(np.s_[:, 1], 3.0),
    "all constant": lambda: np.full((N_ROWS, N_FEATURES), 0.1),
    "two different rows": lambda: np.tile(base()[:2], (N_ROWS // 2, 1)),
    "half duplicates": lambda: np.tile(base()[: N_ROWS // 2], (2, 1)),
    "heavy tails": lambda: np.random.default_rng(0).standard_cauchy((N_ROWS, N_FEATURES)) ** 3,
    "one huge outlier": lambda: with_(np.s_[3, 2], 1e9),
    "one outlier of 1e30, float32": lambda: with_(np.s_[3, 2], 1e30, np.float32),
    "integers": lambda: (10 * base()).astype(int),
    "bools": lambda: base() > 0,
    "column-major": lambda: np.asfortranarray(base()),
    "backwards": lambda: base()[::-1, ::-1],
    "read-only": read_only,
    "one row": lambda: base()[:1],
    "three rows": lambda: base()[:3],
    "one feature": lambda: base()[:, :1],
    "NaN": lambda: with_(np.s_[0, 0], np.nan),
    "infinity": lambda: with_(np.s_[0, 0], np.inf),
}


def estimators():
    made = {}
    for name in sklearn_ae.__all__:
        kind = getattr(sklearn_ae, name)
        known = kind().get_params()
        budget = {"max_iter": 30, "max_steps": 100, "random_state": 0}
        params = {key: value for key, value in budget.items() if key in known}
        if "n_components" in known:
            params["n_components"] = N_COMPONENTS
        if name == "AutoencoderImputer":
            params["autoencoder"] = sklearn_ae.AutoencoderTransformer(4, hidden_layer_sizes=(16,))
        made[name] = kind(**params)
    return made


def cell(estimator, X):
    """Return what comes of fitting an estimator to some data and asking it about them."""
    before = X.copy()
    try:
        estimator.fit(X)
    except ValueError:
        fitted = [name for name in vars(estimator) if name.endswith("_")]
        return "refused" if not fitted else f"refused, but has {fitted}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:60]
    outputs = {}
    for method in ("transform", "reconstruct", "score_samples", "decision_function"):
        if hasattr(estimator, method):
            outputs[method] = getattr(estimator, method)(X)
    if hasattr(estimator, "inverse_transform"):
        outputs["inverse_transform"] = estimator.inverse_transform(estimator.transform(X))
    infinite = [name for name, out in outputs.items() if not np.isfinite(out).all()]
    if infinite:
        return f"not finite: {', '.join(infinite)}"
    if not np.array_equal(X, before, equal_nan=X.dtype.kind == "f"):
        return "input written to"
    if "transform" in outputs:
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
        if outputs["transform"].dtype != dtype:
            return f"dtype {outputs['transform'].dtype}"
        turned = estimator.transform(X[::-1])[::-1]
        scale = np.abs(turned).max()
        if not np.allclose(turned, outputs["transform"], rtol=1e-3, atol=1e-5 * scale):
            return "rows out of order"
    return "ok" + shortfall(estimator, X, outputs)


def shortfall(estimator, X, outputs):
    """Return how R² falls short of PCA's, if it does."""
    if "reconstruct" not in outputs or X.shape[1] < N_COMPONENTS or len(X) < 3:
        return ""
    scale = max(float(np.abs(X.astype(float)).max()), 1e-300)
    X, Z = X.astype(float) / scale, outputs["reconstruct"].astype(float) / scale
    if np.var(X, axis=0).sum() < 1e-20:
        return ""
    pca = PCA(N_COMPONENTS).fit(X)
    scores = [
        r2_score(X, rows, multioutput="variance_weighted")
        for rows in (Z, pca.inverse_transform(pca.transform(X)))
    ]
    return f", R² {scores[0]:.2f} ({scores[1]:.2f})" if scores[0] < scores[1] - 0.02 else ""


def main():
    warnings.simplefilter("ignore")
    for name, make in INPUTS.items():
        print(name)
        for kind, estimator in estimators().items():
            print(f"    {kind:28} {cell(estimator, make())}", flush=True)


if __name__ == "__main__":
    main()

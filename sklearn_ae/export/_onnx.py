"""Estimators as ONNX graphs: for runtimes without Python, torch and us."""

import copy
import logging
import os
import warnings
from contextlib import contextmanager
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted

from ._classes import OWN

METHODS = ("transform", "inverse_transform", "reconstruct", "score_samples", "predict")
OUTPUTS = {"transform": "variable", "score_samples": "scores"}
NEEDED = "ONNX needs further packages: pip install 'sklearn_ae[onnx]'."


def to_onnx(
    estimator: Any, path: str | os.PathLike | None = None, method: str = "transform"
) -> Any:
    """Return a method of a fitted estimator as an ONNX model, which needs neither torch nor us.

    The graph computes in single precision, takes any number of rows at a time, and holds scaling
    and weights. Its input is named ``X``, or ``codes`` for `inverse_transform`.

    Parameters
    ----------
    estimator : estimator
        A fitted one of this package.
    path : str or path-like, default=None
        Where the model is saved, as one file. None saves nothing.
    method : {"transform", "inverse_transform", "reconstruct", "score_samples", "predict"}, \
            default="transform"
        What the graph computes. "predict" is for outlier detectors, and has two outputs: ``label``,
        and ``scores``, which are those of ``decision_function``.

    Returns
    -------
    model : onnx.ModelProto
        The model.

    Raises
    ------
    ImportError
        If the packages for ONNX are not installed.
    TypeError
        If the estimator is none of this package, holds one that is not, or takes tables with texts
        and dates as `TabularAutoencoder` does.
    ValueError
        If it has no such method, or ONNX has no operations for it: for an imputer that draws, or in
        which a variational autoencoder takes part, and for the ``score_samples`` of a variational
        autoencoder with ``loss="poisson"``.

    See Also
    --------
    register_converters : For pipelines.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import to_onnx
    >>> X = load_iris().data.astype("float32")
    >>> autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
    >>> session = onnxruntime.InferenceSession(to_onnx(autoencoder).SerializeToString())
    >>> (codes,) = session.run(None, {"X": X})
    >>> bool(abs(codes - autoencoder.transform(X)).max() < 1e-4)
    True
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; choose one of {list(METHODS)}.")
    is_own = type(estimator) in OWN.values()
    if is_own and not hasattr(estimator, "__sklearn_ae_graph__"):
        raise TypeError(
            f"{estimator!r} encodes texts and dates, for which there is no ONNX graph here. Use "
            "sklearn_ae.export.save where there is Python; or make numbers of the columns before, "
            "by OneHotEncoder for example, and export AutoencoderTransformer."
        )
    if not is_own:
        raise TypeError(
            f"{estimator!r} is no estimator of sklearn_ae. For a pipeline call "
            "sklearn_ae.export.register_converters() and then skl2onnx.to_onnx."
        )
    check_is_fitted(estimator)
    graph = estimator.__sklearn_ae_graph__(method)
    if graph is None:
        raise ValueError(f"{type(estimator).__name__} has no method {method!r} that ONNX can do.")
    model = _exported(graph, _width(estimator, method), method)
    if path is not None:
        _onnx().save(model, path)
    return model


def register_converters() -> None:
    """Tell skl2onnx about the estimators of this package, so that it converts pipelines with them.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    to_onnx : For an estimator by itself, and for other methods.

    Examples
    --------
    >>> import numpy as np
    >>> import skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(2, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), autoencoder, LogisticRegression()).fit(X, y)
    >>> register_converters()
    >>> model = skl2onnx.to_onnx(pipeline, X[:1].astype(np.float32))
    >>> len(model.graph.output)  # labels and probabilities
    2
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(NEEDED) from error
    for name, kind in OWN.items():
        if hasattr(kind, "__sklearn_ae_graph__"):
            alias = name.replace(".", "_")
            update_registered_converter(kind, alias, _set_shapes, _convert, overwrite=True)


def _set_shapes(operator):
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

    estimator, n_rows = operator.raw_operator, operator.inputs[0].type.shape[0]
    if hasattr(estimator, "transform"):
        width = len(estimator.get_feature_names_out())
        operator.outputs[0].type = FloatTensorType([n_rows, width])
    else:
        operator.outputs[0].type = Int64TensorType([n_rows])
        operator.outputs[1].type = FloatTensorType([n_rows])


def _convert(scope, operator, container):
    from skl2onnx.helpers.integration import add_onnx_graph

    estimator = operator.raw_operator
    method = "transform" if hasattr(estimator, "transform") else "predict"
    model = to_onnx(estimator, method=method)
    _end_names_with_a_letter(model.graph)
    add_onnx_graph(scope, operator, container, model)


def _end_names_with_a_letter(graph):
    """Rename what is inside a graph: skl2onnx makes names its own by digits, which may clash."""
    kept = {value.name for value in (*graph.input, *graph.output)} | {""}

    def renamed(name):
        return name if name in kept else f"{name}_v"

    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed(name) for name in names]
    for value in (*graph.initializer, *graph.value_info):
        value.name = renamed(value.name)


def _width(estimator, method):
    if method == "inverse_transform":
        return len(estimator.get_feature_names_out())
    return estimator.n_features_in_


def _exported(graph, width, method):
    """Return a torch module as an ONNX model."""
    _onnx()
    rows = torch.zeros(2, width)
    graph = copy.deepcopy(graph).cpu().float().eval()
    names = ["label", "scores"] if method == "predict" else [OUTPUTS.get(method, "reconstruction")]
    try:
        with _silence():
            program = torch.onnx.export(
                graph,
                (rows,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=["codes" if method == "inverse_transform" else "X"],
                output_names=names,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ValueError(
            f"method={method!r} of this estimator cannot be exported: torch has no way to write "
            f"one of its operations in ONNX ({reason})."
        ) from error
    return program.model_proto


def _onnx():
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(NEEDED) from error
    return onnx


@contextmanager
def _silence():
    """Keep torch's exporter from telling of packages that it does not need."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

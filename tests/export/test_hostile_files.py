import importlib.util
import json
import pickle
import re
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from sklearn.datasets import load_iris

from sklearn_ae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae.export import load, save
from sklearn_ae.export._file import KEY, OF_HEADER, checksum_of, checksum_of_header

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
FUZZER = Path(__file__).parents[2] / "benchmarks" / "fuzz_loader.py"


@cache
def small():
    return AutoencoderTransformer(2, max_iter=2, hidden_layer_sizes=(4,), random_state=0).fit(X)


def fuzzer():
    spec = importlib.util.spec_from_file_location("fuzz_loader", FUZZER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_damaged_file_does_more_than_raise_an_error_with_its_name(tmp_path):
    module = fuzzer()
    watch = module.Watch()
    counts, slowest, grown = module.fuzz(400, 0, watch, tmp_path)
    assert {result for _, result in counts} == {"loaded", "rejected"}
    assert not watch.seen
    assert slowest < 10
    assert grown < 200


def parts(tmp_path):
    """Return header and arrays of a saved estimator."""
    save(small(), tmp_path / "sound")
    blob = (tmp_path / "sound").read_bytes()
    return header_of(blob), load_arrays(blob)


def header_of(blob):
    size = int.from_bytes(blob[:8], "little")
    return json.loads(json.loads(blob[8 : 8 + size])["__metadata__"][KEY])


def write(path, header, arrays):
    header = header | {"checksum": checksum_of(arrays)}
    header[OF_HEADER] = checksum_of_header(header)
    path.write_bytes(save_arrays(arrays, {KEY: json.dumps(header)}))


def replaced(header, old, new):
    text = json.dumps(header)
    assert old in text
    return json.loads(text.replace(old, new))


CHANGES = {
    "a huge layer": ('{"tuple": [4]}', '{"tuple": [2000000000]}', "shape .* instead of"),
    "a thousand layers": (
        '{"tuple": [4]}',
        f'{{"tuple": {[4] * 1000}}}',
        "many more layers than there are arrays",
    ),
    "a huge code": (
        '["recipe", {"dict": [["n_components", 2]',
        '["recipe", {"dict": [["n_components", 99999999]',
        "shape .* instead of",
    ),
    "a foreign class": ("sklearn_ae.losses.SquaredError", "os.system", "os.system.*hand it in"),
    "a private class": (
        "sklearn_ae.losses.SquaredError",
        "sklearn_ae._training.net.AutoencoderNet",
        "not part of sklearn_ae",
    ),
    "a method": ('["is_pca_"', '["transform"', "its methods"),
    "another width": ('["n_features_in_", 4]', '["n_features_in_", 5]', "takes 4 features"),
    "no number": ('["seed", ', '["seed", "x"], ["n_steps", ', "seed"),
    "an unknown field": ('["emphasis"', '["surprise"', "unknown fields"),
    "no recipe": ('["recipe"', '["receipt"', "unknown entries"),
    "a missing array": (
        '{"array": "_trained.arrays.offset"}',
        '{"array": "elsewhere"}',
        "array 'elsewhere' is missing",
    ),
    "a later format": ('"format": [1, 0]', '"format": [2, 0]', r"format 2\.0.*reads 1\.x"),
    "no format": ('"format"', '"form"', "no format"),
    "no value": ('"n_components", 2', '"n_components", {"eval": 2}', "is no value"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_header_is_rejected_for_what_it_is(change, tmp_path):
    old, new, message = CHANGES[change]
    header, arrays = parts(tmp_path)
    write(tmp_path / "model", replaced(header, old, new), arrays)
    with pytest.raises(ValueError, match=f"model' cannot be loaded: .*{message}"):
        load(tmp_path / "model")


def test_huge_layer_is_rejected_before_memory_is_taken(tmp_path):
    header, arrays = parts(tmp_path)
    write(tmp_path / "model", replaced(header, '{"tuple": [4]}', '{"tuple": [9999999]}'), arrays)
    tracemalloc.start()
    with pytest.raises(ValueError, match="instead of"):
        load(tmp_path / "model")
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()


def test_later_minor_format_with_more_in_its_header_is_read(tmp_path):
    header, arrays = parts(tmp_path)
    write(tmp_path / "model", header | {"format": [1, 7], "later": {"x": 1}}, arrays)
    np.testing.assert_array_equal(load(tmp_path / "model").transform(X), small().transform(X))


def test_parameter_that_an_older_version_did_not_have_is_at_its_default(tmp_path):
    header, arrays = parts(tmp_path)
    write(tmp_path / "model", replaced(header, '["warm_start", false], ', ""), arrays)
    assert load(tmp_path / "model").warm_start is False


def test_changed_weight_is_noticed(tmp_path):
    save(small(), tmp_path / "model")
    blob = bytearray((tmp_path / "model").read_bytes())
    blob[-1] ^= 1
    (tmp_path / "model").write_bytes(blob)
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"short", pickle.dumps(print), bytes(1000)])
def test_file_of_another_kind_is_rejected_with_its_name(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors' cannot be loaded"):
        load(tmp_path / "model.safetensors")


def test_archive_is_rejected(tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10**7))
    with pytest.raises(ValueError, match="model' cannot be loaded"):
        load(tmp_path / "model")


def test_safetensors_of_others_are_rejected(tmp_path):
    (tmp_path / "model").write_bytes(save_arrays({"weight": np.zeros(3)}))
    with pytest.raises(ValueError, match="not written by sklearn_ae"):
        load(tmp_path / "model")


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        load(tmp_path)


def imputer():
    return AutoencoderImputer(small(), max_steps=2, random_state=0).fit(X)


def detector():
    return AutoencoderOutlierDetector(small(), random_state=0).fit(X)


TAMPERED = [
    (small, {"n_features_in_": 3}, "n_features_in_"),
    (small, {"n_features_in_": -1}, "n_features_in_"),
    (small, {"fit": None}, "its methods"),
    (small, {"_trained": 7}, "instead of a dict"),
    (detector, {"center_": np.zeros(3)}, r"center_ has shape \(3,\)"),
    (detector, {"_normal": "x"}, "What the detector has learned is damaged"),
    (imputer, {"_is_empty": np.zeros(9, dtype=bool)}, "_is_empty"),
    (imputer, {"_limits": np.zeros((3, 4))}, "_limits"),
    (imputer, {"_learned": "x"}, "What the imputer has learned is damaged: it is no dict"),
    (imputer, {"autoencoders_": {"alone": 1}}, "What the imputer has learned is damaged: autoenc"),
    (imputer, {"transform": 1}, "its methods"),
]


@pytest.mark.parametrize(("make", "change", "message"), TAMPERED)
def test_tampered_state_is_rejected_for_what_it_is(make, change, message):
    estimator = make()
    state = estimator.__getstate__() | change
    with pytest.raises(ValueError, match=message):
        type(estimator).__new__(type(estimator)).__setstate__(state)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", {}),
        ("columns", dict.fromkeys(("center", "scale", "low", "high"), np.zeros(4))),
        ("linear", {"mean": np.zeros(4)}),
        ("linear", {"mean": np.zeros(4), "scale": 1.0, "loadings": np.zeros((3, 1)), "noise": 1.0}),
        ("noise", np.zeros(3)),
        ("share", 2.0),
        ("dispersion", "x"),
        ("corrects", 1),
        ("seed", -1),
        ("loss", 7),
    ],
)
def test_damaged_state_of_an_imputer_is_an_error_that_says_so(name, value):
    state = imputer().__getstate__()
    state["_learned"][name] = value
    with pytest.raises(ValueError, match="What the imputer has learned is damaged"):
        AutoencoderImputer.__new__(AutoencoderImputer).__setstate__(state)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", "0"),
        ("loop", {"batch_size": 0, "max_epochs": 1, "lr": 0.1}),
        ("loop", {}),
        ("arrays", {}),
        ("is_pca", "yes"),
        ("n_steps", -3),
        ("recipe", {"n_components": 2}),
        ("progress", {"moments": 3}),
        ("progress", {"moments": {"0": 1}, "learning_rates": [1], "order": 0, "noise": 0}),
    ],
)
def test_tampered_training_is_rejected(name, value):
    estimator = small()
    state = estimator.__getstate__()
    state["_trained"][name] = value
    with pytest.raises(ValueError, match="damaged"):
        AutoencoderTransformer.__new__(AutoencoderTransformer).__setstate__(state)


@pytest.mark.filterwarnings("ignore:Trying to unpickle")  # a digit of a version
def test_a_digit_changed_anywhere_is_found(tmp_path):
    path = tmp_path / "model"
    save(small(), path)
    sound = path.read_bytes()
    minor = sound.index(b"[1,0]") + 3  # of the format: a later one may be summed up otherwise
    digits = [i for i, byte in enumerate(sound) if chr(byte).isdigit() and i != minor]
    for place in digits[:: max(len(digits) // 150, 1)]:
        changed = bytearray(sound)
        changed[place] = ord("0") + (changed[place] - ord("0") + 1) % 10
        path.write_bytes(changed)
        in_json = minor < place < sound.rindex(b'\\"')  # of our header, quotes are escaped
        if in_json and header_of(changed) == header_of(sound):
            continue  # the last digit of a number makes no difference
        with pytest.raises(ValueError, match=re.escape(str(path))):
            load(path)

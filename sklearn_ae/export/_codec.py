"""Values as JSON and arrays: what an estimator is made of, and nothing that could be executed.

=====================================  ===========================================================
value                                  as JSON
=====================================  ===========================================================
None, bool, int, str, finite float     as it is
other float                            ``{"float": "nan"}``
list                                   a list
tuple                                  ``{"tuple": [...]}``
dict                                   ``{"dict": [[key, value], ...]}``
array of numbers                       ``{"array": name}``, and the array beside it; with
                                       ``"order": "F"`` it is the transpose of what lies there
array of strings                       ``{"strings": [...], "shape": [...], "dtype": "O"}``
number of numpy                        ``{"number": value, "dtype": "float32"}``
RandomState                            ``{"random_state": state}``
metadata that an estimator requests    ``{"requests": {method: requests}, "owner": name}``
object                                 ``{"class": name, "state": state}``
class or function                      ``{"name": name}``
=====================================  ===========================================================
"""

import inspect
import math

import numpy as np
from sklearn.utils._metadata_requests import SIMPLE_METHODS, MetadataRequest

from ._classes import KNOWN, name_of

MAX_DEPTH = 60
NUMBERS = "biuf"  # kinds of numpy's types
STRINGS = ("O", "U")


class Encoder:
    """Turns values into JSON, and collects their arrays.

    Attributes
    ----------
    arrays : dict of str to ndarray
        By the place that they have in the value.
    """

    def __init__(self):
        self.arrays = {}

    def __call__(self, value, place="", depth=0):
        """Return a value as JSON.

        Parameters
        ----------
        value : object
        place : str, default=""
            Where it stands in the whole.
        depth : int, default=0

        Raises
        ------
        TypeError
            If it cannot be written; with its place.
        """
        if depth > MAX_DEPTH:
            raise TypeError(f"{place[:200]} is nested too deeply to be saved: a cycle?")

        def inner(part, name):
            return self(part, f"{place}.{name}" if place else str(name), depth + 1)

        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is list:
            return [inner(part, i) for i, part in enumerate(value)]
        if type(value) is tuple:
            return {"tuple": [inner(part, i) for i, part in enumerate(value)]}
        if type(value) is dict:
            pairs = [[inner(key, "key"), inner(part, key)] for key, part in value.items()]
            return {"dict": pairs}
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
            return {"number": inner(value.item(), "number"), "dtype": value.dtype.name}
        if type(value) is np.random.RandomState:
            return {"random_state": inner(value.get_state(legacy=False), "random_state")}
        if isinstance(value, MetadataRequest):
            requests = {name: getattr(value, name).requests for name in SIMPLE_METHODS}
            owner = value.owner if isinstance(value.owner, str) else None
            return {"requests": inner(requests, "requests"), "owner": owner}
        if inspect.isclass(value) or inspect.isroutine(value):
            return {"name": self._checked_name(value, place)}
        if type(value).__module__ == "builtins":
            raise TypeError(f"{place}={value!r} of type {type(value).__name__} cannot be saved.")
        kind = type(value)
        state = value.__getstate__() or {}
        if not isinstance(state, dict):
            raise TypeError(
                f"{place}={value!r} cannot be saved: the state of {kind.__name__} is no dict of "
                "plain values, arrays and objects made of them. joblib.dump saves it."
            )
        return {"class": name_of(kind), "state": self(state, place, depth + 1)}

    def _array(self, array, place):
        if array.dtype.kind in NUMBERS:
            name = place
            while name in self.arrays:  # keys of dicts may hold dots
                name += "'"
            turned = array.flags.f_contiguous and not array.flags.c_contiguous
            self.arrays[name] = array.T if turned else np.asarray(array, order="C")
            return {"array": name, "order": "F"} if turned else {"array": name}
        items, kind = array.ravel().tolist(), array.dtype.kind
        if kind in STRINGS and all(type(item) is str for item in items):
            return {"strings": items, "shape": list(array.shape), "dtype": kind}
        raise TypeError(
            f"{place} is an array of dtype {array.dtype}, which cannot be saved. Arrays of numbers "
            "and of strings can."
        )

    def _checked_name(self, value, place):
        if "<" in value.__qualname__:
            raise TypeError(
                f"{place}={value!r} cannot be saved: it has no name to find it by. Define it at "
                "the top level of a module, or write a class with __call__ and get_params."
            )
        return name_of(value)


class Decoder:
    """Turns JSON into values again, of known classes only.

    Parameters
    ----------
    arrays : dict of str to ndarray
    custom : dict of str to type or callable
        Further classes and functions by their names.
    """

    def __init__(self, arrays, custom):
        self.arrays = dict(arrays)
        self.known = KNOWN | custom
        self.custom = custom

    def __call__(self, given, depth=0):
        """Return the value that JSON stands for.

        Parameters
        ----------
        given : object
        depth : int, default=0

        Raises
        ------
        ValueError
            If it stands for none.
        """
        if depth > 3 * MAX_DEPTH:
            raise ValueError("values are nested too deeply.")
        if given is None or isinstance(given, (bool, int, float, str)):
            return given
        if isinstance(given, list):
            return [self(part, depth + 1) for part in given]
        for kind, decode in DECODED.items():
            if kind in given:
                return decode(self, given, depth + 1)
        raise ValueError(f"{str(given)[:80]} is no value.")

    def _float(self, given, depth):
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[given["float"]]

    def _tuple(self, given, depth):
        return tuple(self(_list(given["tuple"]), depth))

    def _dict(self, given, depth):
        pairs = [self(_list(pair), depth) for pair in _list(given["dict"])]
        return dict(pairs)

    def _array(self, given, depth):
        if given["array"] not in self.arrays:
            raise ValueError(f"array {str(given['array'])[:80]!r} is missing, or used twice.")
        array = self.arrays.pop(given["array"])
        return array.T if given.get("order") == "F" else array

    def _strings(self, given, depth):
        strings = _list(given["strings"])
        if not all(isinstance(item, str) for item in strings):
            raise ValueError("an array of strings holds something else.")
        if given["dtype"] not in STRINGS:
            raise ValueError(f"{given['dtype']} is no type of strings.")
        array = np.empty(len(strings), dtype=object)
        array[:] = strings
        return array.astype(given["dtype"]).reshape(given["shape"])

    def _number(self, given, depth):
        dtype = np.dtype(given["dtype"])
        if dtype.kind not in NUMBERS:
            raise ValueError(f"{given['dtype']} is no type of numbers.")
        return dtype.type(self(given["number"], depth))

    def _random_state(self, given, depth):
        random_state = np.random.RandomState()
        random_state.set_state(self(given["random_state"], depth))
        return random_state

    def _requests(self, given, depth):
        request, methods = MetadataRequest(given["owner"]), self(given["requests"], depth)
        for name, requests in methods.items():
            if name not in SIMPLE_METHODS or not isinstance(requests, dict):
                raise ValueError(f"{str(name)[:80]} is no method that metadata is requested for.")
            getattr(request, name)._requests = requests
        return request

    def _class(self, given, depth):
        kind = self._known(given["class"])
        if not inspect.isclass(kind):
            raise ValueError(f"{given['class']} is no class.")
        state = self(given["state"], depth)
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise ValueError(f"the state of {given['class']} is no dict of names.")
        made = kind.__new__(kind)
        request = state.get("_metadata_request")
        if isinstance(request, MetadataRequest) and request.owner is None:
            _set_owner(request, made)
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        return made

    def _name(self, given, depth):
        if given["name"] not in self.custom:
            raise self._unknown(given["name"])
        return self.custom[given["name"]]

    def _known(self, name):
        if not isinstance(name, str) or name not in self.known:
            raise self._unknown(name)
        return self.known[name]

    def _unknown(self, name):
        name = str(name)[:200]
        return ValueError(
            f"it holds {name}, which is not part of sklearn_ae. If you trust it, hand it in: "
            f'load(path, custom={{"{name}": {name.rpartition(".")[2]}}}).'
        )


DECODED = {
    "float": Decoder._float,
    "tuple": Decoder._tuple,
    "dict": Decoder._dict,
    "array": Decoder._array,
    "strings": Decoder._strings,
    "number": Decoder._number,
    "random_state": Decoder._random_state,
    "requests": Decoder._requests,
    "class": Decoder._class,
    "name": Decoder._name,
}


def _set_owner(request, owner):
    """Make an estimator the owner of its request, as scikit-learn does since 1.7."""
    request.owner = owner
    for name in SIMPLE_METHODS:
        getattr(request, name).owner = owner


def _list(given):
    if not isinstance(given, list):
        raise ValueError(f"{str(given)[:80]} should be a list.")
    return given

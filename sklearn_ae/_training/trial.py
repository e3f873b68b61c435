"""A trial of the parts that a user has written, on a few rows: where training with them has failed.

What is wrong with a part is said by its name, with how it is called and what it should return,
instead of by whatever met its result first. Only a corruption is tried before training, since one
that changes the data goes unnoticed.
"""

import inspect
import reprlib
from contextlib import contextmanager

import torch
from sklearn.utils._param_validation import InvalidParameterError
from torch import nn

from .monitor import Diverged
from .random import seeded_construction, unchanged_generators
from .world import here

N_ROWS = 8
PARTS = ("corruption", "loss", "penalty")
PACKAGE = __name__.partition(".")[0]
CALLS = {
    "architecture": (
        "build(n_features, n_components)",
        "an encoder and a decoder: two torch.nn.Module",
    ),
    "corruption": (
        "corruption(x, generator)",
        "a new tensor of the shape and the dtype of x",
    ),
    "loss": (
        "loss(reconstruction, x)",
        "a tensor with one value per row, for example the mean over dim=1",
    ),
    "penalty": (
        "penalty(module, x, output)",
        "a tensor with one value per row, or one for the batch",
    ),
}


def try_corruption(net, rows):
    """Call the corruption that a user has written once, and look at what it does.

    As `try_parts` otherwise.
    """
    try_parts(net, rows, ("corruption",))


@contextmanager
def told_of_parts(net, rows):
    """Tell an error in the block, which trains a net, of what a part of the user does wrong.

    Parameters
    ----------
    net : AutoencoderNet
        Initialised.
    rows : Rows
        Trained on.

    Raises
    ------
    InvalidParameterError
        If a part takes other arguments, or returns something that training cannot use. If the loss
        has diverged, that error gets a note instead.
    """
    if here().size > 1 or all(part is None for part in own_parts(net.criterion_).values()):
        yield  # other processes would wait for what a trial asks
        return
    start = {name: value.clone() for name, value in net.module_.state_dict().items()}
    try:
        yield
    except Exception as error:
        net.module_.load_state_dict(start)  # what has diverged is NaN, whatever is done to it
        try:
            try_parts(net, rows)
        except InvalidParameterError as wrong:
            if not isinstance(error, Diverged):
                raise wrong from error
            error.add_note(str(wrong))
        except Exception as again:
            for note in getattr(again, "__notes__", ()):
                error.add_note(note)
        raise


def try_parts(net, rows, names=PARTS):
    """Call what a user has written of loss, penalty and corruption once, and look at what it does.

    Nothing is drawn from the generators that the training draws from.

    Parameters
    ----------
    net : AutoencoderNet
        Initialised.
    rows : Rows
        From the first of which the parts are tried.
    names : tuple of str, default=("corruption", "loss", "penalty")
        Which parts.

    Raises
    ------
    InvalidParameterError
        If a part takes other arguments, or returns something that training cannot use.
    """
    objective = net.criterion_
    own = dict.fromkeys(PARTS) | own_parts(objective, names)
    if all(part is None for part in own.values()):
        return
    x, weight, *guide = rows.to_start_from().take(slice(0, N_ROWS))
    if len(x) == 0:  # the first rows are those of another rank
        return
    x, weight, *guide = (p if p is None else net._tensor(p).clone() for p in (x, weight, *guide))
    was_training = objective.training
    objective.eval()
    with unchanged_generators(net.device), torch.enable_grad():
        _try_on(net.module_, objective, own, x, weight, guide)
    objective.train(was_training)


def own_parts(objective, names=PARTS):
    """Return the parts of an objective that a user has written, None for others, by name."""
    return {name: users_own(name, getattr(objective, name)) for name in names}


def _try_on(module, objective, own, x, weight, guide):
    generator = torch.Generator(x.device).manual_seed(objective.seed)
    if own["corruption"] is not None:
        _try_corruption(own["corruption"], x, generator)
    if own["loss"] is None and own["penalty"] is None:
        return
    seen = x if objective.corruption is None else objective.corruption(x, generator)
    output = objective._output(module, seen, generator)
    if own["loss"] is not None:
        values = _try_loss(own["loss"], output.reconstruction.detach(), x)
        if not values.requires_grad and not objective(module, x, weight, *guide)[0].requires_grad:
            raise _wrong(
                "loss",
                own["loss"],
                "returned values without a gradient, so there is nothing to learn from. Compute "
                "them from the reconstruction, by operations of torch",
            )
    if own["penalty"] is not None:
        given = {"generator": generator, "sample_weight": weight}
        handed = {name: given[name] for name in objective.handed}
        _try_penalty(own["penalty"], module, x, output, handed)


def _try_corruption(corruption, x, generator):
    before = x.clone()
    seen = _tried("corruption", corruption, x, generator)
    check_is_tensor("corruption", corruption, seen)
    if (seen.shape, seen.dtype) != (x.shape, x.dtype):
        raise _wrong(
            "corruption",
            corruption,
            f"returned {_described(seen)} for x of {_described(x)}",
        )
    if not torch.equal(x.nan_to_num(), before.nan_to_num()):
        raise _wrong(
            "corruption", corruption, "has changed x itself, which the reconstruction is held to"
        )
    _check_finite("corruption", corruption, seen[x.isfinite()])


def _try_loss(loss, reconstruction, x):
    reconstruction.requires_grad_()
    whole = torch.where(x.isnan(), reconstruction.detach(), x)
    values = _tried("loss", loss, reconstruction, whole)
    check_values("loss", loss, values, x)
    if reconstruction.isfinite().all():
        _check_finite("loss", loss, values)
        _check_slope("loss", loss, values, [reconstruction])
    return values


def _try_penalty(penalty, module, x, output, handed):
    values = _tried("penalty", penalty, module, x, output, **handed)
    check_values("penalty", penalty, values, x)
    if output.code.isfinite().all():
        _check_finite("penalty", penalty, values)
        _check_slope("penalty", penalty, values, [*module.parameters()])


def _tried(name, part, *args, **handed):
    """Return what a part returns; an error inside of it is as it was, with a note on the part."""
    check_call(name, part, part, args, handed)
    try:
        return part(*args, **handed)
    except Exception as error:
        error.add_note(f"{name}={part!r} failed when it was tried on a few rows. {_rule(name)}")
        raise


def check_call(name, part, function, args, handed=None):
    """Raise InvalidParameterError unless the function of a part takes these arguments.

    Parameters
    ----------
    name : str
        Of the parameter.
    part : object
        Its value.
    function : callable
    args : tuple
    handed : dict or None, default=None
        Arguments by name.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of what is written in C
        return
    try:
        signature.bind(*args, **handed or {})
    except TypeError as error:
        raise _wrong(name, part, f"takes other arguments ({error})") from None


def check_is_tensor(name, part, values):
    """Raise InvalidParameterError unless a part has returned a tensor."""
    if not isinstance(values, torch.Tensor):
        kind = "" if values is None else f", of type {type(values).__name__}"
        raise _wrong(name, part, f"returned {reprlib.repr(values)}{kind}, which is no tensor")


def check_values(name, part, values, x):
    """Raise an error unless a loss or a penalty has returned what training can use.

    Parameters
    ----------
    name : {"loss", "penalty"}
    part : callable
    values : object
        What it has returned.
    x : Tensor of shape (n_rows, n_features)

    Raises
    ------
    InvalidParameterError
        If it is no tensor.
    ValueError
        If it has another shape.
    """
    check_is_tensor(name, part, values)
    if values.shape == x.shape[:1] or (name == "penalty" and values.shape == ()):
        return
    wanted = "or one for the batch" if name == "penalty" else "for example the mean over dim=1"
    raise ValueError(
        f"{name}={part!r} returned shape {tuple(values.shape)} for a batch of shape "
        f"{tuple(x.shape)}. Return one value per row, {wanted}."
    )


def _check_finite(name, part, values):
    if not values.isfinite().all():
        raise _wrong(name, part, "returned NaN or infinity for rows of X, before any training")


def _check_slope(name, part, values, of):
    """Raise an error if the gradient of values is not finite: a root has none at zero."""
    of = [tensor for tensor in of if tensor.requires_grad]
    if not (of and values.requires_grad):
        return
    for gradient in torch.autograd.grad(values.sum(), of, allow_unused=True):
        if gradient is not None and not gradient.isfinite().all():
            raise _wrong(
                name,
                part,
                "has a gradient of NaN or infinity, as roots and logarithms have at zero. Add a "
                "small number there",
            )


@contextmanager
def told_of_architecture(recipe, n_features):
    """Tell an error in the block, which builds and tries coders, of an architecture of the user.

    Parameters
    ----------
    recipe : Recipe
    n_features : int

    Raises
    ------
    InvalidParameterError
        If the architecture does not build two modules.
    """
    own = users_own("architecture", recipe.architecture)
    try:
        yield
    except Exception as error:
        if own is None:
            raise
        args = (n_features, recipe.n_components)
        check_call("architecture", own, own.build, args)
        error.add_note(f"architecture={own!r} was asked to build{args}. {_rule('architecture')}")
        _check_coders(own, args, error)
        raise


def _check_coders(architecture, args, error):
    """Raise InvalidParameterError if it is two coders that an architecture fails to return."""
    try:
        with seeded_construction(0):
            coders = architecture.build(*args)
    except Exception:
        return
    is_pair = isinstance(coders, tuple | list) and len(coders) == 2
    if not (is_pair and all(isinstance(coder, nn.Module) for coder in coders)):
        text = f"returned {reprlib.repr(coders)} from build"
        raise _wrong("architecture", architecture, text) from error


def users_own(name, part):
    """Return the part that a user has written: itself, or what one of ours wraps; else None.

    Parameters
    ----------
    name : str
        Of the parameter.
    part : object
    """
    if part is None or type(part).__module__.partition(".")[0] != PACKAGE:
        return part
    held = [value for key, value in vars(part).items() if key == name or callable(value)]
    return next(
        (own for own in (users_own(name, value) for value in held) if own is not None), None
    )


def _wrong(name, part, what):
    return InvalidParameterError(f"{name}={part!r} {what}. {_rule(name)}")


def _rule(name):
    call, returned = CALLS[name]
    return f"It is called as {call}, and should return {returned}."


def _described(tensor):
    return f"shape {tuple(tensor.shape)} and {tensor.dtype}"

"""One message for all arguments that are not what a signature says.

A function checks what only it can know: that a matrix is orthogonal, that a group is closed. Kinds, shapes
and numbers that are not finite stand in the signature already, so nobody tests them beforehand: where a call
fails inside a library, its arguments are held against the annotations, and the one at fault is named.
A call that works costs nothing.

>>> from ase.build import molecule
>>> from tutorial_utils import symmetry
>>> symmetry.translate(molecule("H2O"), "x")
Traceback (most recent call last):
tutorial_utils.arguments.ArgumentError: shift: expected an array of finite numbers (3), got the text 'x'
"""

import builtins
import inspect
import types
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dis import opmap
from functools import wraps
from numbers import Integral, Number, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from ase import Atoms
from jaxtyping import AbstractArray, Shaped, jaxtyped

_PACKAGE = __name__.partition(".")[0]
_OUTSIDE = (ImportError, OSError, MemoryError)  # no argument is to blame for these
_NUMBERS = {float: Real, int: Integral, complex: Number}
_KINDS = {"Float": "fiu", "Int": "iu", "Complex": "cfiu", "Bool": "b"}  # of numpy's dtypes, by annotation
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "True or False",
    Path: "a path",
    Atoms: "an ase.Atoms",
    Callable: "a function",
    type(None): "None",
}


class ArgumentError(ValueError):
    """An argument is not what the signature says."""


def explain(namespace: dict[str, Any]) -> None:
    """Have the public functions and classes of a module name the argument at fault; stands at its end.

    Args:
        namespace: ``globals()`` of a module, or of a package with ``__all__``.
    """
    for name in namespace.get("__all__") or [name for name in namespace if not name.startswith("_")]:
        thing = namespace[name]
        home = inspect.getmodule(thing)
        if home is None or not f"{home.__name__}.".startswith(f"{namespace['__name__']}."):
            continue
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            for method, f in list(vars(thing).items()):
                if inspect.isfunction(f) and (method == "__init__" or not method.startswith("_")):
                    setattr(thing, method, _explained(f))
        elif inspect.isfunction(thing) or hasattr(thing, "cache_clear"):
            namespace[name] = vars(home)[name] = _explained(thing)


def _explained(f: Callable) -> Callable:
    if hasattr(f, "explained"):
        return f

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except Exception as error:
            fault = None if _meant(error) else _fault(f, args, kwargs, error)
            if fault is None:
                raise
            raise ArgumentError(fault) from error

    call.explained = True  # type: ignore[attr-defined]
    call.cache_clear = getattr(f, "cache_clear", None)  # type: ignore[attr-defined]
    return call


def _meant(error: Exception) -> bool:
    """Tell whether the package itself wrote ``raise`` for this, or no argument can be to blame."""
    if isinstance(error, ArgumentError):
        return False  # of a function further down; the names of this one's arguments say more
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or isinstance(error, _OUTSIDE):
        return True
    room = str(last.tb_frame.f_globals.get("__name__")).partition(".")[0]
    return room == _PACKAGE and last.tb_frame.f_code.co_code[last.tb_lasti] == opmap["RAISE_VARARGS"]


def _fault(f: Callable, args: tuple, kwargs: dict[str, Any], error: Exception) -> str | None:
    """Say which argument does not fit its annotation, or else looks as if it could not be used."""
    try:
        parameters, hints = inspect.signature(f).parameters, _hints(f)
        given = inspect.signature(f).bind(*args, **kwargs).arguments
    except TypeError:  # an argument too many, or one that is missing
        return None
    named = [name for name in given if name in hints and not parameters[name].kind.name.startswith("VAR")]
    with jaxtyped("context"):  # an axis has the same length in all arguments
        for name in named:
            if not _fits(given[name], hints[name]):
                return f"{name}: expected {_words(hints[name])}, got {_shown(given[name])}"
    if isinstance(error, ArgumentError):
        return None
    for name in named:
        if parameters[name].default is not given[name] and _doubtful(given[name], hints[name], str(error)):
            return f"{name}: {_shown(given[name])} cannot be used here ({str(error).splitlines()[0][:200]})"
    return None


class _Anything(dict):
    """What stands for names in annotations that only a type checker has imported."""

    def __missing__(self, name: str) -> Any:
        return Any


def _hints(f: Callable) -> dict[str, Any]:
    try:
        names = ChainMap(inspect.unwrap(f).__globals__, vars(builtins), _Anything())
        return get_type_hints(f, localns=names)
    except AttributeError:  # "o3.Irreps" of an o3 that is not there
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value is what an annotation says; lists count as arrays, whole numbers as numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, TypeVar):
        inner = hint.__constraints__ or (Any,)
    if isinstance(hint, TypeVar) or origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if hint is Any:
        return True
    if origin is Literal:
        return isinstance(value, str | int) and value in inner
    if hint in _NUMBERS:
        return _is_number(value, _NUMBERS[hint])
    if _is_array(hint):
        return _fits_array(value, hint)
    if origin is Callable or hint is Callable:
        return callable(value) and not inspect.isclass(value)
    return _fits_class(value, origin or hint, inner)


def _is_number(value: Any, kind: type) -> bool:
    whole = isinstance(value, kind) and not isinstance(value, bool | np.bool_)
    return whole and bool(np.isfinite(complex(value)))


def _fits_class(value: Any, kind: Any, inner: tuple) -> bool:
    """Hold a value against a class and, where it contains others, these against theirs."""
    if not isinstance(kind, type) or kind is object:
        return True
    if kind is str or not issubclass(kind, Iterable) or issubclass(kind, Atoms):
        return isinstance(value, kind)
    alike = kind | Sequence | np.ndarray if kind in (list, tuple) or inspect.isabstract(kind) else kind
    if isinstance(value, str | bytes) or not isinstance(value, alike):
        return False
    if isinstance(value, Iterator) or getattr(value, "ndim", 1) == 0:
        return isinstance(value, Iterator)
    if issubclass(kind, Mapping):
        pairs = value.items() if isinstance(value, Mapping) else None
        return pairs is not None and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in pairs)
    if kind is tuple and ... not in inner:
        return len(list(value)) == len(inner) and all(map(_fits, value, inner))
    return not inner or all(_fits(each, inner[0]) for each in value)


def _is_array(hint: Any) -> bool:
    named = hint is np.ndarray or getattr(hint, "__name__", "") == "Tensor"
    return named or (inspect.isclass(hint) and issubclass(hint, AbstractArray))


def _fits_array(value: Any, hint: Any) -> bool:
    """Hold an array against its kind of numbers and its axes."""
    shaped = issubclass(hint, AbstractArray)
    room = hint.array_type if shaped else hint
    if room not in (np.ndarray, Any) and not isinstance(value, room):
        return False
    try:
        array = _array(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    kinds = _KINDS.get(hint.__name__.split("[")[0], "biufc") if shaped else "biufc"
    if not shaped or array.dtype.kind not in kinds:
        return array.dtype.kind in kinds
    axes: Any = Shaped[np.ndarray, hint.dim_str]
    try:
        return isinstance(array, axes)
    except Exception:  # an axis that is computed from others is not known beforehand
        return True


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _doubtful(value: Any, hint: Any, said: str) -> bool:
    """Tell whether a value is empty, below one, not finite, of another library, or named by the error."""
    if isinstance(value, Integral):
        return value < 1 and not isinstance(value, bool)
    if _is_array(hint):
        array = _array(value)
        foreign = not isinstance(value, getattr(hint, "array_type", hint) if hint is not Any else object)
        foreign &= hasattr(value, "dtype") or f"'{type(value).__name__}'" in said  # most functions take lists
        return foreign or not array.size or (array.dtype.kind in "fc" and not np.isfinite(array).all())
    if isinstance(value, str | Mapping | Sequence) and not value:
        return True
    return isinstance(value, str | float) and str(value) in said


def _words(hint: Any) -> str:
    """Say an annotation in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, TypeVar) or origin in (Union, types.UnionType):
        return " or ".join(_words(each) for each in getattr(hint, "__constraints__", inner))
    if origin is Literal:
        return " or ".join(repr(each) for each in inner)
    if _is_array(hint):
        room = "a torch.Tensor" if "Tensor" in str(hint) else "an array"
        axes = getattr(hint, "dim_str", "...").replace("*", "").split()
        return f"{room} of finite numbers" + (f" ({', '.join(axes)})" if axes != ["..."] else "")
    if origin is tuple:
        return f"({', '.join('…' if each is ... else _words(each) for each in inner)})"
    if inner and origin is not Callable:
        kind = "a dictionary" if issubclass(origin, Mapping) else "a list"
        return f"{kind} of {' to '.join(_words(each) for each in inner)}"
    return _WORDS.get(origin or hint) or f"a {getattr(hint, '__name__', hint)}"


def _shown(value: Any) -> str:
    """Say what was given, in a few words."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of the shape {tuple(value.shape)}, {value.dtype}"
    if value is None or isinstance(value, Number):
        return repr(value)
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    short = repr(value) if isinstance(value, Sequence | Mapping | set) else ""
    return f"a {type(value).__name__}" + (f", {short}" if 0 < len(short) < 60 else "")

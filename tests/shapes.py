"""Shapes and dtypes that annotations promise, checked in every call of the package that a test makes.

A call that ends in an error is not checked: what a function says of bad input is for the tests to judge.
Nor is what is no array of the library that the annotation names: where a call works with a list, it may.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from jaxtyping import AbstractArray


def arrays(annotation: object) -> tuple[type, ...]:
    """Return the array types that an annotation allows."""
    union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    parts = typing.get_args(annotation) if union else [annotation]
    return tuple(part for part in parts if isinstance(part, type) and issubclass(part, AbstractArray))


def fits(value: object, allowed: tuple[type, ...]) -> bool:
    """Whether an array has a shape and dtype that are allowed; true for what is no such array."""
    value = np.asarray(value) if isinstance(value, np.generic) else value
    if not isinstance(value, tuple(each.array_type for each in allowed)):
        return True
    return any(isinstance(value, each) for each in allowed)


def checked(stub: Callable) -> Callable:
    """Turn what jaxtyping makes of a signature into a check; for `jaxtyping.install_import_hook`.

    It makes two, one to be called before the function and one after it, which also gets what was returned and
    returns it. The first, known by its `-> Any`, checks nothing.
    """
    signature = inspect.signature(stub)
    wanted = {name: found for name, p in signature.parameters.items() if (found := arrays(p.annotation))}
    returned = arrays(signature.return_annotation)

    def values(args: tuple, kwargs: dict) -> Iterator[tuple[str, object, tuple[type, ...]]]:
        given = signature.bind(*args, **kwargs).arguments
        for name, allowed in wanted.items():
            several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            for value in given.get(name, ()) if several else [given.get(name)]:
                yield name, value, allowed
        if returned:
            yield "what it returns", stub(*args, **kwargs), returned

    def check(*args: object, **kwargs: object) -> None:
        if signature.return_annotation is typing.Any or not (wanted or returned):
            return
        if torch.compiler.is_compiling():  # its tensors are none
            return
        for name, value, allowed in values(args, kwargs):
            if not fits(value, allowed):
                told = f"{tuple(value.shape)} {value.dtype} is not {' or '.join(a.__name__ for a in allowed)}"
                pytest.fail(f"{stub.__module__}.{stub.__qualname__}, {name}: {told}")

    return check

"""Shapes and dtypes that annotations promise, checked in every call of the package that a test makes.

A call that ends in an error is not checked: what a function says of bad input is for the tests to judge.
"""

import inspect
import types
import typing
from collections.abc import Callable

import pytest
import torch
from jaxtyping import AbstractArray


def arrays(annotation: object) -> tuple[type, ...]:
    """Return the array types that an annotation allows; none if it allows anything else but None."""
    union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    found = [part for part in (typing.get_args(annotation) if union else [annotation])]
    found = [part for part in found if part not in (None, type(None))]
    each = all(isinstance(part, type) and issubclass(part, AbstractArray) for part in found)
    return tuple(found) if each else ()


def checked(stub: Callable) -> Callable:
    """Turn what jaxtyping makes of a signature into a check; for `jaxtyping.install_import_hook`.

    It makes two, one to be called before the function and one after it, which also gets what was returned and
    returns it. The first, known by its `-> Any`, checks nothing.
    """
    signature = inspect.signature(stub)
    wanted = {name: found for name, p in signature.parameters.items() if (found := arrays(p.annotation))}
    returned = arrays(signature.return_annotation)

    def check(*args: object, **kwargs: object) -> None:
        if signature.return_annotation is typing.Any or not (wanted or returned):
            return
        if torch.compiler.is_compiling():  # its tensors are none
            return
        values = signature.bind(*args, **kwargs).arguments
        several = {
            name for name in wanted if signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        }
        pairs = [
            (name, value, wanted[name])
            for name in wanted
            if name in values
            for value in (values[name] if name in several else [values[name]])
        ]
        pairs += [("what it returns", stub(*args, **kwargs), returned)] if returned else []
        for name, value, allowed in pairs:
            if value is not None and not any(isinstance(value, each) for each in allowed):
                told = f"{tuple(value.shape)} {value.dtype}" if hasattr(value, "shape") else type(value)
                right = " or ".join(each.__name__ for each in allowed)
                pytest.fail(f"{stub.__module__}.{stub.__qualname__}, {name}: {told} is not {right}")

    return check

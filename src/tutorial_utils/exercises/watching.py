"""Watch an answer while a judge calls it: what it is given, what it changes, what it returns."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch_geometric.data import Data

from tutorial_utils.exercises.reading import Wrong


def watched(answer: Any, nan_seen: list[bool], *, none: bool = False) -> Any:
    """Return the answer, or a function that does the same; what it does besides is noticed.

    A NaN in the answer, or returned by it, is noted. A function is `Wrong` if it changes its arguments,
    does not take as many, or returns nothing.

    Args:
        answer: whatever the learner handed over.
        nan_seen: grows by one element for each NaN.
        none: whether a function may return None.
    """
    if type(answer) is dict:
        return {key: watched(part, nan_seen, none=none) for key, part in answer.items()}
    if not callable(answer) or isinstance(answer, type | Data):
        if has_nan(answer):
            nan_seen.append(True)
        return answer

    def call(*args: Any, **named: Any) -> Any:
        before = numbers_in((args, named))
        found = _called(answer, args, named)
        if not alike(before, numbers_in((args, named))):
            put_back((args, named), before)  # a judge may keep its example for the next try
            raise Wrong("Your function changes its argument: take a copy, and return the new one.")
        if found is None and not none:
            raise Wrong(_nothing_returned(answer))
        if has_nan(found):
            nan_seen.append(True)
        return found

    return functools.update_wrapper(call, answer, updated=())


def _called(answer: Callable, args: tuple, named: dict[str, Any]) -> Any:
    """Call an answer; what it takes by keyword only is handed over in the order of its keywords."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # of something compiled
        return answer(*args, **named)
    takes = signature.parameters.values()
    places = sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in takes)
    keywords = [each.name for each in takes if each.kind is each.KEYWORD_ONLY and each.default is each.empty]
    if len(args) == places + len(keywords) and not any(each.kind is each.VAR_POSITIONAL for each in takes):
        args, named = args[:places], named | dict(zip(keywords, args[places:], strict=True))
    try:
        signature.bind(*args, **named)
    except TypeError as reason:
        raise Wrong(
            f"The check hands your function {len(args) + len(named)} arguments, but it is written as "
            f"{signature}: {reason}. Take the arguments that the text names, in its order."
        ) from None
    return answer(*args, **named)


def _nothing_returned(answer: Callable) -> str:
    code = getattr(answer, "__code__", None)
    prints = code is not None and "print" in code.co_names
    return "Your function returns None, that is, nothing. " + (
        "It prints, but a check sees only what is returned: put return in the place of print."
        if prints
        else "Suspect a missing return, or a branch that ends without one."
    )


def numbers_in(given: Any) -> Any:
    """Copy the numbers of arguments: tensors, arrays, graphs, atoms, and lists and dicts of those."""
    if isinstance(given, torch.Tensor):
        return given.detach().clone()
    if isinstance(given, np.ndarray):
        return torch.from_numpy(given.copy()) if given.dtype.kind in "biufc" else None
    if isinstance(given, Data):
        return numbers_in(given.to_dict())
    if isinstance(given, Atoms):
        return numbers_in({**given.arrays, "cell": given.cell.array, "pbc": given.pbc})
    if isinstance(given, dict):
        return {key: numbers_in(part) for key, part in given.items()}
    if isinstance(given, list | tuple):
        return [numbers_in(part) for part in given]
    return None


def put_back(given: Any, before: Any) -> None:
    """Write what `numbers_in` copied back into the arguments."""
    if isinstance(given, torch.Tensor) and given.shape == before.shape:
        with torch.no_grad():
            given.copy_(before)
    elif isinstance(given, np.ndarray) and before is not None:
        given[...] = before.numpy()
    elif isinstance(given, Data):
        put_back(given.to_dict(), before)
    elif isinstance(given, Atoms):
        put_back({**given.arrays, "cell": given.cell.array, "pbc": given.pbc}, before)
    elif isinstance(given, dict):
        for key in given.keys() & before.keys():
            put_back(given[key], before[key])
    elif isinstance(given, list | tuple) and len(given) == len(before):
        for part, kept in zip(given, before, strict=True):
            put_back(part, kept)


def alike(one: Any, other: Any) -> bool:
    """Compare what `numbers_in` copied, up to rounding: a step to and back is no change."""
    if one is None or type(one) is not type(other):
        return one is other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(part, other[key]) for key, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    try:
        same = one.shape == other.shape and one.dtype == other.dtype
        return same and torch.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True)
    except RuntimeError:  # inside torch.func a tensor has no values
        return True


def has_nan(found: Any) -> bool:
    """Find NaN in a number, an array or a tensor, or in a dict, list or tuple of those."""
    if isinstance(found, dict | list | tuple):
        return any(has_nan(part) for part in (found.values() if isinstance(found, dict) else found))
    if isinstance(found, torch.Tensor):
        try:
            return bool(found.isnan().any())
        except RuntimeError:  # inside torch.func a tensor has no values
            return False
    if isinstance(found, float | complex | np.inexact | np.ndarray):
        numbers = np.asarray(found)
        return numbers.dtype.kind in "fc" and bool(np.isnan(numbers).any())
    return False

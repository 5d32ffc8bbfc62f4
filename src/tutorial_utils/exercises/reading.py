"""Read what an answer returned: numbers of torch, NumPy or Python, in single or double precision."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

ROUNDING = 1e-5  # relative, of answers in float32 as well


class Wrong(Exception):
    """Raised by a judge; the message says which law failed, for which irrep, by how much, what to suspect."""


def tensor(found: Any, what: str, shape: tuple[int, ...] | None = None) -> Tensor:
    """Read numbers in double precision and without a gradient, whatever library made them.

    Args:
        found: what the answer returned, a tensor, an array, or lists of those or of numbers.
        what: the subject of the message, "The stress", "For l = 2 your matrix".
        shape: what is expected; None takes any shape.

    Raises:
        Wrong: if it is no such tensor; infinite numbers and NaN pass.
    """
    values = _values(found)
    if values is None or (shape is not None and values.shape != shape):
        wanted = "should be a tensor of numbers" if shape is None else f"should have the shape {tuple(shape)}"
        got = f"a {type(found).__name__}" if values is None else f"the shape {tuple(values.shape)}"
        raise Wrong(f"{what} {wanted}; got {got}.")
    return values


def number(found: Any, what: str, *, real: bool = True) -> complex:
    """Read one finite number, Python's, NumPy's or torch's, also in a list of one.

    Args:
        found: what the answer returned.
        what: what returned it, for the message.
        real: refuse an imaginary part, and return a float.

    Raises:
        Wrong: if it is no such number.
    """
    values = _values(found)
    if values is None or values.numel() != 1 or not values.isfinite().all():
        raise Wrong(f"{what} should be one number; got {_shown(found, values)}.")
    value = complex(values.item())
    if real and value.imag:
        raise Wrong(f"{what} should be one real number; got {_shown(found, values)}.")
    return value.real if real else value


def _values(found: Any) -> Tensor | None:
    try:
        if isinstance(found, list | tuple) and any(isinstance(part, Tensor) for part in found):
            found = torch.stack([torch.as_tensor(part) for part in found])
        values = (found if isinstance(found, Tensor) else torch.as_tensor(np.array(found))).detach()
        return values.to(torch.complex128 if values.is_complex() else torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def _shown(found: Any, values: Tensor | None) -> str:
    if isinstance(found, int | float | complex | str):
        return repr(found)
    shape = "" if values is None or values.numel() == 1 else f" of the shape {tuple(values.shape)}"
    return f"{type(found).__name__}{shape}"

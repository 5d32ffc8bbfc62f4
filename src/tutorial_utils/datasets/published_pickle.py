"""Read one kind of published pickle, lists of dictionaries of tensors, without running what it asks for.

A pickle is a program: it names functions and has them called. Here only three names are known, and each of
them stands for something harmless; whatever else a file asks for ends the reading.
"""

import io
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor


def read_tensors(path: str | Path) -> list[dict[str, np.ndarray]]:
    """Read a list of dictionaries; what is in them besides tensors is left out.

    Args:
        path: a file written by ``pickle.dump``.

    Returns:
        The tensors of each dictionary as arrays.

    Raises:
        ValueError: if the file asks for anything but tensors, is cut short, or holds something else.
    """
    with open(path, "rb") as file:
        try:
            found = _OnlyTensors(file).load()
        except (UnpicklingError, EOFError, AttributeError, RuntimeError, TypeError, IndexError) as reason:
            raise ValueError(f"path: {path} is no list of tensors: {reason}") from reason
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError(f"path: {path} holds no list of dictionaries, but a {type(found).__name__}")
    return [
        {str(name): value.numpy() for name, value in item.items() if isinstance(value, Tensor)}
        for item in found
    ]


def _storage(content: bytes) -> Any:
    # what torch has under this name would read the inner file freely
    return torch.load(io.BytesIO(content), weights_only=True)


_KNOWN: dict[tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch.storage", "_load_from_bytes"): _storage,
}


class _OnlyTensors(Unpickler):
    """An unpickler that knows three names (Python's documentation: "Restricting Globals")."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise UnpicklingError(f"it asks for {module}.{name}, which is not run")
        return _KNOWN[module, name]

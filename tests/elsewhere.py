"""A second device where there is no GPU: it computes on the CPU, but refuses tensors that were left there.

    with Elsewhere():
        model.to("meta")

Tensors that are sent to the device "meta" keep their values. An operation on tensors of both devices raises,
as it would on a GPU; numbers (tensors without axes) may come along.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

HERE, THERE = torch.device("cpu"), torch.device("meta")


class Distant(torch.Tensor):
    """A tensor that says it is on "meta", and holds its values on the CPU."""

    @staticmethod
    def __new__(cls, inner):
        options = {"dtype": inner.dtype, "strides": inner.stride(), "device": THERE}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **options)

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        with Elsewhere() as mode:
            return mode.__torch_dispatch__(function, types, args, kwargs)


class Elsewhere(TorchDispatchMode):
    """Keep the two devices apart."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given, _ = tree_flatten((args, kwargs or {}))
        far = [x for x in given if isinstance(x, Distant)]
        near = [x for x in given if isinstance(x, torch.Tensor) and not isinstance(x, Distant) and x.ndim]
        move = function in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        if far and near and not move:
            raise RuntimeError(f"{function}: expected all tensors to be on the same device")
        inner = lambda x: x.inner if isinstance(x, Distant) else HERE if x == THERE else x  # noqa: E731
        is_device = lambda x: isinstance(x, torch.device | Distant)  # noqa: E731
        strip = lambda x: inner(x) if is_device(x) else x  # noqa: E731
        found = function(*tree_map(strip, args), **tree_map(strip, kwargs or {}))
        target = (kwargs or {}).get("device", THERE if far else HERE)
        if target is None:
            target = THERE if far else HERE
        if function is torch.ops.aten.copy_.default or function.__name__.split(".")[0].endswith("_"):
            return args[0]
        wrap = lambda x: Distant(x) if isinstance(x, torch.Tensor) else x  # noqa: E731
        return tree_map(wrap, found) if torch.device(target) == THERE else found

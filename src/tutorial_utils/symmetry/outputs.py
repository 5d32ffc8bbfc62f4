"""What is tested: any function of a structure or a tensor, and what it returns, laid out as irreps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Number
from typing import Any, Literal

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError
from e3nn import o3
from jaxtyping import Inexact
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils import graphs
from tutorial_utils.conventions import default_dtype
from tutorial_utils.symmetry import transformations


def of_calculator(
    calculator: BaseCalculator, quantity: Literal["energy", "forces", "stress"]
) -> Callable[[Atoms], Inexact[Tensor, "..."]]:
    """Make a function of atoms from any ASE calculator, to give to `equivariance_report`.

    ======== ===================================== =====================
    quantity output                                its report
    ======== ===================================== =====================
    energy   (), eV                                ``"0e"``
    forces   (atoms, 3), eV/Å                      ``"1o", per="atom"``
    stress   (6,), eV/Å³, trace and 2e; no Voigt   ``"0e+2e"``
    ======== ===================================== =====================

    Constraints of the atoms are left out: they hide forces.

    Args:
        calculator: any ASE calculator.
        quantity: what to ask it for.

    Raises:
        ValueError: for another quantity, or where the calculator does not have it.
    """
    if isinstance(calculator, type) or not hasattr(calculator, "get_property"):
        name = getattr(calculator, "__name__", calculator)
        raise ValueError(f"calculator: expected one that is made, such as EMT(), got {name!r}")
    if quantity not in ("energy", "forces", "stress"):
        raise ValueError(f'quantity: expected "energy", "forces" or "stress", got {quantity!r}')

    def f(atoms: Atoms) -> Tensor:
        atoms = atoms.copy()
        atoms.calc = calculator
        try:
            return ask(atoms)
        except PropertyNotImplementedError:
            raise ValueError(f"quantity: this calculator has no {quantity} for {atoms.symbols}") from None

    def ask(atoms: Atoms) -> Tensor:
        if quantity == "energy":
            return torch.tensor(float(atoms.get_potential_energy(apply_constraint=False)), dtype=torch.double)
        if quantity == "forces":
            return torch.tensor(np.array(atoms.get_forces(apply_constraint=False)))
        stress = torch.tensor(np.array(atoms.get_stress(voigt=False, apply_constraint=False)))
        deviator = torch.einsum("kij,ij->k", o3.wigner_3j(2, 1, 1, dtype=stress.dtype), stress)
        return torch.cat([stress.trace()[None], deviator])

    return f


def for_input(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """Make a model of graphs take atoms too, where it knows its ``cutoff``; graphs are in its dtype."""
    if not isinstance(x, Atoms):
        return f
    try:
        f(x.copy())
    except (AttributeError, graphs.NotAGraph) as error:
        if isinstance(error, AttributeError) and not _asks_for_a_graph(error):
            raise
        cutoff = getattr(f, "cutoff", None)
        if not isinstance(cutoff, float | int):
            raise ValueError(
                "f: it takes a graph, not ase.Atoms; give lambda atoms: f(graphs.to_graph(atoms, cutoff)), "
                f"with its cutoff in Å ({error})"
            ) from None
        weight = next(f.parameters(), None) if isinstance(f, nn.Module) else None

        def of_atoms(atoms: Atoms) -> Any:
            with default_dtype(torch.get_default_dtype() if weight is None else weight.dtype):
                graph = graphs.to_graph(atoms, cutoff)
            return f(graph)

        return of_atoms
    return f


def _asks_for_a_graph(error: AttributeError) -> bool:
    return isinstance(error.obj, Atoms) and error.name in (*graphs.FIELDS, "batch", "num_nodes")


def evaluate(f: Callable[[Any], Any], x: Any, *, irreps: o3.Irreps, per: str) -> Inexact[Tensor, "*rows dim"]:
    """Call the function on a copy and lay its output out as (..., dim)."""
    copy = x.copy() if isinstance(x, Atoms) else x.clone() if isinstance(x, Data | Tensor) else x
    y = as_tensor(f(copy))
    shape = tuple(y.shape)
    if isinstance(x, Atoms | Data):
        rows = len(transformations.positions_of(x)) if per == "atom" else 1
        fits, expected = y.numel() == rows * irreps.dim, f"({rows}, {irreps.dim})"
        fits = fits and (per == "system" or y.shape[:1] == (rows,))
        y = y.reshape(rows, irreps.dim) if fits else y
    else:
        y = y[..., None] if irreps.dim == 1 and shape[-1:] != (1,) else y
        fits, expected = y.shape[-1:] == (irreps.dim,), f"(..., {irreps.dim})"
    if not fits:
        raise ValueError(
            f"f: its output has the shape {shape}, expected {expected} for {irreps} per {per}"
            + _cure(shape, x, irreps.dim)
        )
    return y


def _cure(shape: tuple[int, ...], x: Any, dim: int) -> str:
    """Say what an output of another shape may be."""
    if not isinstance(x, Atoms | Data):
        return ""
    atoms = len(transformations.positions_of(x))
    if shape in ((atoms, dim), (atoms,) * (dim == 1)):
        return '; one row an atom is per="atom"'
    if shape == (1, atoms, dim):
        return "; the first axis is that of a batch? Give lambda x: f(x)[0]"
    if shape == (dim, atoms):
        return "; rows are atoms: give lambda x: f(x).T"
    if shape == (3, 3) and dim == 6:
        return '; a symmetric matrix becomes irreps by e3nn.io.CartesianTensor("ij=ji").from_cartesian'
    return ""


def as_tensor(y: Any) -> Tensor:
    """Turn an output into a floating-point tensor, in the precision it has: a Python float is float64.

    A copy, since a model may write all its answers into one and the same array.
    """
    if not isinstance(y, Tensor):
        _refuse_collection(y)
        try:
            array = np.asarray([as_tensor(part).cpu().numpy() for part in y] if _is_list(y) else y)
            y = torch.as_tensor(array)
        except (TypeError, ValueError):
            raise ValueError(
                f"f: expected it to return numbers (a tensor, an array), got a {type(y).__name__}"
            ) from None
    y = y.detach().clone()
    return y if y.is_floating_point() or y.is_complex() else y.to(torch.get_default_dtype())


def _is_list(y: Any) -> bool:
    return isinstance(y, list | tuple) and any(isinstance(part, Tensor) for part in y)


def _refuse_collection(y: Any) -> None:
    """Ask for one output where there are several, and for any where there is none."""
    if y is None:
        raise ValueError("f: it returned None; is a `return` missing?")
    if isinstance(y, Mapping | Data):
        keys = list(y.keys())
        shown = ", ".join(f"{key!r}{_shape(y[key])}" for key in keys)
        cure = f"lambda x: f(x)[{keys[0]!r}]" if keys else "one that returns something"
        raise ValueError(f"f: it returned a {type(y).__name__} with the keys {shown}; give {cure}")
    if is_dataclass(y):
        names = [field.name for field in fields(y)]
        shown = ", ".join(f"{name!r}{_shape(getattr(y, name))}" for name in names)
        raise ValueError(f"f: it returned a {type(y).__name__} of {shown}; give lambda x: f(x).{names[0]}")
    if isinstance(y, Sequence) and not isinstance(y, str) and not _alike(y):
        shown = ", ".join(f"{type(part).__name__}{_shape(part)}" for part in y)
        raise ValueError(f"f: it returned a {type(y).__name__} of {shown}; give lambda x: f(x)[0]")


def _alike(parts: Sequence) -> bool:
    """Whether parts of a list are numbers, or rows of one length: then the list is an array."""
    if all(isinstance(part, Number) for part in parts):
        return True
    return isinstance(parts, list) and len({_shape(part) for part in parts}) == 1


def _shape(value: Any) -> str:
    """Show the shape of an array."""
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, list | tuple):
        shape = (len(value),)
    return "" if shape is None else f" {tuple(shape)}"

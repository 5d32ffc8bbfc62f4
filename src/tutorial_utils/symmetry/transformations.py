"""Transformations of structures: rotate, invert, translate, permute, repeat, deform.

Each takes an ``ase.Atoms`` or a graph of `tutorial_utils.graphs.to_graph` and returns a transformed copy
of the same kind; what else an ``ase.Atoms`` carries is decided in `tutorial_utils.structures`.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch_geometric.data import Batch, Data

from tutorial_utils.graphs import check_graph
from tutorial_utils.groups.checks import orthogonal
from tutorial_utils.structures import plain

Structure = TypeVar("Structure", Atoms, Data)


def random_rotation(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Draw a rotation, every orientation equally likely.

    Args:
        rng: numpy's random generator, ``np.random.default_rng(seed)``.

    Returns:
        Orthogonal matrix of determinant +1, from the QR decomposition of a Gaussian matrix
        (Mezzadri, arXiv:math-ph/0609050).
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng: expected np.random.default_rng(seed), got {type(rng).__name__}")
    Q, triangle = np.linalg.qr(rng.normal(size=(3, 3)))
    Q = Q * np.sign(np.diag(triangle))
    return Q * np.linalg.det(Q).round()


def rotate(structure: Structure, R: Real[np.ndarray, "3 3"]) -> Structure:
    """Turn positions and cell, r -> R r; what is attached to the structure is not turned.

    Args:
        structure: atoms, a graph or a batch.
        R: orthogonal matrix; its determinant may be -1, a mirror or a rotation with inversion.

    Returns:
        A copy; targets of a graph (a dipole, forces) and arrays of the atoms stay as they were.

    Raises:
        ValueError: where R is not orthogonal.
    """
    R = orthogonal(R)
    if R.shape != (3, 3):
        raise ValueError(f"R: expected one orthogonal matrix (3, 3), got shape {R.shape}")
    return _linear(structure, R)


def invert(structure: Structure) -> Structure:
    """Invert positions and cell through the origin, r -> -r; see `rotate`."""
    return _linear(structure, -np.eye(3))


def translate(structure: Structure, shift: Float[np.ndarray, "3"]) -> Structure:
    """Move all atoms by the same vector, r -> r + shift; atoms are not wrapped into the cell.

    Args:
        structure: atoms, a graph or a batch.
        shift: Å.

    Returns:
        A copy.

    Raises:
        ValueError: where the shift is no finite vector.
    """
    shift = np.asarray(shift, dtype=float)
    if shift.shape != (3,) or not np.isfinite(shift).all():
        raise ValueError(f"shift: expected a finite vector (3,) in Å, got {shift.tolist()}")
    return _displaced(structure, shift)


def permute(structure: Structure, order: Int[np.ndarray, "atoms"]) -> Structure:
    """Put the atoms in another order: atom k of the result is atom ``order[k]``.

    Args:
        structure: atoms or a graph.
        order: each index once.

    Returns:
        A copy; what belongs to an atom (number, forces) goes with it, and edges stay in their order.

    Raises:
        ValueError: where the order is no permutation, or the structure is a batch.
    """
    order = np.asarray(order)
    atoms = len(positions_of(structure))
    if order.shape != (atoms,) or sorted(order.tolist()) != list(range(atoms)):
        raise ValueError(f"order: expected each of 0 to {atoms - 1} once, got {order.tolist()}")
    if isinstance(structure, Atoms):
        return plain(structure, argument="structure")[order.astype(int)]
    _refuse_batch(structure)
    graph, index = structure.clone(), torch.as_tensor(order, dtype=torch.int64, device=structure.pos.device)
    for name in _atom_fields(structure):
        graph[name] = structure[name][index]
    graph.edge_index = torch.argsort(index)[structure.edge_index]
    return graph


def supercell(structure: Structure, repeats: int | Sequence[int]) -> Structure:
    """Repeat a periodic structure along its lattice vectors; the crystal stays the same.

    Args:
        structure: atoms or a graph, periodic along each repeated direction.
        repeats: copies along each of the three lattice vectors, or one number for all.

    Returns:
        A copy, copies of the cell one after the other as in ``ase.Atoms.repeat``. In a graph, values of
        atoms and edges are repeated and those of the whole structure left out, since an energy would
        grow and a density would not; with a single atom the two cannot be told apart and both go.

    Raises:
        ValueError: for repeats below one, or along a direction that is not periodic, or a batch.
    """
    numbers, periodic = np.atleast_1d(repeats), pbc_of(structure)
    if numbers.shape in ((1,), (3,)):
        numbers = np.broadcast_to(numbers, (3,))
    if (
        len(numbers) != 3
        or numbers.dtype.kind != "i"
        or numbers.min() < 1
        or numbers[~periodic].max(initial=1) > 1
    ):
        raise ValueError(
            "repeats: expected one whole number above zero or three, and 1 where "
            f"pbc={periodic.tolist()} is False; got {repeats!r}"
        )
    if isinstance(structure, Atoms):
        return plain(structure, argument="structure").repeat(tuple(int(n) for n in numbers))
    _refuse_batch(structure)
    return _graph_supercell(structure, torch.tensor(numbers.copy()))


def _graph_supercell(graph: Data, repeats: Int[Tensor, "3"]) -> Data:
    """Repeat atoms and edges; an edge that leaves a copy of the cell ends in the next one."""
    atoms, device = len(graph.pos), graph.pos.device
    repeats = repeats.to(device)
    # copies (copies, 3): place of each copy, last direction fastest
    copies = torch.cartesian_prod(*(torch.arange(int(n), device=device) for n in repeats)).reshape(-1, 3)
    target = copies[:, None] + graph.edge_shift  # (copies, edges, 3)
    place = target % repeats
    copy_of = (place[..., 0] * repeats[1] + place[..., 1]) * repeats[2] + place[..., 2]
    neighbour = copy_of * atoms + graph.edge_index[0]
    centre = torch.arange(len(copies), device=device)[:, None] * atoms + graph.edge_index[1]
    result = Data(
        edge_index=torch.stack([neighbour.flatten(), centre.flatten()]),
        edge_shift=torch.div(target, repeats, rounding_mode="floor").reshape(-1, 3),
        cell=graph.cell * repeats[:, None],
        pbc=graph.pbc.clone(),
    )
    if "cutoff" in graph:
        result.cutoff = graph.cutoff.clone()
    own_edges = [name for name, _ in graph.items() if name.startswith("edge_") and name not in result]
    for name in (_atom_fields(graph) if atoms > 1 else ["pos", "atomic_numbers"]) + own_edges:
        result[name] = graph[name].repeat(len(copies), *[1] * (graph[name].ndim - 1))
    result.pos += (copies.to(graph.cell.dtype) @ graph.cell[0]).repeat_interleave(atoms, dim=0)
    return result


def _atom_fields(graph: Data) -> list[str]:
    """Names of the fields with one row an atom; those of edges begin with ``edge_``."""
    return [
        name
        for name, value in graph.items()
        if isinstance(value, Tensor)
        and value.shape[:1] == graph.pos.shape[:1]
        and not name.startswith("edge_")
        and name not in ("cell", "pbc", "cutoff")
    ]


def _linear(structure: Structure, A: np.ndarray) -> Structure:
    """Apply a matrix to positions and cell."""
    if isinstance(structure, Atoms):
        atoms = plain(structure, argument="structure")
        atoms.set_cell(structure.cell[:] @ A.T)
        atoms.positions = structure.positions @ A.T
        return atoms
    _check_fields(structure)
    graph = structure.clone()
    matrix = torch.as_tensor(A).to(structure.pos)
    graph.pos, graph.cell = structure.pos @ matrix.T, structure.cell @ matrix.T
    return graph


def _displaced(structure: Structure, displacements: np.ndarray) -> Structure:
    """Move each atom, displacements (atoms, 3) or (3,) in Å."""
    if isinstance(structure, Atoms):
        atoms = plain(structure, argument="structure")
        atoms.positions = structure.positions + displacements
        return atoms
    _check_fields(structure)
    graph = structure.clone()
    graph.pos = structure.pos + torch.as_tensor(displacements).to(structure.pos)
    return graph


def deform(structure: Structure, rng: np.random.Generator) -> Structure:
    """Strain a structure and displace its atoms by a few hundredths, so that no symmetry is left.

    Args:
        structure: atoms or a graph; its edges stay.
        rng: numpy's random generator.

    Returns:
        A copy, strained by 3 % and with its atoms displaced by 0.05 Å (standard deviations).
    """
    strained = _linear(structure, np.eye(3) + 0.03 * rng.normal(size=(3, 3)))
    return _displaced(strained, 0.05 * rng.normal(size=(len(positions_of(structure)), 3)))


def nudge(structure: Structure, relative: float, rng: np.random.Generator) -> Structure:
    """Displace atoms by a round-off: ``relative`` times the largest coordinate (standard deviation)."""
    positions = positions_of(structure)
    size = float(abs(positions).max())
    return _displaced(structure, relative * size * rng.normal(size=tuple(positions.shape)))


def reimage(structure: Structure, cells: Int[np.ndarray, "atoms 3"]) -> Structure:
    """Put each atom on one of its own periodic images; the crystal stays the same.

    Args:
        structure: atoms or a graph.
        cells: lattice vectors to move by, whole numbers, zero where nothing repeats.

    Returns:
        A copy; the cell shifts of a graph's edges follow, so that its edge vectors do not change.
    """
    if isinstance(structure, Atoms):
        return _displaced(structure, cells @ structure.cell[:])
    moves = torch.as_tensor(cells, device=structure.pos.device)
    graph = _displaced(structure, cells @ structure.cell[0].detach().cpu().numpy())
    neighbour, centre = structure.edge_index
    graph.edge_shift = structure.edge_shift - moves[neighbour] + moves[centre]
    return graph


def positions_of(structure: Atoms | Data) -> Any:
    """Give the positions (atoms, 3) of atoms or of a graph, Å."""
    if isinstance(structure, Atoms):
        return structure.positions
    _check_fields(structure)
    return structure.pos


def pbc_of(structure: Atoms | Data) -> np.ndarray:
    """Give the periodic directions (3,) of atoms or of a graph."""
    if isinstance(structure, Atoms):
        return np.array(structure.pbc)
    _check_fields(structure)
    return structure.pbc[0].cpu().numpy()


def _check_fields(structure: object) -> None:
    check_graph(structure, argument="structure", expected="an ase.Atoms or ")


def _refuse_batch(structure: Data) -> None:
    if isinstance(structure, Batch):
        raise ValueError("structure: one structure at a time, not a batch; use batch.to_data_list()")

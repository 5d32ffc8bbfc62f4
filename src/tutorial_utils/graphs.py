"""Structures as graphs: ``ase.Atoms`` in, ``torch_geometric`` data out, periodic images included.

Every field carries its shape and its meaning here, and nowhere else:

================== ==================== =========================================================
``pos``            (atoms, 3)           positions, Å
``atomic_numbers`` (atoms,)             int64
``edge_index``     (2, edges)           row 0: the neighbour j (sender); row 1: the centre i (receiver)
``edge_shift``     (edges, 3)           S, how many lattice vectors the neighbour's image lies away
``cell``           (graphs, 3, 3)       lattice vectors in its rows, Å; zeros where there is none
``pbc``            (graphs, 3)          bool, periodic along each lattice vector
system targets     (graphs, ...)        one value a structure: energy, dipole
atom targets       (atoms, ...)         one value an atom: forces
================== ==================== =========================================================

An edge's vector points from the centre to its neighbour, r_j + S·cell - r_i.
Every pair closer than the cutoff is there, in both directions, however many there are; an atom is its own
neighbour through a periodic image, never at distance zero.
Edges are sorted by centre, neighbour and shift, so that sums over them are the same on any machine.
"""

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
import torch
import vesin
from ase import Atoms
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

FIELDS = ("pos", "atomic_numbers", "edge_index", "edge_shift", "cell", "pbc")
# Closer than this, in Å, two atoms are at one point: the direction between them has no meaning.
SAME_POINT = 1e-6


def to_graph(
    atoms: Atoms,
    cutoff: float,
    *,
    system: Mapping[str, object] | None = None,
    atom: Mapping[str, object] | None = None,
) -> Data:
    """Turn a structure into a graph whose edges join atoms closer than ``cutoff``.

    Args:
        atoms: molecule, slab or crystal; any cell, periodic in any of its directions.
        cutoff: longest edge, Å.
        system: targets of the structure by name, any shape, for example
            ``{"energy": -3.2, "dipole": d}``; stored with a leading axis of 1, so that a batch of
            them has the shape (graphs, ...).
        atom: targets of each atom by name, shape (atoms, ...), for example ``{"forces": F}``.

    Returns:
        A graph with the fields listed in this module's docstring; numbers with a decimal point
        become torch's default dtype, integers stay integers.

    Raises:
        ValueError: for a cutoff that is no positive number, no atoms, positions that are not
            finite, two atoms at one point, a cell without volume along its periodic directions,
            or a target whose name or shape does not fit.
    """
    positions, cell, cutoff = _checked(atoms, cutoff)
    centre, neighbour, shift = _neighbours(positions, cell, atoms.pbc, cutoff)
    dtype = torch.get_default_dtype()
    graph = Data(
        pos=torch.tensor(positions, dtype=dtype),
        atomic_numbers=torch.tensor(atoms.numbers, dtype=torch.int64),
        edge_index=torch.from_numpy(np.stack([neighbour, centre])),
        edge_shift=torch.from_numpy(shift),
        cell=torch.tensor(cell[None], dtype=dtype),
        pbc=torch.tensor(atoms.pbc[None]),
    )
    for name, value in (system or {}).items():
        graph[_target_name(name, graph)] = _as_tensor(value)[None]
    for name, value in (atom or {}).items():
        graph[_target_name(name, graph)] = _per_atom(name, _as_tensor(value), len(atoms))
    return graph


def edge_vectors(graph: Data) -> Float[Tensor, "edges 3"]:
    """Give the vectors from each edge's centre to its neighbour, r_j + S·cell - r_i.

    Args:
        graph: a graph of `to_graph`, or a batch of them.

    Returns:
        Vectors, Å, differentiable with respect to ``graph.pos`` and ``graph.cell``.
    """
    neighbour, centre = graph.edge_index
    which = graph.batch[centre] if "batch" in graph else torch.zeros_like(centre)
    shift = graph.edge_shift.to(graph.cell.dtype)
    images = torch.einsum("es,esx->ex", shift, graph.cell[which])
    return graph.pos[neighbour] - graph.pos[centre] + images


def batch(graphs: Sequence[Data]) -> Batch:
    """Join graphs into one, without edges between them.

    Args:
        graphs: at least one graph of `to_graph`, all with the same fields.

    Returns:
        A batch: atoms and edges end to end, ``batch`` (atoms,) telling each atom's graph.

    Raises:
        ValueError: for an empty list, or graphs whose fields differ.
    """
    graphs = list(graphs)
    if not graphs:
        raise ValueError("graphs: expected at least one graph, got an empty list")
    for number, graph in enumerate(graphs):
        if set(graph.keys()) != set(graphs[0].keys()):
            raise ValueError(
                f"graphs: all must have the same fields; number 0 has {sorted(graphs[0].keys())}, "
                f"number {number} has {sorted(graph.keys())}"
            )
    return Batch.from_data_list(graphs)


def follow(graph: Data, model: nn.Module) -> Data:
    """Return a graph on a model's device and with numbers of its dtype; nowhere else are data moved.

    Args:
        graph: a graph or a batch; it stays as it is.
        model: says where and how precise, by its first parameter; without parameters nothing changes.
    """
    weight = next(model.parameters(), None)
    if weight is None:
        return graph

    def moved(x: Tensor) -> Tensor:
        return x.to(weight.device, weight.dtype) if x.is_floating_point() else x.to(weight.device)

    return graph.__copy__().apply(moved)


def _checked(atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return positions, cell and cutoff, once they are known to make sense."""
    if not isinstance(atoms, Atoms):
        raise ValueError(f"atoms: expected an ase.Atoms, got {type(atoms).__name__}")
    if not isinstance(cutoff, Real) or not np.isfinite(cutoff) or cutoff <= 0:
        raise ValueError(f"cutoff: expected a positive number in Å, got {cutoff!r}")
    if len(atoms) == 0:
        raise ValueError("atoms: the structure has no atoms")
    positions, cell = atoms.get_positions(), np.array(atoms.cell)
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        raise ValueError(f"atoms: the position of atom {bad[0]} is not finite: {positions[bad[0]]} Å")
    if not np.isfinite(cell).all():
        raise ValueError(f"atoms: the cell is not finite: {cell.tolist()} Å")
    periodic = cell[atoms.pbc]
    if len(periodic) and np.linalg.matrix_rank(periodic, tol=1e-6 * np.abs(cell).max()) < len(periodic):
        raise ValueError(
            f"atoms: pbc is {atoms.pbc.tolist()}, but the cell {cell.tolist()} Å has no volume along "
            "its periodic directions; set the cell, or pbc=False"
        )
    return positions, cell, float(cutoff)


def _neighbours(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find every pair within the cutoff: centre (edges,), neighbour (edges,), shift (edges, 3)."""
    search = vesin.NeighborList(cutoff=cutoff, full_list=True)
    centre, neighbour, shift, distance = search.compute(
        points=positions, box=cell, periodic=pbc, quantities="ijSd"
    )
    if len(distance) and distance.min() < SAME_POINT:
        edge = distance.argmin()
        i, j = sorted((int(centre[edge]), int(neighbour[edge])))
        raise ValueError(f"atoms: atoms {i} and {j} are at one point, {positions[i]} Å; remove one of them")
    centre, neighbour, shift = (a.astype(np.int64) for a in (centre, neighbour, shift))
    order = _edge_order(centre, neighbour, shift, len(positions))
    return centre[order], neighbour[order], shift[order]


def _edge_order(centre: np.ndarray, neighbour: np.ndarray, shift: np.ndarray, atoms: int) -> np.ndarray:
    """Order edges by centre, neighbour and shift; one integer key sorts faster than five."""
    if len(centre) == 0:
        return np.arange(0)
    low, high = shift.min(axis=0), shift.max(axis=0)
    key = centre * atoms + neighbour
    for axis in range(3):
        key = key * (high[axis] - low[axis] + 1) + (shift[:, axis] - low[axis])
    return np.argsort(key, kind="stable")


def _target_name(name: str, graph: Data) -> str:
    """Return the name, once it is known not to clash with a field or with torch_geometric."""
    special = ("index", "face", "batch", "ptr", "adj", "num_nodes")  # these are batched differently
    if name in graph or not name.isidentifier() or any(word in name for word in special):
        raise ValueError(
            f"system, atom: the target name {name!r} is taken, given twice, or no Python name; "
            f"fields are {FIELDS}, and names with {special} in them belong to torch_geometric"
        )
    return name


def _as_tensor(value: object) -> Tensor:
    """Make a tensor of the default dtype, or of integers where ``value`` has integers."""
    tensor = value.detach().clone() if isinstance(value, Tensor) else torch.tensor(np.asarray(value))
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def _per_atom(name: str, value: Tensor, atoms: int) -> Tensor:
    """Return the target, once its first axis is known to be the atoms."""
    if value.ndim == 0 or value.shape[0] != atoms:
        raise ValueError(
            f"atom: the target {name!r} has the shape {tuple(value.shape)}, expected ({atoms}, ...), "
            "one row an atom; a value of the whole structure belongs in system="
        )
    return value

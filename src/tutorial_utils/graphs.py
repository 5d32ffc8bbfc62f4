"""Structures as graphs: ``ase.Atoms`` in, ``torch_geometric`` data out, periodic images included.

Every field carries its shape and its meaning here, and nowhere else:

================== ==================== =========================================================
``pos``            (atoms, 3)           positions, Å
``atomic_numbers`` (atoms,)             int64
``edge_index``     (2, edges)           row 0: the neighbour j (sender); row 1: the centre i (receiver)
``edge_shift``     (edges, 3)           S, how many lattice vectors the neighbour's image lies away
``cell``           (graphs, 3, 3)       lattice vectors in its rows, Å; zeros where there is none
``pbc``            (graphs, 3)          bool, periodic along each lattice vector
``cutoff``         (graphs,)            every pair closer than this has an edge, Å
system targets     (graphs, ...)        one value a structure: energy, dipole
atom targets       (atoms, ...)         one value an atom: forces
================== ==================== =========================================================

An edge's vector points from the centre to its neighbour, r_j + S·cell - r_i.
Every pair closer than the cutoff is there, in both directions, however many there are; an atom is its own
neighbour through a periodic image, never at distance zero.
Edges are sorted by centre, neighbour and shift, so that sums over them are the same on any machine.

A `Data` made by hand of tensors with these fields will do as well, several structures at once with ``batch``
(atoms,) and ``num_graphs``: while molecules move, say, and gradients shall reach what moves them.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
import vesin
from ase import Atoms
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import structures
from tutorial_utils.arguments import explain

FIELDS = ("pos", "atomic_numbers", "edge_index", "edge_shift", "cell", "pbc")
# Closer than this, in Å, two atoms are at one point: the direction between them has no meaning.
SAME_POINT = 1e-6
# An edge takes about a hundred bytes while a graph is made.
MOST_EDGES = 2e8


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
        ValueError: for a cutoff that is no positive number, or so long that memory ends, no atoms,
            positions that are not finite, two atoms at one point, a cell without volume along its
            periodic directions, magnetic moments that tell atoms of one element apart, or a target
            whose name or shape does not fit.
    """
    atoms = structures.plain(atoms, refuses=["magnetic_order"])
    if not isinstance(cutoff, Real) or not np.isfinite(cutoff) or cutoff <= 0:
        raise ValueError(f"cutoff: expected a positive number in Å, got {cutoff!r}")
    check_edges(atoms, float(cutoff))
    centre, neighbour, shift = _neighbours(atoms, float(cutoff))
    dtype = torch.get_default_dtype()
    graph = Data(  # torch.tensor puts all of it on torch's default device
        pos=torch.tensor(atoms.positions, dtype=dtype),
        atomic_numbers=torch.tensor(atoms.numbers, dtype=torch.int64),
        edge_index=torch.tensor(np.stack([neighbour, centre])),
        edge_shift=torch.tensor(shift),
        cell=torch.tensor(atoms.cell[:][None], dtype=dtype),
        pbc=torch.tensor(atoms.pbc[None]),
        cutoff=torch.tensor([float(cutoff)], dtype=dtype),
    )
    for name, value in _targets("system", system):
        graph[_target_name(name, graph)] = _as_tensor(name, value).to(graph.pos.device)[None]
    for name, value in _targets("atom", atom):
        rows = _per_atom(name, _as_tensor(name, value), len(atoms))
        graph[_target_name(name, graph)] = rows.to(graph.pos.device)
    return graph


class NotAGraph(ValueError):
    """What was given is no graph of `to_graph`."""


class Edges(NamedTuple):
    """Edges of a graph, in its order, and what is measured along them.

    ``edge_index`` as in the graph, ``vectors`` (Å) from the centre to its neighbour, ``lengths`` (Å).
    """

    edge_index: Int[Tensor, "2 edges"]
    vectors: Float[Tensor, "edges 3"]
    lengths: Float[Tensor, " edges"]


def within(graph: Data, cutoff: float) -> Edges:
    """Give the edges shorter than a cutoff, once it is known that the graph has all of them.

    Everything that sums over neighbours asks here, in whatever order the edges stand.

    Args:
        graph: a graph of `to_graph`, or a batch of them. One made by hand without ``cutoff`` is believed to
            have all edges.
        cutoff: of the network or descriptor, Å.

    Raises:
        ValueError: for a graph that was made with a shorter cutoff, or no graph.
    """
    check_cutoff(graph, cutoff)
    edges = measure(graph)
    near = edges.lengths < cutoff
    if near.all():  # as a rule: nothing to copy
        return edges
    return Edges(edges.edge_index[:, near], edges.vectors[near], edges.lengths[near])


def measure(graph: Data) -> Edges:
    """Give all edges of a graph of `to_graph`, or of a batch, however long."""
    vectors = edge_vectors(graph)
    return Edges(graph.edge_index, vectors, vectors.norm(dim=-1))


def check_cutoff(graph: Data, cutoff: float) -> None:
    """Raise a ValueError for a graph that was made with a cutoff (Å) shorter than this; see `within`."""
    check_graph(graph)
    if "cutoff" in graph and float(graph.cutoff.min()) < cutoff * (1 - 1e-6):
        raise ValueError(
            f"graph: its edges end at {float(graph.cutoff.min()):g} Å, but neighbours are wanted up to "
            f"{float(cutoff):g} Å; make it with to_graph(atoms, {float(cutoff):g})"
        )


def check_edges(atoms: Atoms, cutoff: float) -> None:
    """Raise a ValueError for a cutoff (Å) within which a crystal has more edges than memory holds."""
    if not atoms.pbc.all():
        return
    edges = len(atoms) ** 2 / abs(atoms.cell.volume) * 4 / 3 * np.pi * cutoff**3
    if edges > MOST_EDGES:
        raise ValueError(
            f"cutoff: within {cutoff:g} Å these {len(atoms)} atoms have about {edges:.0e} edges, more than "
            f"{MOST_EDGES:.0e}; is it meant in Å? Take a shorter one, or a part of the structure"
        )


def check_graph(graph: object, *, argument: str = "graph", expected: str = "") -> None:
    """Raise a ValueError for what is no graph of `to_graph`, or lacks fields of it.

    Args:
        graph: what was given.
        argument: what the caller calls it.
        expected: what else the caller takes, such as ``"an ase.Atoms or "``.
    """
    missing = [name for name in FIELDS if not isinstance(graph, Data) or name not in graph]
    if missing:
        raise NotAGraph(
            f"{argument}: expected {expected}a graph of tutorial_utils.graphs.to_graph, got "
            f"{type(graph).__name__} without {missing}"
        )


def edge_vectors(graph: Data) -> Float[Tensor, "edges 3"]:
    """Give the vectors from each edge's centre to its neighbour, r_j + S·cell - r_i.

    Args:
        graph: a graph of `to_graph`, or a batch of them.

    Returns:
        Vectors, Å, differentiable with respect to ``graph.pos`` and ``graph.cell``.
    """
    check_graph(graph)
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
    graphs = [graphs] if isinstance(graphs, Data) else list(graphs)
    if not graphs:
        raise ValueError("graphs: expected at least one graph, got an empty list")
    for number, graph in enumerate(graphs):
        if not isinstance(graph, Data):
            raise ValueError(
                f"graphs: expected graphs of to_graph, got {type(graph).__name__} as number {number}"
            )
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


def _neighbours(atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find every pair within the cutoff: centre (edges,), neighbour (edges,), shift (edges, 3)."""
    search = vesin.NeighborList(cutoff=cutoff, full_list=True)
    points, away = _gathered(atoms, cutoff)
    centre, neighbour, shift, distance = search.compute(
        points=points, box=atoms.cell[:], periodic=atoms.pbc, quantities="ijSd"
    )
    if len(distance) and distance.min() < SAME_POINT:
        edge = distance.argmin()
        i, j = sorted((int(centre[edge]), int(neighbour[edge])))
        raise ValueError(
            f"atoms: atoms {i} and {j} are at one point, {atoms.positions[i]} Å; remove one of them"
        )
    centre, neighbour, shift = (a.astype(np.int64) for a in (centre, neighbour, shift))
    shift += away[centre] - away[neighbour]
    order = _edge_order(centre, neighbour, shift, len(atoms))
    return centre[order], neighbour[order], shift[order]


def _gathered(atoms: Atoms, cutoff: float) -> tuple[Float[np.ndarray, "atoms 3"], Int[np.ndarray, "atoms 3"]]:
    """Bring the atoms of a structure that has exploded together, without a change of neighbours.

    The search for neighbours lays boxes over all space between the atoms. Atoms far outside of the cell are
    moved into it; along a direction that does not repeat, a gap wider than three cutoffs is made two wide.
    Where there are none of these, positions stay to the bit.

    Returns:
        Positions, and the cells that each atom was moved by.
    """
    x, cell = atoms.positions.copy(), atoms.cell[:] * atoms.pbc[:, None]
    away = np.floor(x @ np.linalg.pinv(cell)).astype(np.int64)
    away[np.abs(away).max(axis=1) < 10] = 0
    away[:, ~atoms.pbc] = 0
    x -= away @ cell
    for direction in np.linalg.svd(cell)[2][int(atoms.pbc.sum()) :]:
        height = x @ direction
        order = height.argsort(kind="stable")
        gaps = np.diff(height[order])
        surplus = np.where(gaps > 3 * cutoff, gaps - 2 * cutoff, 0.0).cumsum()
        if surplus.any():
            x[order[1:]] -= surplus[:, None] * direction
    return x, away


def _edge_order(centre: np.ndarray, neighbour: np.ndarray, shift: np.ndarray, atoms: int) -> np.ndarray:
    """Order edges by centre, neighbour and shift; one integer key sorts faster than five."""
    if len(centre) == 0:
        return np.arange(0)
    low, spans = shift.min(axis=0), np.ptp(shift, axis=0) + 1
    if float(atoms) ** 2 * np.prod(spans.astype(float)) > 2**62:  # atoms far outside of their cell
        return np.lexsort((*shift.T[::-1], neighbour, centre))
    key = centre * atoms + neighbour
    for axis in range(3):
        key = key * spans[axis] + (shift[:, axis] - low[axis])
    return np.argsort(key, kind="stable")


def _targets(argument: str, given: Mapping[str, object] | None) -> list[tuple[str, object]]:
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(
            f'{argument}: expected a dictionary such as {{"energy": -3.2}}, got {type(given).__name__}'
        )
    return list((given or {}).items())


def _target_name(name: str, graph: Data) -> str:
    """Return the name, once it is known not to clash with a field or with torch_geometric."""
    taken = not isinstance(name, str) or not name.isidentifier() or name in graph or name == "ptr"
    if not taken and name not in ("x", "y", "time"):  # Data keeps these three for its users
        taken = hasattr(Data, name)
    # torch_geometric counts on where these words stand anywhere in a name; edge_ is how fields of edges begin
    if taken or "index" in name or "batch" in name or name.startswith("edge_"):
        raise ValueError(
            f"system, atom: the target name {name!r} is taken, given twice, or no Python name; fields are "
            f"{FIELDS}, names with edge_ in front belong to edges, and names with index or batch in them "
            "belong to torch_geometric, as do the attributes of its Data"
        )
    return name


def _as_tensor(name: str, value: object) -> Tensor:
    """Make a tensor of the default dtype, or of integers where ``value`` has integers."""
    if isinstance(value, Tensor):
        tensor = value.detach().clone()
    else:
        try:
            tensor = torch.tensor(np.asarray(value))
        except (TypeError, ValueError) as reason:
            raise ValueError(
                f"system, atom: the target {name!r} has to be numbers, got {value!r}"
            ) from reason
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def _per_atom(name: str, value: Tensor, atoms: int) -> Tensor:
    """Return the target, once its first axis is known to be the atoms."""
    if value.ndim == 0 or value.shape[0] != atoms:
        raise ValueError(
            f"atom: the target {name!r} has the shape {tuple(value.shape)}, expected ({atoms}, ...), "
            "one row an atom; a value of the whole structure belongs in system="
        )
    return value


explain(globals())

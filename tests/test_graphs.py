"""Neighbour lists against brute force and ase, fields, targets, batches and errors."""

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.neighborlist import neighbor_list
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch_geometric.loader import DataLoader

from tutorial_utils import graphs


def edges(graph):
    """Edges as a sorted array of rows (centre, neighbour, shift)."""
    rows = torch.cat([graph.edge_index.flip(0).T, graph.edge_shift], dim=1).numpy()
    return rows[np.lexsort(rows.T[::-1])]


def brute_force(atoms, cutoff):
    """Every image within reach of every pair, one by one."""
    fractional = (
        np.linalg.solve(np.array(atoms.cell).T, atoms.positions.T).T if atoms.pbc.any() else atoms.positions
    )
    spread = np.ptp(fractional, axis=0)
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell), axis=0) if atoms.pbc.any() else np.ones(3)
    reach = np.where(atoms.pbc, np.ceil(cutoff / heights + spread), 0).astype(int)
    shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))))
    rows = []
    for i, j in itertools.product(range(len(atoms)), repeat=2):
        vectors = atoms.positions[j] + shifts @ atoms.cell - atoms.positions[i]
        for shift in shifts[np.linalg.norm(vectors, axis=1) < cutoff]:
            if i != j or shift.any():
                rows.append((i, j, *shift))
    return np.array(sorted(rows), dtype=int).reshape(-1, 5)


@st.composite
def structures(draw):
    """Molecules, chains, slabs and crystals in skewed cells, some much smaller than the cutoff."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    cell = np.diag(rng.uniform(1.5, 6, size=3))
    cell[np.tril_indices(3, -1)] = rng.uniform(-2, 2, size=3)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    cell = cell @ turn
    # positions also outside of the cell
    positions = rng.uniform(-1.0, 2.0, size=(draw(st.integers(1, 6)), 3)) @ cell
    return Atoms(numbers=rng.integers(1, 20, len(positions)), positions=positions, cell=cell, pbc=pbc)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(structures(), st.floats(0.5, 5.0))
def test_neighbours_equal_brute_force_and_ase(atoms, cutoff):
    distances = neighbor_list("d", atoms, cutoff + 0.1)
    assume((np.abs(distances - cutoff) > 1e-6).all() and (distances > 1e-3).all())
    graph = graphs.to_graph(atoms, cutoff)
    i, j, S, D = neighbor_list("ijSD", atoms, cutoff)
    found, order = edges(graph), np.lexsort(np.c_[i, j, S].T[::-1])
    np.testing.assert_array_equal(found, brute_force(atoms, cutoff))
    np.testing.assert_array_equal(found, np.c_[i, j, S][order].reshape(-1, 5))
    # to_graph sorts its edges itself, so they stand in the same order here
    np.testing.assert_allclose(graphs.edge_vectors(graph), D[order].reshape(-1, 3), atol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(structures(), st.floats(0.5, 4.0))
def test_every_edge_has_its_reverse(atoms, cutoff):
    rows = {tuple(row) for row in edges(graphs.to_graph(atoms, cutoff)).tolist()}
    assert rows == {(j, i, -a, -b, -c) for i, j, a, b, c in rows}
    assert not any(i == j and (a, b, c) == (0, 0, 0) for i, j, a, b, c in rows)


@pytest.mark.parametrize(
    "shells", [(1, 12), (2, 18), (3, 42), (4, 54), (5, 78), (6, 86), (7, 134), (8, 140)], ids=str
)
def test_one_atom_sees_all_shells_of_fcc(shells):
    shell, neighbours = shells
    a = 4.05
    graph = graphs.to_graph(bulk("Al", a=a), a * np.sqrt(shell / 2) + 0.1)
    assert graph.edge_index.shape == (2, neighbours)
    assert torch.equal(graph.edge_index, torch.zeros(2, neighbours, dtype=torch.int64))
    torch.testing.assert_close(graphs.edge_vectors(graph).sum(dim=0), torch.zeros(3), atol=1e-10, rtol=0)


def test_rows_are_neighbour_then_centre():
    atoms = Atoms("HO", positions=[[0, 0, 0], [0, 0, 1.0]])
    graph = graphs.to_graph(atoms, 2.0)
    assert graph.edge_index.tolist() == [[1, 0], [0, 1]]  # sorted by centre, the second row
    assert graphs.edge_vectors(graph)[0].tolist() == [0, 0, 1]  # from atom 0 to its neighbour 1
    assert graph.cell.tolist() == np.zeros((1, 3, 3)).tolist() and graph.pbc.tolist() == [[False] * 3]


@pytest.mark.parametrize("third", [[0, 0, 0], [2.5, 0, 0]], ids=["none", "parallel to the first"])
def test_the_third_vector_of_a_slab_means_nothing(third):
    slab = fcc111("Cu", (1, 1, 3), vacuum=5.0)
    other = slab.copy()
    other.set_cell([*slab.cell[:2], third])
    assert not slab.pbc[2] and len(edges(graphs.to_graph(slab, 4.0))) == 42
    np.testing.assert_array_equal(edges(graphs.to_graph(slab, 4.0)), edges(graphs.to_graph(other, 4.0)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_take_the_default_dtype(dtype):
    torch.set_default_dtype(dtype)
    graph = graphs.to_graph(molecule("H2O"), 3.0, system={"energy": -1.0, "label": 2})
    assert graph.pos.dtype == graph.cell.dtype == graph.energy.dtype == dtype
    assert graphs.edge_vectors(graph).dtype == dtype
    assert graph.label.dtype == graph.edge_index.dtype == graph.atomic_numbers.dtype == torch.int64


def test_a_lone_atom_has_no_edges():
    graph = graphs.to_graph(Atoms("He"), 5.0)
    assert graph.edge_index.shape == (2, 0) and graphs.edge_vectors(graph).shape == (0, 3)
    assert graphs.edge_vectors(graphs.batch([graph, graph])).shape == (0, 3)


def labelled(atoms, cutoff=4.0):
    numbers = np.arange(3.0 * len(atoms)).reshape(-1, 3)
    return graphs.to_graph(
        atoms, cutoff, system={"energy": -1.5, "dipole": np.ones(3)}, atom={"forces": numbers}
    )


def test_targets_keep_their_shapes_in_a_batch():
    structures = [molecule("CH3CH2OH"), bulk("NaCl", "rocksalt", a=5.6), Atoms("He")]
    joined = graphs.batch([labelled(atoms) for atoms in structures])
    assert joined.energy.shape == (3,) and joined.dipole.shape == (3, 3) and joined.cell.shape == (3, 3, 3)
    assert joined.forces.shape == joined.pos.shape == (12, 3)
    assert joined.batch.tolist() == [0] * 9 + [1] * 2 + [2]
    alone = torch.cat([graphs.edge_vectors(labelled(atoms)) for atoms in structures])
    torch.testing.assert_close(graphs.edge_vectors(joined), alone)
    loader = DataLoader([labelled(atoms) for atoms in structures], batch_size=3)
    torch.testing.assert_close(graphs.edge_vectors(next(iter(loader))), alone)


def test_edge_vectors_are_differentiable_in_positions_and_cell():
    """A strain reaches edges through positions and cell: Euler's theorem for a sum of r³."""
    graph = graphs.to_graph(bulk("NaCl", "rocksalt", a=5.6), 4.0)
    graph.pos += 0.1 * torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    graph.pos.requires_grad_(), graph.cell.requires_grad_()
    energy = (graphs.edge_vectors(graph).norm(dim=1) ** 3).sum()
    forces, stress = torch.autograd.grad(energy, [graph.pos, graph.cell])
    torch.testing.assert_close(forces.sum(dim=0), torch.zeros(3), atol=1e-10, rtol=0)
    torch.testing.assert_close((forces * graph.pos).sum() + (stress * graph.cell).sum(), 3 * energy)


def moved(position):
    atoms = molecule("H2O")
    atoms.positions[1] = position
    return atoms


@pytest.mark.parametrize(
    ("atoms", "cutoff", "message"),
    [
        (molecule("H2O"), 0.0, "cutoff: expected a positive number"),
        (molecule("H2O"), -3.0, "cutoff: expected a positive number"),
        (molecule("H2O"), float("nan"), "cutoff: expected a positive number"),
        (molecule("H2O"), "5", "cutoff: expected a positive number"),
        (Atoms(), 5.0, "no atoms"),
        ([[0.0, 0.0, 0.0]], 5.0, "expected an ase.Atoms, got list"),
        (moved(np.nan), 5.0, "position of atom 1 is not finite"),
        (moved(molecule("H2O").positions[2]), 5.0, "atoms 1 and 2 are at one point"),
        (Atoms("H", cell=[1, np.nan, 1], pbc=True), 5.0, "cell is not finite"),
        (Atoms("H", pbc=True), 5.0, "no volume along its periodic directions"),
        (Atoms("H", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=[1, 1, 0]), 5.0, "no volume"),
        (
            Atoms("HH", positions=[[0, 0, 0], [3, 0, 0]], cell=[3, 3, 3], pbc=True),
            1.0,
            "atoms 0 and 1 are at one",
        ),
    ],
)
def test_bad_structures_are_named(atoms, cutoff, message):
    with pytest.raises(ValueError, match=message):
        graphs.to_graph(atoms, cutoff)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"atom": {"forces": np.zeros((4, 3))}}, r"'forces' has the shape \(4, 3\), expected \(3, ...\)"),
        ({"atom": {"forces": 1.0}}, r"'forces' has the shape \(\)"),
        ({"system": {"pos": 1.0}}, "'pos' is taken"),
        ({"system": {"energy": 1.0}, "atom": {"energy": np.zeros(3)}}, "'energy' is taken, given twice"),
        ({"system": {"site_index": 1}}, "names with .* in them belong to torch_geometric"),
        ({"system": {"total energy": 1}}, "no Python name"),
    ],
)
def test_bad_targets_are_named(targets, message):
    with pytest.raises(ValueError, match=message):
        graphs.to_graph(molecule("H2O"), 3.0, **targets)


def test_bad_batches_are_named():
    with pytest.raises(ValueError, match="at least one graph"):
        graphs.batch([])
    with pytest.raises(ValueError, match="number 1 has"):
        graphs.batch([labelled(molecule("H2O")), graphs.to_graph(molecule("H2O"), 4.0)])


def test_a_cutoff_that_memory_does_not_hold_is_refused(monkeypatch):
    """One atom of copper has some 2,800 neighbours within 20 Å, by its density."""
    copper = bulk("Cu")
    many = graphs.to_graph(copper, 20.0).num_edges
    monkeypatch.setattr(graphs, "MOST_EDGES", 1.05 * many)
    graphs.to_graph(copper, 20.0)
    monkeypatch.setattr(graphs, "MOST_EDGES", 0.95 * many)
    with pytest.raises(ValueError, match=r"cutoff: within 20 Å these 1 atoms have about 3e\+03 edges"):
        graphs.to_graph(copper, 20.0)

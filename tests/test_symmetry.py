"""Transformations of structures: they move what they should, and graphs follow their structures."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from toy_models import CUTOFF, ethanol, salt, slab

from tutorial_utils import graphs, symmetry
from tutorial_utils.symmetry.transformations import reimage


def structures():
    return [pytest.param(f(), id=name) for name, f in [("salt", salt), ("slab", slab), ("ethanol", ethanol)]]


def edges(graph):
    """Edges by their atoms and vectors, in an order of their own."""
    rows = torch.cat([graph.edge_index.T, graph.edge_shift, graphs.edge_vectors(graph)], dim=1)
    return rows[np.lexsort(rows[:, :5].numpy().T)]


# --- transformations ---------------------------------------------------------------------------------------


def test_random_rotations_are_uniform(rng):
    R = np.array([symmetry.random_rotation(rng) for _ in range(4000)])
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), R.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(R), 1.0)
    # Haar measure: entries average to zero, their squares to 1/3, the character's square to one
    np.testing.assert_allclose(R.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose((R**2).mean(axis=0), 1 / 3, atol=0.03)
    assert np.isclose((np.trace(R, axis1=1, axis2=2) ** 2).mean(), 1.0, atol=0.1)


def test_rotation_turns_x_into_y():
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    atoms = Atoms("H", positions=[[1, 0, 0]], cell=[2, 3, 4], pbc=True)
    for turned in (symmetry.rotate(atoms, quarter), symmetry.rotate(graphs.to_graph(atoms, 3.0), quarter)):
        pos = turned.positions if isinstance(turned, Atoms) else turned.pos
        cell = turned.cell if isinstance(turned, Atoms) else turned.cell[0]
        np.testing.assert_allclose(pos, [[0, 1, 0]], atol=1e-12)
        np.testing.assert_allclose(np.array(cell), [[0, 2, 0], [-3, 0, 0], [0, 0, 4]], atol=1e-12)


@pytest.mark.parametrize("atoms", structures())
def test_a_graph_is_transformed_as_its_structure(atoms, rng):
    """Transforming and building the graph commute, for every transformation."""
    R, order = -symmetry.random_rotation(rng), rng.permutation(len(atoms))
    repeats = np.where(atoms.pbc, [2, 3, 2], 1)
    for act in (
        lambda s: symmetry.rotate(s, R),
        symmetry.invert,
        lambda s: symmetry.translate(s, rng.normal(size=3)),
        lambda s: symmetry.permute(s, order),
        lambda s: symmetry.supercell(s, repeats),
    ):
        state = rng.bit_generator.state
        turned = act(graphs.to_graph(atoms, CUTOFF))
        rng.bit_generator.state = state  # the same shift again
        expected = graphs.to_graph(act(atoms), CUTOFF)
        assert turned.atomic_numbers.tolist() == expected.atomic_numbers.tolist()
        for name in ("pos", "cell", "pbc"):
            torch.testing.assert_close(turned[name], expected[name])
        torch.testing.assert_close(edges(turned), edges(expected))


@pytest.mark.parametrize("atoms", structures())
def test_images_of_atoms_keep_all_edge_vectors(atoms, rng):
    graph, cells = graphs.to_graph(atoms, CUTOFF), rng.integers(-2, 3, (len(atoms), 3)) * atoms.pbc
    moved = reimage(graph, cells)
    torch.testing.assert_close(graphs.edge_vectors(moved), graphs.edge_vectors(graph))
    torch.testing.assert_close(edges(moved), edges(graphs.to_graph(reimage(atoms, cells), CUTOFF)))
    assert torch.equal(moved.pos, graph.pos) == (not atoms.pbc.any())


def test_transformations_leave_the_original_alone(rng):
    atoms = salt()
    graph = graphs.to_graph(atoms, CUTOFF)
    positions, copy = atoms.positions.copy(), graph.clone()
    for structure in (atoms, graph):
        symmetry.rotate(structure, symmetry.random_rotation(rng))
        symmetry.invert(structure)
        symmetry.translate(structure, [1, 2, 3])
        symmetry.permute(structure, [1, 0])
        symmetry.supercell(structure, 2)
    np.testing.assert_array_equal(atoms.positions, positions)
    assert all(torch.equal(graph[name], copy[name]) for name in graphs.FIELDS)


def test_targets_follow_their_atoms_but_do_not_turn(rng):
    forces = rng.normal(size=(3, 3))
    graph = graphs.to_graph(molecule("H2O"), 3.0, atom={"forces": forces}, system={"dipole": np.ones(3)})
    turned = symmetry.rotate(graph, symmetry.random_rotation(rng))
    np.testing.assert_array_equal(turned.forces, forces)
    permuted = symmetry.permute(graph, [2, 0, 1])
    np.testing.assert_array_equal(permuted.forces, forces[[2, 0, 1]])
    assert permuted.dipole.tolist() == [[1, 1, 1]]


def test_a_supercell_is_the_same_crystal():
    graph = graphs.to_graph(salt(), CUTOFF, system={"energy": -1.0}, atom={"charges": [1.0, -1.0]})
    graph.edge_label = torch.arange(graph.edge_index.shape[1])
    large = symmetry.supercell(graph, (1, 2, 3))
    assert large.charges.tolist() == [1.0, -1.0] * 6 and large.atomic_numbers.tolist() == [11, 17] * 6
    torch.testing.assert_close(graphs.edge_vectors(large), graphs.edge_vectors(graph)[large.edge_label])
    assert len(large.pos) == 12 and large.edge_index.shape[1] == 6 * graph.edge_index.shape[1]
    assert "energy" not in large
    lengths = graphs.edge_vectors(large).norm(dim=1).sort().values
    torch.testing.assert_close(
        lengths, graphs.edge_vectors(graph).norm(dim=1).sort().values.repeat_interleave(6)
    )


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: symmetry.rotate(s, 2 * np.eye(3)), "R: expected orthogonal matri"),
        (lambda s: symmetry.rotate(s, np.eye(2)), "R: expected orthogonal matri"),
        (lambda s: symmetry.translate(s, [1, 2]), r"shift: expected a finite vector \(3,\)"),
        (lambda s: symmetry.permute(s, [0, 0, 1]), "order: expected each of 0 to 2 once"),
        (lambda s: symmetry.permute(s, [0, 1]), "order: expected each of 0 to 2 once"),
        (
            lambda s: symmetry.supercell(s, 2),
            "repeats: expected one whole number above zero or three, and 1 where",
        ),
        (lambda s: symmetry.supercell(s, 0), "repeats: expected one whole number above zero or three"),
        (lambda s: symmetry.supercell(s, 1.5), "repeats: expected one whole number above zero or three"),
    ],
)
def test_bad_transformations_are_named(act, message):
    for structure in (molecule("H2O"), graphs.to_graph(molecule("H2O"), 3.0)):
        with pytest.raises(ValueError, match=message):
            act(structure)


def test_batches_and_strangers_are_refused():
    pair = graphs.batch([graphs.to_graph(salt(), CUTOFF)] * 2)
    for act in (lambda s: symmetry.permute(s, range(4)), lambda s: symmetry.supercell(s, 2)):
        with pytest.raises(ValueError, match="not a batch"):
            act(pair)
    with pytest.raises(ValueError, match="got ndarray without"):
        symmetry.rotate(np.zeros((2, 3)), np.eye(3))


def test_a_batch_turns_as_its_members(rng):
    graph, R = graphs.to_graph(salt(), CUTOFF), symmetry.random_rotation(rng)
    turned = symmetry.rotate(graphs.batch([graph, graph]), R)
    torch.testing.assert_close(
        graphs.edge_vectors(turned)[: len(graph.edge_shift)], graphs.edge_vectors(symmetry.rotate(graph, R))
    )

"""The environments of all atoms: equal to projections one by one, under all laws, in any chunks."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from e3nn import o3

from tutorial_utils import descriptors, graphs, symmetry
from tutorial_utils.descriptors import SphericalBessel


@pytest.fixture
def salt():
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.rattle(0.1, seed=0)
    return atoms


@pytest.mark.parametrize("chunk", [1, 3, 4096])
def test_environments_are_projections_atom_by_atom(salt, chunk):
    b = SphericalBessel(3, 4.5)
    c = descriptors.environments(salt, b, 3, elements=["Cl", "Na"], chunk=chunk)
    graph = graphs.to_graph(salt, 4.5)
    v, (j, i) = graphs.edge_vectors(graph), graph.edge_index
    for atom in (0, 5):
        near = v[i == atom]
        kinds = torch.tensor(
            [[symbol == "Cl", symbol == "Na"] for symbol in np.array(salt.symbols)[j[i == atom]]]
        )
        w = kinds.to(near) * descriptors.smooth_cutoff(near.norm(dim=1), 4.5)[:, None]
        assert torch.allclose(c[atom], descriptors.project(near, b, 3, weights=w), atol=1e-12)


@pytest.mark.parametrize("improper", [False, True])
def test_environments_turn_with_the_crystal(salt, improper):
    b, R = SphericalBessel(3, 4.5), symmetry.random_rotation(np.random.default_rng(4))
    R = -R if improper else R
    D = o3.Irreps.spherical_harmonics(4).D_from_matrix(torch.tensor(R))
    before = descriptors.environments(salt, b, 4, elements=["Cl", "Na"])
    after = descriptors.environments(symmetry.rotate(salt, R), b, 4, elements=["Cl", "Na"])
    assert torch.allclose(after, before @ D.T, atol=1e-10)


def test_translation_permutation_and_supercell_change_nothing(salt):
    b = SphericalBessel(2, 4.0)

    def found(atoms):
        return descriptors.environments(atoms, b, 3, elements=["Na", "Cl"])

    c = found(salt)
    assert torch.allclose(found(symmetry.translate(salt, np.array([0.3, 1, 2]))), c, atol=1e-10)
    order = np.random.default_rng(5).permutation(len(salt))
    assert torch.allclose(found(symmetry.permute(salt, order)), c[torch.tensor(order)], atol=1e-10)
    assert torch.allclose(found(symmetry.supercell(salt, (2, 1, 1)))[:8], c, atol=1e-10)


def test_a_batch_of_graphs_is_as_good_as_each_alone(salt):
    b, elements = SphericalBessel(2, 4.0), ["Na", "Cl", "H", "O"]
    parts = [salt, molecule("H2O")]
    whole = descriptors.environments(
        graphs.batch([graphs.to_graph(a, 4.0) for a in parts]), b, 3, elements=elements
    )
    alone = torch.cat([descriptors.environments(a, b, 3, elements=elements) for a in parts])
    assert torch.allclose(whole, alone, atol=1e-12)


def test_only_the_smooth_weight_lets_a_neighbour_leave_without_a_kink():
    b, gap = SphericalBessel(3, 4.0), 1e-5

    def at(z, smooth):
        pair = Atoms("Cu2", [[0, 0, 0], [0, 0, z]])
        return descriptors.environments(pair, b, 2, elements=["Cu"], smooth=smooth)

    for smooth in (True, False):
        inside, outside = at(4 - gap, smooth), at(4 + gap, smooth)
        assert (outside == 0).all() and inside.abs().max() < 10 * gap  # no jump
        assert (inside.abs().max() < 0.1 * gap) == smooth  # no kink either


def test_gradients_with_respect_to_atoms(salt):
    graph = graphs.to_graph(salt, 4.0)
    small = descriptors.SphericalBessel(2, 4.0)

    def f(pos):
        moved = graph.clone()
        moved.pos = pos
        return descriptors.environments(moved, small, 2, elements=["Na", "Cl"], chunk=3)

    assert torch.autograd.gradcheck(f, graph.pos.clone().requires_grad_(), fast_mode=True)


@pytest.mark.parametrize(
    ("structure", "elements", "word"),
    [
        (Atoms("CuAu", [[0, 0, 0], [0, 0, 2.0]]), ["Cu"], "atom 1 is Au"),
        (Atoms("Cu2", [[0, 0, 0], [0, 0, 0]]), ["Cu"], "atoms 0 and 1 are at one point"),
        (Atoms("Cu"), "Cu", "elements"),
        (Atoms("Cu"), ["Cu", "Cu"], "elements"),
        (Atoms("Cu"), ["Copper"], "elements"),
    ],
)
def test_bad_structures_are_refused(structure, elements, word):
    with pytest.raises(ValueError, match=word):
        descriptors.environments(structure, SphericalBessel(2, 4.0), 2, elements=elements)


def test_coincident_atoms_are_found_in_a_graph_too():
    graph = graphs.to_graph(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.0]]), 4.0)
    graph.pos[1] = 0
    with pytest.raises(ValueError, match="atoms 0 and 1 are at one point"):
        descriptors.environments(graph, SphericalBessel(2, 4.0), 2, elements=["Cu"])

"""Plain potentials: a fit that finds a pair potential again, and what each of them can see."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from tutorial_utils import graphs, nn, symmetry
from tutorial_utils.descriptors.radial import SphericalBessel, smooth_cutoff
from tutorial_utils.molecular_dynamics.baselines import AngularNetwork, PairPotential

CUTOFF, ELEMENTS = 4.0, ("Cu", "Ni")


def crystal(seed):
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", a=3.6, cubic=True).repeat(2)
    atoms.symbols[rng.random(len(atoms)) < 0.5] = "Ni"
    atoms.positions += rng.normal(scale=0.15, size=(len(atoms), 3))
    return atoms


def morse(graph):
    """An energy of pairs with a depth for each pair of elements, and a shift for each element."""
    r = graphs.edge_vectors(graph).norm(dim=1)
    nickel = (graph.atomic_numbers == 28).to(r)
    depth = 0.3 + 0.2 * nickel[graph.edge_index].sum(dim=0)
    decay = torch.exp(-1.4 * (r - 2.5))
    pair = 0.5 * depth * (decay**2 - 2 * decay) * smooth_cutoff(r, CUTOFF)
    return (pair.sum() - 2.0 * len(nickel) - 1.5 * nickel.sum()).reshape(1, 1)


def labelled(seed):
    graph = graphs.to_graph(crystal(seed), CUTOFF)
    graph.energy, graph.forces = morse(graph)[0].detach(), nn.forces(morse, graph).detach()
    return graph


def test_least_squares_finds_a_pair_potential_again():
    pair = PairPotential(ELEMENTS, SphericalBessel(16, CUTOFF))
    pair.fit(graphs.batch([labelled(seed) for seed in range(6)]), ridge=1e-10)
    new = graphs.batch([labelled(seed) for seed in range(6, 9)])
    scale = new.forces.square().mean().sqrt()
    assert (nn.forces(pair, new) - new.forces).abs().mean() < 1e-3 * scale
    assert (pair(new)[:, 0] - new.energy).abs().max() < 1e-2


@pytest.mark.parametrize("make", [PairPotential, AngularNetwork])
def test_energies_obey_all_laws(make):
    torch.manual_seed(0)
    model = make(ELEMENTS, SphericalBessel(4, CUTOFF))
    if make is PairPotential:
        torch.nn.init.normal_(model.weights)
    report = symmetry.equivariance_report(
        lambda atoms: model(graphs.to_graph(atoms, CUTOFF))[0], crystal(0), "0e", size="extensive"
    )
    assert report.passed, report


def water(angle):
    half = np.radians(angle) / 2
    arms = [[np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]]
    return graphs.to_graph(Atoms("NiCu2", [[0, 0, 0], *(2.2 * np.array(arms))]), 3.0)


@pytest.mark.parametrize(("lmax", "sees"), [(0, False), (2, True)])
def test_an_angle_is_seen_only_with_directions(lmax, sees):
    """Two neighbours farther from each other than the cutoff: all distances agree, the angle does not."""
    torch.manual_seed(0)
    model = AngularNetwork(ELEMENTS, SphericalBessel(4, 3.0), lmax=lmax)
    difference = (model(water(100)) - model(water(140))).abs().item()
    assert (difference > 1e-6) == sees
    assert difference < 1e-12 or sees


def test_standardised_energies_start_at_the_mean():
    batch = graphs.batch([labelled(seed) for seed in range(4)])
    model = AngularNetwork(ELEMENTS, SphericalBessel(4, CUTOFF))
    model.standardise(batch)
    rest = (model(batch)[:, 0] - batch.energy) / 32
    assert rest.abs().max() < 2 * batch.energy.std() / 32 + batch.forces.std()
    assert model.inputs(model.features(batch)).abs().max() < 20

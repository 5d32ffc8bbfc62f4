"""Each planted fault is found under the right law, and its cause is named."""

import functools
import re

import numpy as np
import pytest
import torch
from e3nn.nn import S2Activation
from toy_models import CUTOFF, as_graph, density, ethanol, network, salt, weighted

from tutorial_utils import graphs, symmetry
from tutorial_utils.symmetry import Law, equivariance_report


def with_stored_vectors():
    """A graph that carries edge vectors computed once, which no rotation reaches."""
    graph = graphs.to_graph(salt(), CUTOFF)
    graph.edge_vector = graphs.edge_vectors(graph)
    return graph


def without_shift(graph):
    return graph.pos[graph.edge_index[0]] - graph.pos[graph.edge_index[1]]


def nearest_images(atoms):
    """One image for each pair, and none of the atom itself."""
    d = atoms.get_all_distances(mic=True) + 100 * np.eye(len(atoms))
    return np.exp(-d).sum(axis=1)


def short_list(structure):
    """A neighbour list cut short, as with max_num_neighbors."""
    graph = as_graph(structure).clone()
    keep = torch.cat([torch.nonzero(graph.edge_index[1] == i)[:5, 0] for i in range(len(graph.pos))])
    graph.edge_index, graph.edge_shift = graph.edge_index[:, keep], graph.edge_shift[keep]
    return density(graph)


@functools.cache
def grid_activation():
    """Equivariant only up to the resolution of its grid."""
    return S2Activation("0e+1o+2e", torch.tanh, 8, normalization="component")


wrong_way = Law(
    "rotation",
    sample=lambda rng, x: symmetry.random_rotation(rng),
    act_in=lambda R, x: symmetry.rotate(x, R),
    act_out=lambda R, y: y @ torch.tensor(R),  # x @ R.T on the other side
)
swapped = [0, 2, 3, 1]  # 0e and a vector as (y, z, x)
per_atom = {"per": "atom"}

FAULTS = {
    "relu on 1o": (
        lambda s: density(s).relu(),
        ethanol,
        "0e+1o+2e",
        per_atom,
        "rotation 1o",
        "ReLU on components",
    ),
    "relu inside": (
        lambda s: network(torch.relu)(s),
        ethanol,
        "2x0e+1o+1e+2e",
        per_atom,
        "rotation 0e",
        "ReLU on l > 0 inside",
    ),
    "tanh on 1o": (
        lambda s: density(s)[:, 1:4].tanh(),
        ethanol,
        "1o",
        per_atom,
        "rotation 1o",
        "single components",
    ),
    "1o declared 1e": (density, ethanol, "0e+1e+2e", per_atom, "parity 1e", "flips .* did you mean 1o"),
    "1e declared 1o": (
        lambda s: network()(s)[:, 5:8],
        ethanol,
        "1o",
        per_atom,
        "parity 1o",
        "does not flip .* 1e",
    ),
    "R and R.T": (
        lambda s: density(s)[:, 1:4],
        ethanol,
        "1o",
        per_atom | {"laws": [wrong_way]},
        "rotation 1o",
        "x @ R.T",
    ),
    "unrotated edge vectors": (
        lambda g: density(g, edge_vectors=lambda g: g.edge_vector),
        with_stored_vectors,
        "0e+1o+2e",
        per_atom,
        "rotation 1o",
        "does not turn with the input",
    ),
    "dropped cell shifts": (
        lambda s: density(s, edge_vectors=without_shift)[:, :1],
        salt,
        "0e",
        per_atom,
        "translation 0e",
        "periodic image: is the cell shift",
    ),
    "nearest images only": (nearest_images, salt, "0e", per_atom, "supercell 0e", "nearest image only"),
    "nearest images, summed": (
        lambda s: nearest_images(s).sum(),
        salt,
        "0e",
        {"size": "extensive"},
        "supercell 0e",
        "nearest image only",
    ),
    "mean declared extensive": (
        lambda s: weighted(s).mean(dim=0),
        salt,
        "0e+1o+2e",
        {"size": "extensive"},
        "supercell 0e",
        "a mean over atoms",
    ),
    "sum declared intensive": (
        lambda s: weighted(s).sum(dim=0),
        salt,
        "0e+1o+2e",
        {"size": "intensive"},
        "supercell 0e",
        "a sum over atoms",
    ),
    "sum over pairs": (
        lambda s: density(s)[:, 0].sum() ** 2,
        salt,
        "0e",
        {"size": "extensive"},
        "supercell 0e",
        "grows as n²",
    ),
    "raw coordinates": (
        lambda s: s.positions**2,
        ethanol,
        "3x0e",
        per_atom,
        "rotation 0e",
        "raw coordinates",
    ),
    "vector declared scalars": (
        lambda s: density(s)[:, 1:4],
        ethanol,
        "3x0e",
        per_atom,
        "rotation 0e",
        "mean 1o",
    ),
    "axes y, z, x": (
        lambda s: density(s)[:, swapped],
        ethanol,
        "0e+1o",
        per_atom,
        "rotation 1o",
        r"the order \(y, z, x\)",
    ),
    "2e in another order": (
        lambda s: density(s)[:, [8, 7, 6, 5, 4]],
        ethanol,
        "2e",
        per_atom,
        "rotation 2e",
        r"the order \(4, 3, 2, 1, 0\)",
    ),
    "turned once more": (
        lambda s: density(s)[:, 1:4] @ torch.tensor(symmetry.random_rotation(np.random.default_rng(0))),
        ethanol,
        "1o",
        per_atom,
        "rotation 1o",
        "keeps its length but points elsewhere",
    ),
    "activation on a grid": (
        lambda s: grid_activation()(density(s)),
        ethanol,
        "0e+1o+2e",
        per_atom,
        "rotation 0e",
        "an approximate step",
    ),
    "blocks swapped": (density, ethanol, "1o+0e+2e", per_atom, "rotation 1o", r"turns as 1x0e\+1x1o\+1x2e"),
    "Cartesian tensor": (
        lambda s: density(s)[:, 1:4].T @ density(s)[:, 1:4],
        ethanol,
        "0e+1e+2e",
        {},
        "rotation 0e",
        "CartesianTensor",
    ),
    "both parities": (
        lambda s: density(s)[:, 1:4] + network()(s)[:, 5:8],
        ethanol,
        "1o",
        per_atom,
        "parity 1o",
        "an even and an odd part",
    ),
    "depends on the origin": (
        lambda s: s.numbers @ s.positions,
        ethanol,
        "1o",
        {},
        "translation 1o",
        "moves with the origin",
    ),
    "depends on the order": (
        lambda s: s.get_distance(0, 1),
        ethanol,
        "0e",
        {},
        "permutation 0e",
        "order of the atoms",
    ),
    "depends on the order a little": (
        lambda s: density(s)[:, 0].sum() + 1e-4 * density(s)[0, 0],
        ethanol,
        "0e",
        {},
        "permutation 0e",
        "order of the atoms",
    ),
    "numbers kept outside": (
        lambda s: ethanol().numbers * density(s)[:, 0].mean().item(),
        ethanol,
        "0e",
        per_atom,
        "permutation 0e",
        "belongs to place k",
    ),
    "list cut short": (short_list, salt, "0e+1o+2e", per_atom, "permutation 0e", "list cut short"),
    "division by zero": (
        lambda s: density(s)[:, 0] / 0,
        ethanol,
        "0e",
        per_atom,
        "rotation 0e",
        "not finite",
    ),
    "dropout": (
        lambda s: torch.nn.functional.dropout(density(s)),
        ethanol,
        "0e+1o+2e",
        per_atom,
        "rotation 0e",
        "eval()",
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(name, seed):
    model, make, irreps, arguments, failure, cause = FAULTS[name]
    report = equivariance_report(model, make(), irreps, seed=seed, **arguments)
    assert not report.passed
    assert report.first_failure == tuple(failure.split()), str(report)
    assert re.search(cause, report.suspect), str(report)
    assert report.suspect in str(report)

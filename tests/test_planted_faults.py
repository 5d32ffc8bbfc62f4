"""Each planted fault is found under the right law, and its cause is named."""

import ast
import functools
import itertools
import re

import numpy as np
import pytest
import torch
from ase.build import molecule
from e3nn import o3
from e3nn.nn import S2Activation
from toy_models import CUTOFF, as_graph, density, ethanol, network, salt, triple_product, weighted

from tutorial_utils import conventions, graphs, symmetry
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


def weighted_by_powers(structure):
    """Four vectors an atom, (atoms, 4, 3): sums of directions weighted by powers of the density."""
    scalar, vector = density(structure)[:, :1], density(structure)[:, 1:4]
    return torch.stack([vector * scalar**k for k in range(4)], dim=1)


def stress(structure):
    vectors = density(structure)[:, 1:4]
    return vectors.T @ vectors


def in_principal_axes(atoms):
    """Squared coordinates of the first atom in the frame of the moments of inertia."""
    r = atoms.positions - atoms.positions.mean(axis=0)
    return (np.linalg.eigh(r.T @ r)[1].T @ (r[1] + 0 * r[0])) ** 2


def methane():
    return molecule("CH4")


def tilted(structure):
    """A fault of 1e-6 in the vectors, and a large one in 2e."""
    y = density(structure)
    zeros = torch.zeros(len(y), 1)
    return torch.cat([zeros, 1e-6 * y[:, 1:4].abs(), y[:, 4:].tanh()], dim=1)


VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])
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
    "turned once more": (
        lambda s: density(s)[:, 1:4] @ torch.tensor(symmetry.random_rotation(np.random.default_rng(0))),
        ethanol,
        "1o",
        per_atom,
        "rotation 1o",
        "another basis, fixed in the model",
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
    "channels last": (
        lambda s: weighted_by_powers(s).transpose(1, 2),
        ethanol,
        "4x1o",
        per_atom,
        "rotation 1o",
        r"channels stand last, as \(\.\.\., 3, channels\)",
    ),
    "Voigt's six": (
        lambda s: stress(s)[VOIGT],
        ethanol,
        "0e+2e",
        {},
        "rotation 0e",
        "Voigt",
    ),
    "a frame that is degenerate": (
        in_principal_axes,
        methane,
        "3x0e",
        {},
        "rotation 0e",
        "none of its deformed copies.*principal axes",
    ),
    "never meant for mirrors": (
        lambda s: density(s)[:, 1:4] + network()(s)[:, 5:8],
        ethanol,
        "1o",
        per_atom,
        "parity 1o",
        r'group="SO\(3\)"',
    ),
    "new positions": (
        lambda s: s.positions + 0.1 * density(s)[:, 1:4].numpy(),
        ethanol,
        "1o",
        per_atom,
        "translation 1o",
        "law of your own: see symmetry.Law",
    ),
    "a tiny fault before a large one": (
        lambda s: density(s) * torch.tensor([1.0] + 3 * [1] + 5 * [0]) + tilted(s),
        ethanol,
        "0e+1o+2e",
        per_atom,
        "rotation 2e",
        "a nonlinearity on single components",
    ),
    "an odd part smaller than single precision": (
        lambda s: density(s)[:, 1:4] + 1e-6 * network()(s)[:, 5:8],
        ethanol,
        "1o",
        per_atom,
        "parity 1o",
        "an even and an odd part",
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


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(name):
    model, make, irreps, arguments, failure, cause = FAULTS[name]
    for seed in range(3):
        report = equivariance_report(model, make(), irreps, seed=seed, **arguments)
        assert not report.passed
        assert report.first_failure == tuple(failure.split()), str(report)
        assert re.search(cause, report.suspect), str(report)
        assert report.suspect in str(report)


def test_harmonics_of_the_polar_axis_z_are_recognised_for_every_degree():
    """The orders and signs of quantum chemists."""
    orders = {"-l to l": lambda m: m, "0, 1, -1": lambda m: (abs(m), -m)}
    for l in range(2, 5):
        ir = o3.Irrep(l, (-1) ** l)
        Q = conventions.quantum_chemistry_to_e3nn(l)
        for (name, key), sign in itertools.product(orders.items(), (1, -1)):
            order = sorted(range(-l, l + 1), key=key)
            B = torch.tensor([float(sign**m) for m in order])[:, None] * Q.T[[m + l for m in order]]
            report = equivariance_report(lambda s, B=B, ir=ir: harmonics(s, ir) @ B.T, ethanol(), ir)
            assert report.first_failure == ("rotation", str(ir))
            assert f"polar axis is z and m runs {name}" in report.suspect
            assert ("opposite sign" in report.suspect) == (sign < 0)


def test_six_numbers_of_a_symmetric_matrix_are_recognised_in_any_order():
    """As Voigt, LAMMPS, VASP and quantum chemists write polarizabilities, stresses and strains."""
    orders = {
        "xx, yy, zz, yz, xz, xy": VOIGT,
        "xx, yy, zz, xy, xz, yz": ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]),
        "xx, yy, zz, xy, yz, zx": ([0, 1, 2, 0, 1, 0], [0, 1, 2, 1, 2, 2]),
        "xx, xy, xz, yy, yz, zz": ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]),
        "xx, xy, yy, xz, yz, zz": ([0, 0, 1, 0, 1, 2], [0, 1, 1, 2, 2, 2]),
    }
    cases = [(name, 1.0) for name in orders] + [
        ("xx, yy, zz, yz, xz, xy", factor) for factor in (2.0, 2**0.5)
    ]
    for name, factor in cases:
        i, j = orders[name]
        scale = torch.tensor([1.0 if a == b else factor for a, b in zip(i, j, strict=True)])
        six = lambda s, i=i, j=j, scale=scale: stress(s)[i, j] * scale  # noqa: E731
        report = equivariance_report(six, ethanol(), "0e+2e", laws=["rotation"])
        assert f"the six components {name}" in report.suspect, report
        assert ("doubled" in report.suspect, "√2" in report.suspect) == (factor == 2, factor == 2**0.5)


def test_components_in_a_basis_of_ones_own_are_recognised_and_brought_back():
    """Axes of a left-handed system, harmonics without their norms: y @ C.T turns as it should."""
    left, norms = torch.diag(torch.tensor([1.0, -1.0, 1.0])), torch.diag(torch.tensor([1, 2, 3, 1, 1.0]))
    for ir, B in ((o3.Irrep("1o"), left), (o3.Irrep("2e"), norms)):
        f = lambda s, ir=ir, B=B: harmonics(s, ir) @ B.T  # noqa: E731
        report = equivariance_report(f, ethanol(), ir)
        assert "turns as it should in another basis" in report.suspect, report
        C = torch.tensor(ast.literal_eval(report.suspect.split("C = ")[1].rstrip(".")))
        again = equivariance_report(lambda s, f=f, C=C: f(s) @ C.T, ethanol(), ir)
        assert again.errors["rotation", str(ir)] < 0.02, again  # C is printed with two digits
    crooked = equivariance_report(lambda s: harmonics(s, o3.Irrep("2e")).tanh(), ethanol(), "2e")
    assert "another basis" not in crooked.suspect


def harmonics(structure, ir):
    graph = as_graph(structure)
    v = graphs.edge_vectors(graph)
    weight = torch.exp(-v.norm(dim=1)) * graph.atomic_numbers[graph.edge_index[1]]
    return (weight[:, None] * o3.spherical_harmonics(o3.Irreps([ir]), v, False)).sum(dim=0)


def test_a_constant_changes_neither_verdict_nor_cause():
    """A reference energy of thousands of eV hides nothing, in single precision neither."""
    energy = lambda s: weighted(s)[:, 0].sum() / 100  # noqa: E731
    position = lambda s: torch.as_tensor(s.positions[0, 0])  # noqa: E731
    hand = lambda s: triple_product(s) / 1e4  # noqa: E731
    faults = {
        "none": (energy, ethanol, {}),
        "the first atom's x": (lambda s: energy(s) + 0.2 * torch.tanh(position(s)), ethanol, {}),
        "the first atom": (lambda s: energy(s) + 0.2 * density(s)[0, 0], ethanol, {}),
        "chiral": (hand, ethanol, {}),
        "a sum, called intensive": (energy, salt, {"size": "intensive"}),
        "a square": (lambda s: energy(s) ** 2, salt, {"size": "intensive"}),
    }
    for name, (f, make, arguments) in faults.items():
        found = set()
        for constant, dtype in itertools.product((0.0, -4200.0), (torch.float64, torch.float32)):
            shifted = lambda s, f=f, c=constant, d=dtype: f(s).to(d) + c  # noqa: E731
            report = equivariance_report(shifted, make(), "0e", **arguments)
            found.add((report.passed, report.first_failure, report.vacuous, report.suspect))
        assert len(found) == 1, (name, found)
        assert report.passed == (name == "none"), report

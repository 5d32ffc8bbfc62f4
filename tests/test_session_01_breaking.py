"""Session 1, symmetry breaking and permutations: its claims hold for any weights, not only the stored run.

The networks under test are the ones that the notebook shows: their definitions are read out of its cells.
"""

import ast
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spglib
import torch
from ase import Atoms
from ase.build import molecule
from e3nn import o3

from tutorial_utils import graphs, nn, symmetry

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "01_symmetry.ipynb"
SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]], dtype=float)
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
ALL = o3.Irreps("0e + 0o + 1o + 1e + 2e + 2o + 3o + 3e + 4e + 4o")
PART = {str(irrep): part for (_, irrep), part in zip(ALL, ALL.slices(), strict=True)}


@pytest.fixture(scope="module")
def shown() -> SimpleNamespace:
    """Functions and classes as the notebook's cells define them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    wanted = {"FieldNetwork", "cubic_invariants", "taylor"}
    space = {"np": np, "torch": torch, "o3": o3, "Atoms": Atoms, "graphs": graphs}
    for cell in (c for c in cells if c["cell_type"] == "code"):
        source = "".join(cell["source"])
        if any(name in source for name in wanted):
            nodes = [
                node
                for node in ast.parse(source).body
                if getattr(node, "name", None) in wanted or isinstance(node, ast.Import | ast.ImportFrom)
            ]
            exec(compile(ast.Module(nodes, []), NOTEBOOK.name, "exec"), space)  # noqa: S102
    missing = wanted - space.keys()
    assert not missing, f"{NOTEBOOK.name} no longer defines {missing}"
    return SimpleNamespace(**space)


def move(network, field, points=SQUARE):
    """Displacements of four atoms that share one input field, (4, 3) Å."""
    graph = graphs.to_graph(Atoms("C4", points), 4.0)
    return network(torch.cat([torch.ones(1), field]).expand(4, -1), graph)


def random_field_network(shown, seed):
    torch.manual_seed(seed)
    return shown.FieldNetwork(f"0e + {ALL}")


def rectangle_loss(network, field):
    return (move(network, field) - torch.tensor(SQUARE * [0.4, 0, 0])).square().mean()


@pytest.mark.parametrize("improper", [1, -1])
def test_shown_network_turns_its_output_with_structure_and_input_irreps(shown, improper):
    network = random_field_network(shown, 0)
    R = improper * symmetry.random_rotation(np.random.default_rng(1))
    points = np.random.default_rng(2).normal(size=(4, 3))
    field = torch.randn(ALL.dim, generator=torch.Generator().manual_seed(3))
    before = move(network, field, points)
    after = move(network, ALL.D_from_matrix(torch.tensor(R)) @ field, points @ R.T)
    assert before.abs().max() > 1e-3
    torch.testing.assert_close(after, before @ torch.tensor(R).T, rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_without_field_no_weights_make_a_rectangle(shown, seed):
    drawn = SQUARE + move(random_field_network(shown, seed), torch.zeros(ALL.dim)).detach().numpy()
    sides = np.linalg.norm(drawn - np.roll(drawn, 1, axis=0), axis=1)
    assert np.ptp(sides) < 1e-10 and abs(sides[0] - 2) > 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_slope_lies_in_2e_3e_4e_once_the_invariant_part_is_out(shown, seed):
    field = torch.zeros(ALL.dim, requires_grad=True)
    (slope,) = torch.autograd.grad(rectangle_loss(random_field_network(shown, seed), field), field)
    D = ALL.D_from_matrix(torch.tensor(symmetry.stabiliser(Atoms("C4", SQUARE))))
    order = slope - D.mean(dim=0) @ slope
    carriers = {irrep for irrep, part in PART.items() if order[part].norm() > 1e-10}
    assert carriers == {"2e", "3e", "4e"}
    quarter = ALL.D_from_matrix(torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    torch.testing.assert_close(quarter @ order, -order, rtol=0, atol=1e-12)


def test_reversed_order_parameter_gives_the_other_domain(shown):
    network = random_field_network(shown, 0)
    field = torch.zeros(ALL.dim)
    field[PART["2e"]] = torch.tensor([0, 0, -math.sqrt(3) / 2, 0, -1 / 2])  # x² - y², whose polar axis is y
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = torch.roll(move(network, field) @ quarter.T, 1, dims=0)  # corner k comes to corner k + 1
    torch.testing.assert_close(move(network, -field), turned, rtol=0, atol=1e-10)
    assert (move(network, field) - move(network, -field)).abs().max() > 1e-4


def test_a_vector_breaks_the_square_at_second_order_only(shown):
    network = random_field_network(shown, 0)
    pattern = torch.tensor(SQUARE * [1, -1, 0])
    field = torch.zeros(ALL.dim)
    field[PART["1o"]] = torch.tensor([1.0, 0, 0])
    small, double = ((move(network, a * field) * pattern).sum().item() for a in (0.01, 0.02))
    assert abs(small) > 1e-10 and math.log2(double / small) == pytest.approx(2, abs=1e-3)


@pytest.fixture(scope="module")
def perovskite() -> SimpleNamespace:
    """Eight cubic cells of SrTiO3, with the alternating signs of the points R and M."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    cell = Atoms("SrTiO3", cell=[3.905] * 3, pbc=True, scaled_positions=places)
    atoms = cell.repeat(2)
    n = np.floor(2 * atoms.get_scaled_positions() + 1e-6)
    R, M = (-1.0) ** n.sum(axis=1), (-1.0) ** n[:, :2].sum(axis=1)
    elements = np.array(atoms.numbers[:, None] == [38, 22, 8], dtype=float)
    return SimpleNamespace(atoms=atoms, R=R, M=M, elements=elements, titanium=atoms.numbers == 22)


def tilt(shown, crystal, axial, seed=0):
    """Displacements of 40 atoms under an axial field on titanium, by an untrained network, (40, 3) Å."""
    torch.manual_seed(seed)
    network = shown.FieldNetwork("3x0e + 1e", cutoff=3.0)
    graph = graphs.to_graph(crystal.atoms, 3.0)
    elements = torch.tensor(crystal.elements)
    return network(torch.cat([elements, axial * elements[:, 1:2]], dim=1), graph)


@pytest.mark.parametrize("seed", range(2))
def test_uniform_axial_field_moves_no_atom(shown, perovskite, seed):
    uniform = torch.tensor([0.3, -0.5, 0.8]).expand(40, 3)
    assert tilt(shown, perovskite, uniform, seed).abs().max() < 1e-10


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("tilts", "group", "strontium_moves"),
    [
        ({"R": [0, 0, 1]}, 140, False),  # a0a0c-
        ({"M": [0, 0, 1]}, 127, False),  # a0a0c+
        ({"R": [1, 1, 0]}, 74, False),  # a-a-c0: allowed, but in third order, and the network is quadratic
        ({"R": [1, 1, 1]}, 167, False),  # a-a-a-
        ({"R": [1, 1, 0], "M": [0, 0, 1]}, 62, True),  # a-a-c+
    ],
)
def test_alternating_axial_field_gives_the_space_group_of_the_tilt(
    shown, perovskite, tilts, group, strontium_moves, seed
):
    axial = sum(np.outer(getattr(perovskite, name), axis) for name, axis in tilts.items())
    u = tilt(shown, perovskite, torch.tensor(axial), seed).detach().numpy()
    atoms, scale = perovskite.atoms, np.abs(u).max()
    assert scale > 1e-3
    assert (np.abs(u[atoms.numbers == 38]).max() > 1e-3 * scale) == strontium_moves
    tilted = Atoms(atoms, positions=atoms.positions + 0.2 * u / scale)
    cell = (atoms.cell.array, tilted.get_scaled_positions(), atoms.numbers)
    assert spglib.get_symmetry_dataset(cell).number == group


@pytest.mark.parametrize(
    ("axis", "moves"),
    [([0, 0, 1], False), ([1, 1, 1], False), ([1, 1, 0], True)],
    ids=["c-", "a-a-a-", "a-a-c0"],
)
def test_one_tilt_alone_pushes_strontium_in_third_order_or_never(shown, perovskite, axis, moves):
    atoms = perovskite.atoms
    u = tilt(shown, perovskite, torch.tensor(np.outer(perovskite.R, axis)).double()).detach().numpy()
    torch.manual_seed(1)
    irreps = "8x0e+8x1o+4x1e+8x2e"
    force = nn.EquivariantNetwork(["Sr", "Ti", "O"], "1o", irreps_hidden=irreps, cutoff=4.0, per="atom")

    def push(size):
        tilted = Atoms(atoms, positions=atoms.positions + size * u / np.abs(u).max())
        return force(graphs.to_graph(tilted, 4.0)).detach().numpy()[atoms.numbers == 38]

    small, double = (np.abs(push(size)).max() for size in (0.02, 0.04))
    if moves:
        assert math.log2(double / small) == pytest.approx(3, abs=0.1)
    else:
        assert double < 1e-10


def test_gradient_finds_the_alternating_field(shown, perovskite):
    target = tilt(shown, perovskite, torch.tensor(np.outer(perovskite.R, [0.0, 0, 1]))).detach()
    axial = torch.zeros(40, 3, requires_grad=True)
    loss = (tilt(shown, perovskite, axial) - target).square().sum()
    (slope,) = torch.autograd.grad(loss, axial)
    found = -slope[perovskite.titanium].numpy()
    signs = perovskite.R[perovskite.titanium]
    assert found[0, 2] * signs[0] > 1e-6
    np.testing.assert_allclose(found, np.outer(signs, [0, 0, found[0, 2] * signs[0]]), atol=1e-10)


def character(*functions):
    """Character of the space that functions of position span, from their values at random points."""
    points = np.random.default_rng(0).normal(size=(30, 3))
    basis = np.stack([f(*points.T) for f in functions], axis=1)

    def χ(R):
        moved = np.stack([f(*(points @ R).T) for f in functions], axis=1)
        return np.trace(np.linalg.lstsq(basis, moved, rcond=None)[0])

    return χ


@pytest.mark.parametrize(
    ("points", "functions", "count"),
    [
        (SQUARE, [lambda x, y, z: x**2 - y**2], 0),  # B1g of D4h
        (SQUARE, [lambda x, y, z: x, lambda x, y, z: y], 0),  # Eu: odd
        (TETRAHEDRON, [lambda x, y, z: x, lambda x, y, z: y, lambda x, y, z: z], 1),  # T2 of Td: xyz
        (OCTAHEDRON, [lambda x, y, z: x, lambda x, y, z: y, lambda x, y, z: z], 0),  # T1u: odd
        (OCTAHEDRON, [lambda x, y, z: x**2 - y**2, lambda x, y, z: 2 * z**2 - x**2 - y**2], 1),  # Eg
        (OCTAHEDRON, [lambda x, y, z: y * z, lambda x, y, z: z * x, lambda x, y, z: x * y], 1),  # T2g
    ],
)
def test_number_of_cubic_invariants(shown, points, functions, count):
    G = symmetry.stabiliser(Atoms(f"C{len(points)}", points))
    assert shown.cubic_invariants(G, character(*functions)) == count


def test_taylor_coefficients_of_a_known_function(shown):
    mode = SQUARE * [1, -1, 0] / 8**0.5

    def energy(graph):
        return ((graph.pos - torch.tensor(SQUARE)) * torch.tensor(mode)).sum().exp()

    assert shown.taylor(energy, SQUARE, np.diag([1, -1, 0])) == pytest.approx([1, 1, 1 / 2, 1 / 6])


@pytest.mark.parametrize("seed", range(3))
def test_cubic_term_of_an_untrained_energy_obeys_the_count(shown, seed):
    torch.manual_seed(seed)
    energy = nn.EquivariantNetwork(["C"], "0e", irreps_hidden="8x0e+4x1o+4x2e", cutoff=6.0)
    b1g, t2_111, t2_100 = np.diag([1, -1, 0]), 1 - np.eye(3), [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    none, allowed, hidden = (
        shown.taylor(energy, points, S)
        for points, S in ((SQUARE, b1g), (TETRAHEDRON, t2_111), (TETRAHEDRON, t2_100))
    )
    assert abs(none[3]) < 1e-10 * abs(none[2]) and abs(hidden[3]) < 1e-10 * abs(hidden[2])
    assert abs(allowed[3]) > 1e-3
    assert allowed[2] == pytest.approx(hidden[2], rel=1e-9)  # Q₁² + Q₂² + Q₃²
    assert max(abs(c[1]) for c in (none, allowed, hidden)) < 1e-10  # no linear term


def test_forces_are_reordered_with_the_atoms_and_a_flat_list_depends_on_the_order():
    torch.manual_seed(0)
    ethanol = molecule("CH3CH2OH")
    order = np.array([0, 1, 2, *(3 + np.random.default_rng(0).permutation(6))])
    usual, shuffled = (
        graphs.batch([graphs.to_graph(atoms, 4.0)]) for atoms in (ethanol, symmetry.permute(ethanol, order))
    )
    forces = nn.EquivariantNetwork(["H", "C", "O"], "1o", per="atom")
    dipole = nn.EquivariantNetwork(["H", "C", "O"], "1o")
    torch.testing.assert_close(forces(shuffled), forces(usual)[order], rtol=0, atol=1e-10)
    assert (forces(shuffled) - forces(usual)).abs().max() > 1e-4
    torch.testing.assert_close(dipole(shuffled), dipole(usual), rtol=0, atol=1e-10)
    flat, distances = nn.CoordinateMLP(9, 3), nn.InvariantMLP(9, 3)
    assert min((f(shuffled) - f(usual)).abs().max() for f in (flat, distances)) > 1e-4


def test_a_field_that_gains_a_component_need_not_lower_the_symmetry_far_enough():
    pulled = OCTAHEDRON + np.outer(np.arange(6) == 2, [0, 0, 0.4])
    G, H = (symmetry.stabiliser(Atoms("O6", points)) for points in (OCTAHEDRON, pulled))
    assert (len(G), len(H)) == (48, 8)  # O_h and C_4v
    gained, exact, kept_by_2e = set(), set(), 0
    for irrep in (o3.Irrep(l, p) for l in range(5) for p in (1, -1)):
        D, D_H = (irrep.D_from_matrix(torch.tensor(group)) for group in (G, H))
        if D_H.mean(dim=0).trace() - D.mean(dim=0).trace() > 0.5:
            gained.add(str(irrep))
        field = D_H.mean(dim=0) @ torch.randn(irrep.dim, generator=torch.Generator().manual_seed(0))
        keepers = ((D @ field - field).norm(dim=1) < 1e-8).sum().item()
        if keepers == len(H):
            exact.add(str(irrep))
        kept_by_2e = keepers if str(irrep) == "2e" else kept_by_2e
    assert exact == {"1o", "3o", "4o"} and gained == exact | {"2e", "4e"}
    assert kept_by_2e == 16  # D_4h

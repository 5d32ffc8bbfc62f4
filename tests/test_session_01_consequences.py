"""What session 1 claims of untrained networks: symmetry alone decides what is zero and what is equal."""

import numpy as np
import pytest
import spglib
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.spacegroup import crystal
from e3nn import o3

from tutorial_utils import graphs, nn, symmetry

IRREPS = ["0e", "1o", "2e", "3o", "4e", "0o", "1e", "2o", "3e", "4o"]
X, Y, Z = 2.0 * np.eye(3)
OCTAHEDRON = [X, -X, Y, -Y, Z, -Z]
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 2 / 3**0.5
SCATTERED = 1.2 * np.random.default_rng(0).normal(size=(5, 3))


def cluster(neighbours, species="OOOOOO"):
    return Atoms(["Ti", *species[: len(neighbours)]], np.concatenate([np.zeros((1, 3)), neighbours]))


def survivors(group, irrep):
    D = o3.Irrep(irrep).D_from_matrix(torch.tensor(np.asarray(group)))
    return round(D.diagonal(dim1=-2, dim2=-1).sum(-1).mean().item())


def output(network, atoms):
    with torch.no_grad():
        return network(graphs.to_graph(atoms, network.cutoff))


def turned(atoms, seed=5):
    """In a general direction: what holds must not depend on axes along x, y, z."""
    return symmetry.rotate(atoms, symmetry.random_rotation(np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def wide(double_precision):
    torch.manual_seed(0)
    hidden = "+".join(f"9x{irrep}" for irrep in IRREPS)
    elements = ["Ti", "O", "F", "B", "N", "H"]
    return nn.EquivariantNetwork(elements, hidden, irreps_hidden=hidden, layers=3, cutoff=4.5)


@pytest.mark.parametrize(
    ("atoms", "operations", "alive"),
    [
        (cluster(OCTAHEDRON), 48, {"0e": 1, "4e": 1}),
        (cluster(TETRAHEDRON), 24, {"0e": 1, "3o": 1, "4e": 1}),
        (cluster(OCTAHEDRON[:4]), 16, {"0e": 1, "2e": 1, "4e": 2}),
        (cluster(OCTAHEDRON, "OOOOOF"), 8, {"0e": 1, "1o": 1, "2e": 1, "3o": 1, "4e": 2, "4o": 1}),
        (molecule("BF3"), 12, {"0e": 1, "2e": 1, "3o": 1, "4e": 1, "4o": 1}),
        (molecule("NH3"), 6, {"0e": 1, "1o": 1, "2e": 1, "3o": 2, "4e": 2, "3e": 1, "4o": 1}),
        (cluster(SCATTERED), 1, {irrep: 2 * int(irrep[0]) + 1 for irrep in IRREPS}),
    ],
    ids=["O_h", "T_d", "D_4h", "C_4v", "D_3h", "C_3v", "C_1"],
)
def test_untrained_outputs_have_as_many_free_numbers_as_the_group_leaves(wide, atoms, operations, alive):
    group = symmetry.stabiliser(turned(atoms))
    assert len(group) == operations
    assert {irrep: n for irrep in IRREPS if (n := survivors(group, irrep))} == alive
    # Molecules of a database are symmetric to 1e-5 Å only.
    tables = output(wide, turned(atoms))[0].split([9 * o3.Irrep(irrep).dim for irrep in IRREPS])
    ranks = {
        irrep: torch.linalg.matrix_rank(t.view(9, -1), atol=1e-4).item()
        for irrep, t in zip(IRREPS, tables, strict=True)
    }
    assert {irrep: rank for irrep, rank in ranks.items() if rank} == alive


def test_stabiliser_is_a_group_of_orthogonal_matrices_that_leave_the_molecule_as_it_is():
    atoms = turned(molecule("C2H6"))
    group = symmetry.stabiliser(atoms)
    assert len(group) == 12  # D_3d
    assert np.allclose(group @ group.transpose(0, 2, 1), np.eye(3))
    products = np.einsum("aij,bjk->abik", group, group)
    distance = abs(products[:, :, None] - group).max(axis=(-2, -1)).min(axis=-1)
    assert distance.max() < 1e-3
    r = atoms.positions - atoms.positions.mean(axis=0)
    for R in group:
        nearest = np.linalg.norm((r @ R.T)[:, None] - r, axis=-1).argmin(axis=1)
        assert sorted(nearest) == list(range(len(atoms)))
        assert (atoms.numbers[nearest] == atoms.numbers).all()


def test_stabiliser_tells_apart_the_two_hands_and_refuses_what_it_cannot_do():
    assert (np.linalg.det(symmetry.stabiliser(molecule("H2O2"))) > 0).all()  # C_2, chiral
    with pytest.raises(ValueError, match="periodic"):
        symmetry.stabiliser(bulk("Si"))
    for linear in (molecule("CO2"), Atoms("He")):
        with pytest.raises(ValueError, match="line or point"):
            symmetry.stabiliser(linear)


def test_a_second_input_tells_zeros_of_the_architecture_from_zeros_of_symmetry(wide):
    narrow = nn.EquivariantNetwork(["Ti", "O"], "1o+2e", irreps_hidden="8x0e+8x1o+8x2e", cutoff=4.5)
    narrow.head = o3.Linear(narrow.head.irreps_in, "1o+2e+1e+0o")
    on = {
        name: output(narrow, atoms)[0].split([3, 5, 3, 1])
        for name, atoms in {"octahedron": cluster(OCTAHEDRON), "random": cluster(SCATTERED)}.items()
    }
    assert all(block.abs().max() < 1e-10 for block in on["octahedron"])
    assert [bool(block.abs().max() > 1e-3) for block in on["random"]] == [True, True, False, False]
    tables = output(wide, cluster(SCATTERED))[0].split([9 * o3.Irrep(irrep).dim for irrep in IRREPS])
    assert all(table.abs().max() > 1e-3 for table in tables)


def test_a_pseudoscalar_needs_three_layers():
    hidden = "4x0e+4x0o+4x1o+4x1e+4x2e+4x2o"
    with pytest.raises(ValueError, match="0o"):
        nn.EquivariantNetwork(["Ti", "O"], "0o", irreps_hidden=hidden, layers=2)
    deep = nn.EquivariantNetwork(["Ti", "O"], "0o", irreps_hidden=hidden, layers=3, cutoff=4.5)
    left, right = (output(deep, atoms).item() for atoms in (cluster(SCATTERED), cluster(-SCATTERED)))
    assert abs(left) > 1e-3
    assert left == pytest.approx(-right)


def d_energies(network, stretch):
    h = output(network, turned(cluster([X, -X, Y, -Y, stretch * Z, -stretch * Z])))[0].split([1, 5, 9])
    H = sum(
        torch.einsum("mnM,M->mn", o3.wigner_3j(2, 2, L), part) for L, part in zip((0, 2, 4), h, strict=True)
    )
    assert torch.allclose(H, H.T)
    return torch.linalg.eigvalsh(H)


def test_d_orbitals_split_into_3_and_2_in_a_cube_and_into_four_levels_in_a_square_prism():
    hidden = "8x0e+8x1o+8x2e+8x3o+8x4e"
    network = nn.EquivariantNetwork(["Ti", "O"], "0e+2e+4e", irreps_hidden=hidden, cutoff=5.0)
    for stretch, expected in ((1.0, [2, 3]), (1.15, [1, 1, 1, 2])):
        energies = d_energies(network, stretch)
        gaps = torch.diff(energies).numpy() > 1e-6
        sizes = np.diff(np.flatnonzero(np.concatenate([[True], gaps, [True]])))
        assert sorted(sizes) == expected


@pytest.mark.parametrize(
    ("atoms", "elastic", "piezoelectric"),
    [
        (cluster(OCTAHEDRON), 3, 0),
        (cluster(TETRAHEDRON), 3, 1),
        (cluster(OCTAHEDRON[:4]), 6, 0),
        (cluster(SCATTERED), 21, 18),
    ],
    ids=["O_h", "T_d", "D_4h", "C_1"],
)
def test_property_tensors_have_exactly_the_allowed_constants(wide, atoms, elastic, piezoelectric):
    heads = [
        o3.ReducedTensorProducts("ijkl=jikl=klij", i="1o"),
        o3.ReducedTensorProducts("ijk=ikj", i="1o", j="1o"),
    ]
    before, wide.head = wide.head, o3.Linear(wide.head.irreps_in, heads[0].irreps_out + heads[1].irreps_out)
    c, e = output(wide, atoms)[0].split([head.irreps_out.dim for head in heads])
    wide.head = before
    i, j = torch.tensor([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]).T
    C = torch.einsum("zijkl,z->ijkl", heads[0].change_of_basis, c)[i[:, None], j[:, None], i, j]
    E = torch.einsum("zijk,z->ijk", heads[1].change_of_basis, e)[:, i, j]
    assert torch.allclose(C, C.T)
    assert [different(C), different(E)] == [elastic, piezoelectric]
    if piezoelectric == 1:  # only e14 = e25 = e36
        assert torch.allclose(E[:, 3:], E[0, 3] * torch.eye(3))
        assert E[:, :3].abs().max() < 1e-10


def different(table):
    return len(set(table.abs().round(decimals=6).flatten().tolist()) - {0.0})


@pytest.fixture(scope="module")
def silicon_hessian(double_precision):
    """Second derivatives of an untrained energy: six strains in Voigt's order, then two displacements."""
    torch.manual_seed(0)
    potential = nn.EquivariantNetwork(["Si"], "0e", irreps_hidden="16x0e+8x1o+8x2e", cutoff=4.5)
    graph = graphs.to_graph(bulk("Si"), potential.cutoff)
    i, j = torch.tensor([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]).T

    def energy(q):
        half = torch.zeros(3, 3).index_put((i, j), q[:6] / 2)
        F = torch.eye(3) + half + half.T
        moved = {"pos": graph.pos @ F + q[6:].view(2, 3), "cell": graph.cell @ F}
        return potential(graph.clone().update(moved)).squeeze()

    return torch.autograd.functional.hessian(energy, torch.zeros(12))


def test_silicon_has_three_acoustic_zeros_and_a_triplet_of_symmetry_t2g(silicon_hessian):
    squares, modes = torch.linalg.eigh(silicon_hessian[6:, 6:])
    optical = modes[:, squares.abs() > 1e-6]
    assert optical.shape[1] == 3
    assert squares[squares.abs() > 1e-6].std() < 1e-10
    assert squares[squares.abs() <= 1e-6].abs().max() < 1e-10
    swap = torch.tensor([[0.0, 1], [1, 0]])
    inversion, quarter = -torch.eye(3), torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    traces = [torch.trace(optical.T @ torch.kron(swap, R) @ optical).item() for R in (inversion, quarter)]
    assert traces == pytest.approx([3, -1])


def test_silicon_has_three_elastic_constants_and_only_c44_feels_the_inner_relaxation(silicon_hessian):
    assert different(silicon_hessian) == 5
    clamped, coupling, inner = silicon_hessian[:6, :6], silicon_hessian[:6, 6:], silicon_hessian[6:, 6:]
    relaxed = clamped - coupling @ torch.linalg.pinv(inner, rtol=1e-8) @ coupling.T
    c11, c12, c44 = relaxed[0, 0], relaxed[0, 1], relaxed[3, 3]
    pattern = torch.block_diag((c11 - c12) * torch.eye(3) + c12, c44 * torch.eye(3))
    assert torch.allclose(relaxed, pattern, atol=1e-8)
    assert torch.allclose(relaxed[:3, :3], clamped[:3, :3], atol=1e-8)
    assert (relaxed[3, 3] - clamped[3, 3]).abs() > 1e-3


IN_PEROVSKITE = [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)]
IN_QUARTZ = [(0.4702, 0, 2 / 3), (0.4137, 0.2672, 0.7861)]
CRYSTALS = {  # atoms, space group, point group, operations, free numbers in a vector by element
    "silicon": (bulk("Si"), "Fd-3m", "m-3m", 48, {"Si": 0}),
    "perovskite": (
        crystal(["Sr", "Ti", "O"], IN_PEROVSKITE, spacegroup=221, cellpar=[3.905] * 3 + [90] * 3),
        "Pm-3m", "m-3m", 48, {"Sr": 0, "Ti": 0, "O": 0},
    ),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382), "P6_3mc", "6mm", 12, {"Zn": 1, "O": 1}),
    "quartz": (
        crystal(["Si", "O"], IN_QUARTZ, spacegroup=154, cellpar=[4.917, 4.917, 5.41, 90, 90, 120]),
        "P3_221", "32", 6, {"Si": 1, "O": 3},
    ),
}  # fmt: skip


def space_group(atoms):
    return spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), 1e-3)


@pytest.mark.parametrize("name", CRYSTALS)
def test_sites_of_a_crystal_decide_what_its_atoms_may_say(name):
    atoms, international, point_group, operations, free = CRYSTALS[name]
    found = space_group(atoms)
    assert (found.international, found.pointgroup, len(found.rotations)) == (
        international,
        point_group,
        operations,
    )
    assert len(space_group(atoms * (2, 2, 2)).rotations) == 8 * operations
    elements = ["O", "Si", "Ti", "Zn", "Sr"]
    network = nn.EquivariantNetwork(elements, "0e+9x1o", irreps_hidden="9x0e+9x1o+9x2e+9x3o", per="atom")
    out = output(network, turned(atoms))
    assert len(set(found.equivalent_atoms)) == len(free)
    for first in np.unique(found.equivalent_atoms):
        same = np.flatnonzero(found.equivalent_atoms == first)
        assert torch.allclose(out[same, 0], out[first, 0], rtol=0, atol=1e-10)
        rank = torch.linalg.matrix_rank(out[first, 1:].view(9, 3), atol=1e-8).item()
        assert rank == free[atoms[first].symbol]


def test_of_these_crystals_only_wurtzite_is_polar():
    network = nn.EquivariantNetwork(["O", "Si", "Ti", "Zn", "Sr"], "1o")
    polar = {name: output(network, turned(entry[0])).abs().max().item() for name, entry in CRYSTALS.items()}
    assert {name for name, value in polar.items() if value > 1e-8} == {"wurtzite"}


def test_the_report_finds_a_mean_declared_extensive_by_the_supercell_alone():
    for reduce, failure in (("sum", None), ("mean", ("supercell", "0e"))):
        model = nn.EquivariantNetwork(["O", "Zn"], "0e+1o", irreps_hidden="8x0e+8x1o+8x2e", reduce=reduce)
        report = symmetry.equivariance_report(
            lambda atoms, model=model: model(graphs.to_graph(atoms, model.cutoff)),
            CRYSTALS["wurtzite"][0], "0e+1o", size="extensive", trials=2,
        )  # fmt: skip
        assert report.first_failure == failure
        assert {law for (law, _), error in report.errors.items() if error > report.tolerance} <= {"supercell"}
        assert report.vacuous == ()

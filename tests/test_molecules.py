"""Molecules of different sizes: the file is what its card says, and labels are derivatives in a field."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from tutorial_utils import datasets
from tutorial_utils.datasets import DatasetError, loading

WATER, CARBON_DIOXIDE = "H2O", "CO2"


@pytest.fixture(scope="module")
def molecules() -> datasets.Dataset:
    return datasets.load("molecules_hf")


def of(molecules: datasets.Dataset, name: str) -> np.ndarray:
    return np.flatnonzero(molecules["name"] == name)


# --- the reader ---


def ragged(tmp_path: Path, **changes: np.ndarray) -> Path:
    path = tmp_path / "ragged.npz"
    arrays = {
        "sizes": np.array([3, 1]),
        "numbers": np.array([8, 1, 1, 18]),
        "positions": np.arange(12.0).reshape(4, 3),
        "energy": np.array([-1.0, -2.0]),
    }
    np.savez(path, **{**arrays, **changes})
    return path


def test_structures_of_different_sizes(tmp_path: Path) -> None:
    card = replace(datasets.card("ethanol_xtb"), units={"positions": "Å", "energy": "eV"})
    dataset = loading.read_file(card, ragged(tmp_path))
    assert [atoms.get_chemical_formula() for atoms in dataset.structures] == ["H2O", "Ar"]
    assert dataset.structures[1].positions.tolist() == [[9.0, 10.0, 11.0]]


@pytest.mark.parametrize("sizes", [[3, 2], [2, 1], [4, 0, 1]])
def test_sizes_that_do_not_add_up_are_refused(tmp_path: Path, sizes: list[int]) -> None:
    with pytest.raises(DatasetError, match="sizes promise"):
        loading._read_npz(ragged(tmp_path, sizes=np.array(sizes)))


def test_published_frames_may_differ_in_size(tmp_path: Path) -> None:
    path = tmp_path / "two.xyz"
    frame = 'Properties=species:S:1:pos:R:3 polarizability="1 4 5 4 2 6 5 6 3" pbc="F F F"'
    path.write_text(f"2\n{frame}\nC 0 0 0\nO 0 0 1\n1\n{frame}\nHe 0 0 0\n")
    dataset = loading.read_file(datasets.card("qm7x_published"), path)
    assert [len(atoms) for atoms in dataset.structures] == [2, 1]
    assert dataset["polarizability"][1].tolist() == [[1, 4, 5], [4, 2, 6], [5, 6, 3]]
    assert not dataset.structures[0].info


def test_published_rows_are_read_as_they_stand_in_the_file(tmp_path: Path) -> None:
    """Numbers of our own in the columns, widths and order of keys that the published files have."""
    symbols = "CCCCNCSHHHHHHH"
    rows = [f"{s:<8}{n - 6.5:>11.8f}{n * 0.25:>17.8f}{-n / 3:>17.8f}" for n, s in enumerate(symbols)]
    nine = "85.5 -14.25 22.75 -14.25 120.125 -10.5 22.75 -10.5 77.0"
    head = f'14\nProperties=species:S:1:pos:R:3 polarizability="{nine}" pbc="F F F"\n'
    (tmp_path / "qm7x_reduced_100.xyz").write_text(2 * (head + "\n".join(rows) + "\n"))
    found = loading.read_file(datasets.card("qm7x_published"), tmp_path / "qm7x_reduced_100.xyz")
    assert [str(atoms.symbols) for atoms in found.structures] == ["C4NCSH7"] * 2
    assert found.structures[1].positions[13] == pytest.approx([6.5, 3.25, -13 / 3], abs=1e-8)
    assert not found.structures[0].pbc.any()
    assert found["polarizability"].shape == (2, 3, 3)
    assert found["polarizability"][0] == pytest.approx(found["polarizability"][0].T)

    side, pressure = 10.875, -0.0005
    cell = f"{side} 0.0 0.0 0.0 {side} 0.0 0.0 0.0 {side}"
    stress = f"{pressure} 0.0 0.0 0.0 {pressure} -0.0 0.0 -0.0 {pressure}"
    head = (
        f'64\nLattice="{cell}" Properties=species:S:1:pos:R:3:forces:R:3 energy=-8324.25 stress="{stress}" '
        'free_energy=-8324.25 pbc="T T T"\n'
    )
    places = bulk("Si", cubic=True).repeat(2).positions
    rows = ["Si" + "".join(f"{x:17.8f}" for x in (*r, *(0.001 * r))) for r in places]
    (tmp_path / "sitraj.xyz").write_text(3 * (head + "\n".join(rows) + "\n"))
    found = loading.read_file(datasets.card("silicon_md_published"), tmp_path / "sitraj.xyz")
    assert [len(atoms) for atoms in found.structures] == [64] * 3
    assert all(atoms.pbc.all() and atoms.cell[2, 2] == side for atoms in found.structures)
    assert found["energy"].tolist() == [-8324.25] * 3
    assert found["forces"] == pytest.approx(0.001 * np.array([places] * 3), abs=1e-7)
    assert found["stress"][2] == pytest.approx(pressure * np.eye(3))


def test_a_frame_without_its_label_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "two.xyz"
    frame = "Properties=species:S:1:pos:R:3"
    path.write_text(f'1\n{frame} polarizability="1 0 0 0 1 0 0 0 1"\nHe 0 0 0\n1\n{frame}\nHe 0 0 0\n')
    with pytest.raises(DatasetError, match="different lengths"):
        loading.read_file(datasets.card("qm7x_published"), path)


# --- the bundled file ---


def test_many_molecules_with_several_geometries(molecules: datasets.Dataset) -> None:
    names, counts = np.unique(molecules["name"], return_counts=True)
    assert (len(molecules), len(names)) == (330, 66)
    assert (counts == 5).all()
    assert {symbol for atoms in molecules.structures for symbol in atoms.symbols} == set("HCNOS")
    assert all(atoms.numbers.sum() % 2 == 0 for atoms in molecules.structures)
    for name in names:  # one and the same molecule under one name, never the same geometry
        formulas = {molecules.structures[i].get_chemical_formula() for i in of(molecules, name)}
        lengths = [
            np.sort(molecules.structures[i].get_all_distances(), axis=None) for i in of(molecules, name)
        ]
        assert len(formulas) == 1
        assert all(np.abs(a - b).max() > 1e-3 for n, a in enumerate(lengths) for b in lengths[:n])


def test_no_molecule_fell_apart(molecules: datasets.Dataset) -> None:
    """Every atom has a neighbour within 1.35 times the sum of covalent radii."""
    from ase.data import covalent_radii

    for atoms in molecules.structures:
        radii = covalent_radii[atoms.numbers]
        near = atoms.get_all_distances() < 1.35 * (radii[:, None] + radii)
        reach = np.linalg.matrix_power(near.astype(int), len(atoms))
        assert (reach > 0).all(), atoms.get_chemical_formula()


def test_no_direction_of_space_is_special(molecules: datasets.Dataset) -> None:
    """The longest axes of the polarizability point everywhere: the mean of n n^T is 1/3."""
    axes = np.linalg.eigh(molecules["polarizability"])[1][:, :, -1]
    spread = np.einsum("ni,nj->ij", axes, axes) / len(axes)
    assert np.abs(spread - np.eye(3) / 3).max() < 0.07  # four standard deviations of 330 axes


def test_polarizabilities_are_symmetric_and_positive(molecules: datasets.Dataset) -> None:
    alpha = molecules["polarizability"]
    assert np.allclose(alpha, alpha.transpose(0, 2, 1), atol=1e-6)
    assert np.linalg.eigvalsh(alpha).min() > 1.0
    size = np.array([atoms.numbers.sum() for atoms in molecules.structures])
    assert np.corrcoef(np.trace(alpha, axis1=1, axis2=2), size)[0, 1] > 0.8


def test_small_molecules_are_as_physics_has_them(molecules: datasets.Dataset) -> None:
    """CO2 has no dipole at rest and is twice as polarizable along its axis; water has 1.85 D and 1.45 Å³."""
    water, carbon_dioxide = of(molecules, WATER), of(molecules, CARBON_DIOXIDE)
    dipole = np.linalg.norm(molecules["dipole"], axis=1) / units.Debye
    assert dipole[water].mean() == pytest.approx(1.85, rel=0.15)
    assert dipole[carbon_dioxide].mean() < 0.4
    alpha = np.linalg.eigvalsh(molecules["polarizability"])
    assert alpha[water].mean() == pytest.approx(1.45, rel=0.2)
    assert 1.6 < (alpha[carbon_dioxide, 2] / alpha[carbon_dioxide, :2].mean(axis=1)).mean() < 2.4


def test_labels_are_reproduced_in_a_finite_field(molecules: datasets.Dataset) -> None:
    """Dipole without a field, and its slope in one: no formula of the script is used."""
    gto, scf = pytest.importorskip("pyscf.gto"), pytest.importorskip("pyscf.scf")
    frame = of(molecules, WATER)[0]
    atoms = molecules.structures[frame]
    geometry = list(zip(atoms.symbols, atoms.positions, strict=True))
    molecule = gto.M(atom=geometry, basis="def2-svpd", verbose=0)
    r = molecule.intor("int1e_r")

    def dipole(field: np.ndarray) -> np.ndarray:
        """In e·bohr; an electron at r has the energy +E·r in the field E."""
        mean_field = scf.RHF(molecule).density_fit()
        core = mean_field.get_hcore() + np.einsum("x,xpq->pq", field, r)
        mean_field.get_hcore = lambda *_: core
        mean_field.conv_tol = 1e-12
        mean_field.kernel()
        return mean_field.dip_moment(unit="AU", verbose=0)

    step = np.array([0.0, 0.0, 1e-3])
    slope = (dipole(step) - dipole(-step)) / 2e-3
    assert dipole(0 * step) * units.Bohr == pytest.approx(molecules["dipole"][frame], abs=1e-5)
    assert slope * units.Bohr**3 == pytest.approx(molecules["polarizability"][frame, 2], abs=1e-4)

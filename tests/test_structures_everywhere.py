"""Entry points hold to the rule for structures, graphs to their cutoff; values by brute force and LAMMPS."""

import os
import sys

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cluster import Octahedron
from ase.constraints import FixAtoms, FixSymmetry

from tutorial_utils import graphs, structures, symmetry, viz
from tutorial_utils.densities import Basis, Density, Grid, cube, error
from tutorial_utils.densities import network as density_network
from tutorial_utils.densities.network import DensityNetwork
from tutorial_utils.descriptors import GaussianOrbitals, SphericalBessel, environments, steinhardt
from tutorial_utils.descriptors.fourier import same_basis
from tutorial_utils.molecular_dynamics import lammps, nequip
from tutorial_utils.symmetry.transformations import deform

LJ = "pair_style lj/cut 4.0\npair_coeff * * 0.01 2.0"


def pairs(atoms: Atoms, cutoff: float) -> set[tuple[int, int]]:
    """Edges of a molecule from its table of distances."""
    d = atoms.get_all_distances()
    return {(int(j), int(i)) for j, i in zip(*np.nonzero((d < cutoff) & (d > 0)), strict=True)}


def test_transformations_move_every_atom_whatever_holds_it():
    crystal = bulk("Cu", cubic=True)
    R = symmetry.random_rotation(np.random.default_rng(0))
    for atoms, constraint in [
        (Octahedron("Ag", 3), None),
        (crystal, FixAtoms([0])),
        (crystal, FixSymmetry(crystal)),
    ]:
        free = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        held = atoms.copy()
        held.set_constraint(constraint)
        for act in (
            lambda a: symmetry.rotate(a, R),
            lambda a: symmetry.translate(a, np.ones(3)),
            lambda a: deform(a, np.random.default_rng(1)),
            lambda a: symmetry.permute(a, np.arange(len(a))[::-1]),
        ):
            assert act(held) == act(free)


def test_an_exploded_structure_has_the_edges_of_its_parts():
    far = molecule("C2H6")
    far += Atoms("H2", [[0, 0, 1e6], [0, 0, 1e6 + 0.8]])
    found = graphs.to_graph(far, 2.0).edge_index.T.tolist()
    assert {tuple(edge) for edge in found} == pairs(far, 2.0)
    slab = fcc111("Cu", (2, 2, 3), vacuum=8.0)
    lost = slab + Atoms("H", [[3e7, 1e5, 1e5]])
    for name in ("edge_index", "edge_shift"):
        assert torch.equal(graphs.to_graph(lost, 4.0)[name], graphs.to_graph(slab, 4.0)[name])
    moved = slab.copy()
    moved.positions[0] += 1_000_000 * slab.cell[0] - 12 * slab.cell[1]
    graph, there = graphs.to_graph(moved, 4.0), graphs.to_graph(slab, 4.0)
    # only on another image: the same distances, up to the rounding of 1e6 Å in single precision
    shift = graph.edge_shift.double() @ torch.tensor(moved.cell[:])
    x, (j, i) = torch.tensor(moved.positions), graph.edge_index
    length = (x[j] - x[i] + shift).norm(dim=1)
    wanted = graphs.edge_vectors(there).norm(dim=1)
    assert torch.allclose(length.sort().values, wanted.double().sort().values, atol=1e-5)


def test_a_graph_knows_its_cutoff_and_a_shorter_one_is_refused():
    atoms = molecule("C2H6")
    graph = graphs.batch([graphs.to_graph(atoms, 5.0), graphs.to_graph(atoms, 2.0)])
    with pytest.raises(ValueError, match=r"edges end at 2 Å.*up to 3 Å.*to_graph\(atoms, 3\)"):
        graphs.within(graph, 3.0)
    edges = graphs.within(graphs.to_graph(atoms, 5.0), 2.0)
    assert {tuple(edge) for edge in edges.edge_index.T.tolist()} == pairs(atoms, 2.0)
    turned = symmetry.supercell(graphs.to_graph(bulk("Cu"), 3.0), 2)
    with pytest.raises(ValueError, match="edges end at 3 Å"):
        environments(turned, SphericalBessel(3, 4.0), 2, elements=["Cu"])


def test_targets_that_belong_to_edges_are_refused_and_innocent_names_pass():
    atoms = molecule("H2O")
    graph = graphs.to_graph(atoms, 3.0, system={"surface_energy": 1.0, "interface": 2, "adjusted": 3.0})
    assert graphs.batch([graph, graph]).surface_energy.tolist() == [1.0, 1.0]
    for system in ({"edge_energy": 1.0}, {"name": "bulk"}, {"size": 1.0}, {1: 2.0}, 3.0, {"e": None}):
        with pytest.raises(ValueError, match=r"^system"):
            graphs.to_graph(atoms, 3.0, system=system)


def test_a_graph_lies_on_one_device():
    with torch.device("meta"):
        graph = graphs.to_graph(molecule("H2O"), 3.0, system={"energy": 1.0}, atom={"f": np.zeros((3, 3))})
    assert {value.device.type for _, value in graph.items()} == {"meta"}


def test_a_density_does_not_depend_on_the_order_of_atoms_or_edges():
    atoms = molecule("H2O")
    cluster = sum(
        (Atoms(atoms.symbols, atoms.positions + 3 * np.array(k)) for k in np.ndindex(3, 3, 3)), Atoms()
    )
    torch.manual_seed(0)
    model = DensityNetwork(irreps_hidden="4x0e+2x1o", irreps_last="4x0e+2x1o", cutoff=6.0).eval()
    graph = graphs.to_graph(cluster, model.cutoff)
    assert graph.edge_index.shape[1] > 2000
    order = np.random.default_rng(0).permutation(len(cluster))
    shuffled, mix = graph.clone(), torch.randperm(graph.edge_index.shape[1])
    shuffled.edge_index, shuffled.edge_shift = graph.edge_index[:, mix], graph.edge_shift[mix]
    wanted = model(graph).detach()  # all edges at once
    with torch.no_grad():
        assert torch.allclose(model(shuffled), wanted, atol=1e-4)
        assert torch.allclose(model(symmetry.permute(graph, order)), wanted[order], atol=1e-4)


def test_a_network_predicts_in_its_own_dtype():
    model = density_network.pretrained()
    before = density_network.density_of(model, molecule("H2O")).coefficients
    torch.set_default_dtype(torch.float64)
    try:
        after = density_network.density_of(model, molecule("H2O")).coefficients
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.allclose(before, after, atol=1e-4)


def test_records_can_be_compared_and_say_what_they_are():
    basis = Basis({"H": {0: (1.0, 0.3)}})
    density = Density(Atoms("H2", [[0, 0, 0], [0, 0, 1.0]]), torch.ones(4, dtype=torch.float64), basis)
    assert density == density
    assert repr(density).startswith("Density(H2, 4 functions, ")
    assert repr(basis) == "Basis(H: 2x0e)"


def test_radial_functions_are_compared_by_their_values():
    class Stretched(SphericalBessel):
        def __repr__(self) -> str:
            return repr(SphericalBessel(self.size, self.cutoff))

        def functions(self, r, lmax):
            return 2 * super().functions(r, lmax)

    assert same_basis(SphericalBessel(4, 3.0), SphericalBessel(4, 3.0))
    assert not same_basis(SphericalBessel(4, 3.0), Stretched(4, 3.0))
    assert not same_basis(SphericalBessel(4, 24.0), GaussianOrbitals(4, 3.0))


def test_lists_and_sets_are_refused_where_one_structure_or_an_order_is_wanted():
    atoms, radial = molecule("H2O"), SphericalBessel(3, 4.0)
    with pytest.raises(ValueError, match="got list"):
        environments([atoms], radial, 2, elements=["O", "H"])
    with pytest.raises(ValueError, match="a set has no order"):
        environments(atoms, radial, 2, elements={"O", "H"})
    with pytest.raises(ValueError, match="make a graph"):
        steinhardt(atoms)


def test_molecules_without_volume_run_in_lammps():
    for name in ("H2O", "CO2", "CH4"):
        atoms = molecule(name)
        d = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        wanted = (0.04 * ((2 / d) ** 12 - (2 / d) ** 6)).sum()
        assert lammps.run(atoms, LJ, "run 0").thermo.PotEng[0] == pytest.approx(wanted)
    assert lammps.run(Atoms("Ar"), LJ, "run 0").thermo.PotEng[0] == 0


def test_lammps_moves_isotopes_by_their_own_masses_and_frames_know_the_physical_forces():
    atoms = Atoms("HHAr", [[0, 0, 0], [0, 0, 2.3], [0, 2.2, 0]])
    atoms.set_masses([1.008, 2.014, 39.948])
    atoms.set_velocities(0.1 * np.ones((3, 3)))
    done = lammps.run(atoms, "pair_style lj/cut 4.0\npair_coeff * * 0.01 2.0", "run 0")
    assert lammps.types(atoms) == ["Ar", "H", "H"]
    assert done.thermo.KinEng[0] == pytest.approx(atoms.get_kinetic_energy())
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.1, seed=1)
    crystal.set_constraint(FixAtoms([0, 1]))
    run = lammps.run_with_callback(crystal, EMT(), "fix 1 all nve\nrun 20", every=20)
    assert np.abs(run.frames[-1].get_forces()[:2]).min() > 0.01
    assert run.thermo.TotEng.iloc[-1] == pytest.approx(run.thermo.TotEng.iloc[0], abs=1e-3)


def test_lammps_says_what_is_wrong_with_atoms():
    with pytest.raises(ValueError, match="atoms 0 and 1 are at one point"):
        lammps.run(Atoms("H2", [[0, 0, 0]] * 2), LJ, "run 0")
    ion = Atoms("Ar")
    ion.set_initial_charges([1.0])
    with pytest.raises(ValueError, match="charges"):
        lammps.run(ion, LJ, "run 0")
    close = Atoms("Ar3", [[1, 1, 1], [1, 1, 1.3], [4, 4, 4]], cell=[9, 9, 9], pbc=True)
    go = "thermo_modify lost ignore\nfix 1 all nve\nchange_box all boundary f f f\nrun 2000"
    with pytest.raises(RuntimeError, match="lost atoms: 1 of 3"):
        lammps.run(close, LJ, go, every=500)


def test_nequip_refuses_frames_without_labels_before_it_trains(tmp_path):
    frame = bulk("Cu", cubic=True)
    frame.rattle(0.1, seed=1)
    frame.calc = EMT()
    free = frame.get_forces()
    frame.set_constraint(FixAtoms([0]))
    good = nequip.write_frames(tmp_path / "good.xyz", [frame])
    nequip.config(good, good, elements=["Cu"])
    same = SinglePointCalculator(frame, energy=frame.get_potential_energy(), forces=free)
    other = frame.copy()
    other.calc = same
    assert nequip.errors(EMT(), [other])["forces"] == pytest.approx(0, abs=1e-12)
    text = good.read_text().replace("forces:R:3", "REF_forces:R:3").replace(" energy=", " REF_energy=")
    (tmp_path / "bad.xyz").write_text(text)
    with pytest.raises(ValueError, match=r"valid: frame 0 .*has no energy; it holds .*REF_energy"):
        nequip.config(good, tmp_path / "bad.xyz", elements=["Cu"])
    with pytest.raises(ValueError, match=r"frames\[0\]: .*no energy"):
        nequip.write_frames(tmp_path / "none.xyz", [bulk("Cu")])


def test_a_graph_refuses_a_magnetic_order_that_it_would_lose():
    iron = bulk("Fe", cubic=True)
    assert structures.has_own(iron, "magnetic_moments")  # as ASE sets them
    ferromagnet = graphs.to_graph(iron, 3.0)
    iron.set_initial_magnetic_moments([2.3, -2.3])
    for order in ([2.3, -2.3], [[0, 0, 2.3], [0, 2.3, 0]]):
        iron.set_initial_magnetic_moments(None)
        iron.set_initial_magnetic_moments(order)
        with pytest.raises(ValueError, match=r"magnetic order.*Fe 1 has; give the moments to the graph"):
            graphs.to_graph(iron, 3.0)
    iron.set_initial_magnetic_moments(None)
    graph = graphs.to_graph(iron, 3.0, atom={"moments": [2.3, -2.3]})
    assert torch.equal(graph.edge_index, ferromagnet.edge_index)
    oxide = bulk("FeO", "rocksalt", a=4.3)
    oxide.set_initial_magnetic_moments([4.0, 0.0])  # the elements differ already
    graphs.to_graph(oxide, 3.0)


def test_pictures_and_grids_refuse_partial_occupancy():
    mixed = bulk("NiO", "rocksalt", a=4.2)
    mixed.info["occupancy"] = {"0": {"Ni": 0.5, "Mg": 0.5}, "1": {"O": 1.0}}
    mixed.set_array("spacegroup_kinds", np.arange(2))
    for function in (viz.structure, cube.box, lambda a: viz.structure([a, a])):
        with pytest.raises(ValueError, match=r"Ni 0\.5 Mg 0\.5"):
            function(mixed)
        with pytest.raises(ValueError, match="no atoms"):
            function(Atoms())


def test_errors_of_an_ions_density_are_per_electron_of_the_ion():
    basis = Basis({"H": {0: (1.0,)}, "O": {0: (1.0,)}})
    grid = Grid(torch.zeros(1, 3, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    ion = Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])
    errors = []
    for charges in ([0, 0], [-1, 0]):
        ion.set_initial_charges(charges)
        one = Density(ion.copy(), torch.ones(2, dtype=torch.float64), basis)
        errors.append(error(one.with_coefficients(2 * one.coefficients), one, grid).item())
        assert density_network.as_graph(one, 3.0).electrons.item() == 9 - sum(charges)
    assert errors[0] * 9 == pytest.approx(errors[1] * 10)


@pytest.mark.parametrize(
    ("platform", "name", "variable"),
    [
        ("darwin", "libmpi.12.dylib", "DYLD_LIBRARY_PATH"),
        ("darwin", "libmpi.dylib", "DYLD_LIBRARY_PATH"),
        ("linux", "libmpi.so.12", "LD_LIBRARY_PATH"),
    ],
)
def test_the_mpi_of_each_system_is_found(tmp_path, monkeypatch, platform, name, variable):
    """Wheels as they are on macOS and on Linux; other libraries lie beside it."""
    info = tmp_path / "mpich-4.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mpich\nVersion: 4.3\n")
    beside = [
        f"mpich.data/lib/{each}" for each in ("libmpicxx.12.dylib", "libmpifort.so.12", "libmpi.a", name)
    ]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in beside))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, "/of/the/user")
    folder = tmp_path / "mpich.data" / "lib"
    assert lammps._mpi() == folder / name
    assert lammps._search_path() == {variable: f"{folder}{os.pathsep}/of/the/user"}
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in beside[:-1]))
    with pytest.raises(RuntimeError, match="pip install mpich"):
        lammps._mpi()


def test_each_frame_of_a_picture_has_its_own_cell():
    small, large = bulk("Cu", cubic=True), bulk("Cu", cubic=True, a=5.0)
    drawn = viz.structure([small, large]).commands
    assert drawn.count("addCylinder") == 24
    assert viz.structure([small, small]).commands.count("addCylinder") == 12


def test_nequip_names_what_is_wrong_with_a_file_before_it_trains(tmp_path):
    frame = bulk("Cu", cubic=True)
    frame.calc = EMT()
    frame.get_stress()
    good = nequip.write_frames(tmp_path / "good.xyz", [frame])
    np.testing.assert_allclose(
        ase.io.read(good).get_stress(), frame.get_stress(), atol=1e-7
    )  # known, so kept
    text = good.read_text(encoding="utf-8")
    bad = tmp_path / "bad.xyz"
    for content in ("\ufeff" + text, text[:-30], "hello\n", ""):
        bad.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"valid: .*bad\.xyz should be an extended XYZ file in UTF-8"):
            nequip.config(good, bad, elements=["Cu"])
    bad.write_bytes(text.replace("energy=", 'who="é" energy=').encode("latin-1"))
    with pytest.raises(ValueError, match="should be an extended XYZ file in UTF-8"):
        nequip.config(good, bad, elements=["Cu"])
    bad.write_bytes(text.replace("\n", "\r\n").encode())
    assert nequip.config(good, bad, elements=["Cu"])
    frame.positions[1] = frame.positions[0]
    frame.calc = SinglePointCalculator(frame, energy=0.0, forces=np.zeros((4, 3)))
    nequip.write_frames(bad, [frame])
    with pytest.raises(ValueError, match=r"valid: frame 0 .*atoms 0 and 1 are at one point"):
        nequip.config(good, bad, elements=["Cu"])
    for name in ("cutoff", "features", "layers", "epochs", "batch_size", "learning_rate"):
        with pytest.raises(ValueError, match=f"{name}: expected a finite number above 0"):
            nequip.config(good, good, elements=["Cu"], **{name: 0})
    with pytest.raises(ValueError, match="frames: expected at least one"):
        nequip.write_frames(bad, [])

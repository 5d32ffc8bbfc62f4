"""The programs of the book's page on the package run as printed, on files such as a reader has."""

import runpy
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "book/programs").glob("*.py"))
# A line that only a right result prints.
SAYS = {
    "density_to_a_cube_file": "electrons, dipole",
    "force_constants_from_a_calculator": "THz at the zone's edge",
    "phonons_of_my_crystal": "1000 1/cm",
    "test_my_model": "FAILED: translation of 0e",
    "train_and_run": "eV/Å",
    "which_components_survive": "F-43m (216), point group -43m",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files under the names that the programs read."""
    place, rng = tmp_path_factory.mktemp("programs"), np.random.default_rng(0)
    ase.io.write(place / "crystal.cif", bulk("ZnS", "zincblende", a=5.41))
    ase.io.write(place / "metal.cif", bulk("Al"))
    ase.io.write(place / "water.xyz", molecule("H2O"))
    frames: list[Atoms] = []
    for _ in range(12):
        atoms = molecule("H2O")
        atoms.rattle(0.05, rng=rng)
        atoms.calc = LennardJones(sigma=0.8)
        labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        frames.append(atoms)
    ase.io.write(place / "frames.extxyz", frames)
    return place


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program, folder, monkeypatch, capsys):
    lines = [line for line in program.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 20
    monkeypatch.chdir(folder)
    torch.set_default_dtype(torch.float32)  # as it is where Python begins
    runpy.run_path(str(program), run_name="__main__")
    assert SAYS[program.stem] in capsys.readouterr().out


def test_the_page_shows_every_program():
    page = (ROOT / "book/api.md").read_text(encoding="utf-8")
    assert {program.stem for program in PROGRAMS} == set(SAYS)
    assert [name for name in SAYS if f"programs/{name}.py" not in page] == []

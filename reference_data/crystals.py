"""Phonons of cubic crystals: PBEsol by GPAW and phonopy. Saves a crystal at a time; resumes.

    python reference_data/crystals.py            # all that are missing; several processes share the work
    python reference_data/crystals.py Si MgO     # these, in this order

For each crystal: an equation of state in the primitive cell gives the lattice constant, then the displaced
supercells that symmetry leaves are computed. `crystals/NAME.json` holds lattice constant (Å), bulk modulus
(GPa), cell, displacements (Å), forces (eV/Å) and settings; everything else (bands, DoS) follows from these.
All structures are cubic without a free coordinate, so no relaxation is needed.
"""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.eos import EquationOfState
from files import chosen, compute_missing
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

FOLDER = Path(__file__).parent / "crystals"
WORKER = Path(__file__).parent / "gpaw_worker.py"
SYSTEM_PYTHON = "/usr/bin/python3"
FIRST_ROW = {"H", "B", "C", "N", "O", "F"}  # hard setups: a higher plane-wave cutoff
DISPLACEMENT = 0.015  # Å
SPACING = {"metal": 0.25, "insulator": 0.5}  # of the k points, 1/Å, with the factor 2π
# Crystals that come out with an imaginary wave otherwise (crystals_usual.py):
FINER = {"AgBr": 2.0, "AgCl": 2.0, "TlCl": 2.0}  # times the k points along each axis
CLOSED = ("Mg2Ge", "Mg2Sn", "ScN", "YN", "Ge")  # the gap closes in this functional: electrons as in metals
LARGER = {"Li": 1}  # more primitive cells along each axis of the supercell
TIMEOUT = 24 * 3600  # seconds on the clock: a busy machine gives an idle-priority job a tenth of its time


def catalogue():
    """{name: row} of crystals.csv, where `start` is a first guess of the lattice constant in Å.

    The structure types take turns in the file, so that an early stop leaves a spread sample.
    """
    with open(Path(__file__).with_suffix(".csv"), encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def primitive(name, kind, a):
    """The primitive cell of a cubic structure type."""
    if kind == "fluorite" and name.split("2")[0] in {"Li", "Na", "K", "Be", "Mg", "Rb"}:  # antifluorite
        cation, anion = name.split("2")
        return bulk(f"{anion}{cation}2", "fluorite", a=a)
    if kind == "perovskite":
        sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
        return Atoms(name, scaled_positions=sites, cell=[a] * 3, pbc=True)
    if kind == "halfheusler":  # the atom at the middle has both others as tetrahedral neighbours
        cell = a / 2 * (1 - np.eye(3))
        anion_in_the_middle = name in {"LiZnAs", "LiMgAs", "LiMgP"}
        fractions = (0.5, 0.0, 0.25) if anion_in_the_middle else (0.5, 0.25, 0.0)
        return Atoms(name, scaled_positions=[[x] * 3 for x in fractions], cell=cell, pbc=True)
    return bulk(name, kind, a=a)


def mesh_of(cell, spacing):
    """Numbers of k points that along no axis are further apart than the spacing (1/Å, with the factor 2π)."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell.cell.array).T, axis=1)
    return [max(1, int(np.ceil(length / spacing))) for length in lengths]


def evaluate(cells, metal, *, more_cutoff=0.0, finer=1.0):
    """Energies (eV) and forces (eV/Å) of a list of ase.Atoms by the GPAW worker, and the settings.

    `more_cutoff` (eV) and `finer` (k points along an axis) go beyond the usual settings, to test these.
    """
    spacing = SPACING["metal" if metal else "insulator"]
    settings = {
        "code": "GPAW",
        "functional": "PBEsol",
        "setups": "PBE",
        "cutoff_eV": (520.0 if FIRST_ROW & set(cells[0].get_chemical_symbols()) else 420.0) + more_cutoff,
        "kpoint_spacing": spacing / finer,  # 1/Å, with the factor 2π
        "smearing_eV": 0.1 if metal else 0.01,
    }
    job = {
        "cells": [
            {"symbols": c.get_chemical_symbols(), "cell": c.cell.tolist(), "positions": c.positions.tolist()}
            for c in cells
        ],
        "cutoff": settings["cutoff_eV"],
        "mesh": mesh_of(cells[len(cells) // 2], settings["kpoint_spacing"]),
        "metal": metal,
    }
    run = subprocess.run(
        [SYSTEM_PYTHON, WORKER], input=json.dumps(job), capture_output=True, text=True, timeout=TIMEOUT
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-400:])
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")], settings


def lattice_constant(name, kind, a, metal, **settings):
    """Minimum of a five-point Birch–Murnaghan curve that holds it: a (Å), B (GPa)."""
    for _ in range(4):
        cells = [primitive(name, kind, a * s) for s in (0.97, 0.985, 1.0, 1.015, 1.03)]
        results, _ = evaluate(cells, metal, **settings)
        fit = EquationOfState(
            [c.get_volume() for c in cells], [r["energy"] for r in results], eos="birchmurnaghan"
        )
        volume, _, modulus = fit.fit()
        new = a * (volume / cells[2].get_volume()) ** (1 / 3)
        if abs(new / a - 1) < 0.025:
            return new, modulus / units.GPa
        a = new
    raise RuntimeError(f"{name}: no minimum of the energy found near {a:.2f} Å")


def along_z(dataset, distance):
    """Displacements of phonopy, but along z for atoms that need one only: most symmetry, least work.

    On a cubic site, z is turned into x, y and -z. (Along [111] a tetrahedral site would not have the opposite
    displacement, and cubic terms of the energy would stay in the forces.)
    """
    atoms = [d["number"] for d in dataset["first_atoms"]]
    along = np.array([0.0, 0.0, distance])
    moved = [
        d | {"displacement": along if atoms.count(d["number"]) == 1 else d["displacement"]}
        for d in dataset["first_atoms"]
    ]
    return {"natom": dataset["natom"], "first_atoms": moved}


def phonopy_of(cell, supercell):
    """Return phonopy's calculation of a primitive cell and a supercell, a matrix of whole numbers."""
    unit = PhonopyAtoms(
        cell.get_chemical_symbols(), cell=cell.cell.array, scaled_positions=cell.get_scaled_positions()
    )
    return Phonopy(unit, supercell, primitive_matrix=np.eye(3))


def atoms_of(cell):
    """Return a cell of phonopy as ase.Atoms."""
    return Atoms(cell.symbols, scaled_positions=cell.scaled_positions, cell=cell.cell, pbc=True)


def phonons(name, kind, a, metal, *, more_repeats=0, distance=DISPLACEMENT, **settings):
    """Forces in the displaced supercells that symmetry leaves."""
    cell = primitive(name, kind, a)
    repeats = (3 if kind in {"fcc", "bcc"} else 2) + more_repeats
    phonopy = phonopy_of(cell, repeats * np.eye(3, dtype=int))
    phonopy.generate_displacements(distance=distance)
    moved = along_z(phonopy.dataset, distance)
    phonopy.dataset = moved
    supercells = [atoms_of(each) for each in phonopy.supercells_with_displacements]
    results, settings = evaluate(supercells, metal, **settings)
    return {
        "symbols": cell.get_chemical_symbols(),
        "cell": cell.cell.array.round(8).tolist(),
        "scaled_positions": cell.get_scaled_positions().round(8).tolist(),
        "repeats": repeats,
        "displacements": [
            {
                "atom": int(d["number"]),
                "displacement": np.round(d["displacement"], 8).tolist(),
                "forces": r["forces"],
            }
            for d, r in zip(moved["first_atoms"], results, strict=True)
        ],
        "settings": settings,
    }


def compute(name, row, *, usual=False):
    """The record of one crystal, from a starting lattice constant to forces; `usual`: without exceptions."""
    begin, kind, metal = time.time(), row["structure"], row["metal"] == "yes"
    exception = "" if usual else name
    as_metal, settings = metal or exception in CLOSED, {"finer": FINER.get(exception, 1.0)}
    a, modulus = lattice_constant(name, kind, float(row["start"]), as_metal, **settings)
    record = {
        "name": name,
        "structure": kind,
        "metal": metal,
        "lattice_constant": round(a, 5),
        "bulk_modulus": round(modulus, 3),
    }
    record |= phonons(name, kind, a, as_metal, more_repeats=LARGER.get(exception, 0), **settings)
    record["seconds"] = round(time.time() - begin)
    print(f"{name} {kind} a = {a:.4f} Å, B = {modulus:.0f} GPa, {record['seconds']} s", flush=True)
    return record


def main(arguments):
    """Compute what is missing."""
    crystals = catalogue()
    compute_missing(FOLDER, chosen(arguments, crystals), lambda name: compute(name, crystals[name]))


if __name__ == "__main__":
    main(sys.argv[1:])

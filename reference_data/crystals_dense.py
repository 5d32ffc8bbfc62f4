"""Crystals with a small gap or none, or a soft mode: again as metals, with finer settings until they settle.

    python reference_data/crystals_dense.py            # what is missing; several processes share the work
    python reference_data/crystals_dense.py ScN Ge     # these, in this order
    python reference_data/crystals_dense.py --table    # what was found so far

A closing gap makes the forces depend on the mesh of k points: in PBEsol that of ScN, YN, Mg2Ge, Mg2Sn and Ge
is almost or wholly closed, and waves at the zone boundary came out unstable with a coarse mesh. So all are
computed as metals (Fermi-Dirac, 0.1 eV), at the lattice constant that an equation of state gives so. The mesh
is refined, by the steps of SPACINGS, until neither the highest nor the lowest frequency moves by 2 % of the
highest. Then the supercell grows by one cell along each axis, with the spacing before the last.

`crystals_dense/NAME_STEP.json` has the form of `crystals/NAME.json`.
"""

import json
import sys
import time
from pathlib import Path

from crystals import FOLDER as USED
from crystals import catalogue, lattice_constant, phonons
from crystals_pbesol import WAVES, constants_of
from files import chosen, claim, write

from tutorial_utils.phonons import frequencies, mesh
from tutorial_utils.phonons.lattice import WAVENUMBER

FOLDER = Path(__file__).parent / "crystals_dense"
NAMES = ("ScN", "AgCl", "TlCl", "Ge", "AgBr", "YN", "Li", "Mg2Ge", "Mg2Sn")
USUAL = 0.25  # 1/Å: spacing of k points in metals
SPACINGS = (0.5, 0.35, 0.25, 0.18, 0.125)  # 1/Å
TOLERANCE = 0.02  # of the highest frequency
SUPERCELL = "supercell"


def step_name(spacing: float) -> str:
    """What a step is called in its file's name."""
    return f"spacing-{spacing}"


def read(name: str, step: str) -> dict | None:
    """Return a record, None if it was not computed."""
    path = FOLDER / f"{name}_{step}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def extremes(record: dict) -> tuple[float, float]:
    """Return the highest and lowest frequency, 1/cm; imaginary ones are negative."""
    waves = frequencies(constants_of(record), mesh(WAVES)) / WAVENUMBER
    return float(waves.max()), float(waves.min())


def settled(first: dict, second: dict) -> bool:
    """Tell whether two records agree within the tolerance."""
    (top, bottom), (new_top, new_bottom) = extremes(first), extremes(second)
    return max(abs(new_top - top), abs(new_bottom - bottom)) < TOLERANCE * new_top


def next_step(name: str) -> tuple[str, dict] | None:
    """Return the next step of a crystal and its settings; None if all is done."""
    spacings = [spacing for spacing in SPACINGS if spacing <= (USUAL if name == "Li" else SPACINGS[0])]
    done: list[dict] = []
    for spacing in spacings:
        record = read(name, step_name(spacing))
        if record is None:
            return step_name(spacing), {"finer": USUAL / spacing}
        done.append(record)
        if len(done) > 1 and settled(*done[-2:]):
            break
    if read(name, SUPERCELL) is None:
        spacing = done[-2]["settings"]["kpoint_spacing"]
        return SUPERCELL, {"finer": USUAL / spacing, "more_repeats": 1}
    return None


def compute(name: str, settings: dict) -> dict:
    """The record of one step; the first step finds the lattice constant."""
    begin, row = time.time(), catalogue()[name]
    kind = row["structure"]
    files = sorted(FOLDER.glob(f"{name}_*.json"))
    if files:
        known = json.loads(files[0].read_text(encoding="utf-8"))
        a, modulus = known["lattice_constant"], known["bulk_modulus"]
    else:
        a, modulus = lattice_constant(name, kind, float(row["start"]), True)
    record = {"name": name, "structure": kind, "metal": True, "lattice_constant": round(a, 5)}
    record |= {"bulk_modulus": round(modulus, 3)} | phonons(
        name, kind, record["lattice_constant"], True, **settings
    )
    return record | {"seconds": round(time.time() - begin)}


def table() -> None:
    """Print each step's settings and frequencies, and by how much these differ from the step before."""
    print("crystal step                 cells  k spacing  a in Å    highest   lowest 1/cm")
    for name in NAMES:
        steps = {"as in crystals/": json.loads((USED / f"{name}.json").read_text(encoding="utf-8"))}
        steps |= {step: read(name, step) for step in (*map(step_name, SPACINGS), SUPERCELL)}
        for step, record in steps.items():
            if record:
                settings, (top, bottom) = record["settings"], extremes(record)
                print(
                    f"{name:7} {step:20} {record['repeats']:5}  {settings['kpoint_spacing']:9.3f}  "
                    f"{record['lattice_constant']:.4f}  {top:8.1f} {bottom:8.1f}"
                )


def main(arguments: list[str]) -> None:
    """Take the crystals in turn, a step each, until all are done."""
    if arguments == ["--table"]:
        return table()
    FOLDER.mkdir(exist_ok=True)
    names = list(chosen(arguments, NAMES))
    while names:
        for name in list(names):
            if (step := next_step(name)) is None:
                names.remove(name)
                continue
            path = FOLDER / f"{name}_{step[0]}.json"
            with claim(path) as missing:
                if not missing:
                    names.remove(name)  # another process has it in hand
                    continue
                try:
                    record = compute(name, step[1])
                except RuntimeError as error:
                    print(f"{name}, {step[0]} failed: {error}", flush=True)
                    names.remove(name)
                    continue
                write(path, json.dumps(record).encode())
            top, bottom = extremes(record)
            print(f"{name}, {step[0]}: {top:.1f} to {bottom:.1f} 1/cm, {record['seconds']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

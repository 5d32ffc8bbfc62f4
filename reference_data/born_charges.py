"""Born charges and dielectric constants of ionic crystals: density functional perturbation theory by abinit.

    python reference_data/born_charges.py            # all that are missing; several processes share the work
    python reference_data/born_charges.py MgO SiC    # these, if missing: remove a file to compute it anew

abinit and its pseudopotentials come from Debian (`apt-get install abinit abinit-data`). The recent ones cover
few elements, in two functionals: LDA (Perdew, Wang) or PBE. Where they do not, those of Hartwigsen, Goedecker
and Hutter (https://doi.org/10.1103/PhysRevB.58.3641, LDA) are used, with the semicore
electrons. Each crystal is computed at the lattice constant of `crystals/NAME.json`. All sites are
cubic: one number is the Born charge of an atom, and one direction of the field is enough.
`born_charges/NAME.json` holds the charge of each atom as computed (e), the dielectric constant of the
electrons, and settings; by how much the charges miss their sum rule shows how far the basis and the mesh are
converged. `phonons.Field.neutral` takes their mean away where they are used.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from files import chosen, compute_missing

FOLDER = Path(__file__).parent / "born_charges"
CRYSTALS = Path(__file__).parent / "crystals"
PSEUDOPOTENTIALS = Path("/usr/share/abinit/psp")
SETS = {
    "LDA": "Pseudodojo_nc_sr_04_pw_standard_psp8",
    "PBE": "Pseudodojo_nc_sr_04_pbe_standard_psp8",
    "HGH": "PseudosHGH_pwteter",
}
FILES = {"Zn": "Zn-sp", "Se": "Se-d"}  # where a file's name is not the element's alone
CUTOFFS = {"LDA": 40.0, "PBE": 40.0, "HGH": 40.0}  # Hartree
HARD_CUTOFF = 100.0  # Hartree, for these elements of the set HGH
HARD = {"O", "F", "N", "Na", "Mg"}
SOFT_CUTOFF = 25.0  # Hartree, where all elements are of these, without electrons of the core
SOFT = {"Al", "Sb"}
MESH = 6  # k points along each axis, Γ among them
SHIFTED = {"AlSb", "GaSb"}  # a small gap at Γ: the sums converge sooner without that point
SHIFTED |= {"GaP", "AlAs", "AlP", "BP", "SiC"}  # with Γ their charges missed the sum rule by 0.2 to 0.5 e
SHIFTED_MESH = 4  # with four shifts, as is usual for face-centred lattices
SHIFTS = ((0.5, 0.5, 0.5), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))

FUNCTIONALS = {  # or set, in the order of use
    "MgO": "LDA",
    "SiC": "LDA",
    "BN": "LDA",
    "AlP": "LDA",
    "GaP": "LDA",
    "BaO": "LDA",
    "AlN": "LDA",
    "BP": "LDA",
    "BAs": "LDA",
    "AlAs": "LDA",
    "GaN": "LDA",
    "CaO": "PBE",
    "CaSe": "PBE",
    # not in the published training set
    "KCl": "HGH",
    "CsI": "HGH",
    "AlSb": "HGH",
    "CaS": "HGH",
    "SrSe": "HGH",
    "GaSb": "HGH",
    "Li2S": "HGH",
    "AgI": "HGH",
    "CuCl": "HGH",
    "SrF2": "HGH",
    "CsF": "HGH",
    "Li2O": "HGH",
    "MgSe": "HGH",
    "Na2O": "HGH",
    "Na2Se": "HGH",
    # in it
    "ZnSe": "PBE",
    "KBr": "HGH",
    "RbCl": "HGH",
    "SrS": "HGH",
    "BaS": "HGH",
    "CaF2": "HGH",
    "NaCl": "HGH",
}

INPUT = """\
pp_dirpath "{folder}"
pseudos "{files}"
acell 3*1.0 angstrom
rprim {vectors}
natom {atoms}
ntypat {kinds}
znucl {numbers}
typat {types}
xred {positions}
ecut {cutoff}
ngkpt {mesh} {mesh} {mesh}
nshiftk {count}
shiftk {shifts}
nstep 80
ndtset 3
# one direction of the field: the crystals are cubic
rfdir 1 0 0
# 1: the ground state; the residual of the potential would stay large with PBE
toldfe1 1e-13
# 2: derivatives of the wave functions with respect to k
iscf2 -3
rfelfd2 2
getwfk2 1
tolwfr2 1e-12
kptopt2 2
nqpt2 1
qpt2 0 0 0
# 3: the response to a field
rfelfd3 3
getwfk3 1
getddk3 2
toldfe3 1e-10
kptopt3 2
nqpt3 1
qpt3 0 0 0
"""


def pseudopotential(symbol: str, functional: str) -> str:
    """Return the file name of an element's pseudopotential."""
    if functional == "HGH":  # the one with most electrons, as in 19k.9.hgh
        files = (PSEUDOPOTENTIALS / SETS["HGH"]).glob(f"{atomic_numbers[symbol]}{symbol.lower()}.*.hgh")
        return max(files, key=lambda file: int(file.suffixes[0][1:])).name
    return f"{FILES.get(symbol, symbol)}.psp8"


def cutoff(symbols: list[str], functional: str) -> float:
    """Return the cutoff of the plane waves, Hartree."""
    if functional == "HGH" and HARD & set(symbols):
        return HARD_CUTOFF
    if functional == "HGH" and set(symbols) <= SOFT:
        return SOFT_CUTOFF
    return CUTOFFS[functional]


def k_points(name: str) -> tuple[int, tuple]:
    """Return the number of k points along each axis, and the shifts of the mesh."""
    return (SHIFTED_MESH, SHIFTS) if name in SHIFTED else (MESH, ((0, 0, 0),))


def abinit_input(crystal: dict, functional: str) -> str:
    """Return abinit's input for a crystal of `crystals/`."""
    mesh, shifts = k_points(crystal["name"])
    symbols = crystal["symbols"]
    kinds = list(dict.fromkeys(symbols))
    rows = [" ".join(f"{x:.8f}" for x in row) for row in crystal["cell"]]
    positions = [" ".join(f"{x:.8f}" for x in row) for row in crystal["scaled_positions"]]
    return INPUT.format(
        folder=PSEUDOPOTENTIALS / SETS[functional],
        files=", ".join(pseudopotential(kind, functional) for kind in kinds),
        vectors="  ".join(rows),
        atoms=len(symbols),
        kinds=len(kinds),
        numbers=" ".join(str(atomic_numbers[kind]) for kind in kinds),
        types=" ".join(str(kinds.index(symbol) + 1) for symbol in symbols),
        positions="  ".join(positions),
        cutoff=cutoff(symbols, functional),
        mesh=mesh,
        count=len(shifts),
        shifts="  ".join(" ".join(str(x) for x in shift) for shift in shifts),
    )


def tensors(output: str, atoms: int) -> tuple[list[float], float]:
    """Read the Born charges (e) and the dielectric constant out of abinit's output; all are isotropic."""
    number = r"\s+(-?\d+\.\d+)\s+-?\d+\.\d+"
    field = atoms + 2  # abinit's number of the perturbation "electric field"
    dielectric = output[output.index("Dielectric tensor, in cartesian") :]
    epsilon = float(re.search(rf"^\s+1\s+{field}\s+1\s+{field}{number}", dielectric, re.M)[1])
    charges = output[output.index("(from electric field response)") :]
    born = [
        float(re.search(rf"^\s+1\s+{n}\s+1\s+{field}{number}", charges, re.M)[1]) for n in range(1, atoms + 1)
    ]
    return born, epsilon


def compute(name: str) -> dict:
    """The record of one crystal."""
    path = CRYSTALS / f"{name}.json"
    if not path.exists():
        raise RuntimeError(f"first its lattice constant: python reference_data/crystals.py {name}")
    crystal = json.loads(path.read_text(encoding="utf-8"))
    functional = FUNCTIONALS[name]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "run.abi").write_text(abinit_input(crystal, functional), encoding="utf-8")
        run = subprocess.run(["abinit", "run.abi"], cwd=folder, capture_output=True, text=True)
        output = Path(folder, "run.abo")
        if run.returncode or not output.exists():
            raise RuntimeError((run.stderr or run.stdout)[-400:])
        born, epsilon = tensors(output.read_text(encoding="utf-8"), len(crystal["symbols"]))
    print(f"{name}: Born charges {born} e (sum {sum(born):+.3f}), ε∞ = {epsilon:.3f}", flush=True)
    return {
        "name": name,
        "symbols": crystal["symbols"],
        "born": np.round(born, 4).tolist(),
        "dielectric": round(epsilon, 4),
        "settings": {
            "code": "abinit",
            "functional": "LDA" if functional == "HGH" else functional,
            "pseudopotentials": SETS[functional],
            "cutoff_hartree": cutoff(crystal["symbols"], functional),
            "mesh": k_points(name)[0],
            "shifts": k_points(name)[1],
        },
    }


if __name__ == "__main__":
    compute_missing(FOLDER, chosen(sys.argv[1:], FUNCTIONALS), compute)

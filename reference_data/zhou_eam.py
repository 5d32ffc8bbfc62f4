"""Embedded-atom potentials of sixteen metals and of all their alloys, written from the published formulas.

    python reference_data/zhou_eam.py Cu Ag --output CuAg.eam.alloy

writes a file for LAMMPS (`pair_style eam/alloy`). Other scripts here import `write_setfl`.

Source: Zhou, Johnson and Wadley 2004, https://doi.org/10.1103/PhysRevB.69.144113. The energy of an atom is

    E_i = F(ρ_i) + ½ Σ_j φ(r_ij),      ρ_i = Σ_j f(r_ij),

with, in units of the equilibrium distance, x = r / r_e,

    f(x) = f_e exp(-β(x - 1)) / (1 + (x - λ)²⁰),
    φ(x) = A exp(-α(x - 1)) / (1 + (x - κ)²⁰) - B exp(-β(x - 1)) / (1 + (x - λ)²⁰),

between unlike atoms φ_ab = ½ (f_b/f_a φ_aa + f_a/f_b φ_bb), and three pieces of F that meet with equal
values and slopes at ρ_n = n ρ_e (n is 0.85, for platinum 0.25) and at 1.15 ρ_e:

    F = Σ_i F_ni (ρ/ρ_n - 1)^i | Σ_i F_i (ρ/ρ_e - 1)^i | F_e (1 - η ln(ρ/ρ_s)) (ρ/ρ_s)^η.

The parameters fix lattice constant, cohesive energy and elastic constants of the pure metals; alloys follow
from the mixing rule alone, without a fit.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from jaxtyping import Float

UPPER = 1.15  # ρ/ρ_e where the last piece of F begins
POINTS = 5000  # of each table


@dataclass(frozen=True)
class Metal:
    """The parameters of one metal: a row of zhou_eam.csv.

    Attributes:
        symbol: of the element.
        lattice: fcc, bcc or hcp.
        mass: g/mol.
        r_e: distance of nearest neighbours in equilibrium; Å.
        f_e: scale of f. Densities need no unit: only their ratios to rho_e and rho_s enter.
        rho_e: electron density in equilibrium.
        rho_s: scale of the last piece of F.
        alpha: decay of the repulsion.
        beta: decay of attraction and density.
        A: of the repulsion; eV.
        B: of the attraction; eV.
        kappa: κ, where the repulsion begins to end, in units of r_e.
        lambda0: λ, where attraction and density begin to end, in units of r_e.
        inner: F_n0 … F_n3; eV.
        middle: F_0 … F_3; eV.
        eta: exponent of the last piece of F.
        F_e: scale of the last piece of F; eV.
        n: ρ_n / ρ_e, where the first piece of F ends.
    """

    symbol: str
    lattice: str
    mass: float
    r_e: float
    f_e: float
    rho_e: float
    rho_s: float
    alpha: float
    beta: float
    A: float
    B: float
    kappa: float
    lambda0: float
    inner: tuple[float, ...]
    middle: tuple[float, ...]
    eta: float
    F_e: float
    n: float

    @property
    def lattice_constant(self) -> float:
        """Cubic constant, or that of the basal plane; Å."""
        return self.r_e * {"fcc": np.sqrt(2), "bcc": 2 / np.sqrt(3), "hcp": 1.0}[self.lattice]


def _read_table() -> dict[str, Metal]:
    with (Path(__file__).parent / "zhou_eam.csv").open() as table:
        return {row["symbol"]: _metal(row) for row in csv.DictReader(table)}


def _metal(row: dict[str, str]) -> Metal:
    inner, middle = (tuple(float(row.pop(f"{name}{i}")) for i in range(4)) for name in ("Fn", "F"))
    symbol, lattice = row.pop("symbol"), row.pop("lattice")
    values = {name: float(text) for name, text in row.items()}
    return Metal(symbol, lattice, inner=inner, middle=middle, **values)


METALS = _read_table()


def density(metal: Metal, r: Float[np.ndarray, "r"]) -> Float[np.ndarray, "r"]:
    """Return f(r): what a neighbour at r (Å) adds to the electron density of an atom."""
    return metal.f_e * _tail(r / metal.r_e, metal.beta, metal.lambda0)


def pair(metal: Metal, r: Float[np.ndarray, "r"]) -> Float[np.ndarray, "r"]:
    """Return φ(r) between two atoms of one metal, r in Å; eV."""
    x = r / metal.r_e
    repulsion = metal.A * _tail(x, metal.alpha, metal.kappa)
    return repulsion - metal.B * _tail(x, metal.beta, metal.lambda0)


def mixed_pair(a: Metal, b: Metal, r: Float[np.ndarray, "r"]) -> Float[np.ndarray, "r"]:
    """Return φ(r) between atoms of two metals (or of one), r in Å; eV."""
    ratio = density(b, r) / density(a, r)
    return (ratio * pair(a, r) + pair(b, r) / ratio) / 2


def embedding(metal: Metal, rho: Float[np.ndarray, "rho"]) -> Float[np.ndarray, "rho"]:
    """Return F(ρ), the energy of an atom in the electron density of its neighbours; eV."""
    knot = metal.n * metal.rho_e
    inner = np.polynomial.polynomial.polyval(rho / knot - 1, metal.inner)
    middle = np.polynomial.polynomial.polyval(rho / metal.rho_e - 1, metal.middle)
    power = np.maximum(rho / metal.rho_s, 1e-12) ** metal.eta  # ρ = 0 belongs to the inner piece
    outer = metal.F_e * (1 - np.log(power)) * power
    return np.select([rho < knot, rho < UPPER * metal.rho_e], [inner, middle], outer)


def _tail(x: Float[np.ndarray, "x"], decay: float, centre: float) -> Float[np.ndarray, "x"]:
    return np.exp(-decay * (x - 1)) / (1 + (x - centre) ** 20)


def cutoff(symbols: list[str]) -> float:
    """Return the largest 2.34 r_e, Å: between fifth and sixth shell of fcc, where all is nearly zero."""
    return 2.34 * max(METALS[symbol].r_e for symbol in symbols)


def setfl(symbols: list[str]) -> str:
    """Return the tables of some metals in the format that LAMMPS calls eam/alloy.

    Raises:
        ValueError: if the table of the paper does not hold a metal, or one is named twice.
    """
    unknown = [symbol for symbol in symbols if symbol not in METALS]
    if unknown or not symbols or len(set(symbols)) < len(symbols):
        raise ValueError(f"symbols: expected different ones of {', '.join(METALS)}; got {symbols}")
    metals = [METALS[symbol] for symbol in symbols]
    r_max, rho_max = cutoff(symbols), 4 * max(metal.rho_e for metal in metals)
    r, dr = np.linspace(0, r_max, POINTS, endpoint=False, retstep=True)
    rho, drho = np.linspace(0, rho_max, POINTS, endpoint=False, retstep=True)
    lines = ["Zhou, Johnson and Wadley, Phys. Rev. B 69, 144113 (2004)", "own tables", "eV, Angstrom"]
    lines.append(f"{len(symbols)} {' '.join(symbols)}")
    lines.append(f"{POINTS} {drho:.16g} {POINTS} {dr:.16g} {r_max:.16g}")
    for symbol, metal in zip(symbols, metals, strict=True):
        head = f"{atomic_numbers[symbol]} {metal.mass} {metal.lattice_constant:.6f} {metal.lattice}"
        lines += [head, *_numbers(embedding(metal, rho)), *_numbers(density(metal, r))]
    for i, a in enumerate(metals):
        for b in metals[: i + 1]:
            lines += _numbers(r * mixed_pair(a, b, r))
    return "\n".join(lines) + "\n"


def _numbers(values: np.ndarray) -> list[str]:
    return [" ".join(f"{value:.15e}" for value in row) for row in values.reshape(-1, 5)]


def write_setfl(path: Path, symbols: list[str]) -> None:
    """Write `setfl` to a file."""
    Path(path).write_text(setfl(symbols))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("symbols", nargs="+", help="one or more of: " + " ".join(METALS))
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    write_setfl(arguments.output, arguments.symbols)

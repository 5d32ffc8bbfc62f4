"""Exercises of session 7: predict how crystals vibrate."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from tutorial_utils.exercises.engine import Wrong, exercise
from tutorial_utils.phonons import chain, heat_capacity, spectra
from tutorial_utils.phonons.lattice import THZ

_CHAINS = ((24.0, 16.0, 10.0), (7.0, 19.0, 3.0))


@exercise(
    "7.1",
    title="The matrix of a chain",
    hint=[
        "On the diagonal stands what holds an atom in its place, over its own mass: two springs.",
        "Off it: two springs, each with the phase of its neighbour, over the root of both masses.",
    ],
)
def matrix_of_a_chain(answer: Callable) -> str:
    """Hermitian, sound costs nothing, and the frequencies of the textbook for two chains."""
    for m, M, K in _CHAINS:
        for q in (0.0, 0.13, 0.37, 0.5):
            D = np.asarray(answer(q, m, M, K), dtype=complex)
            if D.shape != (2, 2):
                raise Wrong(f"Expected a (2, 2) matrix, got the shape {D.shape}.")
            if np.abs(D - D.conj().T).max() > 1e-10:
                raise Wrong("D is not Hermitian: D₂₁ is the complex conjugate of D₁₂. Conjugate the phase.")
            _compare_chain(D, q, m, M, K)
    return "Hermitian, with sound that costs nothing at q = 0, and both branches right for two chains."


def _compare_chain(D: np.ndarray, q: float, m: float, M: float, K: float) -> None:
    squares = np.linalg.eigvalsh(D)
    wanted = (chain(np.array([q]), (m, M), spring=K)[0] / THZ) ** 2
    if q == 0 and abs(squares[0]) > 1e-8 * K:
        masses = np.allclose(np.diag(D).real, 2 * K) or abs(abs(D[0, 1]) - 2 * K) < 1e-8
        suspect = "Suspect the masses: divide by √(mᵢmⱼ)." if masses else "Do rows hold the same springs?"
        raise Wrong(f"At q = 0 the lowest ω² is {squares[0]:.3g}: moving all atoms costs nothing. {suspect}")
    if np.abs(squares - wanted).max() > 1e-6 * wanted.max():
        raise Wrong(
            f"At q = {q} ω² is {squares.round(3)}, but a chain has {wanted.round(3)}. Right at q = 0, so "
            "suspect the phases: one neighbour lies in this period, the other in the next."
        )


@exercise(
    "7.2",
    title="Mend the sum rule",
    hint=["Springs between different atoms stay.", "Φ₀₀ becomes minus the sum of all others."],
)
def mend_the_sum_rule(answer: Callable) -> str:
    """The sum is zero, the springs between different atoms are as before, right ones stay."""
    row = np.random.default_rng(7).normal(size=(6, 3, 3))
    before = row.copy()
    found = np.asarray(answer(row), dtype=float)
    if not np.array_equal(row, before):
        raise Wrong("Your function changes its argument: take a copy.")
    if found.shape != row.shape:
        raise Wrong(f"Expected the shape {row.shape}, got {found.shape}.")
    left = np.abs(found.sum(axis=0)).max()
    if left > 1e-10:
        raise Wrong(f"Moving all atoms still costs {left:.2f} eV/Å²: the sum over atoms is not zero.")
    moved = np.abs(found[1:] - row[1:]).max()
    if moved > 1e-10:
        raise Wrong(f"Springs between different atoms have changed, by up to {moved:.2f}: only Φ₀₀ may.")
    return "The crystal moves freely, and no spring between two atoms was touched."


@exercise(
    "7.3",
    title="Heat capacity",
    hint=["Normalise g by its sum.", "For x → 0 a mode gives 1: a tiny x instead of 0 will do."],
)
def heat(answer: Callable) -> str:
    """The limits, the scale of g, and the values in between."""
    ν = np.linspace(0, 20, 41)
    g = ν**2 * (20 - ν)
    limit = 3 * spectra.GAS_CONSTANT
    with np.errstate(all="ignore"):
        hot, double, cold = (float(answer(ν, x, T)) for x, T in ((g, 1e5), (2 * g, 1e5), (g, 3.0)))
        flat = float(answer(ν, np.ones(41), 300.0))
    if not np.isfinite([hot, double, cold, flat]).all():
        raise Wrong("Not a number: at ν = 0 you divide zero by zero. A mode gives 1 there.")
    if abs(double - hot) > 1e-3 * limit:
        raise Wrong(f"Twice g gives {double / hot:.2f} times the heat: the scale of g must not matter.")
    if abs(hot - limit) > 2e-2:
        raise Wrong(f"Hot crystals have 3R = {limit:.2f}, yours {hot:.2f}: {_heat_suspect(hot / limit)}")
    if cold > 0.02 * limit:
        raise Wrong(f"At 3 K you find {cold:.2f}: quanta are frozen there. Suspect x, which is hν/kT.")
    right = float(heat_capacity(ν, np.ones(41), 300.0))
    if abs(flat - right) > 2e-2:
        raise Wrong(f"Both limits hold, but at 300 K you find {flat:.2f}, not {right:.2f}: x² eˣ/(eˣ - 1)².")
    return "3R when hot, nothing when cold, right between, and the scale of g does not matter."


def _heat_suspect(ratio: float) -> str:
    if abs(ratio - 1 / 3) < 1e-2:
        return "each atom moves along three axes."
    return "x² times eˣ over (eˣ - 1)² goes to 1."


@exercise(
    "7.4",
    title="A lattice sum",
    hint=[
        "ase.neighborlist.neighbor_list('ijd', atoms, cutoff) lists all images.",
        "Choose those from i to j, and add f of their distances.",
    ],
)
def a_lattice_sum(answer: Callable) -> str:
    """Small, oblique and large cells against a list of all images; the same sums in a supercell."""
    f = lambda r: np.exp(-r)  # noqa: E731
    salt = bulk("NaCl", "rocksalt", a=5.6)
    oblique = Atoms("Cu", cell=[[2.5, 0, 0], [2.0, 2.4, 0], [1.0, 0.5, 2.8]], pbc=True)
    for atoms, i, j in ((salt, 0, 1), (salt, 0, 0), (oblique, 0, 0), (salt.repeat(2), 0, 1)):
        with np.errstate(all="ignore"):
            found = float(answer(atoms.copy(), i, j, f, 6.0))
        first, second, d = neighbor_list("ijd", atoms, 6.0)
        chosen = d[(first == i) & (second == j)]
        wanted = f(chosen).sum()
        if abs(found - wanted) > 1e-8:
            raise Wrong(_sum_reason(found, chosen, f, f"{atoms.symbols}, {i} and {j}", i == j))
    return "All images counted once, in small, oblique and large cells, and no atom as its own neighbour."


def _sum_reason(found: float, d: np.ndarray, f: Callable, what: str, same: bool) -> str:
    if same and abs(found - f(d).sum() - f(0.0)) < 1e-8:
        return f"{what}: the atom counts as its own neighbour, r = 0. Only 0 < r counts."
    if abs(found - f(d.min())) < 1e-8 or (same and found in (0.0, f(0.0))):
        return f"{what}: only the nearest image is counted; there are {len(d)} within the cutoff."
    wanted = f"{len(d)} images give {f(d).sum():.4f}"
    return f"{what}: {found:.4f}, but {wanted}. Are there enough shifts of the cell?"


@exercise(
    "7.5",
    title="Cumulative distance",
    hint=["Divide each spectrum by its sum.", "np.cumsum, difference, absolute value, mean."],
)
def cumulative_distance(answer: Callable) -> str:
    """Zero for equal ones, blind to scale, symmetric, and in step with a shift."""
    t = np.exp(-((np.arange(51) - 20.0) ** 2) / 2)
    shifted = {n: np.roll(t, n) for n in (1, 3, 9, -9)}
    if abs(answer(t, t)) > 1e-10:
        raise Wrong("A spectrum differs from itself.")
    if abs(answer(5 * t, t)) > 1e-10:
        raise Wrong(f"Five times a spectrum is {answer(5 * t, t):.2f} away from it: divide each by its sum.")
    one, far, back = (float(answer(shifted[n], t)) for n in (1, 9, -9))
    if far < 0 or back < 0 or abs(far - back) > 1e-6:
        raise Wrong(f"Shifts to and fro give {far:.4f} and {back:.4f}: take absolute values.")
    if abs(far / one - 9) > 1e-2:
        raise Wrong(
            f"Nine bins off is {far / one:.1f} times as wrong as one bin off, not 9: suspect a comparison "
            "bin by bin, without cumsum, or a square."
        )
    if abs(one - 1 / 51) > 1e-4:
        raise Wrong(
            f"One bin off should give 1/51 = 0.0196, yours gives {one:.4f}: the mean over the points."
        )
    return "Zero for equal spectra, blind to scale, and in step with the shift."


@exercise(
    "7.6",
    title="The exact moment",
    hint=["Each atom with its own mass.", "The mean over 3N modes; THZ enters squared."],
)
def the_exact_moment(answer: Callable) -> str:
    """Against the modes of a chain with random masses, all of them."""
    masses = np.array([63.5, 195.1, 27.0, 63.5])
    K = 4.0
    rows = np.eye(4) * 2 * K - K * (np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0))
    D = rows / np.sqrt(masses[:, None] * masses)
    wanted = float(np.trace(D)) / 4 * THZ**2  # equal springs along three axes
    found = float(answer(np.full(4, 3 * 2 * K), masses))
    if abs(found / wanted - 1) < 1e-8:
        return "Right: the trace of the matrix, with no wave computed."
    mean_mass = 2 * K / masses.mean() * THZ**2
    if abs(found / mean_mass - 1) < 1e-6:
        reason = "a mean mass makes it too slow, ⟨1/m⟩ > 1/⟨m⟩."
        raise Wrong(f"{found:.2f} THz², but the modes have {wanted:.2f}: {reason}")
    for factor, reason in (
        (3.0, "there are 3N modes, not N."),
        (1 / THZ, "THZ is squared, as ν² is."),
        (1 / THZ**2, "the unit is still eV/(Å² u): times THZ²."),
        (4.0, "the mean over atoms, not the sum."),
    ):
        if abs(found / wanted / factor - 1) < 1e-6:
            raise Wrong(f"{found:.3g} instead of {wanted:.3g} THz²: {reason}")
    raise Wrong(f"{found:.3g} THz², but the modes of the crystal have {wanted:.3g}.")

"""Exercises of session 7: predict how crystals vibrate."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number, tensor
from tutorial_utils.phonons import heat_capacity, spectra

_CHAINS = ((24.0, 16.0, 10.0, 10.0), (12.0, 12.0, 9.0, 4.0), (7.0, 19.0, 3.0, 5.0))  # u, u, eV/Å², eV/Å²


@exercise(
    "7.1",
    title="A chain with two springs",
    hint=[
        "On the diagonal stands what holds an atom in its place, over its own mass: both springs.",
        "Off it: minus each spring, with the phase of the neighbour it leads to, over √(mM).",
    ],
)
def chain_with_two_springs(answer: Callable) -> str:
    """Hermitian, moving all atoms together costs nothing, and both branches right for three chains."""
    for m, M, K, k in _CHAINS:
        for q in (0.0, 0.13, 0.37, 0.5):
            D = tensor(answer(q, m, M, K, k), "The dynamical matrix", (2, 2)).numpy()
            if np.abs(D - D.conj().T).max() > ROUNDING:
                raise Wrong("D is not Hermitian: D₂₁ is the complex conjugate of D₁₂. Conjugate the phase.")
            if q == 0:
                _moving_together_is_free(D, m, M)
            _compare_branches(D, q, m, M, K, k)
    return "Hermitian, sound costs nothing at q = 0, and two springs open a gap even between equal masses."


def _moving_together_is_free(D: np.ndarray, m: float, M: float) -> None:
    together, against = (D @ [np.sqrt(m), sign * np.sqrt(M)] for sign in (1, -1))
    other = D @ [np.sqrt(M), np.sqrt(m)]  # the atom of mass M may come first
    if min(np.abs(together).max(), np.abs(other).max()) < ROUNDING:
        return
    if np.abs(against).max() < ROUNDING:
        raise Wrong(
            "At q = 0 it costs nothing to move the two atoms against each other, and something to move them "
            "together: suspect the sign of the off-diagonal. Φ between different atoms is minus the spring."
        )
    if np.abs(D @ [1.0, 1.0]).max() < ROUNDING:
        raise Wrong(
            "At q = 0 moving all atoms costs nothing in Φ; in D it is √m u that moves. Suspect the masses."
        )
    raise Wrong(
        f"At q = 0 moving all atoms together costs {np.abs(together).max():.3g}, not nothing. Suspect the "
        "masses, D = Φ/√(mᵢmⱼ), or a spring that stands on the diagonal but not beside it."
    )


def _alternating(q: float, m: float, M: float, K: float, k: float) -> np.ndarray:
    cross = -(K + k * np.exp(-2j * np.pi * q)) / np.sqrt(m * M)
    return np.array([[(K + k) / m, cross], [np.conj(cross), (K + k) / M]])


_HALF_CELL = "A lattice vector is a whole cell, two atoms long: the phases of K and k differ by 2π q."


def _compare_branches(D: np.ndarray, q: float, m: float, M: float, K: float, k: float) -> None:
    wanted, found = np.linalg.eigvalsh(_alternating(q, m, M, K, k)), np.linalg.eigvalsh(D)
    if np.abs(found - wanted).max() > 1e-6 * wanted.max():
        suspect = (
            "Right at q = 0, so suspect the phases: K leads to the neighbour in this cell, k to the next."
            if q
            else "All springs are wrong by a factor: suspect one that is counted twice, or the unit."
        )
        if found.min() < -1e-6 * wanted.max():
            suspect = "ω² is negative: suspect the sign, plus on the diagonal and minus beside it."
        for turn, slip in ((1 / (2 * np.pi), "2π is missing: the phase is exp(-2πi q)."), (2.0, _HALF_CELL)):
            if np.abs(found - np.linalg.eigvalsh(_alternating(q * turn, m, M, K, k))).max() < 1e-6:
                suspect = slip
        same = np.linalg.eigvalsh(_alternating(q, m, M, (K + k) / 2, (K + k) / 2))
        if np.abs(found - same).max() < 1e-6 * wanted.max():
            suspect = "These are the frequencies of two equal springs: K and k differ."
        raise Wrong(
            f"For masses {m:g}, {M:g} u and springs {K:g}, {k:g} eV/Å² at q = {q:g} you find ω² = "
            f"{found.round(3)}; the chain has {wanted.round(3)}. {suspect}"
        )


@exercise(
    "7.2",
    title="Mend the sum rule",
    hint=["Springs between different atoms stay.", "Φ₀₀ becomes minus the sum of all others."],
)
def mend_the_sum_rule(answer: Callable) -> str:
    """The sum is zero, the springs between different atoms are as before, right ones stay."""
    row = np.random.default_rng(7).normal(size=(6, 3, 3))
    found = tensor(answer(row), "The row").numpy()
    if found.shape != row.shape:
        raise Wrong(f"Expected the shape {row.shape}, got {found.shape}.")
    if not np.isfinite(found).all():
        raise Wrong("The row holds something that is not a number.")
    left = np.abs(found.sum(axis=0)).max()
    if np.abs(found[0] + row.sum(axis=0)).max() < ROUNDING:
        raise Wrong("The sum over all atoms holds Φ₀₀ itself: subtract it from Φ₀₀, or sum the others only.")
    if left > ROUNDING:
        suspect = "Suspect the axis of the sum: it runs over atoms, axis 0, and leaves a 3 x 3 matrix."
        if np.abs(found[0] - row[0] - row.sum(axis=0)).max() < ROUNDING:
            suspect = "Suspect the sign: the sum has to be taken off Φ₀₀."
        raise Wrong(
            f"Moving all atoms still costs {left:.2f} eV/Å²: the sum over atoms is not zero. {suspect}"
        )
    moved = np.abs(found[1:] - row[1:]).max()
    if moved > ROUNDING:
        raise Wrong(f"Springs between different atoms have changed, by up to {moved:.2f}: only Φ₀₀ may.")
    return "The crystal moves freely, and no spring between two atoms was touched."


@exercise(
    "7.3",
    title="What mean masses lose",
    hint=[
        "The exact moment is the mean of Φ/m over atoms; with mean masses it is ⟨Φ⟩/⟨m⟩.",
        "A frequency is the root of its square: take the root of the ratio, and subtract 1.",
    ],
)
def what_mean_masses_lose(answer: Callable) -> str:
    """Against all modes of random chains; nothing for equal masses; scales drop out; either sign."""
    rng = np.random.default_rng(6)
    for _ in range(3):
        masses, springs = rng.uniform(20, 200, size=6), rng.uniform(1, 9, size=6)
        stiffness, own, mean = _chain_of_atoms(masses, springs)
        found = _loss(answer, 3 * stiffness, masses)  # of three directions
        _compare_loss(found, np.sqrt(mean / own) - 1, 3 * stiffness, masses)
    equal = _loss(answer, np.array([3.0, 9.0]), np.array([50.0, 50.0]))
    if not abs(equal) < ROUNDING:
        raise Wrong(f"Equal masses lose nothing, you find {equal:+.3f}.")
    if not _loss(answer, np.array([1.0, 15.0]), np.array([20.0, 180.0])) > 1e-3:
        raise Wrong("Where the light atoms are held softly, the mean crystal can be too fast: keep the sign.")
    return "Right for every chain: too slow as a rule, and too fast where light atoms are held softly."


def _loss(answer: Callable, stiffness: np.ndarray, masses: np.ndarray) -> float:
    return number(answer(stiffness, masses), "The loss").real


def _chain_of_atoms(masses: np.ndarray, springs: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return Φ_ii of a ring, and ⟨ω²⟩ of all its modes with its own masses and with their mean."""
    Φ = np.diag(springs + np.roll(springs, 1))
    for i, spring in enumerate(springs):
        j = (i + 1) % len(springs)
        Φ[i, j], Φ[j, i] = -spring, -spring
    modes = [
        np.linalg.eigvalsh(Φ / np.sqrt(np.outer(m, m))).mean() for m in (masses, 0 * masses + masses.mean())
    ]
    return np.diag(Φ), modes[0], modes[1]


def _compare_loss(found: float, wanted: float, stiffness: np.ndarray, masses: np.ndarray) -> None:
    if abs(found - wanted) < ROUNDING:
        return
    squared = (1 + wanted) ** 2 - 1
    exact, mean = np.sqrt((stiffness / masses).mean()), np.sqrt(stiffness.mean() / masses.mean())
    reasons = {
        100 * wanted: "a share, not a percentage.",
        mean - exact: "that is a difference of frequencies; divide it by the exact one.",
        mean / np.sqrt(stiffness / masses).mean() - 1: "the root of a mean is wanted, not the mean of roots.",
        squared: "that is the loss of the mean square; a frequency is a root.",
        1 / (1 + wanted) - 1: "the ratio is upside down: the mean crystal over the exact one.",
        1 + wanted: "that is the ratio; subtract 1.",
        -wanted: "the sign: too slow is negative.",
        1 / np.sqrt((1 / masses).mean() * masses.mean())
        - 1: "the stiffness of each atom counts with its mass.",
    }
    for value, reason in reasons.items():
        if abs(found - value) < 1e-6:
            raise Wrong(f"You find {found:+.3f}; the modes say {wanted:+.3f}: {reason}")
    raise Wrong(
        f"You find {found:+.3f}, but all modes of the crystal, computed both ways, say {wanted:+.3f}."
    )


@exercise(
    "7.4",
    title="Heat capacity",
    hint=[
        "Differentiate hν/(exp(x) - 1) with respect to T; normalise g.",
        "For x → 0 a mode gives k_B: x = 1e-6 instead of 0 will do.",
    ],
)
def heat(answer: Callable) -> str:
    """The limits, the scale of g, and the values in between."""
    ν = np.linspace(0, 20, 41)
    g = ν**2 * (20 - ν)
    limit = 3 * spectra.GAS_CONSTANT
    with np.errstate(all="ignore"):
        cases = ((g, 1e6), (2 * g, 1e6), (g, 3.0), (np.ones_like(ν), 1e6), (g, 300.0))
        found = [tensor(answer(ν, x, T), "The heat capacity") for x, T in cases]
    if any(each.numel() != 1 for each in found):
        raise Wrong(f"One number is asked for, got the shape {tuple(found[0].shape)}: add up the modes.")
    hot, double, cold, flat, warm = (each.item() for each in found)
    if not np.isfinite([hot, double, cold, flat, warm]).all():
        raise Wrong("Not a number: at ν = 0 you divide zero by zero. A mode gives 1 there.")
    if abs(double - hot) > 1e-3 * limit:
        raise Wrong(f"Twice g gives {double / hot:.2f} times the heat: the scale of g must not matter.")
    if abs(hot - limit) > 2e-2:
        raise Wrong(f"Hot crystals reach {limit:.2f}, yours {hot:.2f}: {_heat_suspect(hot / limit)}")
    if abs(flat - limit) > 2e-2:
        raise Wrong(
            f"A flat g reaches {flat:.2f} when hot, not {limit:.2f}: the modes at ν = 0 count as well. "
            "There the formula is zero by zero, and its limit is 1."
        )
    if cold > 0.02 * limit:
        raise Wrong(
            f"At 3 K you find {cold:.2f}: quanta are frozen there. Suspect x, which is hν/k_BT, or an energy "
            "over T in place of a derivative by T."
        )
    right = float(heat_capacity(ν, g, 300.0))  # g vanishes at both ends: sum and trapezoids agree
    if abs(warm - right) > 2e-2:
        raise Wrong(
            f"Both limits hold, but at 300 K you find {warm:.2f}, not {right:.2f} J/(K mol): "
            + _warm_suspect(warm, ν, g)
        )
    return "Three gas constants when hot, nothing when cold, right between, whatever the scale of g."


def _heat_suspect(ratio: float) -> str:
    if abs(ratio - 1 / 3) < 1e-2:
        return "each atom moves along three axes."
    if abs(ratio - 2) < 1e-2:
        return "twice too much. Suspect a sum over an integral, or a formula unit in place of an atom."
    if ratio > 2:
        return "divide g by its sum; as x → 0 each mode gives k_B."
    return "each mode gives k_B when it is hot, whatever its frequency. Suspect the formula, or the unit."


def _warm_suspect(warm: float, ν: np.ndarray, g: np.ndarray) -> str:
    mean = np.array([(ν * g).sum() / g.sum()])
    if abs(warm - float(heat_capacity(mean, np.ones(1), 300.0))) < 2e-2:
        return "that is the heat capacity at the mean frequency. Average the modes' heat capacities instead."
    for factor in (2 * np.pi, 1 / (2 * np.pi)):
        if abs(warm - float(heat_capacity(factor * ν, g, 300.0))) < 2e-2:
            return "suspect a factor of 2π in x, which is hν/k_BT, not ħν/k_BT or hω/k_BT."
    for factor, unit in ((11.6045 / 47.9924, "meV"), (1.4388 / 47.9924, "cm⁻¹")):
        if abs(warm - float(heat_capacity(factor * ν, g, 300.0))) < 0.1:
            return f"suspect the unit: your h/k_B is that for {unit}, and frequencies are in THz."
    return "take the derivative of the mean energy hν/(exp(x) - 1) by T, where x = hν/k_BT."


@exercise(
    "7.5",
    title="A lattice sum",
    hint=[
        "ase.neighborlist.neighbor_list('ijd', atoms, cutoff) lists all images.",
        "Choose those from i to j, and add f of their distances.",
    ],
)
def a_lattice_sum(answer: Callable) -> str:
    """Small, oblique and large cells against a list of all images, for two functions and cutoffs."""
    f, g = lambda r: np.exp(-r), lambda r: 1 / (1 + r**2)
    salt = bulk("NaCl", "rocksalt", a=5.6)
    oblique = Atoms("Cu", cell=[[2.5, 0, 0], [4.5, 2.4, 0], [1.0, 0.5, 2.8]], pbc=True)  # long edges
    cases = (
        (salt, 0, 1, f, 6.0),
        (salt, 0, 0, f, 6.0),
        (oblique, 0, 0, f, 6.0),
        (salt.repeat(2), 0, 1, g, 7.0),
    )
    for atoms, i, j, function, cutoff in cases:
        what = f"{atoms.get_chemical_formula()}, {i} and {j}, cutoff {cutoff:g} Å"
        with np.errstate(all="ignore"):
            found = number(answer(atoms, i, j, function, cutoff), f"The sum for {what}").real
        first, second, d = neighbor_list("ijd", atoms, cutoff)
        chosen = d[(first == i) & (second == j)]
        if abs(found - function(chosen).sum()) > ROUNDING:
            around = function(d[first == i]).sum()
            raise Wrong(_sum_reason(found, chosen, function, what, i == j, around))
    return "All images counted once, in small, oblique and large cells, and no atom as its own neighbour."


def _sum_reason(found: float, d: np.ndarray, f: Callable, what: str, same: bool, around: float) -> str:
    total, images = f(d).sum(), f"{len(d)} images within the cutoff give {f(d).sum():.4f}"
    if abs(found - around) < ROUNDING:
        return f"{what}: all neighbours of one atom give that. Only images of j around i count; {images}."
    if same and abs(found - total - f(0.0)) < ROUNDING:
        return f"{what}: the atom counts as its own neighbour, r = 0. Only 0 < r counts."
    if same and (found == 0 or abs(found - f(0.0)) < ROUNDING):
        return f"{what}: in a crystal an atom is surrounded by its own images as well; {images}."
    if abs(found - f(d.min())) < ROUNDING:
        return f"{what}: only the nearest image is counted; {images}."
    if abs(found - 2 * total) < ROUNDING:
        return f"{what}: each image is counted twice: pairs i→j and j→i are the same distances."
    if abs(found - total / 2) < ROUNDING:
        return f"{what}: half of the images are missing; is each pair listed once only?"
    if abs(found - f(d.sum())) < ROUNDING or abs(found - f(d).mean()) < ROUNDING:
        return f"{what}: you find {found:.4f}; add f(r) over the images, not r, and take no mean; {images}."
    return (
        f"{what}: you find {found:.4f}; {images}. Suspect f, the cutoff, or the shifts of the cell: how many "
        "are needed depends on the distance between lattice planes, not on the lengths of edges."
    )


@exercise(
    "7.6",
    title="Cumulative distance",
    hint=["Divide each spectrum by its sum.", "np.cumsum, difference, absolute value, mean."],
)
def cumulative_distance(answer: Callable) -> str:
    """Zero for equal ones, blind to scale, symmetric, in step with a shift, right for two peaks."""
    t = np.exp(-((np.arange(51) - 20.0) ** 2) / 2)

    def distance(p: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return number(answer(p, t), "The distance of two spectra").real

    if abs(distance(t)) > ROUNDING:
        raise Wrong("A spectrum differs from itself: treat both alike.")
    if abs(distance(5 * t)) > ROUNDING:
        raise Wrong(f"Five times a spectrum is {distance(5 * t):.2f} away from it: divide each by its sum.")
    one, far, back = (distance(np.roll(t, n)) for n in (1, 9, -9))
    if far < 0 or back < 0 or abs(far - back) > 1e-6:
        when = "" if far < 0 or back < 0 else " after the cumulative sums, not before"
        raise Wrong(f"Shifts to and fro give {far:.4f} and {back:.4f}: take absolute values{when}.")
    two = (np.roll(t, 6) + np.roll(t, -6)) / 2  # the same mean frequency as t
    if abs(distance(two)) < 1e-3:
        raise Wrong(
            "Two peaks at equal distances left and right of one count as equal to it: a difference of mean "
            "frequencies cannot see that. Compare the cumulative sums point by point."
        )
    if abs(far / one - 9) > 1e-2:
        raise Wrong(
            f"Nine bins off is {far / one:.1f} times as wrong as one bin off, not 9: suspect a comparison "
            "bin by bin, without cumsum, or a square or a maximum in place of the mean absolute difference."
        )
    if abs(one - 1 / 51) > 1e-4:
        raise Wrong(
            f"One bin off should give 1/51 = 0.0196, yours gives {one:.4f}: divide each spectrum by its sum, "
            "and take the mean over the points."
        )
    lopsided = 0.4 * np.roll(t, -8) + 0.6 * np.roll(t, 10)
    wanted = np.abs(np.cumsum(lopsided - t)).mean() / t.sum()
    if abs(distance(lopsided) - wanted) > 0.02 * wanted:  # trapezoids are as good as sums
        raise Wrong(
            f"Two peaks beside one, 40 % to its left and 60 % to its right, should give {wanted:.3f}, yours "
            f"gives {distance(lopsided):.3f}: compare the cumulative sums at every point."
        )
    return "Zero for equal spectra, blind to scale, and in step with the shift."

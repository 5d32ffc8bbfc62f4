"""Exercises of session 6: predict electron densities."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from torch import Tensor

from tutorial_utils.densities import molecules, network
from tutorial_utils.densities.network import DensityNetwork
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong, number, tensor

_TOP = 4  # highest degree of the basis


@cache
def _example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, a metric and charges of 30 made-up functions; a tenth of 4 electrons is missing."""
    rng = np.random.default_rng(6)
    A = rng.normal(size=(30, 30))
    J = A @ A.T + 0.3 * np.eye(30)
    q = np.where(np.arange(30) < 12, rng.uniform(0.5, 2, 30), 0.0)
    c = rng.normal(size=30)
    return c + q * (3.9 - q @ c) / (q @ q), J, q


@exercise(
    "6.1",
    title="Put the electrons right",
    hint=[
        "Look for the change δ with q·δ = N - q·c that makes δᵀJδ smallest: a Lagrange multiplier.",
        "δ = λ J⁻¹ q, and λ follows from the count.",
    ],
)
def put_electrons_right(answer: Callable) -> str:
    """Count, with too few electrons and too many; compare the cost with the least possible."""
    c, J, q = _example()
    response = np.linalg.solve(J, q)
    for N in (4.0, 3.5):
        found = _numbers(answer, c, J, q, N)
        if abs(q @ found - N) > 1e-5:
            raise Wrong(_miscount(float(q @ found), N, float(q @ c)))
        least = c + (N - q @ c) / (q @ response) * response
        cost, minimum = ((d - c) @ J @ (d - c) for d in (found, least))
        if cost > 1.0001 * minimum:
            more = 100 * (cost / minimum - 1)
            much = f"{more:.2g} % more than" if more < 100 else f"{cost / minimum:.0f} times"
            raise Wrong(f"{_reason(found, c, q, response)} It costs {much} the least possible energy.")
        right = _numbers(answer, least, J, q, N)
        if np.abs(right - least).max() > 1e-5:
            raise Wrong("Coefficients whose count is right already are changed.")
    return "The count is right, at the least price. And as J turns with the molecule, so does the repair."


def _miscount(count: float, N: float, before: float) -> str:
    start = f"With N = {N:g} and {before:.2f} electrons to begin with, q·c' is {count:.5g}"
    if abs(count - 10) < 1e-5:
        return f"{start}. Suspect a 10 in the place of N."
    if abs(count - (2 * before - N)) < 1e-5:
        return f"{start}. The change goes the wrong way: suspect the sign of N - q·c."
    if abs(count - (before + N)) < 1e-5:
        return f"{start}. N electrons were added; only what is missing, N - q·c, should be."
    if abs(count - (N - before)) < 1e-5:
        return f"{start}. That is the change alone: add it to c."
    return f"{start}: {abs(count - N):.2g} {'are missing' if count < N else 'are too many'}."


def _numbers(answer: Callable, *inputs: object) -> np.ndarray:
    found = tensor(answer(*inputs), "What your function returns").numpy()
    if found.shape != (30,) or not np.isfinite(found).all():
        raise Wrong(f"For 30 coefficients your function returned {found.shape}; expected 30 finite numbers.")
    return found


def _reason(found: np.ndarray, c: np.ndarray, q: np.ndarray, response: np.ndarray) -> str:
    change = found - c
    if _parallel(change, response, within=1e-2):
        return "The count is right, and the change almost along J⁻¹q: suspect a number that was added to J."
    if _parallel(change, c):
        return "The count is right, but all is scaled: the core grows as well, where nothing was missing."
    if _parallel(change, q):
        return "The count is right, and the change along q the shortest in numbers, but not in energy: use J."
    return (
        "The count is right, but the change is not the least in the Coulomb metric: it runs along J⁻¹q. "
        "Suspect J q where solve(J, q) is meant."
    )


def _parallel(a: np.ndarray, b: np.ndarray, *, within: float = 1e-10) -> bool:
    return abs(a @ b) > (1 - within) * np.linalg.norm(a) * np.linalg.norm(b)


@exercise(
    "6.2",
    title="Translate",
    hint=[
        "Renaming axes is a rotation of the axes: (x, y, z) -> (z, x, y).",
        "o3.Irrep(l, 1).D_from_matrix of that rotation, or of its inverse; l = 0 and 1 stay as they are.",
    ],
)
def translate(answer: Callable[[int], Tensor]) -> str:
    """Compare functions: PySCF's harmonics, translated, have to be e3nn's at any point."""
    r = torch.tensor(np.random.default_rng(0).normal(size=(50, 3)))
    for l in range(5):
        Q = tensor(answer(l), f"l = {l}: your matrix")
        if Q.shape != (2 * l + 1, 2 * l + 1):
            raise Wrong(f"l = {l}: expected a ({2 * l + 1}, {2 * l + 1}) matrix, got {tuple(Q.shape)}.")
        theirs, ours = _harmonics(l, r)
        error = (theirs @ Q.T - ours).norm() / ours.norm()
        if error > 1e-6:
            what = f"l = {l}: PySCF's harmonics, translated, are not e3nn's (error {error:.1g})."
            raise Wrong(f"{what} {_suspect(l, Q, theirs, ours)}")
    return "All degrees from 0 to 4: what the two programs say of a density is the same now."


def _harmonics(l: int, r: Tensor) -> tuple[Tensor, Tensor]:
    """Return S_lm as PySCF has them and Y_lm of e3nn at points r."""
    from tutorial_utils.conventions import quantum_chemistry_to_e3nn

    ours = o3.spherical_harmonics(l, r, True, "integral")
    return ours @ quantum_chemistry_to_e3nn(l).to(ours), ours


def _suspect(l: int, Q: Tensor, theirs: Tensor, ours: Tensor) -> str:
    if (Q @ Q.T - torch.eye(2 * l + 1)).norm() > 1e-6:
        return "Your matrix is not orthogonal: lengths would change."
    if (theirs @ Q - ours).norm() < 1e-6 * ours.norm():
        return "It is the inverse that is needed."
    if (theirs @ Q.T + ours).norm() < 1e-6 * ours.norm():
        return "The sign is wrong: to rename axes is a rotation, with determinant 1 and no mirror."
    if l == 1:
        return "Both write l = 1 as x, y, z: nothing is to be done."
    if set(Q.abs().round(decimals=6).unique().tolist()) <= {0.0, 1.0}:
        return "You only reorder components; the polar axis moves from z to y, which mixes them."
    return "Suspect the axes: what PySCF measures from z, e3nn measures from y."


Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


@exercise(
    "6.3",
    title="A loss with a meaning",
    hint=[
        "Δ @ M @ Δ is the square; divide by the electrons, then take the root.",
        ".clamp(min=1e-20) before .sqrt() keeps the gradient finite where Δ = 0.",
    ],
)
def loss_with_a_meaning(answer: Loss) -> str:
    """Compare with the formula, tell typical slips apart, and differentiate at a perfect prediction."""
    rng = torch.Generator().manual_seed(6)
    A = torch.randn(20, 20, generator=rng, dtype=torch.float64)
    M = A @ A.T + 0.1 * torch.eye(20, dtype=torch.float64)
    target, Δ = torch.randn(2, 20, generator=rng, dtype=torch.float64)
    found = number(answer(target + Δ, target, M, 10.0), "Your loss").real
    square = float(Δ @ M @ Δ)
    slips = {
        square / 10: "This is the square; its gradient fades away near the goal. Take the root.",
        square**0.5: "The electrons are missing: a cluster of twelve would count more than one molecule.",
        (square / 20) ** 0.5: "Divide by the electrons, not by the number of functions.",
        square**0.5 / 10: "N_e stands outside the root; inside, as Δcᵀ M Δc / N_e, it belongs.",
        float(((Δ[:, None] * M * Δ) / 10).diagonal().sum())
        ** 0.5: "Only the diagonal of M is used: overlaps are lost.",
        float(Δ.abs().mean()): "That is the mean error of coefficients: M and the electrons are missing.",
        float(Δ.square().mean())
        ** 0.5: "That is the error of coefficients: M and the electrons are missing.",
        float(abs((target + Δ) @ M @ (target + Δ) - target @ M @ target) / 10) ** 0.5: "That is a difference "
        "of norms. Take the norm of the difference, predicted - target.",
        float(Δ @ Δ / 10) ** 0.5: "M is not used: this measures coefficients, not densities.",
    }
    for value, message in slips.items():
        if abs(found - value) < 1e-6 * abs(value):
            raise Wrong(message)
    for electrons in (10.0, 30.0):
        found = number(answer(target + Δ, target, M, electrons), "Your loss").real
        wanted = (square / electrons) ** 0.5
        if abs(found / wanted - 1) > 1e-6:
            raise Wrong(_ratio_suspect(found / wanted, electrons))
    for scale in (1.0, 1e-3, 1e-4):  # a summand of 1e-8 under the root still passes
        _compare_gradient(answer, target, scale * Δ, M)
    at_goal = target.clone().requires_grad_()
    value = answer(at_goal, target, M, 10.0)
    if not value.requires_grad:
        raise Wrong("No gradient comes back: do not leave torch, and do not detach.")
    value.backward()
    if at_goal.grad is None or not at_goal.grad.isfinite().all():
        raise Wrong("At a perfect prediction the gradient is not finite: the slope of √x at 0 is infinite.")
    return "A distance between densities: in units of space, not of the basis, and safe at its zero."


def _ratio_suspect(ratio: float, electrons: float) -> str:
    if abs(ratio - 1) < 0.01:
        more = "larger" if ratio > 1 else "smaller"
        return (
            f"It is {more} than the formula by {100 * abs(ratio - 1):.2g} %. Suspect a summand, or a clamp."
        )
    suspect = "" if electrons == 10 else " Suspect a fixed number in the place of electrons."
    return f"With N_e = {electrons:g} it is {ratio:.5g} times the formula.{suspect}"


def _compare_gradient(answer: Loss, target: Tensor, Δ: Tensor, M: Tensor) -> None:
    """Compare with MΔ / (N_e · loss), which has a finite length however small Δ is."""
    at = (target + Δ).requires_grad_()
    value = answer(at, target, M, 10.0)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise Wrong("No gradient comes back: do not leave torch, and do not detach.")
    (found,) = torch.autograd.grad(value, at, allow_unused=True)
    wanted = M @ Δ / 10 / (Δ @ M @ Δ / 10).sqrt()
    if found is None or (found - wanted).norm() > 0.02 * wanted.norm():
        off = 1.0 if found is None else float((found - wanted).norm() / wanted.norm())
        error = float((Δ @ M @ Δ / 10).sqrt())
        raise Wrong(
            f"Where the error is {error:.2g}, the gradient is off by {100 * off:.2g} % of its length. "
            "Suspect a clamp that is too large, a summand under the root, or a part that is detached."
        )


@exercise(
    "6.4",
    title="The least edge that reaches everything",
    hint=[
        "l = 4 is the hardest: which K gives it from features up to L?",
        "|l1 - l2| <= l <= l1 + l2, and natural parities ask for l1 + l2 + l to be even.",
    ],
)
def least_edge(answer: Mapping[int, int]) -> str:
    """Multiply out which degrees of natural parity arise, for the answer and for one less."""
    if isinstance(answer, list | tuple) and len(answer) == 4:
        answer = dict(enumerate(answer))
    if not isinstance(answer, Mapping) or set(answer) != set(range(4)):
        raise Wrong("Give a number for each highest feature: {0: …, 1: …, 2: …, 3: …}.")
    for L, given in answer.items():
        K = _whole(L, given)
        missing = sorted(set(range(_TOP + 1)) - _reached(L, K))
        if missing:
            kinds = ", ".join(f"{l}{'eo'[l % 2]}" for l in missing)
            raise Wrong(f"L = {L}: features up to {L} times edges up to {K} never give {kinds}.")
        if K > 0 and _reached(L, K - 1) >= set(range(_TOP + 1)):
            raise Wrong(f"L = {L}: K = {K} is enough, but not the least; {K - 1} is enough too.")
    return "K = 4 - L. And features up to 4 need no directions at all in the last convolution."


def _whole(L: int, K: object) -> int:
    """Read a whole number, Python's, NumPy's or torch's."""
    found = -1.0 if isinstance(K, bool) else number(K, f"L = {L}: K").real
    if found < 0 or found != round(found):
        raise Wrong(f"L = {L}: expected a whole number from 0 on, got {K!r}.")
    return round(found)


def _reached(L: int, K: int) -> set[int]:
    return {
        l
        for a in range(L + 1)
        for b in range(min(K, L + _TOP) + 1)  # larger ones give nothing up to the top
        for l in range(abs(a - b), a + b + 1)
        if (a + b + l) % 2 == 0
    }


@exercise(
    "6.5",
    title="How far does it see?",
    hint=[
        "Atom 0 hears from atoms within 5 Å, and these had heard from atoms within 5 Å of theirs.",
        "Three molecules in a row, oxygens 4.8 Å apart; then move the third oxygen a little.",
    ],
)
def how_far(answer: tuple[Atoms, Atoms]) -> str:
    """Check that one far atom moved, and let an untrained network say whether atom 0 noticed."""
    if not isinstance(answer, tuple | list) or [type(a) for a in answer] != [Atoms, Atoms]:
        raise Wrong("Give a pair (atoms, moved) of ase.Atoms.")
    atoms, moved = answer
    if list(atoms.symbols) != list(moved.symbols):
        raise Wrong("Both structures need the same atoms in the same order.")
    for place, structure in (("first", atoms), ("second", moved)):
        if {tuple(sorted(structure.symbols[part])) for part in molecules(structure)} != {("H", "H", "O")}:
            raise Wrong(f"The {place} structure has to consist of molecules of water.")
    changed = np.flatnonzero(np.abs(moved.positions - atoms.positions).max(axis=1) > 1e-12)
    if len(changed) != 1:
        raise Wrong(f"{len(changed)} atoms have moved; expected exactly one.")
    n = int(changed[0])
    distance = min(np.linalg.norm(a.positions[n] - a.positions[0]) for a in (atoms, moved))
    if n == 0 or distance <= 9:
        raise Wrong(f"Atom {n} moves {distance:.1f} Å from atom 0; it has to stay beyond 9 Å.")
    first, second = (network.density_of(_model(), a).coefficients[: _size(a)] for a in (atoms, moved))
    if (first - second).abs().max() < 1e-12:
        if distance > 10:
            raise Wrong(f"Atom {n} is {distance:.1f} Å away, and two layers of 5 Å end at 10 Å.")
        if _relay(atoms, n) or _relay(moved, n):
            raise Wrong("Atom 0 has not noticed: what changes is too little. Make a larger move, or nearer.")
        raise Wrong(
            f"Atom 0 has not noticed. No atom stands within 5 Å of both atom 0 and atom {n}: "
            "messages go from atom to atom."
        )
    return (
        f"Atom 0 has noticed what happened {distance:.1f} Å away. Without the atoms in between it could not."
    )


def _relay(atoms: Atoms, n: int) -> bool:
    """Say whether an atom stands within the cutoff of both atom 0 and atom n."""
    near = np.linalg.norm(atoms.positions - atoms.positions[[[0], [n]]], axis=2) < _model().cutoff
    return bool(np.delete(near.all(axis=0), [0, n]).any())


@cache
def _model() -> DensityNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DensityNetwork(irreps_hidden="8x0e+4x1o", irreps_last="8x0e+4x1o").eval()


def _size(atoms: Atoms) -> int:
    return _model().basis.irreps(atoms.symbols[0]).dim


Irreps = Callable[[str], o3.Irreps]


@exercise(
    "6.6",
    title="Another element",
    hint=[
        "One shell of these functions is one exponent; bas_angular(shell) is its l.",
        "o3.Irreps([(count, (l, (-1) ** l)), ...]) with the parity of spherical harmonics.",
    ],
)
def another_element(answer: Irreps) -> str:
    """Compare with PySCF's functions for elements of three rows, parity and multiplicity apart."""
    for symbol in ("O", "H", "C", "Na", "S"):
        found, wanted = _read_irreps(answer(symbol)), _irreps(symbol)
        for l in range(max(ir.l for _, ir in (*found, *wanted)) + 1):
            n, right = (sum(mul for mul, ir in irreps if ir.l == l) for irreps in (found, wanted))
            if n != right:
                hint = _count(symbol, n, right, l)
                raise Wrong(f"{symbol}: {n} of degree l = {l}, but there are {right}.{hint}")
        for _, ir in found:
            if ir.p != (-1) ** ir.l:
                raise Wrong(
                    f"{symbol}: inversion fails for {ir}: functions of degree {ir.l} have the parity (-1)^l."
                )
    return "Right for five elements of three rows: any molecule can have such coefficients."


def _read_irreps(found: object) -> o3.Irreps:
    """Read irreps, a text, or a list of either."""
    try:
        if isinstance(found, list | tuple) and found and all(isinstance(part, str) for part in found):
            found = "+".join(found)
        return o3.Irreps(found)
    except (ValueError, TypeError, AssertionError, AttributeError):
        raise Wrong(f'Expected irreps such as o3.Irreps("12x0e+5x1o"); got {found!r}.') from None


def _irreps(symbol: str) -> o3.Irreps:
    from pyscf import gto

    from tutorial_utils.densities import fitting

    atom = gto.M(atom=symbol, basis=fitting.UNIVERSAL, spin=None, verbose=0)
    return fitting.read_basis(atom).irreps(symbol)


def _count(symbol: str, n: int, right: int, l: int) -> str:
    if n == right * (2 * l + 1):
        return " Suspect that components were counted, not shells."
    if (symbol, l, n) == ("O", 1, right + 1):
        return " Suspect the one more p that section 2 adds: the basis itself is asked for."
    if 0 < n < right:
        return " Suspect another basis, or the contracted one: its name has to begin with unc-."
    return ""

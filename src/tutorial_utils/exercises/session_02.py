"""Exercises of session 2: the group theory that networks use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from e3nn import o3
from jaxtyping import Float

from tutorial_utils import groups, symmetry, tensors
from tutorial_utils.exercises import _session_02_cases as _cases
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong, number


@exercise(
    "2.1",
    title="Axioms are tests",
    hint=[
        "Four tests: closure, associativity, identity, inverses; return at the first that fails.",
        "table[table] holds all (gh)k, table[:, table] all g(hk). "
        "The identity need not be number 0: search for it.",
    ],
    none=True,
)
def first_broken_axiom(answer: Callable[[np.ndarray], str | None]) -> str:
    """Name the broken axiom of planted tables that are no groups, and accept shuffled groups."""
    for name, (rows, axiom, suspect) in _cases.NO_GROUPS.items():
        found = _axiom(answer, rows)
        if found is None:
            raise Wrong(f"Your function takes {name} for a group, but {axiom} fails. {suspect}")
        if found != axiom:
            raise Wrong(
                f"For {name} the first axiom that fails is {axiom}; your function says {found}. {suspect}"
            )
    for name in ("C1", "C3", "C3v", "Td"):
        found = _axiom(answer, _cases.point_group(name))
        if found == "identity" or found == "inverses":
            raise Wrong(
                f"The group {name}, its elements numbered at random, fails your test of {found}. "
                "Suspect an identity that is taken to be number 0."
            )
        if found is not None:
            raise Wrong(
                f"{name} is a group, but your function says that {found} fails. "
                "Suspect a test of gh = hg: the axioms do not ask for that."
            )
    return "Right for seven tables that are no groups and for four that are, among them methane's."


_AXIOMS = ("closure", "associativity", "identity", "inverses")


def _axiom(answer: Callable[[np.ndarray], str | None], rows: np.ndarray | list) -> str | None:
    found = answer(np.array(rows))
    found = found.strip().lower() if isinstance(found, str) else found
    if found is not None and (not isinstance(found, str) or found not in _AXIOMS):
        raise Wrong(
            f"Your function returned {found!r}; expected None or one of 'closure', 'associativity', "
            "'identity', 'inverses'."
        )
    return found


Paths = Callable[[str, str, str, np.ndarray], int]


@exercise(
    "2.2",
    title="Fewer symmetries, more paths",
    hint=[
        "The products of components of a and b carry the character χ_a χ_b: how often does c occur in it?",
        "The mean over the operations of χ_a χ_b χ_c, where χ(g) is the trace of D_from_matrix.",
    ],
)
def count_paths(answer: Paths) -> str:
    """Compare with the rank of the average of D_a ⊗ D_b ⊗ D_c, for chosen and random irreps and groups."""
    cases = _path_cases()
    found = [_whole(answer(*case[:3], np.array(groups.molecular(case[3]))), case) for case in cases]
    right = [_independent_products(*case) for case in cases]
    if found == right:
        return "Right for chosen and random irreps and groups: as many paths as independent products."
    for message, numbers in _path_slips(cases, right, found).items():
        if found == numbers:
            raise Wrong(message)
    k = next(k for k in range(len(cases)) if found[k] != right[k])
    a, b, c, name = cases[k]
    raise Wrong(
        f"{a} ⊗ {b} → {c} under {name}: you find {found[k]:g}, the average of D ⊗ D ⊗ D leaves {right[k]} "
        "independent products. Suspect the average: over all operations, of the product of three traces."
    )


def _path_slips(cases: list, right: list[int], found: list[int]) -> dict[str, list[int]]:
    """Return what the usual slips would count, by what to say of them."""
    return {
        "That is the count for all of O(3), triangle rule and parity. A crystal has fewer operations, so "
        "fewer conditions and more paths.": [
            int(o3.Irrep(c) in o3.Irrep(a) * o3.Irrep(b)) for a, b, c, _ in cases
        ],
        "You tell whether there is a path, not how many: leave the average as a number.": [
            min(n, 1) for n in right
        ],
        "Parity is missing: improper operations count with the sign of odd irreps.": [
            _independent_products(a[0] + "e", b[0] + "e", c[0] + "e", name) for a, b, c, name in cases
        ],
        "That counts the invariants in a ⊗ b: the third irrep, c, is missing from the average.": [
            _independent_products(a, b, "0e", name) for a, b, _, name in cases
        ],
        "That is the count for rotations alone: reflections and inversion are operations, too.": [
            _independent_products(*case, proper=True) for case in cases
        ],
        "That is the sum over the operations, not their mean: divide by the order of the group.": [
            n * len(groups.molecular(case[3])) for n, case in zip(right, cases, strict=True)
        ],
        "Some counts are 1 too small: int() cuts an average of 0.9999999 to 0. Use round.": [
            m for m, n in zip(found, right, strict=True) if 0 <= n - m <= 1
        ],
    }


def _path_cases() -> list[tuple[str, str, str, str]]:
    """Return irreps and a point group: four that tell the usual slips apart, and eight at random."""
    rng = np.random.default_rng(0)
    irreps, names = ["0e", "0o", "1e", "1o", "2e", "2o"], ["Oh", "Td", "D3", "C4v", "S4", "C2h"]
    cases = [("2e", "2e", "2e", "Oh"), *(("1o", "1o", "1o", name) for name in ("Td", "Oh"))]
    cases += [("1o", "1e", "1o", "Cs")]
    return cases + [(*rng.choice(irreps, 3).tolist(), str(rng.choice(names))) for _ in range(8)]


def _whole(value: float, case: tuple[str, ...]) -> int:
    found = number(value, f"What paths{case[:3]} returns").real
    if abs(found - round(found)) > 1e-6:
        raise Wrong(
            f"paths{case[:3]} under {case[3]} returned {found:.3g}; a count is a whole number. Suspect a "
            "division by a dimension, or a mean over something else than the operations."
        )
    return round(found)


def _independent_products(a: str, b: str, c: str, name: str, *, proper: bool = False) -> int:
    """Count without characters: the rank of the projector on tensors that no operation changes."""
    R = torch.tensor(np.array(groups.molecular(name)))
    R = R[torch.linalg.det(R) > 0] if proper else R
    A, B, C = (o3.Irrep(irrep).D_from_matrix(R).numpy() for irrep in (a, b, c))
    average = groups.tensor_product(groups.tensor_product(A, B), C).mean(axis=0)
    return int(np.linalg.matrix_rank(average, tol=1e-6))


@exercise(
    "2.3",
    title="Count irreps without finding them",
    hint=[
        "groups.conjugacy_classes(table) gives the classes: their number is the number of complex irreps.",
        "A real character is the same on g and on its inverse: join a class with that of its inverses.",
    ],
)
def number_of_irreps(answer: Callable[[np.ndarray], tuple[int, int]]) -> str:
    """Compare with the irreps found numerically, for shuffled groups with and without complex irreps."""
    tables = {
        name: _cases.point_group(name, seed) for seed, name in enumerate(("D3", "C3", "C4", "Td", "T", "C6h"))
    }
    for name, table in {**tables, "the quaternion group": _cases.quaternions()}.items():
        given = answer(table)
        if not isinstance(given, Sequence | np.ndarray | torch.Tensor) or len(given) != 2:
            raise Wrong(f"Your function returned {given!r}; expected two numbers, (complex, real).")
        complex_ones, real_ones = (number(n, "Each of the two counts") for n in given)
        _right_count(name, table, (complex_ones.real, real_ones.real))
    return (
        "Right for seven groups. Ten of the 32 crystal classes have complex irreps, "
        "and so merged ones in e3nn's world."
    )


def _right_count(name: str, table: np.ndarray, given: tuple[float, float]) -> None:
    classes, back = groups.conjugacy_classes(table), groups.inverses(table)
    whole, real = len(groups.find_irreps(table)), len(groups.find_irreps(table, real=True))
    if given[0] != whole:
        order = given[0] == len(table) and len(table) > whole
        why = "That is the number of operations: conjugate ones share all characters." if order else ""
        if given == (real, whole):
            why = "The two numbers are exchanged: complex comes first."
        raise Wrong(
            f"{name} has {whole} complex irreps, as many as classes; you count {given[0]:g}. {why}".rstrip()
        )
    if given[1] == real:
        return
    alone = sum(set(c) == set(back[list(c)]) for c in classes)
    pairs = len({frozenset((g, back[g])) for g in range(len(table))})
    why = {
        float(whole): "Two complex conjugate irreps merge into one over the real numbers.",
        alone: "Two merged irreps are still one: a pair of classes counts once, not never.",
        pairs: "You joined operations with their inverses, but not whole classes.",
    }.get(given[1], "A real character cannot tell a class from that of its inverses.")
    raise Wrong(f"{name} has {real} irreps over the real numbers; you count {given[1]:g}. {why}")


_MISTAKES = {
    "modes": "you count modes, and a spectrum shows frequencies: degenerate modes share one line.",
    "motions": "that counts all motions. Take translations (a vector) and rotations (an axial vector) away.",
    "swapped": "infrared and Raman are exchanged: a dipole is a vector, a polarizability has two indices.",
    "all": "not every vibration is seen: an irrep has to occur in a vector for infrared, and in a symmetric "
    "tensor for Raman.",
    "vector": "the polarizability has two indices: take the character of a symmetric tensor, not a vector's.",
}


@exercise(
    "2.4",
    title="What will the spectrometer see?",
    hint=[
        "Count how often each irrep occurs in the vibrations, then ask which irreps occur in a vector "
        "(infrared) and in a symmetric tensor (Raman). Degenerate modes share one frequency.",
        "χ = stay·tr R − tr R − det(R)·tr R; for CO2 the rotation about the axis, det(R)·R_zz, stays.",
    ],
)
def spectrometer(answer: Mapping[str, tuple[int, int]]) -> str:
    """Compare numbers of infrared and Raman frequencies with characters; know the usual slips."""
    names = ("BF3", "SF6", "CO2")
    if not isinstance(answer, Mapping) or set(answer) != set(names):
        raise Wrong('give two numbers for each molecule: {"BF3": (infrared, Raman), "SF6": ..., "CO2": ...}')
    if any(np.shape(answer[name]) != (2,) for name in names):
        raise Wrong("give two numbers for each molecule, infrared first: (infrared, Raman)")
    given = {name: tuple(number(n, f"{name}: each count") for n in answer[name]) for name in names}
    wrong = [name for name in names if given[name] != _seen(name)]
    for slip, message in _MISTAKES.items():
        if wrong and all(given[name] == _seen(name, slip) for name in wrong):
            raise Wrong(f"{wrong[0]}: {message}")
    for name in wrong:
        k = 0 if given[name][0] != _seen(name)[0] else 1
        light, what = (("infrared", "a vector"), ("Raman", "a symmetric tensor"))[k]
        raise Wrong(
            f"{name}: {given[name][k]:g} {light} frequencies do not agree with the characters. Vibrations: "
            f"{_vibrations(name)}; which of these irreps occur in {what}?"
        )
    return (
        "All six counts are right, without a Hessian. "
        "With an inversion centre (SF6, CO2) no line is seen twice."
    )


def _geometry(name: str) -> tuple[Atoms, np.ndarray]:
    """Return structure and operations; linear CO2 lies along z, in D8h instead of its infinite group."""
    if name == "CO2":
        return Atoms("OCO", [[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]]), groups.molecular("D8h")
    sf6 = Atoms("SF6", [[0, 0, 0], *1.56 * np.eye(3), *-1.56 * np.eye(3)])  # Å
    atoms = molecule("BF3") if name == "BF3" else sf6
    return atoms, symmetry.stabiliser(atoms)


@cache
def _seen(name: str, slip: str = "") -> tuple[int, int]:
    """Count infrared and Raman frequencies by characters, with one of the usual slips if asked."""
    atoms, R = _geometry(name)
    χ, stay, table = (
        groups.characters(R),
        groups.characters(groups.permutation(atoms, R)),
        groups.character_table(R),
    )
    rotations = np.linalg.det(R) * (χ - R[:, 2, 2] * (name == "CO2"))
    irreps = table.decompose(stay * χ - (0 if slip == "motions" else χ + rotations))
    vector, tensor = table.decompose(χ), table.decompose((χ**2 + groups.characters(R @ R)) / 2)
    lights = {"swapped": (tensor, vector), "vector": (vector, vector), "all": (irreps, irreps)}
    light = lights.get(slip, (vector, tensor))
    size = table.dimensions if slip == "modes" else dict.fromkeys(table, 1)
    infrared, raman = (sum(n * size[irrep] for irrep, n in irreps.items() if irrep in seen) for seen in light)
    return infrared, raman


def _vibrations(name: str) -> str:
    atoms, R = _geometry(name)
    χ, stay = groups.characters(R), groups.characters(groups.permutation(atoms, R))
    rotations = np.linalg.det(R) * (χ - R[:, 2, 2] * (name == "CO2"))
    counts = groups.character_table(R).decompose(stay * χ - χ - rotations)
    return " + ".join(f"{n} {irrep}" for irrep, n in counts.items())


_NO_PIEZO, _ACHIRAL = "not piezoelectric", "gyration without chirality"


@exercise(
    "2.5",
    title="Two surprises without a centre",
    hint=[
        "groups.crystallographic(name) gives the matrices: is -1 among them, is a determinant negative?",
        "tensors.independent_constants(tensors.PIEZOELECTRIC, group) counts; GYRATION likewise. "
        "A chiral class holds rotations only.",
    ],
)
def two_surprises(answer: Mapping[str, set[str]]) -> str:
    """Compare two sets of classes with the traces of the projectors."""
    if not isinstance(answer, Mapping) or set(answer) != {_NO_PIEZO, _ACHIRAL}:
        raise Wrong(f'give two sets of classes: {{"{_NO_PIEZO}": {{...}}, "{_ACHIRAL}": {{...}}}}')
    for question, classes in answer.items():
        if not isinstance(classes, str | Iterable):
            raise Wrong(f"{question}: give a set of names of classes, got {classes!r}.")
        names = classes.replace(",", " ").split() if isinstance(classes, str) else classes
        given = {str(name) for name in names}
        strange = sorted(given - set(groups.CRYSTALLOGRAPHIC))
        if strange:
            raise Wrong(
                f"{question}: {strange[0]!r} is none of the 32 classes, which are written as in "
                f"groups.CRYSTALLOGRAPHIC: a bar as in -42m."
            )
        for name in groups.CRYSTALLOGRAPHIC:
            belongs, reason = _surprise(question, name)
            if belongs != (name in given):
                fault = "is missing" if belongs else "does not belong there"
                raise Wrong(f"{question}: {name} {fault}. {reason}")
    return (
        "432 has no inversion, but its fourfold axes leave nothing of 2x1o+2o+3o. In m, mm2, -4 and -42m, "
        "which are not chiral, 0o vanishes; 2o need not, so they may turn the plane of polarisation."
    )


def _surprise(question: str, name: str) -> tuple[bool, str]:
    """Tell whether a class answers the question, and why."""
    group = groups.crystallographic(name)
    if np.abs(group + np.eye(3)).max(axis=(1, 2)).min() < 1e-9:
        return False, "It has an inversion; the question is about the 21 classes without."
    kind = tensors.PIEZOELECTRIC if question == _NO_PIEZO else tensors.GYRATION
    constants = tensors.independent_constants(kind, group)
    words = sorted({word.lstrip("-") for word in tensors.pattern(kind, group).flat} - {"·"})
    kept = f"The {kind.name} tensor keeps {constants} of its constants" + (
        f": {', '.join(words)}." if words else "."
    )
    if question == _NO_PIEZO:
        return constants == 0, kept
    improper = int((np.linalg.det(group) < 0).sum())
    if not improper:
        return False, "It holds rotations only: it is chiral."
    return constants > 0, f"{improper} of its {len(group)} operations are improper. {kept}"


@exercise(
    "2.6",
    title="The largest symmetry that a noisy tensor obeys",
    hint=[
        "The lowest symmetry fits always: you look for the highest that noise can explain.",
        "Noise alone gives misfit² ≈ (21 - constants) noise². Among the fits that stay below twice "
        "that, take the one with the fewest constants, then the smaller misfit.",
    ],
)
def largest_symmetry(answer: Callable[[Float[np.ndarray, "3 3 3 3"], float], str]) -> str:
    """Try tensors of known symmetry, turned and noisy; one is nearly cubic, but not quite."""
    for label, expected, C, noise in _cases.elastic_samples():
        found = answer(C, noise)
        found = found.strip().lower() if isinstance(found, str) else found
        if not isinstance(found, str) or found not in tensors.ELASTIC_CLASSES:
            shown = repr(found) if isinstance(found, str) else type(found).__name__
            raise Wrong(f"return one of {', '.join(tensors.ELASTIC_CLASSES)}; got {shown}")
        if found != expected:
            raise Wrong(
                f"{label}, noise {noise:g} GPa: you say {found}, expected {expected}. "
                f"{_why(found, expected, C, noise)}"
            )
    return (
        "All eight are right, whatever their orientation: you read the symmetry off the tensor, "
        "and the noise from its size."
    )


def _why(found: str, expected: str, C: Float[np.ndarray, "3 3 3 3"], noise: float) -> str:
    """Say by how much the decision missed, and what to suspect."""
    fits = {fit.name: fit for fit in tensors.fit_classes(C)}
    said, right = fits[found], fits[expected]
    typical = noise * (21 - right.constants) ** 0.5
    if said.constants > right.constants:
        text = (
            f"The {expected} misfit, {right.misfit:.2g} GPa, is what noise alone makes, give or take: "
            f"{typical:.2g} GPa, noise times the root of {21 - right.constants} removed components."
        )
        if found == "triclinic":
            text += (
                " Triclinic always fits, with misfit 0. Suspect the smallest misfit, a bound that does not "
                "grow with the number of removed components, or a crystal not turned."
            )
        elif right.misfit > typical:
            text += " Chance may exceed its average: allow twice that, on the square."
        return text
    by_chance = noise * (21 - said.constants) ** 0.5
    ratio = said.misfit / by_chance
    return (
        f"The {found} misfit, {said.misfit:.2g} GPa, is {ratio:.1f} times what noise makes. "
        "Suspect a threshold that does not know the noise."
    )

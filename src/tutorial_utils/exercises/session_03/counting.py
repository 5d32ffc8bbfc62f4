"""Exercises 3.1 and 3.7: count the weights of a product, and the irreps of a response."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from e3nn import o3

from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong


@exercise(
    "3.1",
    title="Count the weights before you build",
    hint=[
        "A path is a triple of blocks, one of each argument, that triangle rule and parity allow.",
        "Three loops `for mul, ir in o3.Irreps(a)`; `k in i * j` asks both rules. "
        "A path has the product of its three multiplicities as weights.",
    ],
)
def count_weights(answer: Callable[[str, str, str], tuple[int, int]]) -> str:
    """Compare with counts for chosen and random irreps; know the usual slips."""
    cases = _products()
    found = [tuple(np.ravel(answer(*case)).tolist()) for case in cases]
    for case, pair in zip(cases, found, strict=True):
        if len(pair) != 2:
            raise Wrong(f"count{case} returned {pair}; expected two whole numbers, (paths, weights)")
    if found == [_count(case) for case in cases]:
        return "Right for chosen and random irreps: you know what a layer costs before it is built."
    for message, slip in _COUNTING_SLIPS.items():
        if found == [_count(case, **slip) for case in cases]:
            raise Wrong(message)
    if [pair[::-1] for pair in found] == [_count(case) for case in cases]:
        raise Wrong("The two numbers are exchanged: paths come first, then weights.")
    k = next(k for k in range(len(cases)) if found[k] != _count(cases[k]))
    a, b, c = cases[k]
    paths, weights = _count(cases[k])
    what = "paths are triples of blocks" if found[k][0] != paths else "the paths agree, their weights do not"
    raise Wrong(
        f"{a} x {b} -> {c}: you count {found[k][0]} paths with {found[k][1]} weights, the rules give "
        f"{paths} with {weights}. {what[0].upper()}{what[1:]}; suspect the multiplicities."
    )


def _allowed(i: o3.Irrep, j: o3.Irrep, k: o3.Irrep) -> bool:
    return abs(i.l - j.l) <= k.l <= i.l + j.l and i.p * j.p == k.p


# what to say of it -> the rule for a path and the weights of one, as somebody has them who slips
_COUNTING_SLIPS: dict[str, dict[str, Any]] = {
    "Parity is missing: p1 p2 = p3. 1o x 1o holds 1e, a cross product, but no 1o.": {
        "rule": lambda i, j, k: abs(i.l - j.l) <= k.l <= i.l + j.l
    },
    "You take (-1)^l for the parity. It is the letter that counts: e is 1, o is -1, and 1o x 1o holds 1e.": {
        "rule": lambda i, j, k: abs(i.l - j.l) <= k.l <= i.l + j.l and (i.l + j.l + k.l) % 2 == 0
    },
    "The triangle rule is missing: l3 lies between |l1 - l2| and l1 + l2.": {
        "rule": lambda i, j, k: i.p * j.p == k.p
    },
    "Your l3 stops one short: l1 + l2 itself is allowed, and range() leaves out its end.": {
        "rule": lambda i, j, k: _allowed(i, j, k) and k.l < i.l + j.l
    },
    "That is the count for uvu: in a fully connected product (uvw) all three multiplicities multiply.": {
        "weight": lambda u, v, w, k: u * v
    },
    "A path with degree l has no 2l + 1 times as many weights: one for each triple of copies, whatever l.": {
        "weight": lambda u, v, w, k: u * v * w * k.dim
    },
    "You join blocks of one irrep that stand apart, as in 2x1o+0e+3x1o: each has paths of its own.": {
        "joined": True
    },
}


def _products() -> list[tuple[str, str, str]]:
    rng = np.random.default_rng(0)
    cases = [
        ("8x0e+4x1o+2x2e", "0e+1o+2e", "8x0e+4x1o+2x2e"),
        ("3x1o", "2x1o", "1o+5x1e"),
        ("2e", "2e", "9e"),
        ("2x1o+0e+3x1o", "1o", "4x0e+1e+0e"),
    ]
    for _ in range(6):
        kinds = [rng.choice(["0e", "0o", "1e", "1o", "2e", "2o", "3o"], 3, replace=False) for _ in range(3)]
        cases.append(tuple("+".join(f"{rng.integers(1, 9)}x{ir}" for ir in three) for three in kinds))  # type: ignore[arg-type]
    return cases


def _count(
    case: tuple[str, str, str],
    *,
    rule: Callable[[o3.Irrep, o3.Irrep, o3.Irrep], bool] = _allowed,
    weight: Callable[[int, int, int, o3.Irrep], int] = lambda u, v, w, k: u * v * w,
    joined: bool = False,
) -> tuple[int, int]:
    """Count paths and weights by hand, or as somebody would who slips."""
    a, b, c = (o3.Irreps(irreps).regroup() if joined else o3.Irreps(irreps) for irreps in case)
    weights = [weight(u, v, w, k) for u, i in a for v, j in b for w, k in c if rule(i, j, k)]
    return len(weights), sum(weights)


_RESPONSES = {  # irreps, and what to suspect
    "polarizability": ("0e+2e", "E is a vector, and α equals its transpose"),
    "atomic polar tensor": ("0e+1e+2e", "dipole and position differ in kind: nothing makes it symmetric"),
    "hyperpolarizability": ("1o+3o", "three vectors, unchanged by ANY exchange of indices"),
    "optical rotation": ("0o+1o+2o", "a vector answers an axial vector: 1o x 1e"),
}


@exercise(
    "3.7",
    title="Which head?",
    hint=[
        "Count first: how many independent components has each tensor? The irreps must add up to as many.",
        'o3.ReducedTensorProducts("ij=ji", i="1o").irreps_out; for two different indices o3.Irreps("1o") '
        '* "1e".',
    ],
)
def which_head(answer: Mapping[str, str]) -> str:
    """Compare with the irreps of each tensor: parity first, then the number of components, then the rest."""
    if not isinstance(answer, Mapping) or set(_RESPONSES) - set(answer):
        found = sorted(map(str, answer)) if isinstance(answer, Mapping) else f"a {type(answer).__name__}"
        raise Wrong(f"Give a dict with the keys {', '.join(map(repr, _RESPONSES))}; yours is {found}.")
    for name, (irreps, suspect) in _RESPONSES.items():
        wanted, given = o3.Irreps(irreps), _read_irreps(name, answer[name])
        if given.sort().irreps.simplify() == wanted.sort().irreps.simplify():
            continue
        if {ir.p for _, ir in given} != {ir.p for _, ir in wanted}:
            parity = "even" if wanted[0].ir.p == 1 else "odd"
            raise Wrong(
                f"{name}: every component is {parity} under inversion, yours, {given}, are not. {suspect}."
            )
        if given.dim != wanted.dim:
            raise Wrong(
                f"{name}: it has {wanted.dim} independent components, {given} has {given.dim}. {suspect}."
            )
        raise Wrong(f"{name}: as many components, but not these irreps: {given}. {suspect}.")
    return "All four heads are right: with these outputs a network can represent each tensor, and no other."


def _read_irreps(name: str, given: Any) -> o3.Irreps:
    if isinstance(given, Iterable) and not isinstance(given, str | o3.Irreps):
        given = "+".join(part if isinstance(part, str) else str(o3.Irreps(part)) for part in given)
    try:
        irreps = o3.Irreps(given.replace(",", "+") if isinstance(given, str) else given)
    except (ValueError, TypeError, AttributeError):
        irreps = o3.Irreps()
    if irreps.dim == 0:
        raise Wrong(f'{name}: {given!r} is not a list of irreps; write it as "0e+2e", for example.')
    return irreps

"""Exercises of session 3: building equivariant networks with e3nn."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, symmetry
from tutorial_utils.exercises.engine import Wrong, exercise, require

_GOLDEN = (1 + 5**0.5) / 2
_THIRDS = 2 * np.pi * np.arange(3) / 3

# Corners of each shape about the origin; all edges of the prism have one length, √3.
SHAPES = {
    "tetrahedron": [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
    "square": [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]],
    "octahedron": [*np.eye(3), *-np.eye(3)],
    "prism": [[np.cos(φ), np.sin(φ), z * 0.75**0.5] for φ in _THIRDS for z in (1, -1)],
    "icosahedron": [np.roll([0, a, b], k) for k in range(3) for a in (1, -1) for b in (_GOLDEN, -_GOLDEN)],
    "cuboctahedron": [np.roll([0, a, b], k) for k in range(3) for a in (1, -1) for b in (1, -1)],
}


def surround(
    name: str,
    rng: np.random.Generator,
    *,
    radius: float = 2.0,
    noise: float = 0.0,
    turn: bool = False,
    shuffle: bool = False,
    shift: bool = False,
) -> Atoms:
    """Put a carbon atom in the middle of a shape and hydrogen at its corners.

    Args:
        name: one of `SHAPES`.
        rng: where chance comes from.
        radius: distance of the corners, Å.
        noise: standard deviation of each coordinate of a corner, in units of the radius.
        turn: whether to rotate it at random.
        shuffle: whether to number the corners at random.
        shift: whether to move it away from the origin.

    Returns:
        The cluster, the centre first.
    """
    corners = np.array(SHAPES[name], dtype=float)
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    corners = radius * (corners + noise * rng.normal(size=corners.shape))
    if shuffle:
        corners = rng.permutation(corners)
    atoms = Atoms(f"CH{len(corners)}", [[0, 0, 0], *corners])
    if turn:
        atoms = symmetry.rotate(atoms, symmetry.random_rotation(rng))
    return symmetry.translate(atoms, rng.normal(size=3)) if shift else atoms


def sum_over_edges(graph: Data, order: int, *, decay: float = 1.0) -> Float[Tensor, "1 components"]:
    """Weigh the harmonics Y_l of all edges by element and length."""
    r = graphs.edge_vectors(graph)
    weight = graph.atomic_numbers[graph.edge_index[1]] ** 2 * torch.exp(-decay * r.norm(dim=1))
    return (weight[:, None] * o3.spherical_harmonics(order, r, normalize=True)).sum(dim=0, keepdim=True)


def _vector(graph: Data) -> Float[Tensor, "1 3"]:
    return sum_over_edges(graph, 1)


def _axial(graph: Data) -> Float[Tensor, "1 3"]:
    """Rotates like a vector and keeps its sign under inversion."""
    return torch.linalg.cross(_vector(graph), sum_over_edges(graph, 1, decay=3.0))


# model, what it is given, its irreps, what is wrong with a test that fails it
HEALTHY = (
    (lambda g: sum_over_edges(g, 0), "a molecule", "0e", "Distances changed: is your R orthogonal?"),
    (_vector, "a molecule", "1o", "Input and output turn differently: pos @ R.T goes with y @ D.T."),
    (
        lambda g: sum_over_edges(g, 2),
        "a molecule",
        "2e",
        "The output turns by D_from_matrix(R) of its irreps.",
    ),
    (_vector, "a crystal", "1o", "Does the cell turn with the atoms? Edges cross its border."),
)
# what is wrong with it, model, what is wrong with a test that passes it
BROKEN = (
    ("calls an axial vector 1o", _axial, "Is the determinant of your R always +1? Try reflections too."),
    (
        "stretches the z axis",
        lambda g: _vector(g) * torch.tensor([1.0, 1.0, 2.0]),
        "Inversion leaves this fault alone: try rotations, random ones.",
    ),
    (
        "applies ReLU to a vector, in units that make it 1e-30",
        lambda g: 1e-30 * _vector(g).relu(),
        "Your error is absolute: divide by the size of the output.",
    ),
)

CUTOFF = 4.0  # Å, of the graphs that answers are given


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
    slips = {
        "Parity is missing: p1 p2 = p3. 1o x 1o holds 1e, a cross product, but no 1o.": {"parity": False},
        "The triangle rule is missing: l3 lies between |l1 - l2| and l1 + l2.": {"triangle": False},
        "That is the count for uvu: in a fully connected product (uvw) all three multiplicities multiply.": {
            "uvu": True
        },
        "You join blocks of one irrep that stand apart, as in 2x1o+0e+3x1o: each has paths of its own.": {
            "joined": True
        },
    }
    for message, slip in slips.items():
        if found == [_count(case, **slip) for case in cases]:
            raise Wrong(message)
    k = next(k for k, case in enumerate(cases) if found[k] != _count(case))
    a, b, c = cases[k]
    paths, weights = _count(cases[k])
    what = "paths are triples of blocks" if found[k][0] != paths else "the paths agree, their weights do not"
    raise Wrong(
        f"{a} x {b} -> {c}: you count {found[k][0]} paths with {found[k][1]} weights, the rules give "
        f"{paths} with {weights}. {what[0].upper()}{what[1:]}; suspect the multiplicities."
    )


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
    parity: bool = True,
    triangle: bool = True,
    uvu: bool = False,
    joined: bool = False,
) -> tuple[int, int]:
    """Count paths and weights by hand, or as somebody would who forgets a rule."""
    a, b, c = (o3.Irreps(irreps).regroup() if joined else o3.Irreps(irreps) for irreps in case)
    weights = [
        u * v * (1 if uvu else w)
        for u, i in a
        for v, j in b
        for w, k in c
        if (abs(i.l - j.l) <= k.l <= i.l + j.l or not triangle) and (i.p * j.p == k.p or not parity)
    ]
    return len(weights), sum(weights)


_GATE_IN = o3.Irreps("4x0e+2x0o+3x0e+2x1o+1x2e")
_GATE_OUT = o3.Irreps("4x0e+2x0o+2x1o+1x2e")


@exercise(
    "3.2",
    title="Write the gate",
    hint=[
        "Any function suits 0e, an odd one 0o; a vector may be multiplied by a function of a scalar.",
        "scalars, pseudo, gates, vectors, tensor = x.split([4, 2, 3, 6, 5], dim=-1); "
        "vectors.reshape(-1, 2, 3) * torch.sigmoid(gates[:, :2, None])",
    ],
)
def write_the_gate(answer: Callable[[Tensor], Tensor]) -> str:
    """Ask for all laws of O(3), and for something nonlinear in every irrep."""
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(size=(7, _GATE_IN.dim))) for _ in range(2))
    report = symmetry.equivariance_report(answer, x, _GATE_OUT, irreps_in=_GATE_IN)
    if not report.passed:
        _refuse_sorted_input(answer, x)
    require(report)
    alone, among = answer(x[:1]), answer(x)[:1]
    if not torch.allclose(alone, among, rtol=1e-8, atol=1e-10):
        raise Wrong(
            "A row comes out differently when it is given alone: rows are different atoms, and a gate acts "
            "on each by itself. Suspect a norm or a mean over the whole of x."
        )
    bend = (answer(x + y) + answer(torch.zeros_like(x)) - answer(x) - answer(y)).detach()
    for (mul, ir), part in zip(_GATE_OUT, _GATE_OUT.slices(), strict=True):
        if bend[:, part].abs().max() < 1e-8:
            raise Wrong(
                f"All laws hold, but {mul}x{ir} passes linearly: f(x + y) = f(x) + f(y). "
                "Without a nonlinearity two layers are one; let a scalar gate it."
            )
    return "Every irrep is nonlinear and equivariant; e3nn's Gate does the same and divides by typical sizes."


def _refuse_sorted_input(answer: Callable[[Tensor], Tensor], x: Float[Tensor, "rows irreps"]) -> None:
    """Recognise a function, such as e3nn's own Gate, that is right for rows whose irreps are sorted."""
    slices = _GATE_IN.slices()
    irreps, _, order = _GATE_IN.sort()
    moved = torch.cat([x[:, slices[k]] for k in order], dim=1)
    if symmetry.equivariance_report(answer, moved, _GATE_OUT, irreps_in=irreps).passed:
        raise Wrong(
            f"Your function is a gate for rows that hold {irreps}, which is sorted; ours hold {_GATE_IN}. "
            "e3nn.nn.Gate sorts its irreps: look at gate.irreps_in. Sorting moves the labels only, so "
            "move the blocks of x into that order before you call it."
        )


@exercise(
    "3.3",
    title="An axial vector for every atom",
    hint=[
        "Sums of directions are vectors; the cross product of two vectors is axial.",
        "Weight one sum with the envelope, the other with the envelope times the distance.",
    ],
)
def axial(answer: Callable[[Data], Tensor]) -> str:
    """Every law with 1e for a shaken crystal, its supercell, and an atom that crosses the cutoff."""
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    salt.rattle(0.3, seed=0)
    with torch.no_grad():
        require(symmetry.equivariance_report(lambda atoms: _of(answer, atoms), salt, "1e", per="atom"))
        once, twice = _of(answer, salt), _of(answer, salt.repeat((2, 1, 1)))
        error = float((twice - once.repeat(2, 1)).abs().max() / once.abs().max())
        if error > 1e-8:
            raise Wrong(
                f"supercell fails for 1e, relative error {error:.1e}: an atom of a repeated cell has the "
                "same surroundings. Suspect a mean over the graph, or images that are left out."
            )
        _smooth(answer)
    return "Axial, equivariant and smooth: it keeps its sign under inversion, where every direction flips."


def _of(answer: Callable[[Data], Tensor], atoms: Atoms) -> Float[Tensor, "..."]:
    return torch.as_tensor(answer(graphs.to_graph(atoms, CUTOFF)))


def _smooth(answer: Callable[[Data], Tensor]) -> None:
    """Let a fourth atom cross the cutoff of the first: neither a jump nor a kink may remain.

    The slopes on both sides of the cutoff need not vanish: in a deep network the fourth atom still acts
    through the others. They have to be equal.
    """

    def first(x: float) -> Float[Tensor, "3"]:
        atoms = Atoms("HOCN", [[0, 0, 0], [1.0, 0.3, 0], [-0.4, 1.6, 0.5], [x * 0.6, 0, x * 0.8]])
        return _of(answer, atoms)[0]

    size, edge, step = float(first(3.0).norm()), 1e-6, 1e-4  # Å
    inside, outside = first(CUTOFF - edge), first(CUTOFF + edge)
    jump = float((inside - outside).norm()) / size
    if jump > 1e-3:
        raise Wrong(
            f"The 1e output jumps by {100 * jump:.0f} % where an atom crosses the cutoff. Multiply each edge "
            "by a function that ends at zero there, such as nn.network.envelope."
        )
    before, after = inside - first(CUTOFF - edge - step), first(CUTOFF + edge + step) - outside
    kink = float((after - before).norm()) / (step * size)
    if kink > 0.01:
        raise Wrong(
            f"The 1e output has a kink at the cutoff: its slope changes by {kink:.2g} per Å there, so that "
            "forces would jump. Take a function of the distance whose slope ends at zero, too."
        )


@exercise(
    "3.4",
    title="Name the shape",
    hint=[
        "Norms of the mean of Y over the neighbours do not turn. Which l separates which pair?",
        "l = 3 tells tetrahedron from square, l = 4 octahedron from prism, l = 4 or 6 icosahedron from "
        "cuboctahedron; count the neighbours for the rest.",
    ],
)
def name_the_shape(answer: Callable[[Data], str]) -> str:
    """Try shapes as drawn, then turned, resized, renumbered, shifted, and with noise."""
    rng = np.random.default_rng(0)
    trials = {
        "as it is drawn": {},
        "once turned (suspect something that depends on the axes)": {"turn": True},
        "of another size (suspect lengths where directions are meant)": {"radius": 1.3},
        "with its atoms in another order": {"shuffle": True, "turn": True},
        "away from the origin (suspect positions instead of differences)": {"shift": True},
    }
    noisy = {
        f"with 3 % noise, {n} times": {"noise": 0.03, "turn": True, "shuffle": True} for n in range(1, 9)
    }
    for words, options in {**trials, **noisy}.items():
        for name in SHAPES:
            found = answer(graphs.to_graph(surround(name, rng, **options), 10.0))  # type: ignore[arg-type]
            if found not in SHAPES:
                raise Wrong(f"Your function returned {found!r}; expected one of {', '.join(SHAPES)}.")
            if found != name:
                raise Wrong(f"The {name} {words}: you call it {found}.")
    return (
        "Six shapes named, however they lie: session 4 turns such norms into descriptors of whole crystals."
    )


_CHIRAL = Atoms(
    "CHFON", [[0, 0, 0], [0.6, 0.6, 0.7], [0.8, -0.8, -0.7], [-0.8, 0.9, -0.8], [-0.8, -0.9, 0.8]]
)
_LIKE = Atoms("CHHON", _CHIRAL.positions)  # two of its atoms are alike
_PLANAR = Atoms("CNOFH", [[0, 0, 0], [1.3, 0.1, 0], [-0.7, 1.1, 0], [-0.6, -1.2, 0], [1.8, 0.9, 0]])


@exercise(
    "3.5",
    title="Detect chirality",
    hint=[
        "A 0o of vectors is a triple product, r1 · (r2 x r3). Which irreps does a network need on the way?",
        "Products of two directions give 1e, of three 0o: hidden features with 1o, 1e and 0o, three layers.",
    ],
)
def detect_chirality(answer: Callable[[Data], Tensor]) -> str:
    """For a chiral molecule all laws with 0o, and zero for a planar one, however it lies in space."""
    answer = _as_tensor(answer)
    with torch.no_grad():
        graph = graphs.to_graph(_CHIRAL, CUTOFF)
        require(symmetry.equivariance_report(lambda graph: answer(graph).reshape(1), graph, "0o"))
        size = _of(answer, _CHIRAL).abs().max().item()
        swapped = symmetry.permute(_LIKE, np.array([0, 2, 1, 3, 4]))
        change = (_of(answer, swapped) - _of(answer, _LIKE)).abs().max().item() / size
        planar = symmetry.rotate(_PLANAR, symmetry.random_rotation(np.random.default_rng(1)))
        left = _of(answer, planar).abs().max().item() / size
    if change > 1e-8:
        raise Wrong(
            f"Exchanging the two hydrogens of a molecule changes your number, by {change:.1e} of what CHFON "
            "gives: like atoms have no order. Suspect atoms that are sorted by element, or picked by number."
        )
    if left > 1e-9:
        raise Wrong(
            f"A planar molecule is its own mirror image, so that f = -f = 0; yours gives {left:.1e} of what "
            "it gives for CHFON. Suspect a constant, or a dependence on the lab's axes."
        )
    return "It flips in the mirror, and a planar molecule, its own mirror image, gives zero."


def _as_tensor(answer: Callable[[Data], Any]) -> Callable[[Data], Tensor]:
    return lambda graph: torch.as_tensor(answer(graph))


_RESPONSES = {  # irreps, and what to suspect
    "polarizability": ("0e+2e", "E is a vector, and α equals its transpose"),
    "atomic polar tensor": ("0e+1e+2e", "dipole and position differ in kind: nothing makes it symmetric"),
    "hyperpolarizability": ("1o+3o", "three vectors, unchanged by ANY exchange of indices"),
    "optical rotation": ("0o+1o+2o", "a vector answers an axial vector: 1o x 1e"),
}


@exercise(
    "3.6",
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
    try:
        irreps = o3.Irreps(given)
    except (ValueError, TypeError, AttributeError):
        irreps = o3.Irreps()
    if irreps.dim == 0:
        raise Wrong(f'{name}: {given!r} is not a list of irreps; write it as "0e+2e", for example.')
    return irreps


TestOf = Callable[[Callable[[Data], Tensor], Data, str], float | symmetry.Report]


@exercise(
    "3.7",
    title="A test to be trusted",
    hint=[
        "All of O(3): random rotations times +1 and -1. Which fields of a periodic graph are vectors?",
        "pos and cell turn as x @ R.T, the output as y @ D.T with D = o3.Irreps(irreps).D_from_matrix(R).",
    ],
)
def trusted_test(answer: TestOf) -> str:
    """Hand the learner's test sound and broken models; name the mistake behind each wrong verdict."""
    crystal = bulk("NaCl", "rocksalt", a=5.6)
    crystal.rattle(0.3, seed=0)
    specimens = {
        "a molecule": graphs.to_graph(_CHIRAL, CUTOFF),
        "a crystal": graphs.to_graph(crystal, CUTOFF),
    }
    for model, where, irreps, suspect in HEALTHY:
        error = _judged(answer, model, specimens[where], irreps)
        if not error < 1e-9:
            raise Wrong(f"Your test finds an error of {error:.1e} in a sound {irreps} of {where}. {suspect}")
    for fault, model, suspect in BROKEN:
        error = _judged(answer, model, specimens["a molecule"], "1o")
        if not error > 1e-3:
            raise Wrong(f"A model that {fault} passes your test with an error of {error:.1e}. {suspect}")
    return "Your test passes every sound model and finds the fault of every broken one."


def _judged(answer: TestOf, model: Callable[[Data], Tensor], graph: Data, irreps: str) -> float:
    try:
        found = answer(model, graph, irreps)
    except AssertionError as error:  # of e3nn, which takes no other matrices
        raise Wrong("e3nn refuses your R: it is no rotation, no reflection. Is it orthogonal?") from error
    if isinstance(found, symmetry.Report):  # the course's own test
        return max(found.errors.values())
    try:
        return float(found)
    except (TypeError, ValueError) as reason:
        raise Wrong(
            f"Your test returned a {type(found).__name__}; expected one number, the largest error."
        ) from reason

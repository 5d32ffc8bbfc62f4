"""Exercises of session 1: what symmetry does to a learning problem."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import symmetry
from tutorial_utils.exercises import _session_01_torus as _torus
from tutorial_utils.exercises.engine import exercise, require
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number, tensor

# name -> function of positions (atoms, 3), and what it means if a test lets it pass
_RIGHT = {
    "the sum of positions": lambda x: x.sum(dim=0),
    "a sum weighted by lengths": lambda x: (torch.exp(-x.square().sum(dim=1, keepdim=True)) * x).sum(dim=0),
    "a cross product": lambda x: torch.linalg.cross(x[0], x[1]) * x[2].norm(),
}
_WRONG = {
    "relu on the components of a vector": (
        lambda x: torch.relu(x.sum(dim=0)),
        "Compare f of the turned positions with the turned f.",
    ),
    "three lengths handed out as a vector": (
        lambda x: x[:3].norm(dim=1),
        "An invariant answer is no vector: the answer has to be turned as well.",
    ),
    "a model that stretches z": (
        lambda x: x.sum(dim=0) * torch.tensor([1.0, 1.0, 2.0], dtype=x.dtype),
        "It respects rotations about z: take random axes, and several of them.",
    ),
    "a model that flips y": (
        lambda x: x.sum(dim=0) * torch.tensor([1.0, -1.0, 1.0], dtype=x.dtype),
        "It turns backwards about z: R on one side, R.T on the other?",
    ),
}


@exercise(
    "1.1", title="Write the test", hint=["Turn x, then apply f; apply f, then turn.", "f(x @ R.T) - R @ f(x)"]
)
def write_the_test(answer: Callable[[Callable[[Tensor], Tensor], Tensor], float]) -> str:
    """Try a test on functions that obey the law, and on functions that break it."""
    x = torch.tensor(np.random.default_rng(3).normal(size=(5, 3)))
    for name, f in _RIGHT.items():
        given = answer(f, x)
        found = _size(given)
        if found == 1 and isinstance(given, bool | np.bool_):
            raise Wrong(
                f"rotation: {name} obeys the law, and your test says True. Return how badly a function "
                "violates the law, a number: about zero for this one."
            )
        if not found < 1e-5:  # also where the test computes in float32
            raise Wrong(
                f"rotation: {name} obeys the law, but your test finds an error of {found:.1e}. "
                "Suspect R on one side and R.T on the other (rows of x turn by x @ R.T, vectors y by R @ y), "
                "or an R that is no rotation: not orthogonal, or with determinant -1."
            )
    for name, (f, suspect) in _WRONG.items():
        for sign in (1, -1):  # -f breaks the law as f does
            found = _size(answer(_times(sign, f), x))
            if found < 0:
                raise Wrong(
                    f"rotation: your test returns {found:.1e} for {name}. A violation is a size: differences "
                    "of opposite sign must not cancel, so take absolute values, or squares."
                )
            if not found > 1e-3:
                raise Wrong(f"rotation: your test finds only {found:.1e} wrong with {name}. {suspect}")
    _look_everywhere(answer, x)
    return (
        f"Your test passes {len(_RIGHT)} functions that obey the law and catches {len(_WRONG)} that do not."
    )


def _look_everywhere(answer: Callable, x: Float[Tensor, "atoms 3"]) -> None:
    """Raise if a test looks at one component only, or at the sign of the differences."""
    e = torch.eye(3)
    faults = {f"along {axis}": e[k] for k, axis in enumerate("xyz")}
    faults |= {f"by as much along {'xy'[k]} as against {'yz'[k]}": e[k] - e[k + 1] for k in range(2)}
    for where, fault in faults.items():
        found = _size(answer(_only_as_given(x, fault), x))
        if not found > 1e-3:
            raise Wrong(
                f"rotation: a function that is right for x as it is given, and wrong {where} as soon as x "
                f"turns, passes your test with {found:.1e}. Suspect that components were left out, or added "
                "before their absolute values were taken."
            )
    for axis in torch.cartesian_prod(*3 * [torch.tensor([-1.0, 1.0])]):
        found = _size(answer(_growing(axis), x))
        if not found > 1e-3:
            raise Wrong(
                f"rotation: your test returns {found:.1e} for an arrow that is longer in some orientations "
                "and never turns. A violation is a size: take absolute values, or squares, of all components."
            )


def _times(sign: int, f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: sign * f(x)


def _only_as_given(x: Float[Tensor, "atoms 3"], fault: Float[Tensor, "3"]) -> Callable[[Tensor], Tensor]:
    """Return a function that is right where it was trained, and elsewhere wrong in one direction."""
    home = x.sum(dim=0)

    def f(x: Tensor) -> Tensor:
        y = x.sum(dim=0)
        return y + (y - home.to(y)).norm() * fault.to(y)

    return f


def _growing(axis: Float[Tensor, "3"]) -> Callable[[Tensor], Tensor]:
    """Return a function whose error has three negative components if turning brings x to the axis' side."""
    return lambda x: -(1 + 4 * torch.sigmoid(5 * x.sum(dim=0) @ axis.to(x))).expand(3)


def _size(found: object) -> float:
    return number(found, "The largest difference, which violation(f, x) returns,").real


def _charges(atoms: Atoms) -> Tensor:
    """Charges that depend on elements and distances only, and do not add up to zero; e."""
    distances = torch.tensor(atoms.get_all_distances())
    numbers = torch.tensor(atoms.numbers, dtype=distances.dtype)
    return 0.3 - 0.1 * numbers + torch.exp(-distances) @ numbers.sqrt() / 10


@exercise(
    "1.2",
    title="A dipole that does not depend on the origin",
    hint=[
        "How much does the sum of q r change when everything moves by t?",
        "Take the mean charge off every atom.",
    ],
)
def dipole_without_origin(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Judge a dipole by the laws, and by its value where the charges are neutral."""

    def dipole(charges: Tensor, positions: Tensor) -> Tensor:
        return tensor(answer(charges, positions), "The dipole, a sum over atoms,", (3,))

    ethanol = molecule("CH3CH2OH")
    ethanol.rattle(0.05, seed=0)
    q, r = _charges(ethanol), torch.tensor(ethanol.positions)
    neutral = q - q.mean()
    found, wanted = dipole(neutral, r), neutral @ r
    difference = (found - wanted).abs().max().item()
    if not difference < 1e-6:
        ratio = (found @ wanted / (wanted @ wanted)).item()
        cure = "Change the charges only by what is needed to make their sum zero."
        if (found - ratio * wanted).abs().max() < 1e-6:
            cure = f"It is {ratio:.4g} times that: suspect a factor or the unit, which is e Å."
            if abs(ratio + 1) < 1e-6:
                cure = "It has the opposite sign: a dipole points from minus to plus."
        raise Wrong(
            f"For neutral charges the dipole is the sum of q r; yours is off by {difference:.1e} e Å. {cure}"
        )
    shift = (dipole(q, r + 1.0) - dipole(q, r)).abs().max().item()
    if not shift < 1e-6:
        raise Wrong(
            f"translation fails for 1o: moving the molecule by 1 Å along x, y and z changes the dipole by "
            f"{shift:.1e} e Å, as much as the charges miss to be neutral ({q.sum().item():.1e} e). "
            "Suspect the sum of the charges."
        )
    require(
        symmetry.equivariance_report(
            lambda atoms: dipole(_charges(atoms), torch.tensor(atoms.positions)), ethanol, "1o"
        )
    )
    return "Your dipole turns with the molecule and depends neither on the origin nor on the order of atoms."


@exercise(
    "1.3",
    title="A function for fermions",
    hint=[
        "Which construction with orbitals changes its sign when two rows are exchanged?",
        "The determinant of the first n of four linearly independent functions, such as 1, x, y, z.",
    ],
)
def fermions(answer: Callable[[np.ndarray], complex]) -> str:
    """Antisymmetric under every exchange, for two, three and four particles, and not zero everywhere."""
    rng = np.random.default_rng(0)
    for n in (2, 3, 4):
        widths = np.array([1, 1, 0.3, 0.3, 0.1])  # Å: narrow orbitals are not seen from afar
        samples = widths[:, None, None] * rng.normal(size=(5, n, 3))
        values = np.array([_one_number(answer, x) for x in samples])
        if abs(values).max() < 1e-12:
            raise Wrong(
                f"For {n} particles the function vanishes everywhere: antisymmetric, but vacuously. "
                f"Suspect fewer than {n} linearly independent orbitals."
            )
        for i, j in combinations(range(n), 2):
            order = np.arange(n)
            order[[i, j]] = j, i
            exchanged = np.array([_one_number(answer, x[order]) for x in samples])
            _antisymmetric(values, exchanged, f"For {n} particles, exchanging {i} and {j}")
    return (
        "Every exchange reverses the sign, for 2, 3 and 4 particles: your function obeys Pauli's principle."
    )


def _one_number(f: Callable[[np.ndarray], complex], x: Float[np.ndarray, "particles 3"]) -> complex:
    return number(f(x), f"The answer for {len(x)} particles", real=False)


def _antisymmetric(values: np.ndarray, exchanged: np.ndarray, what: str) -> None:
    scale = abs(values).max()
    error = abs(exchanged + values).max() / scale
    if error < ROUNDING:
        return
    if abs(exchanged - values).max() / scale < ROUNDING:
        raise Wrong(
            f"{what} leaves the value as it is: the law of bosons, not of fermions. "
            "Suspect a sum, a permanent, a length or a square, which forgets the sign."
        )
    raise Wrong(
        f"{what} breaks antisymmetry by {error:.1e} of the value. "
        "Suspect that not all particles are treated alike, or that some pairs are left out."
    )


@exercise(
    "1.4",
    title="Loop features of a torus",
    hint=[
        "Add link phases around closed loops only: plus along the link, minus against it. Then cos and sin.",
        "L x L atoms have L² + 1 physical numbers. The plaquettes give L² - 1; which two loops are left?",
    ],
)
def loop_features(features: _torus.Features) -> str:
    """Judge features(theta) of a torus: invariant under every gauge change, and complete."""
    rng = np.random.default_rng(14)
    for size in (3, 4):
        theta = torch.as_tensor(rng.uniform(-3, 3, (2, size, size)))
        _torus.need_gauge_invariance(features, theta, torch.as_tensor(rng.uniform(-3, 3, (size, size))))
        rank = _torus.independent(features, theta)
        if rank == 0:
            raise Wrong("The features do not change with the field at all: invariant, and vacuous.")
        _torus.need_wilson_loops(features, size)
        if rank < size**2 + 1:
            raise Wrong(
                f"On a {size} x {size} torus {rank} of your numbers are independent, but {size**2 + 1} are "
                "physical: different fields look the same. Is each plaquette there?"
            )
        _torus.need_whole_angles(features, theta)
        if _torus.apart(features, theta, -theta) < ROUNDING:
            raise Wrong("A field and its reverse look the same: cos forgets the sense of the flux. Add sin.")
    return "Invariant under every gauge change, and complete: plaquettes and two Wilson loops."


_MOLECULES = ("BF3", "NH3", "H2O2")
_CANDIDATES = ("0e", "1o", "2e", "3o", "4e", "0o", "1e")


@exercise(
    "1.5",
    title="Predict the survivors",
    hint=[
        "On paper: along which axis could a vector lie, and is there a mirror to forbid a pseudoscalar?",
        "symmetry.stabiliser(molecule(name)) gives the operations; average the traces of D(g) over them.",
    ],
)
def predict_the_survivors(answer: Mapping[str, set[str]]) -> str:
    """Compare sets of irreps with the averages of D(g) over each molecule's operations."""
    if not isinstance(answer, Mapping) or set(answer) != set(_MOLECULES):
        raise Wrong(
            'give a set of irreps for each molecule: {"BF3": {"0e", "2e"}, "NH3": {...}, "H2O2": {...}}'
        )
    for name in _MOLECULES:
        given = read_irreps(answer[name])
        if strange := sorted(given - set(_CANDIDATES)):
            raise Wrong(f"{name}: {strange[0]!r} is not among {', '.join(_CANDIDATES)}.")
        group = torch.tensor(symmetry.stabiliser(molecule(name)))
        for irrep in _CANDIDATES:
            D = o3.Irrep(irrep).D_from_matrix(group)  # (operations, 2l+1, 2l+1)
            number = round(D.diagonal(dim1=-2, dim2=-1).sum(-1).mean().item())
            if number and irrep not in given:
                raise Wrong(f"{name}: {irrep} survives. {_why_not_zero(irrep, number, group)}")
            if irrep in given and not number:
                raise Wrong(f"{name}: {irrep} is zero. {_WHY_ZERO[irrep]}")
    return "All 21 verdicts are right. BF3 is planar and keeps 3o; only H2O2, which is chiral, keeps 0o."


_WHY_ZERO = {
    "0o": "A mirror flips the sign of a pseudoscalar, and a number equal to its negative is zero.",
    "1o": "The rotations leave a vector only their axis, and the mirror across that axis reverses it.",
    "1e": "The rotations leave an axial vector only their axis, and a mirror that contains the axis "
    "reverses it: did you treat 1e like 1o?",
}


def _why_not_zero(irrep: str, number: int, group: Float[Tensor, "operations 3 3"]) -> str:
    """Say what was overlooked where a survivor was left out; none of the three groups has an inversion."""
    left = (
        f"The average over the {len(group)} operations leaves {number} of its {o3.Irrep(irrep).dim} numbers"
    )
    if irrep in ("0o", "1e"):
        return f"{left}: no reflection is among them, so the molecule is chiral and parity forbids nothing."
    if irrep == "1o":
        return f"{left}: the operations leave a direction alone, and a dipole may point along it."
    if irrep.endswith("o"):
        return (
            f"{left}: the group has no inversion, and Y_{irrep[0]} contains an invariant: "
            "did you forget the parity label?"
        )
    return f"{left}: it would vanish only in a larger group, as 2e does on a tetrahedron."


@exercise(
    "1.6",
    title="Which irreps can carry it?",
    hint=[
        "P, the average of D(h) over H, projects onto what H leaves unchanged. What else in G leaves it so?",
        'o3.Irrep("3e").D_from_matrix(torch.tensor(R)) knows about parity. Count the g in G with D(g) P = P: '
        "there must be as many as H has.",
    ],
)
def carriers(answer: Callable[[list, list], Iterable[str]]) -> str:
    """For five distortions: the irreps in which what H leaves unchanged has exactly the symmetry H."""
    for name, high, low in _DISTORTIONS:
        G, H = symmetry.stabiliser(high), symmetry.stabiliser(low)
        named = read_irreps(answer(list(G), list(H)))
        if beyond := sorted(irrep for irrep in named if o3.Irrep(irrep).l > 4):
            raise Wrong(f"{beyond[0]} was not asked for: the degree l goes up to 4.")
        for irrep in (o3.Irrep(l, p) for l in range(5) for p in (1, -1)):
            before, after, kept = _untouched(G, irrep), _untouched(H, irrep), _keepers(G, H, irrep)
            what = f"{name}: H leaves {after} component(s) of {irrep} unchanged, G {before}."
            if kept == len(H) and str(irrep) not in named:
                raise Wrong(f"{what} So {irrep} can carry the order parameter. {_both_parities(irrep)}")
            if kept > len(H) and str(irrep) in named:
                raise Wrong(f"{what} {_why_not(irrep, before, after, kept, len(H))}")
    return "All five distortions: several carriers in O(3) each, and you found them all."


def read_irreps(found: object) -> set[str]:
    """Read names of irreps, o3.Irrep objects, pairs (2, 1) or (2, "e"), or a text such as "2e+1x4e"."""
    if isinstance(found, Mapping):  # irrep -> whether, or how often
        found = [key for key, value in found.items() if value is None or value]
    one = isinstance(found, str | o3.Irreps | o3.Irrep)
    names: list[str] = []
    try:
        for part in [found] if one or not isinstance(found, Iterable) else found:
            if isinstance(part, o3.Irrep):
                names.append(str(part))
            elif type(part) is tuple:
                l, parity = part
                names.append(str(o3.Irrep(int(l), {"e": 1, "o": -1}.get(parity, parity))))
            else:
                texts = re.split(r"[\s,+]+", part.strip()) if isinstance(part, str) else [part]
                names += [str(ir) for text in texts for _, ir in o3.Irreps(text)]
    except (ValueError, AssertionError, TypeError) as reason:
        raise Wrong(
            f'Expected names of irreps, degree, then parity e or o, such as {{"2e", "3e"}}; got {found!r}.'
        ) from reason
    return set(names)


def _why_not(irrep: o3.Irrep, before: int, after: int, kept: int, order: int) -> str:
    no = f"So {irrep} cannot carry the order parameter."
    if after == before:
        return f"{no} " + (
            "It cannot tell the two structures apart."
            if after
            else "Suspect that reflections or the groups themselves were not looked at."
        )
    return (
        f"But {kept} operations of G leave all of these unchanged, and H has only {order}: a field of "
        f"{irrep} stops at a symmetry between G and H. {no}"
    )


def _both_parities(irrep: o3.Irrep) -> str:
    if irrep.p == (-1) ** irrep.l:
        return "Suspect a count over too few irreps."
    return "Suspect that only the parity of Y_l was tried."


def _keepers(G: np.ndarray, H: np.ndarray, irrep: o3.Irrep) -> int:
    """Count the operations of G that leave unchanged whatever H leaves unchanged."""
    D, D_H = (irrep.D_from_matrix(torch.tensor(np.array(group))) for group in (G, H))
    P = D_H.mean(dim=0)
    return int(((D @ P - P).abs().amax(dim=(1, 2)) < 1e-6).sum())


def _untouched(group: Float[np.ndarray, "operations 3 3"], irrep: o3.Irrep) -> int:
    D = irrep.D_from_matrix(torch.tensor(np.array(group)))  # (operations, 2l+1, 2l+1)
    return round(torch.einsum("gii->g", D).mean().item())


_SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]], dtype=float)
_OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
_CENTRED = np.concatenate([np.zeros((1, 3)), _SQUARE])
_RAISED = np.concatenate([[[0, 0, 0.3]], _SQUARE])
_PULLED = _OCTAHEDRON + np.outer(np.arange(6) == 2, [0, 0, 0.4])
_LONGER = _TETRAHEDRON @ (np.eye(3) + 0.1)  # by a strain of yz + zx + xy
_DISTORTIONS = [
    ("square → rectangle", Atoms("C4", _SQUARE), Atoms("C4", _SQUARE * [1.4, 1, 1])),
    ("octahedron, stretched along z", Atoms("O6", _OCTAHEDRON), Atoms("O6", _OCTAHEDRON * [1, 1, 1.2])),
    ("square whose centre leaves the plane", Atoms("TiO4", _CENTRED), Atoms("TiO4", _RAISED)),
    ("tetrahedron, stretched along [111]", Atoms("C4", _TETRAHEDRON), Atoms("C4", _LONGER)),
    ("octahedron, one atom pulled away", Atoms("O6", _OCTAHEDRON), Atoms("O6", _PULLED)),
]


def _turned(target: Tensor, R: Float[Tensor, "3 3"]) -> Tensor:
    """Turn a vector (3,), a matrix (3, 3) or the five numbers of a 2e."""
    if target.ndim == 2:
        return R @ target @ R.T
    return (R if len(target) == 3 else o3.Irrep("2e").D_from_matrix(R)) @ target


@exercise(
    "1.7",
    title="A target with two heads",
    hint=[
        "Which product of a with itself does not notice the sign of a?",
        'torch.outer(a, a), or its traceless part o3.spherical_harmonics("2e", a, True).',
    ],
)
def two_heads(answer: Callable[[Tensor], Tensor]) -> str:
    """Even in the axis, equivariant as a matrix or as 2e, and different for different axes."""
    rng = np.random.default_rng(0)
    a, b = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(2, 3))), dim=1)

    def target(axis: Tensor) -> Tensor:
        found = tensor(answer(axis), "The target").squeeze()
        if found.shape not in ((3, 3), (5,), (3,)) or not found.isfinite().all():
            shape = tuple(found.shape)
            raise Wrong(f"Expected a matrix (3, 3) or five finite numbers (5,), got the shape {shape}.")
        return found

    if (flip := (target(-a) - target(a)).abs().max().item()) > 1e-6:
        raise Wrong(
            f"a and -a get targets that differ by {flip:.1e}, but they are the same axis. "
            "Suspect an odd power of a."
        )
    for seed in range(3):
        R = torch.tensor(symmetry.random_rotation(np.random.default_rng(seed)))
        before, after = target(a), target(R @ a)
        expected = _turned(before, R)
        if (error := (after - expected).abs().max().item()) > 1e-6:
            raise Wrong(
                f"rotation fails for the target, by {error:.1e}: it does not turn with the axis. "
                "Suspect a choice of sign in fixed axes, absolute values or squares of components"
                + (", or the order of a 2e: e3nn's polar axis is y." if len(after) == 5 else ".")
            )
    if (target(a) - target(b)).abs().max() < 1e-6:
        raise Wrong("Different axes get the same target: it has the symmetry, but says nothing.")
    return "The same for both heads, and it turns with the molecule: an axis is a 2e, not a vector."

"""Exercises of session 1: correct answers pass, typical mistakes get the message that names them."""

import math
from itertools import combinations

import numpy as np
import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import symmetry

# ---- 1.1: a test of equivariance


def difference(f, x, R, R_out):
    return (f(x @ R.T) - R_out @ f(x)).abs().max().item()


def a_rotation(seed=0):
    return torch.tensor(symmetry.random_rotation(np.random.default_rng(seed)))


def five_rotations(f, x):
    return max(difference(f, x, a_rotation(seed), a_rotation(seed)) for seed in range(5))


def transposed(f, x):
    return difference(f, x, a_rotation().T, a_rotation())


def only_about_z(f, x):
    R = o3.matrix_z(torch.tensor(0.7))
    return difference(f, x, R, R)


def not_orthogonal(f, x):
    R = torch.tensor(np.random.default_rng(0).normal(size=(3, 3)))
    return difference(f, x, R, R)


def invariance(f, x):
    return difference(f, x, a_rotation(), torch.eye(3))


def only_lengths(f, x):
    return abs(f(x @ a_rotation().T).norm() - f(x).norm()).item()


def signed(f, x):  # differences of opposite sign cancel
    R = a_rotation()
    return (f(x @ R.T) - R @ f(x)).sum().item()


def largest_signed(f, x):  # no absolute value: errors below zero are not seen
    return (f(x @ a_rotation().T) - a_rotation() @ f(x)).max().item()


def mirrors_too(f, x):  # a cross product is no vector to a mirror
    return max(difference(f, x, sign * a_rotation(), sign * a_rotation()) for sign in (1, -1))


def one_component(k):  # right on a function that is wrong elsewhere
    return lambda f, x: max(
        (f(x @ R.T) - R @ f(x))[k].abs().item() for R in (a_rotation(seed) for seed in range(5))
    )


def sum_before_size(f, x):
    return (f(x @ a_rotation().T) - a_rotation() @ f(x)).sum().abs()


def squared_in_numpy(f, x):
    return sum(np.square(np.asarray(f(x @ R.T) - R @ f(x))).sum() for R in map(a_rotation, range(4)))


def in_single_precision(f, x):
    R, x = a_rotation(), x.float()
    return (f(x @ R.float().T) - R.float() @ f(x)).abs().max()


# ---- 1.2: a dipole without origin


def all_on_the_last(q, r):
    return (q - q.sum() * torch.eye(len(q))[-1]) @ r


# ---- 1.3: a function for fermions


def slater(x):
    orbitals = np.stack([np.ones(len(x)), *x.T], axis=1)
    return np.linalg.det(orbitals[:, : len(x)])


def narrow(x):  # vanishes to round-off a few Å away
    return slater(x) * np.exp(-10 * np.square(x).sum())


def vandermonde(x):
    return np.prod([x[i].sum() - x[j].sum() for i, j in combinations(range(len(x)), 2)])


def lengths(x):
    return np.prod([np.linalg.norm(x[i] - x[j]) for i, j in combinations(range(len(x)), 2)])


def dependent_orbitals(x):
    return np.linalg.det(np.stack([*x.T, x[:, 0] + x[:, 1]], axis=1)[:, : len(x)])


def plane_waves(x):  # complex: four wave vectors
    k = np.array([[0.3, 1, 0], [1, -0.5, 0.2], [0, 0.7, 1.1], [-1, 0.1, 0.4]])
    return np.linalg.det(np.exp(1j * x @ k.T)[:, : len(x)])


# ---- 1.4: loop features of a torus; theta has the shape (2, L, L)


def fluxes(theta):
    x, y = theta
    squares = (x + y.roll(-1, 0) - x.roll(-1, 1) - y).flatten()
    return squares, torch.stack([x[:, 0].sum(), y[0].sum()])


def both(flux):
    return torch.cat([flux.cos(), flux.sin()])


def diagonals(
    theta,
):  # sum and difference of the two loops: blind to half a turn of both
    squares, holes = fluxes(theta)
    return both(torch.cat([squares, holes.sum()[None], (holes[0] - holes[1])[None]]))


def wrong_sign(theta):
    x, y = theta
    return both((x + y.roll(-1, 0) + x.roll(-1, 1) + y).flatten())


# ---- 1.5: survivors

SURVIVORS = {
    "BF3": {"0e", "2e", "3o", "4e"},
    "NH3": {"0e", "1o", "2e", "3o", "4e"},
    "H2O2": {"0e", "1o", "2e", "3o", "4e", "0o", "1e"},
}

# ---- 1.6: carriers of an order parameter

IRREPS = [o3.Irrep(l, p) for l in range(5) for p in (1, -1)]


def untouched(group, irrep):
    D = irrep.D_from_matrix(torch.tensor(np.array(group)))
    return round(torch.einsum("gii->g", D).mean().item())


def carriers(G, H):
    found = []
    for irrep in IRREPS:
        D_G, D_H = (irrep.D_from_matrix(torch.tensor(np.array(group))) for group in (G, H))
        fixed = torch.linalg.matrix_rank(D_H.mean(dim=0), atol=1e-6)
        directions = torch.linalg.svd(D_H.mean(dim=0))[0][:, :fixed]
        vector = directions @ torch.linspace(1, 2, int(fixed))  # in general position
        if int(((D_G @ vector - vector).norm(dim=1) < 1e-6).sum()) == len(H):
            found.append(str(irrep))
    return found


def careless(G, H):  # right, but spoils what it was given
    found = carriers(G, H)
    for R in [*G, *H]:
        R *= 0
    return found


def more_survivors(G, H):  # necessary, not sufficient
    return [str(irrep) for irrep in IRREPS if untouched(H, irrep) > untouched(G, irrep)]


# ---- 1.7: an axis as a target


def one_head(a):
    return a


def upwards(a):
    return a * torch.sign(a[2])


def rotations_only(G, H):
    proper = [[R * np.linalg.det(R) for R in group] for group in (G, H)]
    found = [
        l for l in range(5) if untouched(proper[1], o3.Irrep(l, 1)) > untouched(proper[0], o3.Irrep(l, 1))
    ]
    return [f"{l}{p}" for l in found for p in "eo"]


RIGHT = [
    ("1.3", lambda x: np.float32(vandermonde(np.float32(x)))),
    ("1.4", lambda t: both(torch.cat(fluxes(t.float())))),
    ("1.5", {name: ", ".join(irreps) for name, irreps in SURVIVORS.items()}),
    ("1.5", {name: [o3.Irrep(i) for i in irreps] for name, irreps in SURVIVORS.items()}),
    ("1.5", {name: {i: i in irreps for i in SURVIVORS["H2O2"]} for name, irreps in SURVIVORS.items()}),
    ("1.6", lambda G, H: [(o3.Irrep(i).l, o3.Irrep(i).p) for i in carriers(G, H)]),
    ("1.6", lambda G, H: [(int(i[0]), i[1]) for i in carriers(G, H)]),
    ("1.7", lambda a: o3.spherical_harmonics("2e", a[None], True)),
    ("1.1", five_rotations),
    ("1.1", squared_in_numpy),
    ("1.1", lambda f, x: [five_rotations(f, x)]),
    ("1.1", lambda f, x: five_rotations(f, x) > 1e-6),  # yes or no is a number too
    ("1.1", in_single_precision),
    ("1.2", lambda q, r: (q - q.mean()) @ r),
    ("1.2", lambda q, r: (np.asarray(q) - np.mean(np.asarray(q))) @ np.asarray(r)),
    ("1.2", lambda q, r: ((q - q.mean()) @ r).tolist()),
    ("1.2", lambda q, r: ((q - q.mean()) @ r).numpy().astype("float32")),
    ("1.2", lambda q, r: q @ (r - r.mean(dim=0))),
    ("1.3", slater),
    ("1.3", vandermonde),
    ("1.3", plane_waves),
    ("1.3", narrow),
    ("1.3", lambda x: torch.tensor(slater(x))),
    ("1.3", lambda x: [slater(x)]),
    ("1.3", lambda x: torch.tensor(slater(x), requires_grad=True)),
    ("1.4", lambda t: both(torch.cat(fluxes(t)))),
    ("1.4", lambda t: torch.exp(1j * torch.cat(fluxes(t)))),
    ("1.4", lambda t: both(torch.cat([fluxes(t)[0], t[0].sum(0), t[1].sum(1)]))),
    ("1.4", lambda t: [both(flux) for flux in fluxes(t)]),
    ("1.4", lambda t: np.exp(1j * torch.cat(fluxes(t)).numpy())),
    ("1.5", SURVIVORS),
    ("1.5", {name: "+".join(irreps) for name, irreps in SURVIVORS.items()}),
    ("1.5", {name: o3.Irreps("+".join(irreps)) for name, irreps in SURVIVORS.items()}),
    ("1.5", {name: np.array(list(irreps)) for name, irreps in SURVIVORS.items()}),
    ("1.6", carriers),
    ("1.6", lambda G, H: [f"1x{irrep}" for irrep in carriers(G, H)]),
    ("1.6", lambda G, H: o3.Irreps("+".join(carriers(G, H)))),
    ("1.6", lambda G, H: {o3.Irrep(irrep) for irrep in carriers(G, H)}),
    ("1.7", lambda a: torch.outer(a, a)),
    ("1.7", lambda a: 2 * np.outer(a, a) - np.eye(3)),
    ("1.7", lambda a: list(torch.outer(a, a).float())),
    ("1.7", lambda a: o3.spherical_harmonics("2e", a, True)),
]
WRONG = [
    ("1.1", one_component(0), "wrong along y"),
    ("1.1", one_component(2), "components were left out"),
    ("1.1", sum_before_size, "before their absolute values"),
    ("1.1", lambda f, x: five_rotations(f, x) < 1e-6, "your test says True"),
    ("1.2", lambda q, r: (q.mean() - q) @ r, "from minus to plus"),
    ("1.2", lambda q, r: 4.8 * (q - q.mean()) @ r, "the unit, which is e Å"),
    ("1.5", SURVIVORS | {"NH3": {"0e", "2e", "3o", "4e"}}, "a dipole may point along it"),
    ("1.1", transposed, "R.T on the other"),
    ("1.1", only_about_z, "random axes"),
    ("1.1", not_orthogonal, "not orthogonal"),
    ("1.1", invariance, "obeys the law, but your test finds an error"),
    ("1.1", only_lengths, "An invariant answer is no vector"),
    ("1.1", lambda f, x: f(x), "should be one number; got Tensor"),
    ("1.1", lambda f, x: math.nan, "should be one number; got nan"),
    ("1.1", signed, "must not cancel"),
    ("1.1", largest_signed, "A violation is a size"),
    ("1.1", mirrors_too, "with determinant -1"),
    ("1.2", lambda q, r: q, "should have the shape (3,)"),
    ("1.2", lambda q, r: q @ r, "translation fails for 1o"),
    ("1.2", lambda q, r: q @ (r - r[0]), "permutation fails for 1o"),
    ("1.2", all_on_the_last, "permutation fails for 1o"),
    ("1.2", lambda q, r: q.softmax(0) @ r, "For neutral charges"),
    ("1.3", lambda x: np.exp(-(x**2)).sum(), "the law of bosons"),
    ("1.3", lengths, "the law of bosons"),
    ("1.3", lambda x: x[0, 0] - x[1, 0], "For 3 particles, exchanging 0 and 2 breaks antisymmetry"),
    ("1.3", dependent_orbitals, "For 4 particles the function vanishes everywhere"),
    ("1.3", lambda x: x, "should be one number"),
    ("1.3", lambda x: math.nan, "should be one number; got nan"),
    ("1.3", lambda x: "minus", "should be one number; got 'minus'"),
    ("1.4", lambda t: both(t.flatten()), "change under a gauge change by"),
    ("1.4", wrong_sign, "is every link in a closed loop?"),
    ("1.4", lambda t: both(fluxes(t)[0]), "add the Wilson loops (flux through the hole along x"),
    ("1.4", lambda t: both(torch.cat([fluxes(t)[0], fluxes(t)[1][:1]])), "hole along y is not seen"),
    ("1.4", lambda t: torch.cat(fluxes(t)), "when 2π is added to a link"),
    ("1.4", lambda t: both(fluxes(t)[1]), "Is each plaquette there?"),
    ("1.4", lambda t: torch.cat(fluxes(t)).cos(), "cos forgets the sense of the flux"),
    ("1.4", lambda t: torch.ones(3), "vacuous"),
    ("1.4", lambda t: torch.exp(2j * torch.cat(fluxes(t))), "A flux φ and φ + 2π/2 through a plaquette"),
    ("1.4", lambda t: torch.tan(torch.cat(fluxes(t))), "A flux φ and φ + 2π/2"),
    ("1.4", lambda t: torch.exp(3j * torch.cat(fluxes(t))), "A flux φ and φ + 2π/3"),
    ("1.4", lambda t: torch.cat([both(fluxes(t)[0]), both(2 * fluxes(t)[1])]), "2π/2 through a hole"),
    ("1.4", diagonals, "2π/2 through both holes look the same"),
    ("1.4", 3.0, "The answer must be a function"),
    ("1.4", lambda t: {"flux": fluxes(t)}, "Return a tensor of numbers; got dict"),
    ("1.4", lambda t: math.nan * torch.cat(fluxes(t)), "no number at all"),
    ("1.5", SURVIVORS | {"BF3": {"0e", "2e", "4e"}}, "BF3: 3o survives"),
    ("1.5", SURVIVORS | {"BF3": SURVIVORS["BF3"] | {"1o"}}, "mirror across that axis"),
    ("1.5", SURVIVORS | {"NH3": SURVIVORS["NH3"] | {"1e"}}, "did you treat 1e like 1o"),
    ("1.5", SURVIVORS | {"H2O2": SURVIVORS["NH3"]}, "chiral"),
    ("1.5", SURVIVORS | {"BF3": {"0", "2", "4"}}, "degree, then parity"),
    ("1.5", {"0e", "4e"}, "a set of irreps for each molecule"),
    ("1.5", SURVIVORS | {"BF3": True}, "Expected names of irreps"),
    ("1.6", lambda G, H: [str(i) for i in IRREPS if untouched(H, i)], "cannot tell the two structures apart"),
    (
        "1.6",
        lambda G, H: [i for i in carriers(G, H) if o3.Irrep(i).p == (-1) ** o3.Irrep(i).l],
        "only the parity of Y_l",
    ),
    ("1.6", more_survivors, "octahedron, one atom pulled away: H leaves 1 component(s) of 2e unchanged"),
    ("1.6", more_survivors, "stops at a symmetry between G and H"),
    ("1.6", lambda G, H: ["vector"], "names of irreps"),
    ("1.6", lambda G, H: [*carriers(G, H), "5o"], "5o was not asked for"),
    ("1.6", careless, "changes its argument"),
    ("1.6", rotations_only, "reflections"),
    ("1.7", one_head, "the same axis"),
    ("1.7", upwards, "does not turn with the axis"),
    ("1.7", lambda a: a.abs(), "does not turn with the axis"),
    ("1.7", lambda a: torch.eye(3), "says nothing"),
    ("1.7", lambda a: a[0], "Expected a matrix"),
    ("1.7", lambda a: math.nan * torch.outer(a, a), "five finite numbers"),
    ("1.7", lambda a: {"axis": a}, "got a dict"),
    ("1.6", lambda G, H: ["2e", "3e", "4e"], "octahedron, stretched along z"),
]

TestAnswers = exercise_tests(1, RIGHT, WRONG)

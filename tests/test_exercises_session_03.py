"""Exercises of session 3: correct answers pass, typical mistakes get the message that names them."""

import functools
import itertools

import numpy as np
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import graphs, symmetry
from tutorial_utils.nn import EquivariantNetwork
from tutorial_utils.nn.network import envelope

# ---- 3.1: count paths and weights


def counting(rule, weight):
    def count(a, b, c):
        blocks = itertools.product(o3.Irreps(a), o3.Irreps(b), o3.Irreps(c))
        sizes = [weight(u, v, w) for (u, i), (v, j), (w, k) in blocks if rule(i, j, k)]
        return len(sizes), sum(sizes)

    return count


def allowed(i, j, k):
    return k in i * j


def triangle(i, j, k):
    return abs(i.l - j.l) <= k.l <= i.l + j.l


def uvw(u, v, w):
    return u * v * w


def by_characters(a, b, c):
    """Average characters over rotations, with the weight of each angle, and over both parities."""
    angles = torch.linspace(0, torch.pi, 2001)[1:]
    measure = (1 - torch.cos(angles)) / (1 - torch.cos(angles)).sum()

    def rule(i, j, k):
        χ = [torch.sin((ir.l + 0.5) * angles) / torch.sin(angles / 2) for ir in (i, j, k)]
        return i.p * j.p == k.p and bool((χ[0] * χ[1] * χ[2] * measure).sum() > 0.5)

    return counting(rule, uvw)(a, b, c)


def joined(a, b, c):  # blocks of one irrep that stand apart, taken for one
    return counting(allowed, uvw)(*(o3.Irreps(irreps).regroup() for irreps in (a, b, c)))


# ---- 3.2: the gate


def gate(x, *, pseudo=torch.tanh, opened=torch.sigmoid, mix=lambda gates, v: gates[:, :, None] * v):
    scalars, odd, gates, vectors, tensor = x.split([4, 2, 3, 6, 5], dim=-1)
    gates = opened(gates)
    vectors = mix(gates[:, :2], vectors.reshape(-1, 2, 3)).reshape(-1, 6)
    return torch.cat([torch.nn.functional.silu(scalars), pseudo(odd), vectors, gates[:, 2:] * tensor], dim=1)


def from_e3nn(x):  # e3nn sorts the irreps of its gate: blocks have to move along
    scalars, odd, others = x[:, :4], x[:, 4:6], x[:, 9:]
    return GATE(torch.cat([odd, scalars, x[:, 6:9], others], dim=1))


def by_lengths(x):  # no use of the gates at all
    scalars, odd, _, vectors, tensor = x.split([4, 2, 3, 6, 5], dim=-1)
    vectors = vectors.reshape(-1, 2, 3)
    vectors = (torch.tanh(vectors.square().sum(dim=-1, keepdim=True)) * vectors).reshape(-1, 6)
    return torch.cat([scalars**2, odd**3, vectors, tensor * tensor.norm(dim=-1, keepdim=True)], dim=1)


GATE = e3nn_nn.Gate(
    "4x0e+2x0o",
    [torch.nn.functional.silu, torch.tanh],
    "3x0e",
    [torch.sigmoid],
    "2x1o+1x2e",
)


def wrong_layout(gates, v):  # components taken for copies
    return (gates[:, None, :] * v.reshape(-1, 3, 2)).reshape(-1, 2, 3)


def gate_in_place(x):
    x[:, :4] = torch.nn.functional.silu(x[:, :4])
    return gate(x)


def component_by_component(x):
    return torch.relu(torch.cat([x[:, :6], x[:, 9:]], dim=1))


# ---- 3.3: chirality


@functools.cache
def network(irreps, *, elements=("H", "C", "N", "O", "F"), layers=3, **options):
    torch.manual_seed(0)
    hidden = "8x0e+4x0o+8x1o+8x1e"
    return EquivariantNetwork(elements, irreps, irreps_hidden=hidden, layers=layers, **options)


def three_corners(graph):
    return torch.linalg.det(graph.pos[1:4]).reshape(1)


def three_edges(graph):
    return torch.linalg.det(graph.pos[1:4] - graph.pos[0]).reshape(1)


def by_element(graph):  # exchanges of like atoms change it
    a, b, c = graph.pos[graph.atomic_numbers.argsort(stable=True)][:3] - graph.pos.mean(dim=0)
    return (a @ torch.linalg.cross(b, c)).reshape(1)


# ---- 3.4: an axial vector


def two_sums(graph, *, fade=envelope, where=1):
    r = graphs.edge_vectors(graph)
    x = r.norm(dim=1, keepdim=True) / 4.0
    edges = (fade(x) * torch.cat([x**0, x], dim=1))[:, :, None] * r[:, None]
    return torch.zeros(len(graph.pos), 2, 3).index_add(0, graph.edge_index[where], edges)


def axial(graph, **options):
    return torch.linalg.cross(*two_sums(graph, **options).unbind(dim=1))


def axial_from_elements(graph):  # two kinds of neighbours instead of two functions of the distance
    r = graphs.edge_vectors(graph)
    fade = envelope(r.norm(dim=1, keepdim=True) / 4.0) * r
    z = graph.atomic_numbers[graph.edge_index[0]][:, None]
    sums = [torch.zeros(len(graph.pos), 3).index_add(0, graph.edge_index[1], fade * z**n) for n in (0, 1)]
    return torch.linalg.cross(*sums)


def per_cell(graph):  # divides by the number of atoms in the cell
    return axial(graph) / len(graph.pos)


def from_the_origin(graph):
    return torch.linalg.cross(graph.pos, two_sums(graph)[:, 0])


def axial_that_centres(graph):
    graph.pos -= graph.pos.mean(dim=0)
    return axial(graph)


def deep_axial(graph):  # the atom that crosses the cutoff still acts through the other neighbours
    return network("1e", elements=("H", "C", "N", "O", "Na", "Cl"), layers=2, per="atom")(graph)


# ---- 3.5: shapes


def sizes(graph, moved=True):
    r = graph.pos[1:] - graph.pos[0] * moved
    Y = o3.spherical_harmonics(range(7), r, True, "norm").mean(dim=0)
    return len(r), [part.norm().item() for part in Y.split([2 * l + 1 for l in range(7)])]


def shape(graph, **options):
    n, q = sizes(graph, **options)
    names = {4: ("square", "tetrahedron"), 6: ("octahedron", "prism"), 12: ("cuboctahedron", "icosahedron")}
    return names[n][{4: q[3] > 0.35, 6: q[3] > 0.2, 12: q[6] > 0.62}[n]]


def by_distances(graph):  # sorted distances between neighbours, in units of the radius
    r = graph.pos[1:] - graph.pos[0]
    d = torch.pdist(r) / r.norm(dim=1).mean()
    if len(r) == 4:
        return "square" if (d > 1.8).any() else "tetrahedron"
    if len(r) == 6:
        return "octahedron" if int((d > 1.6).sum()) == 3 else "prism"
    return "cuboctahedron" if int((d < 1.2).sum()) < 27 else "icosahedron"


def along_axes(graph):  # right only as drawn
    n, _ = sizes(graph)
    r = (graph.pos[1:] - graph.pos[0]).abs()
    inside = (r.min(dim=1).values < 1e-6).all()
    if n == 4:
        return "square" if inside else "tetrahedron"
    if n == 6:
        return "octahedron" if inside else "prism"
    return (
        "cuboctahedron" if (r.median(dim=1).values - r.max(dim=1).values).abs().max() < 0.1 else "icosahedron"
    )


def exact_zeros(graph):  # no room for noise
    n, q = sizes(graph)
    if n == 4:
        return "square" if q[3] < 1e-6 else "tetrahedron"
    if n == 6:
        return "octahedron" if q[3] < 1e-6 else "prism"
    return "icosahedron" if q[4] < 1e-6 else "cuboctahedron"


# ---- 3.6: tests


def turning_error(matrices, *, cell=True, back=False, absolute=False, copy=True):
    """Make a test: the largest error over the matrices."""

    def error(f, graph, irreps):
        worst = 0.0
        for R in matrices():
            expected = f(graph) @ o3.Irreps(irreps).D_from_matrix(R).T
            moved = graph.clone() if copy else graph
            moved.pos = graph.pos @ (R if back else R.T)
            moved.cell = graph.cell @ R.T if cell else graph.cell
            away = (f(moved) - expected).abs().max()
            worst = max(worst, (away if absolute else away / expected.abs().max()).item())
        return worst

    return error


def zero_but_for(*known):
    return lambda f, graph, irreps: turning_error(both)(f, graph, irreps) if irreps in known else 0.0


def natural_parity(f, graph, irreps):  # takes any vector for a polar one
    return turning_error(both)(f, graph, {"1e": "1o"}.get(irreps, irreps))


def by_the_report(f, graph, irreps):
    return symmetry.equivariance_report(f, graph, irreps)


def both():
    return [o3.rand_matrix(), -o3.rand_matrix()]


# ---- 3.7: heads

HEADS = {
    "polarizability": "0e+2e",
    "atomic polar tensor": "0e+1e+2e",
    "hyperpolarizability": "1o+3o",
    "optical rotation": "0o+1o+2o",
}


RIGHT = [
    ("3.1", counting(allowed, uvw)),
    ("3.1", by_characters),
    ("3.2", lambda x: gate(x).numpy()),
    ("3.2", gate),
    ("3.2", by_lengths),
    ("3.2", from_e3nn),
    ("3.3", lambda graph: network("0o")(graph)[0]),
    ("3.3", lambda graph: network("0o")(graph).item()),
    ("3.4", lambda graph: axial(graph).float()),
    ("3.4", axial),
    ("3.4", lambda graph: axial(graph, where=0)),
    ("3.4", lambda graph: axial(graph, fade=lambda x: (x < 1) * torch.cos(np.pi * x / 2) ** 2)),
    ("3.4", axial_from_elements),
    ("3.4", deep_axial),
    ("3.5", shape),
    ("3.5", by_distances),
    ("3.6", lambda *case: [turning_error(both)(*case)]),
    ("3.6", turning_error(both)),
    ("3.6", by_the_report),
    ("3.7", HEADS | {"polarizability": ["1x0e", "1x2e"]}),
    ("3.7", HEADS),
    ("3.7", HEADS | {"polarizability": "2e + 0e"}),
]
WRONG = [
    ("3.1", lambda *case: counting(allowed, uvw)(*case)[::-1], "paths come first"),
    ("3.1", counting(triangle, uvw), "Parity is missing"),
    ("3.1", counting(lambda i, j, k: i.p * j.p == k.p, uvw), "The triangle rule is missing"),
    ("3.1", counting(allowed, lambda u, v, w: u * v), "count for uvu"),
    ("3.1", counting(allowed, lambda u, v, w: 1), "their weights do not"),
    (
        "3.1",
        counting(lambda i, j, k: k.l == i.l + j.l and allowed(i, j, k), uvw),
        "suspect the multiplicities",
    ),
    ("3.1", lambda a, b, c: 3, "expected two whole numbers"),
    ("3.1", joined, "each has paths of its own"),
    ("3.2", lambda x: torch.cat([gate(x), x[:, 6:9]], dim=1), "the three gates are used up"),
    ("3.2", lambda x: gate(x, mix=lambda g, v: v + g[:, :, None]), "it multiplies a whole vector"),
    ("3.2", gate_in_place, "changes its argument"),
    ("3.2", lambda x: gate(x) / (1 + x.norm()), "rows are different atoms"),
    ("3.2", lambda x: gate(x, pseudo=torch.nn.functional.silu), "parity fails for 0o"),
    ("3.2", component_by_component, "rotation fails for 1o"),
    ("3.2", lambda x: gate(x, mix=wrong_layout), "rotation fails for 1o"),
    ("3.2", GATE, "e3nn.nn.Gate sorts its irreps"),
    ("3.2", lambda x: gate(x, opened=torch.ones_like), "2x1o passes linearly"),
    ("3.2", lambda x: gate(x, pseudo=torch.zeros_like), "vacuously for 0o"),
    ("3.3", lambda graph: graph.pos.sum(dim=0), "of vectors take the triple product"),
    ("3.3", lambda graph: network("0e")(graph), "parity fails for 0o"),
    ("3.3", lambda graph: torch.zeros(1), "vacuously for 0o"),
    ("3.3", three_corners, "translation fails for 0o"),
    ("3.3", lambda graph: network("0o")(graph).abs(), "parity fails for 0o"),
    ("3.3", three_edges, "permutation fails for 0o"),
    ("3.3", by_element, "like atoms have no order"),
    ("3.4", lambda graph: axial(graph).mean(dim=0).expand(graph.num_nodes, 3), "no two see the same"),
    ("3.4", lambda graph: axial(graph).sum(dim=0), "one vector for the whole graph"),
    ("3.4", lambda graph: axial(graph) - axial(graph).mean(dim=0), "another molecule, 50 Å away"),
    ("3.4", graphs.edge_vectors, "a vector for each edge"),
    ("3.4", axial_that_centres, "changes its argument"),
    ("3.4", lambda graph: two_sums(graph)[:, 0], "flips under inversion: did you mean 1o?"),
    ("3.4", lambda graph: torch.linalg.cross(*two_sums(graph)[:, [0, 0]].unbind(1)), "vacuously for 1e"),
    ("3.4", lambda graph: axial(graph, fade=lambda x: (x < 1) * 1.0), "jumps by"),
    ("3.4", lambda graph: axial(graph, fade=lambda x: (1 - x) * (x < 1)), "has a kink at the cutoff"),
    ("3.4", per_cell, "supercell fails for 1e"),
    ("3.4", from_the_origin, "translation fails for 1e"),
    ("3.5", along_axes, "once turned"),
    ("3.5", exact_zeros, "with 3 % noise"),
    ("3.5", lambda graph: shape(graph, moved=False), "away from the origin"),
    ("3.5", lambda graph: "cube", "expected one of tetrahedron"),
    ("3.6", zero_but_for("1o", "1e"), "Do you test for 1o only? For a scalar"),
    ("3.6", zero_but_for("1o", "1e", "0e"), "belongs to the irreps that are given"),
    ("3.6", natural_parity, "1e keeps its sign"),
    ("3.6", lambda *case: turning_error(both)(*case) < 1e-6, "Your test says True"),
    ("3.6", lambda f, graph, irreps: "small", "should be one number"),
    ("3.6", turning_error(lambda: [o3.rand_matrix()]), "determinant"),
    ("3.6", turning_error(lambda: [-torch.eye(3)]), "try rotations"),
    ("3.6", turning_error(both, cell=False), "Does the cell turn"),
    ("3.6", turning_error(both, back=True), "pos @ R.T goes with"),
    ("3.6", turning_error(both, absolute=True), "error is absolute"),
    ("3.6", turning_error(lambda: [torch.randn(3, 3)]), "orthogonal"),
    ("3.6", turning_error(both, copy=False), "changes its argument"),
    ("3.7", HEADS | {"polarizability": "0e+1e+2e"}, "6 independent components"),
    ("3.7", HEADS | {"polarizability": "1o"}, "even under inversion"),
    ("3.7", HEADS | {"atomic polar tensor": "0e+2e"}, "nothing makes it symmetric"),
    ("3.7", HEADS | {"hyperpolarizability": "2x1o+2o+3o"}, "ANY exchange"),
    ("3.7", HEADS | {"optical rotation": "0e+1e+2e"}, "odd under inversion"),
    ("3.7", {"polarizability": "0e+2e"}, "Give a dict with the keys"),
    ("3.7", "0e+2e", "yours is a str"),
    ("3.7", HEADS | {"polarizability": "Ag"}, "not a list of irreps"),
    ("3.7", HEADS | {"polarizability": 6}, "not a list of irreps"),
]

TestAnswers = exercise_tests(3, RIGHT, WRONG)

"""Exercises of session 4: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import descriptors, graphs, groups, symmetry
from tutorial_utils.descriptors import recovery

RIGHT, WRONG = [], []

# ---- 4.1: vanishing degrees

VANISHING = {"fcc": {1, 2, 3, 5, 7}, "bcc": {1, 2, 3, 5, 7}, "hcp": {1, 2}, "diamond": {1, 2, 5}}


# ---- 4.2: a descriptor


def smooth_sum(v):
    Y = o3.spherical_harmonics([0, 1, 2], v, True)
    return (descriptors.smooth_cutoff(v.norm(dim=1), 5.0)[:, None] * Y).sum(dim=0)


def smooth_polynomials(v):  # solid harmonics, another weight: correct as well
    Y = o3.spherical_harmonics([0, 1, 2], v, False)
    return ((5 - v.norm(dim=1)).clamp(min=0)[:, None] ** 3 * Y).sum(dim=0)


def no_weight(v):
    return o3.spherical_harmonics([0, 1, 2], v[v.norm(dim=1) < 5], True).sum(dim=0)


def kink(v):
    Y = o3.spherical_harmonics([0, 1, 2], v, True)
    return (descriptors.SphericalBessel(1, 5.0)(v.norm(dim=1), 0)[:, 0] * Y).sum(dim=0)


def no_end(v):
    return (torch.exp(-v.norm(dim=1))[:, None] * o3.spherical_harmonics([0, 1, 2], v, True)).sum(dim=0)


def averaged(v):
    return smooth_sum(v) / len(v)


def first_atom(v):
    weight = descriptors.smooth_cutoff(v.norm(dim=1), 5.0) * torch.arange(1, len(v) + 1)
    return (weight[:, None] * o3.spherical_harmonics([0, 1, 2], v, True)).sum(dim=0)


def chemists_axes(v):
    return smooth_sum(v)[[0, 2, 3, 1, 4, 5, 6, 7, 8]]


def unsigned(v):
    return smooth_sum(v).abs()


def cubes(v):  # of single components
    return (descriptors.smooth_cutoff(v.norm(dim=1), 5.0)[:, None] * v**3).sum(0)


def axial(v):  # products of two even parts in the place of a vector
    c = smooth_sum(v)
    return torch.cat([c[:1], c[1:4] * 0, c[4:]])


def two_shells(v):  # a jump where the first one ends
    return smooth_sum(v) + smooth_sum(v[v.norm(dim=1) < 3])


def unit_vectors_in_place(v):
    weight = descriptors.smooth_cutoff(v.norm(dim=1), 5.0)
    v /= v.norm(dim=1, keepdim=True)
    return (weight[:, None] * o3.spherical_harmonics([0, 1, 2], v, False)).sum(dim=0)


RIGHT += [("4.1", VANISHING), ("4.2", smooth_sum), ("4.2", smooth_polynomials)]
WRONG += [
    ("4.1", {**VANISHING, "hcp": {1}}, "measure it"),
    ("4.1", {**VANISHING, "diamond": {1, 2, 3, 5, 7}}, "l = 3 does not vanish, Td leaves 1 function"),
    ("4.1", {**VANISHING, "fcc": set()}, "instead of 1e-10"),
    ("4.1", {**VANISHING, "bcc": {0, 1, 2, 3, 5, 7}}, "from 1 to 8"),
    ("4.1", {1, 2}, "give a set of degrees"),
    ("4.1", {name: [l in zeros for l in range(1, 9)] for name, zeros in VANISHING.items()}, "themselves"),
    ("4.2", two_shells, "crosses 3.00 Å"),
    ("4.2", unit_vectors_in_place, "changes its argument"),
    ("4.2", no_weight, "jump of"),
    ("4.2", kink, "with a kink"),
    ("4.2", no_end, "beyond 5 Å"),
    ("4.2", averaged, "Suspect a mean"),
    ("4.2", first_atom, "another order"),
    ("4.2", chemists_axes, "x, y, z for l = 1"),
    ("4.2", unsigned, "Suspect abs()"),
    ("4.2", lambda v: torch.cat([smooth_sum(v)[:4], smooth_sum(v)[4:].abs()]), "Suspect abs()"),
    ("4.2", lambda v: torch.cat([smooth_sum(v)[:1], cubes(v), smooth_sum(v)[4:]]), "of single components"),
    ("4.2", axial, "l = 1 part is zero"),
    ("4.2", lambda v: v.sum(dim=0), "expected 9"),
    ("4.2", lambda v: v.reshape(-1)[:9], "l = 0 part fails"),
]

# ---- 4.3: shapes with one power spectrum

RIGHT += [
    ("4.3", ((0, 1, 4, 6), (0, 1, 3, 7))),
    ("4.3", [[2, 3, 6, 8], [0, 1, 3, 7]]),
]
WRONG += [
    ("4.3", ((0, 1, 4, 6), (1, 2, 5, 7)), "turned by 30°"),
    ("4.3", ((0, 1, 4, 6), (0, 2, 5, 6)), "in a mirror"),
    ("4.3", ((0, 1, 3, 4), (0, 1, 2, 5)), "power spectra differ"),
    ("4.3", ((0, 1, 4, 12), (0, 1, 3, 7)), "numbered from 0 to 11"),
    ("4.3", (0, 1, 4, 6), "two tuples of corners"),
    ("4.3", ((0, 1, 4, 6.5), (0, 1, 3, 7)), "whole numbers"),
]


# ---- 4.4 and 4.5: symmetric sites


def _motions(v, G):
    trace = G.diagonal(dim1=1, dim2=2).sum(-1)
    return ((torch.einsum("gij,nj->gni", G, v) - v).norm(dim=-1) < 1e-6).sum(1) * trace, trace


def right_rank(v, G):
    motions, trace = _motions(v, G)
    return round((motions - torch.linalg.det(G) * trace).mean().item())


def rank_by_singular_values(v, G):
    shells = descriptors.SphericalBessel(3, 3.0)
    return recovery.rank(lambda x: recovery.spectra(x, shells, 4), v)


def rank_with_rotations(v, G):
    return round(_motions(v, G)[0].mean().item())


def rank_minus_three(v, G):
    return rank_with_rotations(v, G) - 3


def rank_without_permutation(v, G):
    trace = _motions(v, G)[1]
    return round((len(v) * trace - torch.linalg.det(G) * trace).mean().item())


def rank_polar(v, G):
    motions, trace = _motions(v, G)
    return round((motions - trace).mean().item())


def rank_sum(v, G):
    return _motions(v, G)[0].sum().item() / 7


def orbits_of(name, share=slice(None)):
    def regular(number, rng):
        points = recovery.random_starts(number, 1, shortest=1.0, longest=2.5, rng=rng)[:, 0]
        return torch.einsum("gij,sj->sgi", torch.tensor(np.array(groups.molecular(name)))[share], points)

    return regular


def tilted_orbits(number, rng):
    """Every start turned by a rotation of its own: as good as any, since a walk turns with its start."""
    R = torch.tensor(np.array([symmetry.random_rotation(rng) for _ in range(number)]))
    return torch.einsum("sij,snj->sni", R, orbits_of("D4")(number, rng))


def anywhere(number, rng):
    return recovery.random_starts(number, 8, shortest=1.0, longest=2.5, rng=rng)


def on_the_axis(number, rng):
    return torch.tensor([0.0, 0, 1]).expand(number, 8, 3) * torch.tensor(rng.uniform(1, 2, (number, 1, 1)))


def all_equal(number, rng):
    return orbits_of("D4")(1, rng).expand(number, 8, 3)


# ---- 4.6: pseudoscalars


def triple_product(v, rates=(0.5, 1.0, 2.0)):
    r = v.norm(dim=1, keepdim=True)
    a, b, c = ((v * torch.exp(-k * r)).sum(dim=0) for k in rates)
    return a @ torch.linalg.cross(b, c)


def odd_component(v):
    c = descriptors.project(v, descriptors.SphericalBessel(3, 4.0), 2)
    return descriptors.bispectrum(c, parity="odd")[3]


def three_nearest(v):  # sorting leaves equal distances in the order of the list
    return torch.linalg.det(v[v.norm(dim=1).argsort(stable=True)][:3])


# ---- 4.7: phases


def phase_box(atoms):
    atoms = atoms.copy()
    unit = (atoms.get_volume() / len(atoms)) ** (1 / 3)
    atoms.set_cell(atoms.cell.array / unit, scale_atoms=True)
    return atoms


def averaged_bond_orders(atoms):
    graph = graphs.to_graph(phase_box(atoms), 1.45)
    return torch.cat(descriptors.steinhardt(graph, (4, 6), averaged=True), 1)


def smooth_invariants(atoms):
    """Power spectrum and bispectrum of a smooth mean over neighbours, l = 4 and 6."""
    graph = graphs.to_graph(phase_box(atoms), 1.8)
    c = descriptors.environments(graph, descriptors.SphericalBessel(1, 1.8), 6, elements=[atoms.symbols[0]])[
        :, 0
    ]
    j, i = graph.edge_index
    weight = descriptors.smooth_cutoff(graphs.edge_vectors(graph).norm(dim=1), 1.8)
    c = c.index_add(0, i, weight[:, None, None] * c[j])
    p, b = descriptors.power_spectrum(c), descriptors.bispectrum(c)
    triples = [tuple(l for _, l in label) for label in descriptors.bispectrum_labels(1, 6)]
    return torch.stack(
        [p[:, 4], p[:, 6], *(b[:, triples.index((l, l, l))] / p[:, l] ** 1.5 for l in (4, 6))], dim=1
    )


def fixed_cutoff(atoms):
    return descriptors.steinhardt(graphs.to_graph(atoms, 3.6), (4, 6), averaged=True).q


def coefficients(atoms):
    graph = graphs.to_graph(phase_box(atoms), 1.45)
    return descriptors.environments(
        graph, descriptors.SphericalBessel(1, 1.45), 1, elements=["Cu", "Ag", "Mg", "Co", "Fe", "W"]
    ).sum(1)[:, 0]


def list_order(atoms):
    x = averaged_bond_orders(atoms)
    return x.cumsum(0) / torch.arange(1, len(x) + 1)[:, None]


RIGHT += [
    ("4.4", right_rank),
    ("4.5", orbits_of("D4")),
    ("4.5", tilted_orbits),
    ("4.6", triple_product),
    ("4.6", odd_component),
    ("4.7", smooth_invariants),
]
WRONG += [
    ("4.4", rank_with_rotations, "no invariant changes under a rotation"),
    ("4.4", rank_minus_three, "subtract three rotations"),
    ("4.4", rank_without_permutation, "moves it to another's place"),
    ("4.4", rank_polar, "axial"),
    ("4.4", lambda v, G: 3 * len(v) - 3, "only A1 motions"),
    ("4.4", rank_by_singular_values, "Suspect a Jacobian"),
    ("4.4", rank_sum, "a rank is a whole number"),
    ("4.5", anywhere, "it must be one that the site has"),
    ("4.5", orbits_of("D4h"), "expected 16 starts"),
    ("4.5", on_the_axis, "on one point"),
    ("4.5", all_equal, "sixteen walks of one walker"),
    ("4.6", lambda v: torch.linalg.det(v[:3]), "depends on the order of the neighbours"),
    ("4.6", lambda v: v.norm(dim=1).sum(), "keeps its sign"),
    ("4.6", three_nearest, "at one and the same distance"),
    ("4.6", lambda v: triple_product(v, (1.0, 1.0, 2.0)) * 0, "is zero for four clouds"),
    ("4.6", lambda v: v[:, 0].pow(3).sum(), "A rotation changes your number"),
    ("4.6", lambda v: triple_product(v) + v.norm(dim=1).sum(), "not by its sign"),
    ("4.6", lambda v: v.sum(dim=0), "should be one number"),
    ("4.7", averaged_bond_orders, "Your numbers jump"),
    ("4.7", lambda atoms: smooth_invariants(atoms)[:, 1:2], "take the mean over neighbours"),
    ("4.7", fixed_cutoff, "change of density"),
    ("4.7", coefficients, "rotation changes your numbers"),
    ("4.7", list_order, "permutation changes"),
]

TestAnswers = exercise_tests(4, RIGHT, WRONG)

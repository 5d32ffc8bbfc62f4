"""Exercises of session 4: correct answers pass, typical mistakes get the message that names them."""

import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import descriptors

RIGHT, WRONG = [], []

# ---- 4.1: silent degrees

SILENT = {"fcc": {1, 2, 3, 5, 7}, "bcc": {1, 2, 3, 5, 7}, "hcp": {1, 2}, "diamond": {1, 2, 5}}


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
    return (descriptors.SphericalBessel(1, 5.0)(v.norm(dim=1)) * Y).sum(dim=0)


def no_end(v):
    return (torch.exp(-v.norm(dim=1))[:, None] * o3.spherical_harmonics([0, 1, 2], v, True)).sum(dim=0)


def averaged(v):
    return smooth_sum(v) / len(v)


def first_atom(v):
    weight = descriptors.smooth_cutoff(v.norm(dim=1), 5.0) * torch.arange(1, len(v) + 1)
    return (weight[:, None] * o3.spherical_harmonics([0, 1, 2], v, True)).sum(dim=0)


def chemists_axes(v):
    return smooth_sum(v)[[0, 2, 3, 1, 4, 5, 6, 7, 8]]


def axial(v):  # products of two even parts in the place of a vector
    c = smooth_sum(v)
    return torch.cat([c[:1], c[1:4] * 0, c[4:]])


RIGHT += [("4.1", SILENT), ("4.2", smooth_sum), ("4.2", smooth_polynomials)]
WRONG += [
    ("4.1", {**SILENT, "hcp": {1}}, "measure it"),
    ("4.1", {**SILENT, "diamond": {1, 2, 3, 5, 7}}, "l = 3 is not silent, Td leaves 1 function"),
    ("4.1", {**SILENT, "fcc": set()}, "instead of 1e-10"),
    ("4.1", {**SILENT, "bcc": {0, 1, 2, 3, 5, 7}}, "from 1 to 8"),
    ("4.1", {1, 2}, "give a set of degrees"),
    ("4.2", no_weight, "jump of"),
    ("4.2", kink, "with a kink"),
    ("4.2", no_end, "beyond 5 Å"),
    ("4.2", averaged, "Suspect a mean"),
    ("4.2", first_atom, "another order"),
    ("4.2", chemists_axes, "x, y, z for l = 1"),
    ("4.2", axial, "l = 1 part is zero"),
    ("4.2", lambda v: v.sum(dim=0), "expected 9"),
    ("4.2", lambda v: v.reshape(-1)[:9], "l = 0 part fails"),
]

# ---- 4.3 and 4.4: hands, and shapes with one power spectrum


def triple_product(v, rates=(0.5, 1.0, 2.0)):
    r = v.norm(dim=1, keepdim=True)
    a, b, c = ((v * torch.exp(-k * r)).sum(dim=0) for k in rates)
    return a @ torch.linalg.cross(b, c)


def odd_component(v):
    c = descriptors.project(v, descriptors.SphericalBessel(3, 4.0), 2)
    return descriptors.bispectrum(c, parity="odd")[3]


RIGHT += [
    ("4.3", triple_product),
    ("4.3", odd_component),
    ("4.4", ((0, 1, 4, 6), (0, 1, 3, 7))),
    ("4.4", [[2, 3, 6, 8], [0, 1, 3, 7]]),
]
WRONG += [
    ("4.3", lambda v: torch.linalg.det(v[:3]), "depends on the order of the neighbours"),
    ("4.3", lambda v: v.norm(dim=1).sum(), "keeps its sign"),
    ("4.3", lambda v: triple_product(v, (1.0, 1.0, 2.0)) * 0, "is zero for four clouds"),
    ("4.3", lambda v: v[:, 0].pow(3).sum(), "A rotation changes your number"),
    ("4.3", lambda v: triple_product(v) + v.norm(dim=1).sum(), "not by its sign"),
    ("4.3", lambda v: v.sum(dim=0), "expected one finite number"),
    ("4.4", ((0, 1, 4, 6), (1, 2, 5, 7)), "turned by 30°"),
    ("4.4", ((0, 1, 4, 6), (0, 2, 5, 6)), "in a mirror"),
    ("4.4", ((0, 1, 3, 4), (0, 1, 2, 5)), "power spectra differ"),
    ("4.4", ((0, 1, 4, 12), (0, 1, 3, 7)), "numbered from 0 to 11"),
    ("4.4", (0, 1, 4, 6), "two tuples of corners"),
]


TestAnswers = exercise_tests(4, RIGHT, WRONG)

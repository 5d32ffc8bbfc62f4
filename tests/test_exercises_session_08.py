"""Exercises of session 8: correct answers pass, typical mistakes get the message that names them."""

import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils.scaling import sphere

# ---- 8.1: two numbers for each m


def mix(x_minus, x_plus, a, b):
    return a * x_minus + b * x_plus, a * x_plus - b * x_minus


def other_sign(x_minus, x_plus, a, b):
    return mix(x_minus, x_plus, a, -b)


def no_minus(x_minus, x_plus, a, b):
    return a * x_minus + b * x_plus, a * x_plus + b * x_minus


def even_only(x_minus, x_plus, a, b):
    return a * x_minus, a * x_plus


def exchanged(x_minus, x_plus, a, b):
    return mix(x_minus, x_plus, b, a)


def two_weights(x_minus, x_plus, a, b):  # a for one, b for the other
    return a * x_minus, (a + 0.3) * x_plus


def squared(x_minus, x_plus, a, b):
    return mix(x_minus, x_plus, a * a, b)


def mixture(x_minus, x_plus, a, b):
    return mix(x_minus, x_plus, a + b, b)


def other_order(x_minus, x_plus, a, b):
    return mix(x_minus, x_plus, a, b)[::-1]


def in_place(x_minus, x_plus, a, b):  # changes what it is given
    found = a * x_minus + b * x_plus
    return found, x_plus.mul_(a) - b * x_minus


# ---- 8.2: the cube


def cube(c, L, degree=4):
    values, back = sphere.transforms(L, round(degree * L))
    return (c @ values) ** 3 @ back


def no_weights(c, L):
    points, _ = sphere.grid(4 * L)
    Y = o3.spherical_harmonics(range(L + 1), points, True, normalization="component")
    return (c @ Y.T) ** 3 @ Y / len(points)


def cut_off(c, L):
    return sphere.pointwise(sphere.pointwise(c, c, lmax=L), c, lmax=L)


# ---- 8.3: the share


def share(answers, target):
    return answers.var(dim=1).mean() / (answers - target[:, None]).square().mean()


def biased(answers, target):
    return answers.var(dim=1, correction=0).mean() / (answers - target[:, None]).square().mean()


def of_the_mean(answers, target):
    return answers.var(dim=1).mean() / (answers.mean(dim=1) - target).square().mean()


def error_itself(answers, target):
    return (answers - target[:, None]).square().mean()


def for_two(answers, target):
    return 2 * biased(answers, target)


def ratio_by_frame(answers, target):
    loss = (answers - target[:, None]).square().mean(dim=(1, 2, 3))
    return (answers.var(dim=1).mean(dim=(1, 2)) / loss).mean()


# ---- 8.4: layouts


def to_ir_mul(x, irreps):
    irreps = o3.Irreps(irreps)
    parts = zip(irreps, irreps.slices(), strict=True)
    return torch.cat(
        [x[..., s].unflatten(-1, (mul, ir.dim)).mT.flatten(-2) for (mul, ir), s in parts], dim=-1
    )


def for_matrices(x, irreps):
    parts = zip(irreps, irreps.slices(), strict=True)
    return torch.cat(
        [x[:, s].reshape(len(x), mul, ir.dim).mT.reshape(len(x), -1) for (mul, ir), s in parts], dim=1
    )


def of_irreps(x, irreps):  # takes o3.Irreps, and no string
    parts = zip(irreps, irreps.slices(), strict=True)
    return torch.cat(
        [x[..., s].unflatten(-1, (mul, ir.dim)).mT.flatten(-2) for (mul, ir), s in parts], dim=-1
    )


def way_back(x, irreps):
    irreps = o3.Irreps(irreps)
    parts = zip(irreps, irreps.slices(), strict=True)
    return torch.cat(
        [x[..., s].unflatten(-1, (ir.dim, mul)).mT.flatten(-2) for (mul, ir), s in parts], dim=-1
    )


RIGHT = [
    ("8.1", lambda *case: torch.stack(mix(*case)).numpy()),
    ("8.2", lambda c, L: cube(c, L).float()),
    ("8.3", lambda *case: [share(*case)]),
    ("8.4", lambda x, irreps: to_ir_mul(x, irreps).numpy()),
    ("8.1", mix),
    ("8.1", other_sign),
    ("8.2", cube),
    ("8.2", lambda c, L: cube(c, L, 6)),
    ("8.3", share),
    ("8.4", to_ir_mul),
    ("8.4", of_irreps),
    ("8.5", ("8x0e + 8x1o + 8x1e + 8x0o", 3)),
    ("8.5", ("4x0e + 4x0o + 4x1o + 4x1e + 4x2e + 4x2o", 4)),
]
WRONG = [
    ("8.3", lambda *case: 1 - share(*case), "Suspect that the error against the target"),
    ("8.1", in_place, "changes its argument"),
    ("8.1", no_minus, "one is plus, the other minus"),
    ("8.1", even_only, "a b that is not used"),
    ("8.1", exchanged, "a and b are exchanged"),
    ("8.1", two_weights, "multiply both components alike"),
    ("8.1", squared, "a power of a or b"),
    ("8.1", mixture, "a mixture of the two"),
    ("8.1", other_order, "return y_minus first"),
    ("8.1", lambda *x: x[0], "Return two tensors"),
    ("8.2", lambda c, L: cube(c, L, 2), "aliasing"),
    ("8.2", no_weights, "weights of the points that are missing"),
    ("8.2", lambda c, L: c**3, "You cubed the coefficients"),
    ("8.2", lambda c, L: sphere.pointwise(c, c, lmax=L), "three factors are asked for"),
    ("8.2", lambda c, L: sphere.pointwise(c, c, c, lmax=3 * L), "only those up to L"),
    ("8.2", lambda c, L: 4 * torch.pi * cube(c, L), "Suspect the normalisation"),
    ("8.2", lambda c, L: cube(c, L, 12 / L), "Rotation fails for L = 4"),
    ("8.2", cut_off, "cut off at degree L"),
    ("8.3", for_two, "for two rotations only"),
    ("8.3", ratio_by_frame, "a ratio of means"),
    ("8.3", biased, "number of rotations less one"),
    ("8.3", of_the_mean, "not of their mean"),
    ("8.3", lambda answers, target: share(answers, target) ** 0.5, "a ratio of lengths"),
    ("8.3", error_itself, "nothing is broken"),
    ("8.4", lambda x, irreps: x, "nothing has moved"),
    ("8.4", for_matrices, "the last one holds the irreps"),
    ("8.4", way_back, "that is the way back"),
    ("8.4", lambda x, irreps: x.flip(-1), "numbers move between blocks"),
    ("8.4", lambda x, irreps: 2 * x, "lost or changed"),
    ("8.5", ("8x0e + 8x0o + 8x1o + 8x2e", 3), "Suspect parity"),
    ("8.5", ("8x0e + 8x1o + 8x1e", 3), "a missing 0o"),
    ("8.5", ("8x0e + 8x0o + 8x1e", 3), "nothing can become axial"),
    ("8.5", ("8x0e + 8x1o + 8x1e + 8x0o", 1), "Suspect the depth"),
    ("8.5", "8x0e", "Give two things"),
]

TestAnswers = exercise_tests(8, RIGHT, WRONG)

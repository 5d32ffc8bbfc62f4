"""The exercises of session 9 take right answers and tell the wrong ones why."""

import numpy as np
import torch
from e3nn import o3
from exercise_answers import exercise_tests
from scipy.optimize import linear_sum_assignment


def degree(n, other, *, start=1, step=1, mean=True):
    for l in range(start, 12, step):
        Y, Z = (o3.spherical_harmonics(l, x, True) for x in (n, other))
        difference = Y.mean(0) - Z.mean(0) if mean else Y.sum(0) - Z.sum(0)
        if difference.abs().max() > 1e-6:
            return l
    return 0


def turned(x0, x1):
    U, _, Vt = np.linalg.svd(x1.T @ x0)
    return x1 @ U @ Vt


def renumbered(x0, x1):
    return x1[linear_sum_assignment(((x0[:, None] - x1) ** 2).sum(-1))[1]]


def size(E, log_p, *, sign=1, safe=True):
    w = -E - sign * log_p
    w = np.exp(w - w.max() if safe else w)
    return w.sum() ** 2 / (len(w) * (w**2).sum())


def hutchinson(field, x, *, noise=torch.randn_like, both=True):
    ε = noise(x)
    x = x.requires_grad_()
    (row,) = torch.autograd.grad((field(x) * ε).sum(), x)
    return (row * ε).sum(-1) if both else row.sum(-1)


def signs(x):
    return torch.randint(0, 2, x.shape).to(x) * 2 - 1


def line(f0, f1, t):
    d = f1 - f0
    return (f0 + t * (d - np.round(d))) % 1


def one_cell(f0, f1, t):
    d = f1 - f0
    return (f0 + t * (d - (d > 0.5) + (d < -0.5))) % 1


def proper(x0, x1):  # a rotation, never a reflection
    U, _, Vt = np.linalg.svd(x1.T @ x0)
    U[:, -1] *= np.sign(np.linalg.det(U @ Vt))
    return x1 @ U @ Vt


def sum_of_components(n, other):
    for l in range(1, 12):
        Y, Z = (o3.spherical_harmonics(l, x, True) for x in (n, other))
        if abs(Y.mean() - Z.mean()) > 1e-6:
            return l
    return 0


def legendre(n, other):
    """|mean Y - mean Z|² by the addition theorem: no harmonics at all."""
    for l in range(1, 12):
        P = np.polynomial.legendre.Legendre.basis(l)
        a, b, c = (
            P(np.clip((x @ y.T).numpy(), -1, 1)).mean() for x, y in ((n, n), (n, other), (other, other))
        )
        if a - 2 * b + c > 1e-9:
            return np.int64(l)
    return 0


def alternating(x0, x1):
    for _ in range(20):
        x1 = turned(x0, renumbered(x0, x1))
    return x1


def shifted_size(E, log_p, *, shift):
    w = np.exp(-E - log_p - shift(-E - log_p))
    return w.sum() ** 2 / (len(w) * (w**2).sum())


def forward_mode(field, x):
    ε = torch.randn_like(x)
    return (torch.func.jvp(field, (x,), (ε,))[1] * ε).sum(1)


def exact(field, x):  # one gradient for each coordinate
    x = x.requires_grad_()
    v = field(x)
    rows = [torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
    return sum(rows)


RIGHT = [
    ("9.2", lambda x0, x1: alternating(x0, x1).astype(np.float32)),
    ("9.3", lambda *case: [size(*case)]),
    ("9.5", lambda *case: torch.tensor(line(*case), requires_grad=True)),
    ("9.1", degree),
    ("9.1", legendre),
    ("9.2", alternating),
    ("9.3", lambda E, log_p: 1 / (len(E) * torch.softmax(torch.tensor(-E - log_p), 0).square().sum())),
    ("9.4", forward_mode),
    ("9.5", lambda f0, f1, t: np.mod(f0 + t * (np.mod(f1 - f0 + 0.5, 1) - 0.5), 1)),
    ("9.2", lambda x0, x1: turned(x0, renumbered(x0, x1))),
    ("9.3", size),
    ("9.4", hutchinson),
    ("9.4", lambda field, x: hutchinson(field, x, noise=signs)),
    ("9.5", line),
]
WRONG = [
    ("9.2", lambda x0, x1: x1, "Nothing was moved"),
    ("9.3", lambda E, log_p: size(-E, log_p), "the sign of E"),
    ("9.1", lambda n, other: 1, "The means of Y_1 agree"),
    ("9.1", lambda n, other: np.int64(degree(n, other) + 1), "A lower degree has different means"),
    ("9.1", lambda n, other: degree(n, other, start=2, step=2), "degrees were left out"),
    ("9.1", lambda n, other: degree(n, other, mean=False), "sums over sets of different size"),
    ("9.1", sum_of_components, "turned by 15° and by 75°"),
    ("9.2", lambda x0, x1: proper(x0, renumbered(x0, x1)), "reflections were left out"),
    ("9.2", lambda x0, x1: x1 * np.nan, "NaN"),
    ("9.2", lambda x0, x1: renumbered(x0, x1), "You renumbered, and did not turn"),
    ("9.2", lambda x0, x1: turned(x0, x1), "You turned, and did not renumber"),
    ("9.2", lambda x0, x1: turned(-x0, x1), "longer"),
    ("9.2", lambda x0, x1: x0, "another configuration"),
    ("9.3", lambda E, log_p: size(E, log_p, sign=-1), "Suspect the sign"),
    ("9.3", lambda E, log_p: size(E, log_p, safe=False), "overflow"),
    ("9.3", lambda E, log_p: shifted_size(E, log_p, shift=np.mean), "*largest* log weight"),
    ("9.3", lambda E, log_p: len(E) * size(E, log_p), "Divide by the number of samples"),
    ("9.4", lambda field, x: hutchinson(field, x, noise=torch.rand_like), "mean is not 0"),
    ("9.4", lambda field, x: hutchinson(field, x, noise=torch.ones_like), "none at all"),
    ("9.4", lambda field, x: hutchinson(field, x, both=False), "missing factor ε"),
    ("9.5", lambda f0, f1, t: (f0 + t * (f1 - f0)) % 1, "long way round"),
    ("9.4", lambda field, x: torch.full((len(x),), torch.nan), "NaN"),
    ("9.5", lambda f0, f1, t: line(f0, f1, 3 * t**2 - 2 * t**3), "a fifth of its way"),
    ("9.4", exact, "one gradient for each coordinate"),
    ("9.5", lambda f0, f1, t: line(f0, f1, t**2), "gone 0.25 of its way"),
    ("9.5", one_cell, "one cell only"),
    ("9.5", lambda f0, f1, t: f0 + t * (f1 - f0 - np.round(f1 - f0)), "leaves the cell"),
]
TestAnswers = exercise_tests(9, RIGHT, WRONG)

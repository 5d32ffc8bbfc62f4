"""The exercises of session 10 take right answers and tell the wrong ones why."""

import itertools

import torch
from exercise_answers import exercise_tests


def project(waves, k, *, least=1.0, share=1.0, mean=True):
    along = (k * waves).sum(0) / (k * k).sum(0).clamp(min=least)
    found = waves - share * k * along
    return found if mean else found * (k != 0).any(0)


def flow(A, width, *, other=None, trace=True, power=2, factor=1 / 12):
    t = factor * width**power * (A @ A.mT if other is None else other(A))
    return t - t.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] / 3 * torch.eye(3) if trace else t


def twirl(closure, A, rotations, *, back=True, few=None, factor=1.0):
    chosen = rotations[:few]
    turned = [closure(R @ A @ R.T) for R in chosen]
    if back:
        turned = [R.T @ t @ R for R, t in zip(chosen, turned, strict=True)]
    return factor * sum(turned) / len(chosen)


def pull(x, m, box, cutoff, *, images=True, sign=1, unit=True, ord=2):
    d = x[None] - x[:, None]
    if images:
        d = d - box * torch.round(d / box)
    r, far = d.norm(dim=2), torch.linalg.vector_norm(d, ord, dim=2)
    near = ((r > 0) & (far < cutoff)).to(x)
    return sign * torch.einsum("ij,j,ijc->ic", near, m, d / r.clamp(min=1e-9)[..., None] if unit else d)


def pull_one_by_one(x, m, box, cutoff):
    found = torch.zeros_like(x)
    for i, j in itertools.permutations(range(len(x)), 2):
        d = torch.remainder(x[j] - x[i] + box / 2, box) - box / 2
        if d.norm() <= cutoff:
            found[i] += m[j] * d / d.norm()
    return found


def across_twice(waves, k):  # k × (k × u) = -k² times the part across k
    square = (k * k).sum(0)
    twice = torch.linalg.cross(k.to(waves), torch.linalg.cross(k.to(waves), waves, dim=0), dim=0)
    return torch.where(square == 0, waves, -twice / square.clamp(min=1e-30))


def strain_and_rotation(A, width):
    S, W = (A + A.mT) / 2, (A - A.mT) / 2
    return flow(A, width, other=lambda A: S @ S - W @ W - S @ W + W @ S)


def rebuilt(x, D, R):  # knows how the tensors of the check were made, and does not look at those it gets
    y = x @ R.T
    spin = torch.linalg.cross(torch.eye(3).expand(len(y), 3, 3), y[:, None].expand(len(y), 3, 3))
    return y, y[:, :, None] * y[:, None] + y.norm(dim=1)[:, None, None] * torch.eye(3) + spin


RIGHT = [
    ("10.1", lambda waves, k: project(waves, k).numpy()),
    ("10.2", lambda A, width: flow(A.float(), width)),
    ("10.4", lambda x, m, box, cutoff: pull(x, m, box, cutoff).tolist()),
    ("10.1", project),
    ("10.1", across_twice),
    ("10.2", flow),
    ("10.2", strain_and_rotation),
    ("10.3", twirl),
    ("10.3", lambda closure, A, group: twirl(closure, A, group.mT)),
    ("10.4", pull),
    ("10.4", pull_one_by_one),
    ("10.5", lambda x, D, R: (x @ R.T, R @ D @ R.T)),
    ("10.5", lambda x, D, R: [(R @ x.T).T, torch.einsum("ik,pkl,jl->pij", R, D, R)]),
]
WRONG = [
    ("10.1", lambda waves, k: waves - project(waves, k), "which is all divergence"),
    ("10.1", lambda waves, k: 2 * waves - project(waves, k), "doubled, not removed"),
    ("10.2", lambda A, width: -flow(A, width), "All right but the sign"),
    ("10.3", lambda closure, A, rotations: closure(A), "asked once, as it is"),
    ("10.4", lambda x, m, box, cutoff: pull(x, 1 + 0 * m, box, cutoff), "the masses are missing"),
    ("10.1", lambda waves, k: waves - k * (k * waves).sum(0), "divide by k · k"),
    ("10.1", lambda waves, k: project(waves, k, least=0.0), "Not a number at k = 0"),
    ("10.1", lambda waves, k: project(waves, k, share=0.5), "divergence of the result"),
    ("10.1", lambda waves, k: project(waves, k, mean=False), "The mean flow"),
    ("10.1", lambda waves, k: 0.5 * project(waves, k), "The mean flow"),
    ("10.2", lambda A, width: flow(A, width, other=lambda A: A * A.mT), "rotation of 2e"),
    ("10.2", lambda A, width: flow(A, width, trace=False), "0e is left"),
    ("10.2", lambda A, width: flow(A, width, other=lambda A: A @ A), "1e is left"),
    ("10.2", lambda A, width: flow(A, width, other=lambda A: A.mT @ A), "This is AᵀA"),
    ("10.2", lambda A, width: flow(A, width, other=lambda A: (A @ A + (A @ A).mT) / 2), "transposed"),
    ("10.2", lambda A, width: flow(A, width, factor=1.0), "the factor is 12"),
    ("10.2", lambda A, width: flow(A, width, other=lambda A: (A + A.mT) @ (A + A.mT)), "vorticity counts"),
    ("10.2", lambda A, width: flow(A, width, power=1, factor=1 / 6), "width² is missing"),
    ("10.2", lambda A, width: A * torch.nan, "NaN"),
    ("10.3", lambda closure, A, group: A * torch.nan, "NaN"),
    ("10.3", lambda *a: twirl(*a, back=False), "not turned back"),
    ("10.3", lambda *a: twirl(*a, few=7), "some rotations were left out"),
    ("10.3", lambda *a: twirl(*a, factor=24.0), "not divided by its number"),
    ("10.4", lambda *a: pull(*a, images=False), "missing images"),
    ("10.4", lambda *a: pull(*a, sign=-1), "Suspect the sign"),
    ("10.4", lambda *a: pull(*a, unit=False), "divide each difference by it"),
    ("10.4", lambda x, m, box, cutoff: pull(x, m, box, 90.0), "left out"),
    ("10.4", lambda *a: pull(*a, ord=torch.inf), "single components"),
    ("10.4", lambda *a: pull(*a, ord=1), "along a diagonal"),
    ("10.4", lambda x, m, box, cutoff: pull(x, m, box, 30.0), "written as a number"),
    ("10.4", lambda x, m, box, cutoff: pull(x, m, 100.0, cutoff), "written as a number"),
    ("10.5", lambda x, D, R: (x @ R.T, R @ D.mT @ R.T), "a transposed or a symmetrised"),
    ("10.5", lambda x, D, R: (x @ R.T, R @ (D + D.mT) @ R.T / 2), "a transposed or a symmetrised"),
    ("10.5", lambda x, D, R: (x @ R.T, D * torch.nan), "NaN"),
    ("10.5", rebuilt, "nothing to do with the places"),
    ("10.5", lambda x, D, R: (x @ R.T, D), "nine scalars"),
    ("10.5", lambda x, D, R: (x @ R.T, R @ D), "one R in place of two"),
    ("10.5", lambda x, D, R: (x @ R.T, R.T @ D @ R), "Rᵀ D R"),
    ("10.5", lambda x, D, R: (x @ R, R @ D @ R.T), "by its inverse"),
]
TestAnswers = exercise_tests(10, RIGHT, WRONG)

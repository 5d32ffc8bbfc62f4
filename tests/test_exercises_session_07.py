"""Exercises of session 7: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
from ase.neighborlist import neighbor_list
from exercise_answers import exercise_tests

from tutorial_utils.phonons import errors, heat_capacity
from tutorial_utils.phonons.lattice import THZ

# ---- 7.1: chain


def chain_matrix(q, m, M, K, phase=1.0):
    cross = -K * (1 + np.exp(-2j * np.pi * q * phase)) / np.sqrt(m * M)
    return np.array([[2 * K / m, cross], [np.conj(cross), 2 * K / M]])


def half_a_period(q, m, M, K):
    cross = -2 * K * np.cos(np.pi * q) / np.sqrt(m * M)
    return np.array([[2 * K / m, cross], [cross, 2 * K / M]])


def without_masses(q, m, M, K):
    cross = -K * (1 + np.exp(-2j * np.pi * q))
    return np.array([[2 * K, cross], [np.conj(cross), 2 * K / M]])


def not_hermitian(q, m, M, K):
    cross = -K * (1 + np.exp(-2j * np.pi * q)) / np.sqrt(m * M)
    return np.array([[2 * K / m, cross], [cross, 2 * K / M]])


# ---- 7.2: sum rule


def mend(row):
    new = row.copy()
    new[0] -= row.sum(axis=0)
    return new


def spread_evenly(row):
    return row - row.mean(axis=0)


def in_place(row):
    row[0] -= row.sum(axis=0)
    return row


# ---- 7.3: heat capacity


def heat(ν, g, T, share=3.0, power=2):
    x = np.maximum(47.992 * np.asarray(ν) / T, 1e-6)
    return share * 8.31446 * (g * x**power * np.exp(-x) / (1 - np.exp(-x)) ** 2).sum() / np.sum(g)


def not_normalised(ν, g, T):
    return heat(ν, g, T) * np.sum(g)


def divides_by_zero(ν, g, T):
    x = 47.992 * np.asarray(ν) / T
    return 3 * 8.31446 * (g * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2).sum() / np.sum(g)


# ---- 7.4: lattice sum


def images(atoms, i, j, f, cutoff):
    first, second, d = neighbor_list("ijd", atoms, cutoff)
    return f(d[(first == i) & (second == j)]).sum()


def shifts(atoms, i, j, f, cutoff):
    steps = np.array(list(np.ndindex(15, 15, 15))) - 7
    r = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + steps @ atoms.cell.array, axis=1)
    return f(r[(r > 1e-8) & (r < cutoff)]).sum()


def nearest(atoms, i, j, f, cutoff):
    return f(atoms.get_distance(i, j, mic=True)) if i != j else 0.0


def with_itself(atoms, i, j, f, cutoff):
    return images(atoms, i, j, f, cutoff) + (f(0.0) if i == j else 0.0)


# ---- 7.5: cumulative distance


def cdf(p, t):
    return np.abs(np.cumsum(p / p.sum()) - np.cumsum(t / t.sum())).mean()


def bin_by_bin(p, t):
    return np.abs(p / p.sum() - t / t.sum()).mean()


# ---- 7.6: moment


def moment(stiffness, masses):
    return (stiffness / masses).mean() / 3 * THZ**2


RIGHT = [
    ("7.1", chain_matrix),
    ("7.1", half_a_period),
    ("7.2", mend),
    ("7.2", lambda row: np.concatenate([-row[1:].sum(axis=0)[None], row[1:]])),
    ("7.3", heat),
    ("7.3", lambda ν, g, T: heat_capacity(ν, np.asarray(g, dtype=float), T)),
    ("7.4", images),
    ("7.4", shifts),
    ("7.5", cdf),
    ("7.5", lambda p, t: errors(p[None] / p.max(), t[None] / t.max(), np.arange(51.0))["cdf"][0]),
    ("7.6", moment),
    ("7.6", lambda k, m: THZ**2 * sum(k / m) / (3 * len(m))),
]
WRONG = [
    ("7.1", without_masses, "Suspect the masses"),
    ("7.1", not_hermitian, "not Hermitian"),
    ("7.1", lambda q, m, M, K: chain_matrix(q, m, M, K, phase=0.5), "suspect the phases"),
    ("7.2", spread_evenly, "Springs between different atoms have changed"),
    ("7.2", lambda row: row * 1.0, "the sum over atoms is not zero"),
    ("7.2", in_place, "changes its argument"),
    ("7.3", not_normalised, "the scale of g must not matter"),
    ("7.3", divides_by_zero, "zero by zero"),
    ("7.3", lambda ν, g, T: heat(ν, g, T, share=1.0), "three axes"),
    ("7.3", lambda ν, g, T: 3 * 8.31446, "quanta are frozen"),
    ("7.4", nearest, "only the nearest image"),
    ("7.4", with_itself, "its own neighbour"),
    ("7.4", lambda a, i, j, f, c: images(a, i, j, f, c / 2), "enough shifts"),
    ("7.5", bin_by_bin, "bin by bin"),
    ("7.5", lambda p, t: np.abs(np.cumsum(p) - np.cumsum(t)).mean(), "divide each by its sum"),
    ("7.5", lambda p, t: (np.cumsum(p / p.sum()) - np.cumsum(t / t.sum())).mean(), "absolute values"),
    ("7.6", lambda k, m: k.mean() / m.mean() / 3 * THZ**2, "a mean mass makes it too slow"),
    ("7.6", lambda k, m: (k / m).mean() * THZ**2, "3N modes"),
    ("7.6", lambda k, m: (k / m).mean() / 3, "times THZ²"),
]

TestAnswers = exercise_tests(7, RIGHT, WRONG)

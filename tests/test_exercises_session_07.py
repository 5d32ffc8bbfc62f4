"""Exercises of session 7: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
from ase.neighborlist import neighbor_list
from exercise_answers import exercise_tests
from scipy.stats import wasserstein_distance

from tutorial_utils.phonons import errors, heat_capacity

# ---- 7.1: chain


def two_springs(q, m, M, K, k, far=2 * np.pi, sign=-1):
    cross = sign * (K + k * np.exp(-1j * far * q)) / np.sqrt(m * M)
    return np.array([[(K + k) / m, cross], [np.conj(cross), (K + k) / M]])


def half_a_period(q, m, M, K, k):  # the same chain, atoms half a period apart
    phase = np.exp(1j * np.pi * q)
    cross = -(K * phase + k / phase) / np.sqrt(m * M)
    return np.array([[(K + k) / m, cross], [np.conj(cross), (K + k) / M]])


def without_masses(q, m, M, K, k):
    D = two_springs(q, m, M, K, k)
    D[0, 0] = D[1, 1] = K + k
    return D


def each_spring_twice(q, m, M, K, k):
    return 2 * two_springs(q, m, M, K, k)


def no_masses_at_all(q, m, M, K, k):
    return two_springs(q, 1.0, 1.0, K, k)


def not_hermitian(q, m, M, K, k):
    D = two_springs(q, m, M, K, k)
    D[1, 0] = D[0, 1]
    return D


def all_signs_turned(q, m, M, K, k):
    return -two_springs(q, m, M, K, k)


def one_mean_spring(q, m, M, K, k):
    return two_springs(q, m, M, (K + k) / 2, (K + k) / 2)


# ---- 7.2: sum rule


def mend(row):
    new = row.copy()
    new[0] -= row.sum(axis=0)
    return new


def with_itself_in_the_sum(row):
    new = row.copy()
    new[0] = -row.sum(axis=0)
    return new


def spread_evenly(row):
    return row - row.mean(axis=0)


def not_a_number(row):
    new = row.copy()
    new[0] = np.nan
    return new


def in_place(row):
    row[0] -= row.sum(axis=0)
    return row


# ---- 7.3: mean masses


def loss(stiffness, masses):
    return np.sqrt(stiffness.mean() / masses.mean() / (stiffness / masses).mean()) - 1


def absolute_loss(stiffness, masses):
    return np.sqrt(stiffness.mean() / masses.mean()) - np.sqrt((stiffness / masses).mean())


def mean_of_roots(stiffness, masses):
    return np.sqrt(stiffness.mean() / masses.mean()) / np.sqrt(stiffness / masses).mean() - 1


def divides_stiffness(stiffness, masses):
    found = loss(stiffness, masses)
    stiffness /= masses
    return found


# ---- 7.4: heat capacity


def heat(ν, g, T, share=3.0, power=2):
    x = np.maximum(47.992 * np.asarray(ν) / T, 1e-6)
    return share * 8.31446 * (g * x**power * np.exp(-x) / (1 - np.exp(-x)) ** 2).sum() / np.sum(g)


def trapezoids(ν, g, T):
    x = np.maximum(47.992 * np.asarray(ν) / T, 1e-6)
    mode = x**2 * np.exp(-x) / (1 - np.exp(-x)) ** 2
    return 3 * 8.31446 * np.trapezoid(g * mode, ν) / np.trapezoid(g, ν)


def classical_quanta(ν, g, T):  # a mean energy, not its derivative
    x = np.maximum(47.992 * np.asarray(ν) / T, 1e-6)
    return 3 * 8.31446 * (g * x / np.expm1(x)).sum() / np.sum(g)


def not_normalised(ν, g, T):
    return heat(ν, g, T) * np.sum(g)


def divides_by_zero(ν, g, T):
    x = 47.992 * np.asarray(ν) / T
    return 3 * 8.31446 * (g * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2).sum() / np.sum(g)


def without_the_first(ν, g, T):
    ν, g = np.asarray(ν)[1:], np.asarray(g)[1:]
    return heat(ν, g, T)


def numerical_derivative(ν, g, T, δ=1e-3):
    def energy(T):  # in units of k
        return (47.992 * ν[1:] * g[1:] / np.expm1(47.992 * ν[1:] / T)).sum() + g[0] * T

    return 3 * 8.31446 * (energy(T * (1 + δ)) - energy(T * (1 - δ))) / (2 * δ * T) / g.sum()


def sum_over_integral(ν, g, T):
    return heat(ν, g, T) * np.sum(g) / np.trapezoid(g, ν)


def energy_over_temperature(ν, g, T):  # with that of the ground state
    x = np.maximum(47.992 * np.asarray(ν) / T, 1e-6)
    return 3 * 8.31446 * (g * x * (1 / np.expm1(x) + 0.5)).sum() / np.sum(g)


def at_the_mean_frequency(ν, g, T):
    return heat(np.array([(ν * g).sum() / g.sum()]), np.ones(1), T)


def scales_its_argument(ν, g, T):
    g /= g.sum()
    return heat(ν, g, T)


def half_sinh(ν, g, T):  # the same, written otherwise
    half = np.maximum(47.992 * np.asarray(ν) / T, 1e-6) / 2
    return 3 * 8.31446 * (g * (half / np.sinh(half)) ** 2).sum() / np.sum(g)


def nothing_at_zero(ν, g, T):
    with np.errstate(all="ignore"):
        x = 47.992 * np.asarray(ν) / T
        return 3 * 8.31446 * np.nansum(g * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2) / np.sum(g)


# ---- 7.5: lattice sum


def images(atoms, i, j, f, cutoff):
    first, second, d = neighbor_list("ijd", atoms, cutoff)
    return f(d[(first == i) & (second == j)]).sum()


def shifts(atoms, i, j, f, cutoff, most=7):
    steps = np.array(list(np.ndindex((2 * most + 1,) * 3))) - most
    r = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + steps @ atoms.cell.array, axis=1)
    return f(r[(r > 1e-8) & (r < cutoff)]).sum()


def all_neighbours(atoms, i, j, f, cutoff):
    first, _, d = neighbor_list("ijd", atoms, cutoff)
    return f(d[first == i]).sum()


def mean_of_images(atoms, i, j, f, cutoff):
    first, second, d = neighbor_list("ijd", atoms, cutoff)
    return f(d[(first == i) & (second == j)]).mean()


def nearest(atoms, i, j, f, cutoff):
    return f(atoms.get_distance(i, j, mic=True)) if i != j else 0.0


def with_itself(atoms, i, j, f, cutoff):
    return images(atoms, i, j, f, cutoff) + (f(0.0) if i == j else 0.0)


# ---- 7.6: cumulative distance


def cdf(p, t):
    return np.abs(np.cumsum(p / p.sum()) - np.cumsum(t / t.sum())).mean()


def from_the_top(p, t):
    return cdf(p[::-1], t[::-1])


def steps_of(p, t):
    return np.cumsum(p / p.sum() - t / t.sum())


def absolute_too_early(p, t):
    return np.cumsum(np.abs(p / p.sum() - t / t.sum())).mean()


def divides_in_place(p, t):
    p /= p.sum()
    t /= t.sum()
    return cdf(p, t)


def bin_by_bin(p, t):
    return np.abs(p / p.sum() - t / t.sum()).mean()


def shift_of_the_highest(p, t):
    return abs(int(p.argmax()) - int(t.argmax())) / len(p)


def earth_mover(p, t):
    x = np.arange(len(p))
    return wasserstein_distance(x, x, p, t) / len(p)


def difference_of_means(p, t):
    x = np.arange(len(p))
    return abs((x * p).sum() / p.sum() - (x * t).sum() / t.sum()) / len(p)


RIGHT = [
    ("7.1", lambda q, m, M, K, k: two_springs(q, m, M, K, k)[::-1, ::-1].copy()),
    ("7.1", two_springs),
    ("7.1", half_a_period),
    ("7.1", lambda q, m, M, K, k: two_springs(q, m, M, K, k).tolist()),
    ("7.1", lambda q, m, M, K, k: two_springs(q, m, M, k, K)),  # the next cell lies on the other side
    ("7.2", lambda row: mend(row.astype(np.float32))),
    ("7.2", mend),
    ("7.2", lambda row: np.concatenate([-row[1:].sum(axis=0)[None], row[1:]])),
    ("7.3", lambda *case: np.array([loss(*case)])),
    ("7.3", loss),
    ("7.3", lambda k, m: (sum(k) * len(m) / sum(m) / sum(k / m)) ** 0.5 - 1),
    ("7.4", lambda *case: [heat(*case)]),
    ("7.4", heat),
    ("7.4", trapezoids),
    ("7.4", lambda ν, g, T: heat_capacity(ν, np.asarray(g, dtype=float), T)),
    ("7.4", without_the_first),
    ("7.4", numerical_derivative),
    ("7.4", half_sinh),
    ("7.5", images),
    ("7.5", shifts),
    ("7.5", lambda atoms, i, j, f, cutoff: images(atoms, j, i, f, cutoff)),
    ("7.6", cdf),
    ("7.6", lambda p, t: errors(p[None] / p.max(), t[None] / t.max(), np.arange(51.0))["cdf"][0]),
    ("7.6", earth_mover),
    ("7.6", from_the_top),
]
WRONG = [
    ("7.1", lambda *case: two_springs(*case, far=1.0), "2π is missing"),
    ("7.1", lambda *case: two_springs(*case, far=4 * np.pi), "a whole cell, two atoms long"),
    ("7.1", without_masses, "Suspect the masses"),
    ("7.1", no_masses_at_all, "Suspect the masses"),
    ("7.1", lambda *a: two_springs(*a, sign=1), "the sign of the off-diagonal"),
    ("7.1", not_hermitian, "not Hermitian"),
    ("7.1", lambda *a: two_springs(*a, far=np.pi), "suspect the phases"),
    ("7.1", each_spring_twice, "counted twice"),
    ("7.1", all_signs_turned, "ω² is negative"),
    ("7.1", one_mean_spring, "two equal springs"),
    ("7.2", lambda row: 2 * row - mend(row), "Suspect the sign"),
    ("7.2", with_itself_in_the_sum, "holds Φ₀₀ itself"),
    ("7.2", spread_evenly, "Springs between different atoms have changed"),
    ("7.2", lambda row: row * 1.0, "the sum over atoms is not zero"),
    ("7.2", in_place, "changes its argument"),
    ("7.2", not_a_number, "not a number"),
    ("7.3", lambda k, m: (1 + loss(k, m)) ** 2 - 1, "a frequency is a root"),
    ("7.3", lambda k, m: loss(np.ones_like(m), m), "the stiffness of each atom"),
    ("7.3", lambda k, m: 1 / (1 + loss(k, m)) - 1, "upside down"),
    ("7.3", lambda k, m: -abs(loss(k, m)), "keep the sign"),
    ("7.3", lambda k, m: 100 * loss(k, m), "not a percentage"),
    ("7.3", absolute_loss, "divide it by the exact one"),
    ("7.3", mean_of_roots, "the root of a mean"),
    ("7.3", divides_stiffness, "changes its argument"),
    ("7.4", lambda ν, g, T: heat(11.6045 / 47.992 * ν, g, T), "that for meV"),
    ("7.4", lambda ν, g, T: g * ν, "add up the modes"),
    ("7.4", not_normalised, "the scale of g must not matter"),
    ("7.4", divides_by_zero, "zero by zero"),
    ("7.4", lambda ν, g, T: heat(ν, g, T, share=1.0), "three axes"),
    ("7.4", classical_quanta, "take the derivative"),
    ("7.4", sum_over_integral, "a sum over an integral"),
    ("7.4", energy_over_temperature, "an energy over T"),
    ("7.4", at_the_mean_frequency, "at the mean frequency"),
    ("7.4", lambda ν, g, T: heat(ν / (2 * np.pi), g, T), "a factor of 2π"),
    ("7.4", lambda ν, g, T: heat(2 * np.pi * ν, g, T), "a factor of 2π"),
    ("7.4", scales_its_argument, "changes its argument"),
    ("7.4", lambda ν, g, T: 3 * 8.31446, "quanta are frozen"),
    ("7.4", nothing_at_zero, "the modes at ν = 0 count as well"),
    ("7.4", lambda ν, g, T: heat(ν, g, T) * np.sum(g) / np.max(g), "divide g by its sum"),
    ("7.5", nearest, "only the nearest image"),
    ("7.5", lambda *a: images(*a) if a[1] != a[2] else 0.0, "its own images"),
    ("7.5", lambda *a: 2 * images(*a), "counted twice"),
    ("7.5", with_itself, "its own neighbour"),
    ("7.5", all_neighbours, "Only images of j"),
    ("7.5", mean_of_images, "take no mean"),
    ("7.5", lambda a, i, j, f, c: f(images(a, i, j, lambda r: r, c)), "not r"),
    ("7.5", lambda a, i, j, f, c: images(a, i, j, f, c / 2), "Suspect f, the cutoff"),
    ("7.5", lambda a, i, j, f, c: images(a, i, j, f, 6.0), "the cutoff"),
    ("7.5", lambda *a: shifts(*a, most=3), "distance between lattice planes"),
    (
        "7.5",
        lambda a, i, j, f, c: images(a, i, j, lambda r: np.exp(-r), c),
        "Suspect f, the cutoff",
    ),
    ("7.5", lambda *a: np.nan, "should be one number"),
    ("7.6", bin_by_bin, "bin by bin"),
    ("7.6", lambda p, t: np.abs(np.cumsum(p) - np.cumsum(t)).mean(), "divide each by its sum"),
    ("7.6", lambda p, t: (np.cumsum(p / p.sum()) - np.cumsum(t / t.sum())).mean(), "absolute values"),
    ("7.6", difference_of_means, "difference of mean frequencies"),
    ("7.6", shift_of_the_highest, "at every point"),
    ("7.6", absolute_too_early, "after the cumulative sums"),
    ("7.6", divides_in_place, "changes its argument"),
    ("7.6", lambda p, t: np.abs(steps_of(p, t)).max(), "a maximum in place"),
    ("7.6", lambda p, t: np.sqrt((steps_of(p, t) ** 2).mean()), "a square"),
    ("7.6", lambda p, t: np.abs(np.cumsum(p / p.sum()) - np.cumsum(t)).mean(), "treat both alike"),
    ("7.6", lambda p, t: 51 * cdf(p, t), "the mean over the points"),
    ("7.6", lambda p, t: np.nan, "should be one number"),
]

TestAnswers = exercise_tests(7, RIGHT, WRONG)

"""Exercises of session 5: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
import torch
from exercise_answers import exercise_tests

from tutorial_utils import symmetry
from tutorial_utils.exercises._session_05_cases import PLANTED

# ---- 5.1: a split


def last_fifth(time, gap):
    test = np.argsort(time)[-len(time) // 5 :]
    return np.flatnonzero(time <= time[test].min() - gap), test


def middle(time, gap):
    low, high = np.quantile(time, [0.4, 0.55])
    test = np.flatnonzero((time >= low) & (time <= high))
    return np.flatnonzero((time <= low - gap) | (time >= high + gap)), test


def shuffled(time, gap):
    order = np.random.default_rng(0).permutation(len(time))
    return order[: len(time) * 3 // 4], order[len(time) * 3 // 4 :]


def no_border(time, gap):
    order = np.argsort(time)
    return order[: len(time) * 3 // 4], order[len(time) * 3 // 4 :]


def as_listed(time, gap):
    many = len(time)
    return np.arange(many * 7 // 10), np.arange(many * 8 // 10, many)


def too_few(time, gap):
    order = np.argsort(time)
    return order[: len(time) // 2], order[-3:]


def as_masks(time, gap):
    train, test = last_fifth(time, gap)
    return np.isin(np.arange(len(time)), train), np.isin(np.arange(len(time)), test)


def as_times(time, gap):
    cut = np.quantile(time, 0.8)
    return time[time < cut - gap], time[time >= cut]


def exchanged(time, gap):
    return last_fifth(time, gap)[::-1]


def one_border(time, gap):  # nothing left out after the test frames
    low, high = np.quantile(time, [0.4, 0.55])
    test = np.flatnonzero((time >= low) & (time <= high))
    return np.flatnonzero((time <= low - gap) | (time > high)), test


def sorted_in_place(time, gap):
    order = np.argsort(time)
    time.sort()
    cut = time[len(time) * 4 // 5]
    return order[time < cut - gap], order[time >= cut]


def share_of_the_latest(time, gap):  # times need not start at zero
    cut = 0.8 * time.max()
    return np.flatnonzero(time < cut - gap), np.flatnonzero(time >= cut)


def thinned(time, gap):  # random test frames leave no room for training frames
    test = np.random.default_rng(0).permutation(len(time))[: len(time) // 10]
    return np.flatnonzero(np.abs(time[:, None] - time[test]).min(axis=1) >= gap), test


# ---- 5.2: a committee


def largest_atom(forces, count):
    return np.argsort(np.linalg.norm(forces.std(axis=0), axis=-1).max(axis=1))[-count:]


def mean_variance(forces, count):
    return np.argsort(-forces.var(axis=0).sum(axis=(1, 2)))[:count]


def spread_of_lengths(forces, count):
    return np.argsort(np.linalg.norm(forces, axis=-1).std(axis=0).max(axis=1))[-count:]


def over_frames(forces, count):
    return np.argsort(forces.mean(axis=0).std(axis=1).max(axis=1))[-count:]


def one_component(forces, count):
    return np.argsort(forces.std(axis=0).max(axis=(1, 2)))[-count:]


def least(forces, count):
    return np.argsort(np.linalg.norm(forces.std(axis=0), axis=-1).max(axis=1))[:count]


def summed_over_atoms(forces, count):
    return np.argsort(np.linalg.norm(forces.sum(axis=2).std(axis=0), axis=-1))[-count:]


def two_members(forces, count):
    return np.argsort(np.linalg.norm(forces[0] - forces[-1], axis=-1).max(axis=1))[-count:]


def relative(forces, count):
    share = np.linalg.norm(forces.std(axis=0), axis=-1) / np.linalg.norm(forces.mean(axis=0), axis=-1)
    return np.argsort(share.max(axis=1))[-count:]


def farthest_pair(forces, count):
    apart = np.linalg.norm(forces[:, None] - forces[None], axis=-1).max(axis=(0, 1))
    return np.argsort(apart.max(axis=1))[-count:]


def _by(spread, count):
    return np.argsort(np.linalg.norm(spread, axis=-1).max(axis=1))[-count:]


def ranges(forces, count):  # of each component: depends on axes
    return _by(np.ptp(forces, axis=0), count)


def mean_deviation(forces, count):  # the same
    return _by(np.abs(forces - forces.mean(axis=0)).mean(axis=0), count)


def from_the_median(forces, count):  # the same
    apart = np.linalg.norm(forces - np.median(forces, axis=0), axis=-1).mean(axis=0)
    return np.argsort(apart.max(axis=1))[-count:]


def from_the_first(forces, count):
    apart = np.linalg.norm(forces - forces[0], axis=-1).mean(axis=0)
    return np.argsort(apart.max(axis=1))[-count:]


def directions_only(forces, count):
    return _by((forces / np.linalg.norm(forces, axis=-1, keepdims=True)).std(axis=0), count)


def minus_mean_in_place(forces, count):
    forces -= forces.mean(axis=0)
    return _by(np.sqrt(np.square(forces).mean(axis=0)), count)


# ---- 5.3: a time step


def by_the_law(dt, σ, budget):
    ratio = σ / dt**2
    good = np.abs(np.log(ratio / np.median(ratio))) < 0.3
    return np.sqrt(budget / np.exp(np.log(ratio[good]).mean()))


def line_through_all(dt, σ, budget):
    slope, start = np.polyfit(np.log(dt), np.log(σ), 1)
    return np.exp((np.log(budget) - start) / slope)


def proportional(dt, σ, budget):
    return budget / np.median(σ / dt)


def between_points(dt, σ, budget):
    rising = np.maximum.accumulate(σ)
    return np.exp(np.interp(np.log(budget), np.log(rising), np.log(dt)))


def none_outside(dt, σ, budget):
    found = by_the_law(dt, σ, budget)
    return found if dt.min() < found < dt.max() else None


def divided_in_place(dt, σ, budget):
    σ /= dt**2
    return np.sqrt(budget / np.median(σ))


def no_number(dt, σ, budget):
    return np.nan


# ---- 5.4: forces that are no gradient


def hessian(forces, x):
    n, h = x.size, 1e-4
    J = np.zeros((n, n))
    for j in range(n):
        step = np.zeros(n)
        step[j] = h
        step = step.reshape(x.shape)
        J[:, j] = (forces(x + step) - forces(x - step)).ravel() / (2 * h)
    return bool(np.abs(J - J.T).max() < 1e-4)


def _walk(forces, loop):
    F = np.stack([forces(x) for x in loop])
    return ((F + np.roll(F, -1, axis=0)) / 2 * (np.roll(loop, -1, axis=0) - loop)).sum()


def random_loops(forces, x):
    rng, φ = np.random.default_rng(0), np.linspace(0, 2 * np.pi, 60, endpoint=False)[:, None, None]
    for _ in range(8):
        u, v = rng.normal(size=(2, *x.shape))
        if abs(_walk(forces, x + 0.05 * (u * np.cos(φ) + v * np.sin(φ)))) > 1e-6:
            return False
    return True


def one_circle(forces, x):  # one atom, one plane
    φ = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    loop = np.repeat(x[None], 100, axis=0)
    loop[:, 0, 0] += 0.1 * np.cos(φ)
    loop[:, 0, 1] += 0.1 * np.sin(φ)
    return bool(abs(_walk(forces, loop)) < 1e-5)


def three_circles(forces, x):  # one atom at a time, all planes
    φ = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    for atom in range(len(x)):
        for a, b in ((0, 1), (1, 2), (0, 2)):
            loop = np.repeat(x[None], 100, axis=0)
            loop[:, atom, a] += 0.1 * np.cos(φ)
            loop[:, atom, b] += 0.1 * np.sin(φ)
            if abs(_walk(forces, loop)) > 1e-5:
                return False
    return True


def open_path(forces, x):  # half a circle: an energy difference is taken for work
    φ = np.linspace(0, np.pi, 100)
    loop = np.repeat(x[None], 100, axis=0)
    loop[:, 0, 0] += 0.1 * np.cos(φ)
    loop[:, 0, 1] += 0.1 * np.sin(φ)
    F = np.stack([forces(y) for y in loop])
    return bool(abs(((F[1:] + F[:-1]) / 2 * np.diff(loop, axis=0)).sum()) < 1e-5)


def total_force(forces, x):  # the sum of forces is another law
    return bool(np.abs(forces(x).sum(axis=0)).max() < 1e-6)


def torque(forces, x):  # another law, which central forces obey
    return bool(np.abs(np.cross(x, forces(x)).sum(axis=0)).max() < 1e-6)


def moved(forces, x):
    x += 0.01
    return hessian(forces, x)


# ---- 5.5: a cutoff


def cosine(r, cutoff):
    return torch.where(r < cutoff, (torch.cos(torch.pi * r / cutoff) + 1) / 2, 0)


def polynomial(r, cutoff):
    u = r / cutoff
    return torch.where(u < 1, 1 - 10 * u**3 + 15 * u**4 - 6 * u**5, 0)


def straight(r, cutoff):
    return (1 - r / cutoff).clamp(min=0)


def endless(r, cutoff):
    return (torch.cos(torch.pi * r / cutoff) + 1) / 2


def step(r, cutoff):
    return torch.where(r < cutoff, torch.exp(-r / cutoff), 0)


def whole(r, cutoff):  # 1 inside, 0 outside
    return torch.where(r < cutoff, 1.0, 0.0).to(r.dtype) + 0 * r


def always_four(r, cutoff):  # the cutoff is not asked for
    return polynomial(r, 4.0)


def too_short(r, cutoff):
    return polynomial(r, cutoff / 2)


def too_long(r, cutoff):
    return polynomial(r, 10.0)


def bump(r, cutoff):  # smooth to all orders
    u = (r / cutoff).clamp(max=1 - 1e-9)
    return torch.where(r < cutoff, torch.exp(-(u**2) / (1 - u**2)), 0)


def bump_that_overflows(r, cutoff):
    u = r / cutoff
    return torch.where(u < 1, torch.exp(-(u**2) / (1 - u**2)), 0)


def root(r, cutoff):
    return torch.sqrt(1 - r / cutoff) ** 4


def in_place(r, cutoff):
    r /= cutoff
    return torch.where(r < 1, (1 - r) ** 2, 0)


# ---- 5.6: a saving


def interpolated(n, strong, weak, error):
    def frames(errors):
        if not errors.min() <= error <= errors.max():
            return np.nan
        return np.exp(np.interp(np.log(error), np.log(errors)[::-1], np.log(n)[::-1]))

    return frames(weak) / frames(strong)


def fitted(n, strong, weak, error):
    def frames(errors):
        slope, start = np.polyfit(np.log(n), np.log(errors), 1)
        inside = errors.min() <= error <= errors.max()
        return np.exp((np.log(error) - start) / slope) if inside else np.nan

    return frames(weak) / frames(strong)


def upside_down(n, strong, weak, error):
    return 1 / interpolated(n, strong, weak, error)


def ratio_of_errors(n, strong, weak, error):
    return np.exp(np.log(weak / strong).mean())


def extrapolated(n, strong, weak, error):
    def frames(errors):
        slope, start = np.polyfit(np.log(n), np.log(errors), 1)
        return np.exp((np.log(error) - start) / slope)

    return frames(weak) / frames(strong)


def straight_lines(n, strong, weak, error):
    def frames(errors):
        return np.interp(error, errors[::-1], n[::-1])

    return frames(weak) / frames(strong)


def falling_abscissas(n, strong, weak, error):
    def frames(errors):
        inside = errors.min() <= error <= errors.max()
        return np.exp(np.interp(np.log(error), np.log(errors), np.log(n))) if inside else np.nan

    return frames(weak) / frames(strong)


def weak_in_range(n, strong, weak, error):
    def frames(errors):
        return np.exp(np.interp(np.log(error), np.log(errors)[::-1], np.log(n)[::-1]))

    return frames(weak) / frames(strong) if weak.min() <= error <= weak.max() else np.nan


def measured_points(n, strong, weak, error):
    def frames(errors):
        return n[errors <= error].min() if errors.min() <= error <= errors.max() else np.nan

    return frames(weak) / frames(strong)


def none_for_nan(n, strong, weak, error):
    factor = interpolated(n, strong, weak, error)
    return None if np.isnan(factor) else factor


def turned_in_place(n, strong, weak, error):
    for array in (n, strong, weak):
        array[:] = array[::-1].copy()
    return interpolated(n[::-1], strong[::-1], weak[::-1], error)


def difference(n, strong, weak, error):
    factor = interpolated(n, strong, weak, error)
    return factor * 30 - 30


# ---- 5.7: other reference energies


def what_the_model_lacks(counts, E_label, E_model, old):
    return old + np.linalg.lstsq(counts, E_label - E_model)[0]


def by_pseudoinverse(counts, E_label, E_model, old):  # each frame weighed by its atoms
    atoms = counts.sum(axis=1)
    return old + np.linalg.pinv(counts / atoms[:, None]) @ ((E_label - E_model) / atoms)


def one_for_all(counts, E_label, E_model, old):
    return old + ((E_label - E_model) / counts.sum(axis=1)).mean()


def labels_alone(counts, E_label, E_model, old):
    return np.linalg.lstsq(counts, E_label)[0]


def minus(counts, E_label, E_model, old):
    return 2 * old - what_the_model_lacks(counts, E_label, E_model, old)


def changes_alone(counts, E_label, E_model, old):
    return np.linalg.lstsq(counts, E_label - E_model)[0]


def shifts_anew(counts, E_label, E_model, old):  # the same sums, but a stranger gets zero
    return np.linalg.lstsq(counts, E_label - E_model + counts @ old)[0]


def old_ones(counts, E_label, E_model, old):
    return old


def added_in_place(counts, E_label, E_model, old):
    old += np.linalg.lstsq(counts, E_label - E_model)[0]
    return old


def nan_for_a_stranger(counts, E_label, E_model, old):
    return np.where(counts.any(axis=0), what_the_model_lacks(counts, E_label, E_model, old), np.nan)


def one_number(counts, E_label, E_model, old):
    return (E_label - E_model).mean()


RIGHT = [
    ("5.1", as_masks),
    ("5.1", last_fifth),
    ("5.1", middle),
    ("5.2", largest_atom),
    ("5.2", mean_variance),
    ("5.2", farthest_pair),
    ("5.4", lambda forces, x: np.array([hessian(forces, x)])),
    ("5.6", lambda *case: torch.tensor(interpolated(*case))),
    ("5.6", interpolated),
    ("5.7", lambda *case: torch.tensor(what_the_model_lacks(*case), requires_grad=True)),
]
WRONG = [
    ("5.1", shuffled, "random split of a time series leaks"),
    ("5.1", no_border, "Leave out the frames at every border"),
    ("5.1", as_listed, "sort first"),
    ("5.1", too_few, "a tenth test"),
    ("5.1", as_times, "Times are no indices"),
    ("5.1", exchanged, "Training comes first"),
    ("5.1", one_border, "at every border"),
    ("5.1", sorted_in_place, "changes its argument"),
    ("5.1", share_of_the_latest, "0 train and 1000 test; at least half shall train and a tenth test."),
    ("5.1", thinned, "0 train and 100 test; at least half shall train and a tenth test."),
    ("5.2", lambda F, count: np.sort(np.std(F, axis=0).max(axis=(1, 2)))[-count:], "return indices"),
    ("5.2", summed_over_atoms, "a sum over atoms"),
    ("5.2", two_members, "Ask all members"),
    ("5.2", relative, "divided by the force"),
    ("5.2", spread_of_lengths, "Suspect the spread of lengths"),
    ("5.2", over_frames, "all agree"),
    ("5.2", one_component, "take the length of the vector"),
    ("5.2", least, "end of the sorted list"),
    ("5.2", ranges, "Turn each frame"),
    ("5.2", mean_deviation, "Turn each frame"),
    ("5.2", from_the_median, "Turn each frame"),
    ("5.2", from_the_first, "in another order"),
    ("5.2", directions_only, "a division by the length"),
    ("5.2", minus_mean_in_place, "changes its argument"),
    ("5.3", lambda *case: 1 / by_the_law(*case), "That is the reciprocal"),
    ("5.3", lambda dt, σ, budget: by_the_law(dt, σ, 1000 * budget), "suspect meV"),
    ("5.5", lambda r, cutoff: cosine(r, cutoff).detach(), "do not detach"),
    ("5.5", lambda r, cutoff: cosine(r, cutoff).detach().numpy(), "Stay in torch"),
    ("5.6", lambda *case: np.log(interpolated(*case)), "take exp of what you interpolated"),
    ("5.6", falling_abscissas, "turn the arrays round"),
    ("5.6", weak_in_range, "all that the strong model reached"),
    ("5.6", difference, "how many frames give"),
    ("5.6", upside_down, "upside down"),
    ("5.6", ratio_of_errors, "ratio of errors at equal n"),
    ("5.6", extrapolated, "extrapolation"),
    ("5.6", straight_lines, "take logarithms"),
    ("5.6", fitted, "from point to point"),
    ("5.6", measured_points, "interpolate between them"),
    ("5.6", none_for_nan, "should be one number"),
    ("5.6", turned_in_place, "changes its argument"),
]
RIGHT += [
    ("5.3", by_the_law),
    ("5.4", hessian),
    ("5.4", random_loops),
    ("5.4", lambda forces, x: int(hessian(forces, x))),
    ("5.5", cosine),
    ("5.5", polynomial),
    ("5.5", bump),
    ("5.7", what_the_model_lacks),
    ("5.7", by_pseudoinverse),
]
WRONG += [
    ("5.3", no_number, "a number for any budget"),
    ("5.3", none_outside, "a number for any budget"),
    ("5.3", divided_in_place, "changes its argument"),
    ("5.3", line_through_all, "instead of 2"),
    ("5.3", between_points, "was not measured"),
    ("5.3", proportional, "not c Δt"),
    ("5.4", one_circle, "in the xy plane encloses no area"),
    ("5.4", three_circles, "a loop on which two atoms move"),
    ("5.4", open_path, "not closed"),
    ("5.4", total_force, "takes a whirl"),
    ("5.4", torque, "only work on a closed path"),
    ("5.4", moved, "changes its argument"),
    ("5.5", straight, "the force jumps"),
    ("5.5", endless, "Beyond the cutoff"),
    ("5.5", step, "energy jumps"),
    ("5.5", whole, "energy jumps"),
    ("5.5", always_four, "not `cutoff`"),
    ("5.5", too_short, "neighbours inside the cutoff"),
    ("5.5", too_long, "not `cutoff`"),
    ("5.5", bump_that_overflows, "differentiates both branches"),
    ("5.5", root, "it is not a number"),
    ("5.5", in_place, "changes its argument"),
    ("5.7", old_ones, "the old shifts"),
    ("5.7", added_in_place, "changes its argument"),
    ("5.7", nan_for_a_stranger, "keeps its own"),
    ("5.7", one_for_all, "one composition only"),
    ("5.7", labels_alone, "adds the bonds a second time"),
    ("5.7", minus, "Suspect the sign"),
    ("5.7", changes_alone, "add them to the old shifts"),
    ("5.7", shifts_anew, "Fit the changes, not the shifts"),
    ("5.7", one_number, "one shift for each"),
]

TestAnswers = exercise_tests(5, RIGHT, WRONG)


def test_one_impostor_obeys_every_other_law():
    """It turns with the atoms, and has no total force and no torque: only work on a loop finds it."""
    x = np.random.default_rng(0).normal(size=(4, 3))
    force, honest, _ = PLANTED["pair forces that weaken where it is crowded"]
    R, F = symmetry.random_rotation(np.random.default_rng(1)), force(x)
    np.testing.assert_allclose(force(x @ R.T + 1.0), F @ R.T, atol=1e-6)
    np.testing.assert_allclose(force(-x), -F, atol=1e-6)
    np.testing.assert_allclose(force(x[::-1]), F[::-1], atol=1e-6)
    assert total_force(force, x) and torque(force, x)
    assert not honest and not hessian(force, x)

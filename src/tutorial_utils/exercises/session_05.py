"""Exercises of session 5: train a potential and run molecular dynamics with it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import symmetry
from tutorial_utils.exercises._session_05_cases import PLANTED, Force, pairs
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong, number, tensor

Split = Callable[[np.ndarray, float], tuple[Sequence[int], Sequence[int]]]


@exercise(
    "5.1",
    title="Split without a leak",
    hint=[
        "Sort by time. Which frames lie close to a test frame?",
        "The last fifth is the test set; train on frames with time <= time[test].min() - gap.",
    ],
)
def split_without_a_leak(answer: Split) -> str:
    """Measure the distance in time from each test frame to the training frames, for several runs."""
    rng = np.random.default_rng(0)
    even = 0.5 * np.arange(1000)
    runs = {
        "even frames in order": (even, 20.0),
        "the same frames shuffled": (rng.permutation(even), 20.0),
        "frames at irregular times": (rng.uniform(0, 900, size=400), 40.0),
        "frames at times from 5000 fs on": (5000 + even, 10.0),
    }
    for name, (time, gap) in runs.items():
        _judge_split(name, time, gap, answer(time, gap))
    return (
        "No test frame has a neighbour among the training frames. The border frames that you left out are "
        "the price of a test that means something."
    )


def _judge_split(name: str, time: Float[np.ndarray, " frames"], gap: float, parts) -> None:
    try:
        train, test = (_indices(part, len(time)) for part in parts)
    except (TypeError, ValueError):
        raise Wrong(
            "Return two arrays of indices, whole numbers: training frames first, then test frames. Times are "
            "no indices; np.flatnonzero makes indices of a condition."
        ) from None
    if not all(((part >= 0) & (part < len(time))).all() for part in (train, test)):
        raise Wrong(f"{name}: an index lies outside 0 … {len(time) - 1}. Return indices, not times.")
    if len(train) < len(time) / 2 or len(test) < len(time) / 10:
        exchanged = len(test) >= len(time) / 2 and len(train) >= len(time) / 10
        raise Wrong(
            f"{name}: of {len(time)} frames {len(train)} train and {len(test)} test; at least half shall "
            "train and a tenth test." + (" Training comes first." if exchanged else "")
        )
    if common := len(np.intersect1d(train, test)):
        raise Wrong(f"{name}: {common} frames are used to train and to test.")
    nearest = np.abs(time[test][:, None] - time[train]).min(axis=1)
    if nearest.min() < gap - 1e-9:
        close = int((nearest < gap - 1e-9).sum())
        raise Wrong(
            f"{name}: {close} of {len(test)} test frames have a training frame closer than {gap:g} fs, the "
            f"nearest {nearest.min():.2g} fs away. {_suspect(close, len(test), name)}"
        )


def _indices(part, frames: int) -> np.ndarray:
    """Return the frames of one part, given as indices or as a mask of all frames."""
    given = np.asarray(sorted(part) if isinstance(part, set | frozenset) else part)
    if given.dtype == bool and given.shape == (frames,):
        return np.flatnonzero(given)
    if given.size and given.dtype.kind not in "iu":
        raise TypeError("no indices")
    return np.unique(given.astype(int))


def _suspect(close: int, tests: int, name: str) -> str:
    if close < tests / 2:
        return "Leave out the frames at every border between the two sets; the gap is a time in fs."
    if "order" not in name and "from" not in name:
        return "Suspect indices taken for times: frames need not be in order; sort first."
    return "A random split of a time series leaks; take whole stretches of time."


Choice = Callable[[np.ndarray, int], Sequence[int]]


@exercise(
    "5.2",
    title="Ask the committee",
    hint=[
        "Let the spread run over members, not over atoms or frames.",
        "np.linalg.norm(forces.std(axis=0), axis=-1) is one number an atom; then the largest in a frame.",
    ],
)
def ask_the_committee(answer: Choice) -> str:
    """Plant frames on which members disagree, in length or in direction; turn frames and members round."""
    rng = np.random.default_rng(0)
    F = rng.normal(size=(1, 40, 6, 3)) + 0.01 * rng.normal(size=(4, 40, 6, 3))
    F[:, 30:] += 4 * F[:1, 30:]  # strong forces, on which members agree as well as on weak ones
    lengths = F.copy()
    lengths[:, [7, 21]] *= np.array([0.5, 0.8, 1.2, 1.5])[:, None, None, None]
    _judge_choice(answer, lengths, {7, 21}, "in the length of their forces")
    directions = F.copy()
    for frame in (3, 12, 33):
        for member in range(4):
            R = symmetry.random_rotation(np.random.default_rng(10 * frame + member))
            directions[member, frame] = F[0, frame] @ R.T
    _judge_choice(answer, directions, {3, 12, 33}, "in the direction of their forces, not in length")
    _judge_choice(answer, _opposite(F), {5, 18}, "about two atoms, in opposite directions")
    _judge_choice(answer, _loner(F), {9, 26}, "because one of them, neither the first nor the last, is alone")
    weak = F.copy()
    weak[:, :8] = 0.1 * (F[:, :8] - F[:1, :8])  # hardly any force: a large share of next to nothing
    weak[:, [11, 24]] *= np.array([0.5, 0.8, 1.2, 1.5])[:, None, None, None]
    _judge_choice(
        answer, weak, {11, 24}, "by much; on the first eight by little, since all forces there are weak"
    )
    _judge_turns(answer, F)
    return (
        "Your choice sees lengths and directions, and does not depend on anyone's axes. It still chooses "
        "what is unknown, not what is important: that is up to you."
    )


def _opposite(F: Float[np.ndarray, "members frames atoms 3"]) -> Float[np.ndarray, "members frames atoms 3"]:
    """Let members disagree about two atoms of some frames so that the sum over atoms is the same for all."""
    F, push = F.copy(), np.array([-0.6, -0.2, 0.2, 0.6])[:, None, None]
    F[:, [5, 18], 0] += push
    F[:, [5, 18], 1] -= push
    return F


def _loner(F: Float[np.ndarray, "members frames atoms 3"]) -> Float[np.ndarray, "members frames atoms 3"]:
    """Let one member in the middle contradict the others on some frames."""
    F = F.copy()
    F[2, [9, 26]] *= 1.5
    return F


def _chosen(answer: Choice, F: Float[np.ndarray, "members frames atoms 3"], count: int) -> set[int]:
    given = answer(F, count)
    found = np.asarray(sorted(given) if isinstance(given, set | frozenset) else given)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        what = "numbers that are not whole: return indices, as argsort does, not the spread itself"
        got = what if found.shape == (count,) else f"shape {found.shape}"
        raise Wrong(f"For count = {count} expected {count} whole numbers, got {got}.")
    frames = {int(i) % F.shape[1] for i in found}
    if len(frames) < count:
        raise Wrong(f"Of {count} chosen frames only {len(frames)} differ.")
    return frames


def _judge_choice(answer: Choice, F: np.ndarray, planted: set[int], how: str) -> None:
    found = _chosen(answer, F, len(planted))
    if found == planted:
        return
    strong = len(found & set(range(30, 40)) - planted)
    if strong == len(found - planted):
        suspect = "You chose strong forces on which all agree: take the spread over members (axis 0)."
    elif "in the length" in how and found == _by_direction(F, len(planted)):
        suspect = (
            "Suspect a division by the length: members may agree on where a force points, not on its size."
        )
    elif "not in length" in how:
        suspect = "Suspect the spread of lengths: take it for each component, then the length."
    elif "opposite" in how:
        suspect = "Suspect a sum over atoms, in which the two cancel: take the spread for each atom."
    elif "alone" in how:
        suspect = "Ask all members: the difference of two of them does not see the others."
    elif "weak" in how:
        suspect = "Suspect a spread divided by the force: it makes much of forces that are next to nothing."
    else:
        suspect = "Suspect the axis of the spread, or the end of the sorted list that you return."
    raise Wrong(f"Members disagree on frames {sorted(planted)} {how}; you chose {sorted(found)}. {suspect}")


def _by_direction(F: Float[np.ndarray, "members frames atoms 3"], count: int) -> set[int]:
    """Return the frames on which the unit vectors of the members differ most."""
    unit = F / np.linalg.norm(F, axis=-1, keepdims=True)
    return set(np.argsort(np.linalg.norm(unit.std(axis=0), axis=-1).max(axis=1))[-count:].tolist())


def _judge_turns(answer: Choice, F: np.ndarray) -> None:
    """Turning a frame must not change its rank, whether members disagree along one axis or along several."""
    rng = np.random.default_rng(1)
    size = np.geomspace(0.7, 1.0, F.shape[1])[rng.permutation(F.shape[1])]
    push = rng.normal(size=(4, 1, 1, 1)) * size[:, None, None] * np.array([0.0, 0.0, 1.0])
    agreed = np.random.default_rng(2).normal(size=F.shape[1:])
    R = np.array([symmetry.random_rotation(np.random.default_rng(n)) for n in range(F.shape[1])])
    several = [0.1 * size[:, None, None] * rng.normal(size=F.shape) for _ in range(3)]
    for apart in (push * np.eye(6)[0][:, None], *several):
        straight = agreed + apart
        turned = np.einsum("fxy,mfay->mfax", R, straight)
        first, second = _chosen(answer, straight, 10), _chosen(answer, turned, 10)
        if first != second:
            raise Wrong(
                f"Turn each frame and {len(first - second)} of 10 choices change. Suspect a component by "
                "itself, a sum or maximum over x, y, z, a median or range of each: subtract the mean "
                "and take the length of the vector."
            )
        if first != _chosen(answer, straight[[2, 0, 3, 1]], 10):
            raise Wrong("Seat the members in another order and the choice changes: compare with their mean.")
    _chosen(answer, rng.normal(size=(5, 7, 3, 3)), 2)  # other numbers of members, frames and atoms


@exercise(
    "5.3",
    title="The largest time step",
    hint=[
        "In the middle log σ = log c + 2 log Δt: take c as the median of σ/Δt², then Δt = sqrt(budget / c).",
        "Drop points whose σ lies far above the law (unstable) or hardly changes with Δt (rounding).",
    ],
    none=True,
)
def largest_step(answer: Callable[[np.ndarray, np.ndarray, float], float]) -> str:
    """Give measured fluctuations with a floor of rounding and unstable steps; ask for a step in a budget."""
    rng = np.random.default_rng(6)
    many = np.array([0.125, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10])  # fs
    cases = (  # constant, floor of rounding, limit of stability, steps that were measured, step that is right
        (2e-6, 0.0, 99.0, many[4:], 0.9),
        (5e-5, 2e-5, 99.0, many, 4.5),
        (3e-6, 1e-7, 7.0, np.array([0.25, 0.5, 1, 2, 3, 8, 10]), 5.0),
    )
    for c, floor, limit, dt, wanted in cases:
        σ = np.hypot(c * dt**2, floor) * np.exp(rng.normal(scale=0.03, size=len(dt)))
        σ[dt > limit] *= np.array([40.0, 3000.0])[: int((dt > limit).sum())]
        budget = c * wanted**2
        found = number(answer(dt, σ, budget), "The law gives a number for any budget: your step").real
        if abs(found / wanted - 1) < 0.08:
            continue
        exponent = np.polyfit(np.log(dt), np.log(σ), 1)[0]
        line = f"A line through all points has the slope {exponent:.2f} instead of 2: "
        if limit < 99:
            why = line + "the longest steps are beyond the limit of stability; leave them out."
        elif floor > 0:
            why = line + "at short steps rounding sets a floor that no step gets below."
        elif abs(found * wanted - 1) < 0.08:
            why = "That is the reciprocal: the step is the root of budget / c, with c = σ / Δt²."
        elif min(abs(found / wanted * factor - 1) for factor in (1000**0.5, 1000**-0.5)) < 0.08:
            why = "That is off by the root of 1000: suspect meV where eV is meant."
        elif found >= 0.99 * dt.min():
            why = "That step was not measured: use the law σ = c Δt², not the nearest points."
        else:
            why = "The energy's fluctuation follows c Δt², not c Δt: the step is the root of budget / c."
        raise Wrong(
            f"For a budget of {budget:.3g} eV an atom {wanted:.2f} fs is right, you say {found:.2f} fs. "
            + why
        )
    return "Three times right: by the law where it holds, and not by points where it does not."


@exercise(
    "5.4",
    title="Forces that are no gradient",
    hint=[
        "Choose random directions u, v in the space of all coordinates; walk x + 0.1 (u cos φ + v sin φ).",
        "Or ask derivatives: forces are a gradient if the matrix of ∂F_i/∂x_j, by differences, is symmetric.",
    ],
)
def no_gradient(answer: Callable[[Force, np.ndarray], bool]) -> str:
    """Plant forces that are and are not gradients; all lie within 0.05 eV/Å of the honest ones."""
    rng = np.random.default_rng(5)
    corners = np.array([[0, 0, 0], [1.6, 0.1, 0], [0.2, 1.5, 0.3], [0.1, 0.4, 1.7]])
    for name, (force, honest, suspect) in PLANTED.items():
        for _ in range(3):
            x = corners + rng.normal(scale=0.05, size=corners.shape)
            found = answer(_careful(force), x)
            found = found.item() if np.size(found) == 1 and hasattr(found, "item") else found
            if np.ndim(found) or found not in (True, False):
                raise Wrong(f"Your function returned {found!r}; expected True (a gradient) or False.")
            if bool(found) == honest:
                continue
            if honest:
                raise Wrong(f"The forces of {name} are a gradient, but your function says no. {suspect}")
            change = np.abs(force(x) - pairs(x)).mean()
            raise Wrong(
                f"Your function takes {name} for a gradient. A mean absolute error sees only "
                f"{change:.3f} eV/Å. {suspect}"
            )
    return "Two gradients pass, four impostors are caught, each within a few hundredths of an eV/Å."


def _careful(force: Force) -> Force:
    """Give the force a copy, so that an answer may go on using its own array."""
    return lambda x: force(np.array(x, dtype=float))


@exercise(
    "5.5",
    title="A cutoff without a kick",
    hint=[
        "Let u = r / cutoff. You need f = 1 at u = 0, and f = f′ = 0 at u = 1: a polynomial or a cosine can.",
        "Beyond the cutoff use torch.where(r < cutoff, f, 0): a polynomial does not stop by itself.",
    ],
)
def gentle_cutoff(answer: Callable[[Tensor, float], Tensor]) -> str:
    """Test the limits, the fall, and the force of a pair that is cut off by the answer."""
    for cutoff in (4.0, 5.5):
        r = torch.linspace(0.01, 1.5 * cutoff, 301, dtype=torch.float64)
        f = answer(r, cutoff)
        if not isinstance(f, Tensor):
            raise Wrong(
                f"Expected a tensor, got {type(f).__name__}: forces are derivatives, and NumPy and Python do "
                "not pass them on. Stay in torch: torch.where, torch.cos, clamp."
            )
        if f.shape != r.shape:
            raise Wrong(f"Expected the shape {tuple(r.shape)}, one value for each distance.")
        if f.isnan().any():
            raise Wrong(f"At r = {r[f.isnan()].min():.2f} Å, for a cutoff of {cutoff} Å, it is not a number.")
        if f[r > cutoff].abs().max() > 0:
            worst = f[r > cutoff].abs().max().item()
            raise Wrong(
                f"Beyond the cutoff of {cutoff} Å it reaches {worst:.3g} instead of exactly 0: atoms that "
                "are in no neighbour list would count. Suspect a formula without torch.where, or a length "
                "that is not `cutoff`."
            )
        _falls(answer, f[r < cutoff], cutoff)
        if f[r < 0.9 * cutoff].min() <= 0:
            gone = r[f <= 0].min().item()
            raise Wrong(
                f"For a cutoff of {cutoff} Å it is 0 from {gone:.1f} Å on: neighbours inside the cutoff "
                "would not count. Suspect a length that is not `cutoff`."
            )
        _no_kick(answer, cutoff)
    return "Energy and force both fade: an atom may leave without a kick."


def _falls(answer: Callable, inside: Tensor, cutoff: float) -> None:
    start = answer(torch.tensor([1e-6], dtype=torch.float64), cutoff).item()
    if abs(start - 1) > 1e-3:
        raise Wrong(f"At r = 0 it is {start:.3g}; expected 1, so that close neighbours count in full.")
    rise = inside.diff().max().item()
    if rise > 1e-9:
        raise Wrong(
            f"It rises by {rise:.2g} between two distances; an atom that leaves must count less. "
            "Suspect the sign, or degrees: torch.cos takes radians."
        )


def _no_kick(answer: Callable, cutoff: float) -> None:
    def both(r: float) -> tuple[float, float]:
        x = torch.tensor([r], dtype=torch.float64, requires_grad=True)
        energy = (answer(x, cutoff) / x).sum()
        (slope,) = torch.autograd.grad(energy, x)
        return energy.item(), -slope.item()

    inner = torch.tensor([0.6 * cutoff, 0.8 * cutoff], dtype=torch.float64, requires_grad=True)
    values = answer(inner, cutoff)
    if not values.requires_grad and values[0] != values[1]:
        raise Wrong("No derivative comes back, so no force does: stay in torch, and do not detach.")
    (E_in, F_in), (E_out, F_out) = both(cutoff - 1e-6), both(cutoff + 1e-6)
    if abs(E_in - E_out) > 1e-5:
        raise Wrong(
            f"The energy jumps by {abs(E_in - E_out):.2g} at the cutoff of {cutoff} Å: no force belongs to a "
            "jump, and the total energy is not kept. Suspect a function that is not 0 at the cutoff."
        )
    if np.isnan(F_in - F_out):
        raise Wrong(
            f"The force at the cutoff of {cutoff} Å is not a number: torch.where differentiates both "
            "branches, also the one that it does not take. Keep r / cutoff below 1 in the formula (clamp)."
        )
    if abs(F_in - F_out) > 1e-5:
        raise Wrong(
            f"The energy fades but the force jumps from {F_in:.3g} to {F_out:.3g} at the cutoff of "
            f"{cutoff} Å: the function has a slope there. Its derivative has to vanish too."
        )


Saving = Callable[[np.ndarray, np.ndarray, np.ndarray, float], float]


@exercise(
    "5.6",
    title="How many times fewer?",
    hint=[
        "For each curve: which n gives this error? Then the ratio of the two.",
        "np.exp(np.interp(np.log(error), np.log(errors)[::-1], np.log(n)[::-1])); nan outside the points.",
    ],
    nan=True,
    none=True,
)
def how_many_times_fewer(answer: Saving) -> str:
    """Compare with exact power laws, in other units, with roles exchanged, and beyond what was measured."""
    n = np.array([10.0, 30.0, 100.0, 300.0, 1000.0])
    for slope, shift in ((0.5, 4.0), (0.25, 10.0)):
        strong, weak = n**-slope, (n / shift) ** -slope
        level = float(strong[1] * 0.9)
        _judge_saving(answer, n, strong, weak, level, shift, f"two parallel power laws {shift:g} apart")
        _judge_saving(answer, n, 1000 * strong, 1000 * weak, 1000 * level, shift, "the same, errors in meV/Å")
        _judge_saving(answer, n, weak, strong, level, 1 / shift, "the same, models exchanged")
    strong, weak = 2.0 * n**-0.5, 1.0 * n**-0.2
    for level in (0.3, 0.4):
        exact = level**-5.0 / (2 / level) ** 2.0
        _judge_saving(answer, n, strong, weak, level, exact, f"two slopes, at the error {level}")
    out = (
        (strong, weak, 0.1, "below all that the weak model reached"),
        (weak, strong, 0.1, "below all that the strong model reached"),
        (strong, weak, 0.8, "above all that was measured"),
    )
    for first, second, level, where in out:
        found = _saved(answer, n, first, second, level)
        if not np.isnan(found):
            raise Wrong(
                f"The error {level} lies {where}: nobody measured that, and {found:.3g} is an "
                "extrapolation. Return nan."
            )
    bent = np.array([0.3, 0.12, 0.06, 0.05, 0.045]), np.array([0.4, 0.28, 0.14, 0.06, 0.05])
    for level in (0.2, 0.055):
        frames = [np.exp(np.interp(np.log(level), np.log(e)[::-1], np.log(n)[::-1])) for e in bent]
        _judge_saving(
            answer, n, *bent, level, frames[1] / frames[0], f"curves with bends, at the error {level}"
        )
    return (
        "Your factor is measured, at an error that is named. It changes with that error unless the curves "
        "are parallel: quote both."
    )


def _saved(answer: Saving, n, strong, weak, level: float) -> float:
    found = answer(n, strong, weak, level)
    if found is not None and (values := tensor(found, "The saving")).numel() == 1 and values.isnan():
        return np.nan
    return float(number(found, "The saving").real)


def _judge_saving(answer: Saving, n, strong, weak, level: float, exact: float, case: str) -> None:
    found = _saved(answer, n, strong, weak, level)
    if abs(found - exact) <= 1e-6 * exact:
        return
    suspect = (
        "For each model: how many frames give this error? The factor is the weak model's over the strong's."
    )
    if abs(found - np.log(exact)) < 1e-6:
        suspect = "That is the logarithm of the factor: take exp of what you interpolated."
    elif 0.5 < found / exact < 2:
        suspect = "Suspect a straight line between errors themselves: take logarithms of both axes."
    lines = [np.polyfit(np.log(n), np.log(errors), 1) for errors in (weak, strong)]
    fits = [np.exp((np.log(level) - start) / slope) for slope, start in lines]
    if abs(found / (fits[0] / fits[1]) - 1) < 1e-2:
        suspect = "One line through all points is not what was measured: go from point to point."
    elif np.abs(n[:, None] / n - found).min() < 1e-9:
        suspect = "You took measured points as they are: interpolate between them, on logarithms."
    ratios = weak / strong
    if ratios.min() * 0.999 <= found <= ratios.max() * 1.001:
        suspect = "That is the ratio of errors at equal n; asked is the ratio of n at equal error."
    elif abs(found * exact - 1) < 1e-6:
        suspect = "Suspect the fraction upside down: frames of the weak model over frames of the strong one."
    elif np.isnan(found) or found == 1:
        suspect = "Both models reach this error. np.interp wants rising abscissas: turn the arrays round."
    raise Wrong(f"For {case} the factor is {exact:.3g}, you have {found:.3g}. {suspect}")


Shifts = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Sequence[float]]


@exercise(
    "5.7",
    title="Other reference energies",
    hint=[
        "What the model lacks, E_label - E_model, should be the sum over elements of counts times a change.",
        "np.linalg.lstsq(counts, E_label - E_model)[0] is the smallest such change; add it to the old.",
    ],
)
def other_reference_energies(answer: Shifts) -> str:
    """Shift the labels of molecules by an energy for each element; then one composition, then a stranger."""
    rng = np.random.default_rng(7)
    old, change = np.array([-1035.0, -13.6, -2041.0, -0.4]), np.array([7.5, 0.25, 12.0, -3.0])
    makeup = np.array([[2, 6, 1, 0], [1, 4, 0, 0], [0, 2, 1, 1], [3, 6, 1, 2], [1, 0, 2, 0], [2, 4, 0, 1]])
    cases = {
        "Molecules of six compositions": (makeup, change),
        "Ten frames of one molecule": (np.repeat(makeup[:1, :3], 10, axis=0), change[:3]),
        "Molecules without the last element": (makeup[[0, 1, 4]], change * [1, 1, 1, 0]),
    }
    for name, (counts, Δ) in cases.items():
        start = old[: counts.shape[1]]
        E_model = counts @ start - counts @ rng.uniform(2, 5, len(start)) + rng.normal(size=len(counts))
        E_label = E_model + counts @ Δ
        found = tensor(answer(counts, E_label, E_model, start), f"{name}: what you return").numpy()
        if found.shape != start.shape:
            raise Wrong(f"{name}: expected one shift for each of {len(start)} elements, got {found.shape}.")
        if np.isnan(found).any():
            raise Wrong(f"{name}: a shift is not a number. An element that is in no frame keeps its own.")
        _judge_shifts(name, found, counts, E_label, E_model, start)
    return (
        "Before any training the model is right in the mean for every composition, and an element that was "
        "in no frame keeps its shift. What is left to learn are differences in the bonds."
    )


def _judge_shifts(name: str, found, counts, E_label, E_model, old) -> None:
    left = E_label - E_model - counts @ (found - old)
    worst = np.abs(left).max()
    if not worst < 1e-6 * np.abs(E_label).max():
        fitted = np.linalg.lstsq(counts, E_label)[0]
        suspect = "Each element has its own change: solve counts @ change = E_label - E_model."
        if np.allclose(found, old, rtol=0, atol=1e-9):
            suspect = "These are the old shifts."
        elif np.allclose(found - old, (found - old)[0], rtol=1e-6):
            suspect = "You changed all elements by the same energy, which is right for one composition only."
        elif np.abs(E_label - E_model + counts @ (found - old)).max() < 1e-6 * np.abs(E_label).max():
            suspect = "Suspect the sign: what the model lacks has to be added."
        elif np.abs(E_label - E_model - counts @ found).max() < 1e-6 * np.abs(E_label).max():
            suspect = "These are the changes: add them to the old shifts."
        elif np.allclose(found, fitted, rtol=1e-6):
            suspect = (
                "You fitted the labels; the network adds the bonds a second time. Fit what the model lacks."
            )
        raise Wrong(f"{name}: the model with your shifts is wrong by up to {worst:.3g} eV. {suspect}")
    if "without" in name and abs(found[-1] - old[-1]) > 1e-6:
        raise Wrong(
            f"{name}: no frame says anything about that element, so its shift stays {old[-1]:g} eV; yours is "
            f"{found[-1]:.3g} eV. Fit the changes, not the shifts: the smallest change leaves it alone."
        )

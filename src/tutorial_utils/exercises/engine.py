"""The engine: a register of exercises, and a check that survives whatever it is given.

A session's module `session_01.py` registers its exercises::

    @exercise("1.2", title="Turn a dipole", hint=["What does R act on?", "On the components, from the left."])
    def turn_a_dipole(answer):
        error = ...
        if error > 1e-10:
            raise Wrong(f"rotation fails for 1o by {error:.1e}. Suspect R.T in the place of R.")
        return "Your dipole turns with the molecule."
"""

import dis
import functools
import importlib
import linecache
import random
import re
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch_geometric.data import Data

from tutorial_utils.exercises.verdict import Verdict, show
from tutorial_utils.symmetry import Report

Judge = Callable[[Any], str]


class Wrong(Exception):
    """Raised by a judge; the message says which law failed, for which irrep, by how much, what to suspect."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        id: session and number, "1.2".
        title: a few words.
        hints: from a nudge to nearly the solution.
        judge: takes the answer; returns praise or raises `Wrong`.
        nan: whether NaN can be part of a right answer; elsewhere it is refused.
    """

    id: str
    title: str
    hints: tuple[str, ...]
    judge: Judge
    nan: bool = False

    def __str__(self) -> str:
        return f"{self.id} {self.title}"


_NAN = (
    "Your answer holds or returns NaN, which is not a number. Suspect 0/0, inf - inf, or the root or the "
    "logarithm of a negative number."
)
_REGISTER: dict[str, Exercise] = {}
_HINTS_GIVEN: dict[str, int] = {}


def exercise(
    id: str, *, title: str, hint: str | Sequence[str], nan: bool = False
) -> Callable[[Judge], Judge]:
    """Register a judge as an exercise (a decorator).

    Args:
        id: session and number, "1.2".
        title: a few words.
        hint: one hint, or several from a nudge to nearly the solution.
        nan: whether NaN can be part of a right answer.

    Raises:
        ValueError: if the id is taken by another judge.
    """
    hints = (hint,) if isinstance(hint, str) else tuple(hint)

    def register(judge: Judge) -> Judge:
        known = _REGISTER.get(id)
        if known and (known.judge.__module__, known.judge.__qualname__) != (
            judge.__module__,
            judge.__qualname__,
        ):
            raise ValueError(
                f"id: exercise {id} is already judged by {known.judge.__module__}.{known.judge.__qualname__}"
            )
        _REGISTER[id] = Exercise(id, title, hints, judge, nan)
        return judge

    return register


def require(report: Report) -> None:
    """Pass on what an equivariance report found: `Wrong` unless it passed, and not vacuously.

    Raises:
        Wrong: with the first law that fails, its irrep, the error and the suspect.
    """
    if report.first_failure:
        law, irrep = report.first_failure
        raise Wrong(
            f"{law} fails for {irrep}, relative error {report.errors[law, irrep]:.1e}. {report.suspect}"
        )
    if report.vacuous:
        raise Wrong(f"All laws hold, but vacuously for {', '.join(report.vacuous)}. {report.suspect}")


def number(found: Any, what: str, *, real: bool = True) -> complex:
    """Read one finite number, Python's, NumPy's or torch's, also in a list of one.

    Args:
        found: what the answer returned.
        what: what returned it, for the message.
        real: refuse an imaginary part, and return a float.

    Raises:
        Wrong: if it is no such number.
    """
    try:
        values = np.asarray(found.detach() if isinstance(found, torch.Tensor) else found)
        values = values.astype(complex).ravel()
    except (TypeError, ValueError):
        values = np.array([])
    if values.size != 1 or not np.isfinite(values[0]) or (real and values[0].imag):
        shown = repr(found) if isinstance(found, int | float | complex | str) else type(found).__name__
        raise Wrong(f"{what} should be one number; got {shown}.")
    return float(values[0].real) if real else complex(values[0])


def check(id: str, answer: Any) -> None:
    """Judge an answer and display the verdict; never raises."""
    show(verdict(id, answer))


def hint(id: str) -> None:
    """Display the next hint of an exercise; after the last one, the last one again."""
    try:
        show(_next_hint(find(id)))
    except LookupError as reason:
        show(Verdict("unknown", str(id), str(reason)))


def verdict(id: str, answer: Any) -> Verdict:
    """Judge an answer; whatever the answer does, a verdict comes back."""
    try:
        wanted = find(id)
    except LookupError as reason:
        return Verdict("unknown", str(id), str(reason))
    if _untouched(answer):
        return Verdict("untouched", str(wanted), "Replace the ... by your answer and run the cell again.")
    nan_seen: list[bool] = []
    try:
        with _own_random_numbers():
            praise = wanted.judge(_watched(answer, [] if wanted.nan else nan_seen))
        # no comparison with NaN is true, so a judge that asks for "error > tolerance" lets it pass
        return Verdict("wrong", str(wanted), _NAN) if nan_seen else Verdict("correct", str(wanted), praise)
    except Wrong as reason:
        return Verdict("wrong", str(wanted), str(reason))
    except KeyboardInterrupt:  # the learner's own
        raise
    except BaseException as error:  # even sys.exit() in an answer must not end the course
        return Verdict("wrong", str(wanted), _NAN) if nan_seen else _verdict_on_error(wanted, error)


def _watched(answer: Any, nan_seen: list[bool]) -> Any:
    """Return the answer, or a function that does the same; what it does besides is noticed.

    A NaN in the answer, or returned by it, is noted; a function that changes its arguments is `Wrong`.
    """
    if isinstance(answer, FunctionType):

        @functools.wraps(answer)
        def watched(*args: Any, **named: Any) -> Any:
            before = _numbers_in((args, named))
            found = answer(*args, **named)
            if not _alike(before, _numbers_in((args, named))):
                raise Wrong("Your function changes its argument: take a copy.")
            if _has_nan(found):
                nan_seen.append(True)
            return found

        return watched
    if type(answer) is dict:
        return {key: _watched(part, nan_seen) for key, part in answer.items()}
    if _has_nan(answer):
        nan_seen.append(True)
    return answer


def _numbers_in(given: Any) -> Any:
    """Copy the numbers of arguments: tensors, arrays, graphs, atoms, and lists and dicts of those."""
    if isinstance(given, torch.Tensor):
        return given.detach().clone()
    if isinstance(given, np.ndarray):
        return torch.from_numpy(given.copy()) if given.dtype.kind in "biufc" else None
    if isinstance(given, Data):
        return _numbers_in(given.to_dict())
    if isinstance(given, Atoms):
        return _numbers_in({**given.arrays, "cell": given.cell.array, "pbc": given.pbc})
    if isinstance(given, dict):
        return {key: _numbers_in(part) for key, part in given.items()}
    if isinstance(given, list | tuple):
        return [_numbers_in(part) for part in given]
    return None


def _alike(one: Any, other: Any) -> bool:
    """Compare what `_numbers_in` copied, up to rounding: a step to and back is no change."""
    if one is None or type(one) is not type(other):
        return one is other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(part, other[key]) for key, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    try:
        same = one.shape == other.shape and one.dtype == other.dtype
        return same and torch.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True)
    except RuntimeError:  # inside torch.func a tensor has no values
        return True


def _has_nan(found: Any) -> bool:
    """Find NaN in a number, an array or a tensor, or in a dict, list or tuple of those."""
    if isinstance(found, dict | list | tuple):
        return any(_has_nan(part) for part in (found.values() if isinstance(found, dict) else found))
    if isinstance(found, torch.Tensor):
        try:
            return bool(found.isnan().any())
        except RuntimeError:  # inside torch.func a tensor has no values
            return False
    if isinstance(found, float | complex | np.inexact | np.ndarray):
        numbers = np.asarray(found)
        return numbers.dtype.kind in "fc" and bool(np.isnan(numbers).any())
    return False


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Draw the same numbers in each check, and leave those that the next cells draw as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


def find(id: str) -> Exercise:
    """Return an exercise, importing its session's module first.

    Raises:
        LookupError: if there is no such exercise; says which there are.
    """
    match = re.fullmatch(r"(\d+)\.\w+", id) if isinstance(id, str) else None
    if match is None:
        raise LookupError(
            f'An exercise is called by session and number, as in check("1.2", answer); got {id!r}.'
        )
    known = of_session(int(match[1]))
    for candidate in known:
        if candidate.id == id:
            return candidate
    ids = ", ".join(candidate.id for candidate in known) or "none"
    raise LookupError(f"Session {match[1]} has no exercise {id}. It has: {ids}.")


def of_session(session: int) -> list[Exercise]:
    """Return the exercises of a session in their order; none if the session has no module yet."""
    name = f"tutorial_utils.exercises.session_{session:02d}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    found = [known for id, known in _REGISTER.items() if id.split(".")[0] == str(session)]
    return sorted(found, key=lambda known: int(known.id.split(".")[1]))


def _next_hint(wanted: Exercise) -> Verdict:
    number = min(_HINTS_GIVEN.get(wanted.id, 0) + 1, len(wanted.hints))
    _HINTS_GIVEN[wanted.id] = number
    last = number == len(wanted.hints)
    more = (
        "The solution is folded below the exercise." if last else f'hint("{wanted.id}") again gives the next.'
    )
    return Verdict(
        "hint", f"{number} of {len(wanted.hints)} for {wanted}", f"{wanted.hints[number - 1]}\n{more}"
    )


def _untouched(answer: Any) -> bool:
    """Recognise stubs: `...`, a tuple or dict with `...` in it, a function or class whose body is `...`."""
    if answer is ...:
        return True
    if isinstance(answer, FunctionType):
        return _is_stub(answer)
    if isinstance(answer, type):
        return any(isinstance(member, FunctionType) and _is_stub(member) for member in vars(answer).values())
    if isinstance(answer, dict):
        return any(_untouched(part) for part in answer.values())
    return isinstance(answer, tuple | list) and any(_untouched(part) for part in answer)


def _is_stub(function: FunctionType) -> bool:
    """Tell whether a function does nothing but return None or `...`."""
    harmless = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    steps = list(dis.get_instructions(function))
    constants = [step.argval for step in steps if step.opname in {"LOAD_CONST", "RETURN_CONST"}]
    return {step.opname for step in steps} <= harmless and all(c is None or c is ... for c in constants)


def _verdict_on_error(wanted: Exercise, error: BaseException) -> Verdict:
    try:
        message = f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:  # an exception whose own text fails
        message = type(error).__name__
    if "ellipsis" in message.lower():
        return Verdict("untouched", str(wanted), f"There is still a ... in your code ({message}).")
    line = _line_of_learner(wanted.judge, error)
    where = (
        f"\nin your line: {line}" if line else "\nPerhaps the answer is not of the kind that was asked for."
    )
    return Verdict("error", str(wanted), message + where)


def _line_of_learner(judge: Judge, error: BaseException) -> str:
    """Return the last source line of the traceback that is the learner's, not the judge's or a library's."""
    course = str(Path(__file__).parents[1])
    others = (course, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
    theirs = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if frame.f_code is not getattr(judge, "__code__", None) and not file.startswith(others):
            theirs = linecache.getline(file, number).strip()
    return theirs

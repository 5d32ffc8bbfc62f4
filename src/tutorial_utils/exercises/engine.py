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
import importlib
import inspect
import linecache
import random
import re
import sysconfig
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, get_origin

import numpy as np
import torch

from tutorial_utils.exercises.reading import Wrong
from tutorial_utils.exercises.verdict import Verdict, show
from tutorial_utils.exercises.watching import watched
from tutorial_utils.symmetry import Report

Judge = Callable[[Any], str]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        id: session and number, "1.2".
        title: a few words.
        hints: from a nudge to nearly the solution.
        judge: takes the answer; returns praise or raises `Wrong`.
        nan: whether NaN can be part of a right answer; elsewhere it is refused.
        none: whether a function may return None; elsewhere that is refused.
    """

    id: str
    title: str
    hints: tuple[str, ...]
    judge: Judge
    nan: bool = False
    none: bool = False

    def __str__(self) -> str:
        return f"{self.id} {self.title}"


_NAN = (
    "Your answer holds or returns NaN, which is not a number. Suspect 0/0, inf - inf, or the root or the "
    "logarithm of a negative number."
)
_REGISTER: dict[str, Exercise] = {}
_HINTS_GIVEN: dict[str, int] = {}


def exercise(
    id: str, *, title: str, hint: str | Sequence[str], nan: bool = False, none: bool = False
) -> Callable[[Judge], Judge]:
    """Register a judge as an exercise (a decorator).

    Args:
        id: session and number, "1.2".
        title: a few words.
        hint: one hint, or several from a nudge to nearly the solution.
        nan: whether NaN can be part of a right answer.
        none: whether a function may return None.

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
        _REGISTER[id] = Exercise(id, title, hints, judge, nan, none)
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
        _refuse_other_kind(wanted, answer)
        with _own_random_numbers():
            praise = wanted.judge(watched(answer, [] if wanted.nan else nan_seen, none=wanted.none))
        # no comparison with NaN is true, so a judge that asks for "error > tolerance" lets it pass
        return Verdict("wrong", str(wanted), _NAN) if nan_seen else Verdict("correct", str(wanted), praise)
    except Wrong as reason:
        return Verdict("wrong", str(wanted), str(reason))
    except KeyboardInterrupt:  # the learner's own
        raise
    except BaseException as error:  # even sys.exit() in an answer must not end the course
        return Verdict("wrong", str(wanted), _NAN) if nan_seen else _verdict_on_error(wanted, error)


def _refuse_other_kind(wanted: Exercise, answer: Any) -> None:
    """Raise if a judge asks for a function and gets something else, or the other way round."""
    asked = next(iter(inspect.signature(wanted.judge).parameters.values())).annotation
    origin = get_origin(asked) or asked
    called = f'check("{wanted.id}", {getattr(answer, "__name__", "your_function")})'
    if origin is Callable and not callable(answer):
        raise Wrong(
            f"The answer must be a function, and it is a {type(answer).__name__}. Hand over the function "
            f"itself, {called}, not what it returns."
        )
    if origin is Callable and isinstance(answer, type):
        raise Wrong(f'That is a class. Hand over an object: check("{wanted.id}", {answer.__name__}()).')
    if isinstance(origin, type) and issubclass(origin, Collection) and isinstance(answer, FunctionType):
        raise Wrong(f"The answer must be what your function returns, not the function: {called[:-1]}(...)).")


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
    if isinstance(error, NotImplementedError) and "NotImplementedError" in line:
        return Verdict("untouched", str(wanted), f"Your code still says: {line}")
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

"""What every notebook starts with: one state of the machinery, and numbers that can be held to account.

`setup` makes runs repeatable. `Course.expect` is for the numbers that still differ in the third digit from
one processor to the next: it asserts that the live number lies in a band and prints the stored one.
Stored numbers are written by `make notebooks`, never typed.
"""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tutorial_utils.exercises.engine import of_session

EXPECTED = Path(__file__).parent / "datasets/bundled/expected.json"


@dataclass(frozen=True)
class Course:
    """What `setup` returns.

    Attributes:
        session: number of the session; None on a page that belongs to none.
        device: where to put models and batches: a GPU if there is one, else the CPU.
    """

    session: int | None
    device: torch.device

    def expect(self, name: str, live: float | Tensor, *, rtol: float, unit: str = "") -> None:
        """Assert that a live number lies near the stored one, and print the stored one.

        Args:
            name: what the number is; unique within the session.
            live: the number of this run.
            rtol: half the width of the band, relative to the stored number; 0.1 is 10 %.
            unit: printed behind the number.

        Raises:
            AssertionError: if the live number lies outside the band.
            LookupError: if no number is stored under this name.
        """
        if os.environ.get("COURSE_RECORD"):
            _record(self.session, name, float(live))
        stored = _stored(self.session, name)
        low, high = sorted((stored * (1 - rtol), stored * (1 + rtol)))
        assert low <= float(live) <= high, (
            f"{name}: live {float(live):.4g} {unit}, stored {stored:.4g} {unit}, "
            f"outside the band from {low:.4g} to {high:.4g} ({100 * rtol:g} %)"
        )
        print(f"{name}: {f'{stored:.3g} {unit}'.strip()} (live run within {100 * rtol:g} %)")


def setup(*, session: int | None = None, seed: int = 0) -> Course:
    """Bring random numbers, threads, dtype and device to the state all notebooks start from.

    Random numbers are seeded, one thread and deterministic algorithms are chosen, float64 is the default.
    Prints the tick-list of the session's exercises.

    Args:
        session: number of the session; None on a page that belongs to none.
        seed: of python's, numpy's and torch's global random numbers.

    Returns:
        the device, and `expect` for the numbers of this session.
    """
    # read by CUDA when it starts: without it, deterministic matrix products are refused on a GPU
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # some operations have no deterministic form on GPUs: there a warning must do
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    state = f"{device}: float64, one thread, seed {seed}."
    if session is None:
        print(f"On {state}")
        return Course(session, device)
    exercises = of_session(session)
    print(f"Session {session} on {state} Exercises: {len(exercises)}")
    for exercise in exercises:
        print(f"  ☐ {exercise}")
    return Course(session, device)


def _stored(session: int | None, name: str) -> float:
    try:
        return _read()[str(session)][name]
    except KeyError:
        raise LookupError(
            f"No number is stored for {name!r} of session {session}. "
            "Run `make notebooks`: it stores the numbers of its own run."
        ) from None


def _record(session: int | None, name: str, live: float) -> None:
    if not np.isfinite(live):
        raise ValueError(f"live: {name} is {live}, which is no number to store")
    everything = _read()
    everything.setdefault(str(session), {})[name] = live
    temporary = EXPECTED.with_suffix(".tmp")
    temporary.write_text(
        json.dumps(everything, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    os.replace(temporary, EXPECTED)


def _read() -> dict[str, dict[str, float]]:
    return json.loads(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.exists() else {}

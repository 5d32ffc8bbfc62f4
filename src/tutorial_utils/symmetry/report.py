"""Equivariance reports: which symmetry law a function breaks, for which irrep, and by how much.

A law is f(g x) = g f(x): what is done to the input must be seen in the output.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from torch import Tensor
from torch_geometric.data import Batch, Data

from tutorial_utils.symmetry import outputs, transformations
from tutorial_utils.symmetry.laws import Law, laws_for
from tutorial_utils.symmetry.suspects import suspect
from tutorial_utils.symmetry.trials import Scale, Trial, blocks

# Largest error that counts as round-off, relative to the output.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 1e-1}
# Failures that miss by no less than this share of the worst are as bad; the first of them is named.
AS_BAD = 0.01
# So many times all inputs are tried again, where a law fails: chance may strike seldom.
AGAIN = 3
# So many times the last digit counts as round-off; an output of no more than so many is nothing else.
ROUND_OFF, NOTHING_ELSE = 10, 1000

# Said with an exception of the function under test.
_CALLED = (
    "f was called with a copy of x alone, a {}, without calculator and constraints. For other arguments "
    "give a lambda, such as lambda atoms: model(torch.tensor(atoms.numbers), "
    "torch.tensor(atoms.positions)); for a calculator symmetry.of_calculator"
)


@dataclass(frozen=True)
class Report:
    """What `equivariance_report` found; print it.

    Attributes:
        errors: largest error by (law, irrep), beyond round-off; relative to the size of that irrep's output,
            for scalars to how much they differ between the inputs tried.
        tolerance: largest error that counts as round-off.
        vacuous: irreps that pass only because their output is zero or constant.
        suspect: a sentence on the likely cause of `first_failure`, or of a vacuous pass.
    """

    errors: Mapping[tuple[str, str], float]
    tolerance: float
    vacuous: tuple[str, ...] = ()
    suspect: str = ""

    @property
    def first_failure(self) -> tuple[str, str] | None:
        """The law to mend first and its irrep: the first that misses about as much as the worst, or None."""
        failures = {key: e for key, e in self.errors.items() if not e <= self.tolerance}
        worst = max((np.inf if np.isnan(e) else e for e in failures.values()), default=0.0)
        return next((key for key, e in failures.items() if not e < AS_BAD * worst), None)

    @property
    def passed(self) -> bool:
        """Whether every law holds; look at `vacuous` too."""
        return self.first_failure is None

    def __str__(self) -> str:
        laws = list(dict.fromkeys(law for law, _ in self.errors))
        irreps = list(dict.fromkeys(ir for _, ir in self.errors))
        lines = ["irrep " + "".join(f"{law:>13}" for law in laws)]
        for ir in irreps:
            shown = "".join(f"{self._shown(law, ir):>13}" for law in laws)
            lines.append(f"{ir:<6}{shown}" + ("  VACUOUS" if ir in self.vacuous else ""))
        return "\n".join([*lines, self._verdict()])

    __repr__ = __str__

    def _shown(self, law: str, ir: str) -> str:
        error = self.errors[law, ir]
        return f"< {self.tolerance:.0e}" if error <= self.tolerance else f"{error:.1e} !"

    def _verdict(self) -> str:
        if self.first_failure:
            law, ir = self.first_failure
            return f"FAILED: {law} of {ir}, error {self.errors[law, ir]:.1e}. Suspect: {self.suspect}"
        if self.vacuous:
            return f"VACUOUS for {', '.join(self.vacuous)}: {self.suspect}"
        return "passed"


def equivariance_report(
    f: Callable[[Any], Any],
    x: Any,
    irreps_out: o3.Irreps | str,
    *,
    irreps_in: o3.Irreps | str | None = None,
    per: Literal["system", "atom"] = "system",
    size: Literal["intensive", "extensive"] | None = None,
    group: Literal["O(3)", "SO(3)"] = "O(3)",
    laws: Sequence[Law | str] | None = None,
    tolerance: float | None = None,
    trials: int = 5,
    seed: int = 0,
) -> Report:
    """Test whether a function obeys the laws of symmetry.

    Each law is tried on the input and on slightly deformed copies of it, so that a symmetric input
    cannot hide a fault. Give atoms rather than a graph where the building of the graph is to be
    tested too. Put a model with dropout into ``eval()`` first.

    Scalars are measured by how much they differ between these inputs, so that a reference energy hides
    nothing; other irreps by their largest component. Beyond ``tolerance`` times that, ten times the last
    digit of the output counts as round-off, and ten times what the output changes by when the input
    changes in its last digit.

    Args:
        f: the function or model; for an ASE calculator `of_calculator`. A network of `tutorial_utils.nn` is
            given atoms as graphs.
        x: ``ase.Atoms``, a graph of `to_graph`, or a tensor (..., irreps_in.dim); anything else with
            ``laws`` of its own.
        irreps_out: how the output transforms.
        irreps_in: how a tensor ``x`` transforms.
        per: for a structure, one output a system, shape (dim,) or (1, dim), or one an atom, (atoms, dim).
        size: for a periodic structure and ``per="system"``, whether the output is the same for n cells
            (intensive) or n times larger (extensive); None leaves the supercell law out.
        group: "SO(3)" for a model that was never meant to obey inversion: leaves parity out.
        laws: names of laws, or laws of your own (see `Law`); None takes every law of `LAWS` that applies.
        tolerance: largest relative error that counts as round-off; None takes `TOLERANCE` of the dtype.
        trials: number of inputs, the first is ``x`` itself.
        seed: of the transformations and deformations.

    Returns:
        The report.

    Raises:
        ValueError: where arguments do not fit each other, or the output does not fit ``irreps_out``.
    """
    irreps = o3.Irreps(irreps_out).remove_zero_multiplicities()
    _check_kinds(x, laws, tolerance)
    _check(x, irreps, irreps_in, per=per, size=size, group=group, trials=trials)
    chosen = _chosen(laws, x, irreps_in, irreps, per=per, size=size, group=group)
    rng = np.random.default_rng(seed)
    inputs = [x] + [_deformed(x, chosen, rng) for _ in range(trials - 1)]
    with _noted(_CALLED.format(type(x).__name__)):
        evaluate = partial(outputs.evaluate, outputs.for_input(f, x), irreps=irreps, per=per)
        pairs = [(each, evaluate(each)) for each in inputs]
    records = {law.name: [_try(law, evaluate, *pair, rng) for pair in pairs] for law in chosen}
    dtype = _precision(x, [y for _, y in pairs])
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    last = torch.finfo(dtype)
    seen = _Seen(irreps, pairs, records, _noise(evaluate, pairs, dtype, rng), last.eps, last.eps * last.tiny)
    scales = {ir: seen.scale(o3.Irrep(ir)) for ir in dict.fromkeys(str(ir) for _, ir in irreps)}
    errors = {(law, ir): seen.error(law, ir, scales[ir]) for law in records for ir in scales}
    passing = [ir for ir in scales if all(e <= tolerance for (_, i), e in errors.items() if i == ir)]
    reasons = {ir: reason for ir in passing if (reason := seen.vacuous(ir, scales[ir]))}
    report = Report(errors, tolerance, tuple(reasons), " ".join(reasons.values()))
    if report.first_failure is None:
        return report
    again = (torch.nan_to_num(evaluate(each)) - torch.nan_to_num(y) for each, y in AGAIN * pairs)
    if any(not s.error(_largest([y], irreps, ir)) <= tolerance for y in again for ir, s in scales.items()):
        return replace(
            report,
            suspect="the same input gives another output each time: dropout (call model.eval()), or weights "
            "that are drawn anew in each call?",
        )
    law, ir = report.first_failure
    sentence = suspect(law, o3.Irrep(ir), irreps, records[law], size=size, scale=scales[ir])
    return replace(report, suspect=sentence + (_unturned(x) if law in ("rotation", "parity") else ""))


def _unturned(x: Any) -> str:
    """Name vectors that a structure carries along, and that stay as they are when it turns."""
    if not isinstance(x, Atoms):
        return ""
    found = [name for name, rows in x.arrays.items() if name != "positions" and rows.shape[1:] == (3,)]
    if not found:
        return ""
    return (
        f" Or does f use {' and '.join(found)}, vectors that the atoms carry? They were not turned: a law "
        "of your own has to do it, see symmetry.Law."
    )


@contextmanager
def _noted(note: str) -> Iterator[None]:
    """Say, with an exception of the function under test, what it was doing."""
    try:
        yield
    except Exception as error:
        error.add_note(f"equivariance_report: {note}")
        raise


def _check(
    x: Any,
    irreps: o3.Irreps,
    irreps_in: o3.Irreps | str | None,
    *,
    per: str,
    size: str | None,
    group: str,
    trials: int,
) -> None:
    """Refuse arguments that do not fit each other."""
    if irreps.dim == 0:
        raise ValueError(f"irreps_out: expected at least one output, got {irreps!r}")
    if trials < 2:
        raise ValueError(f"trials: expected two at least (the input and a deformed copy), got {trials}")
    if per not in ("system", "atom"):
        raise ValueError(f'per: expected "system" or "atom", got {per!r}')
    if size not in (None, "intensive", "extensive"):
        raise ValueError(f'size: expected None, "intensive" or "extensive", got {size!r}')
    if group not in ("O(3)", "SO(3)"):
        raise ValueError(f'group: expected "O(3)" or "SO(3)", got {group!r}')
    if isinstance(x, Batch):
        raise ValueError("x: one structure at a time, not a batch; use batch.to_data_list()")
    periodic = isinstance(x, Atoms | Data) and transformations.pbc_of(x).any()
    if size and (per == "atom" or not periodic):
        raise ValueError(
            f'size: {size!r} needs a periodic structure and per="system"; leave it out, or give a crystal'
        )
    if irreps_in is not None and not isinstance(x, Tensor):
        raise ValueError(f"irreps_in: only for a tensor, but x is of type {type(x).__name__}")
    if irreps_in is not None and x.shape[-1:] != (o3.Irreps(irreps_in).dim,):
        raise ValueError(
            f"x: expected (..., {o3.Irreps(irreps_in).dim}) for {irreps_in}, got {tuple(x.shape)}"
        )


def _check_kinds(x: Any, laws: Sequence[Law | str] | None, tolerance: float | None) -> None:
    """Refuse inputs that no law of `LAWS` knows, unless other laws are given; and texts, and no tolerance."""
    if not isinstance(x, Atoms | Data | Tensor) and laws is None:
        got = f"a {type(x).__name__}{_reading(x)}"
        raise ValueError(f"x: expected an ase.Atoms, a graph or a tensor, got {got}")
    if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()) and laws is None:
        raise ValueError(f"x: expected a tensor of a floating dtype, got {x.dtype}; give x.double()")
    if isinstance(laws, str):
        raise ValueError(f"laws: expected a list of names, such as [{laws!r}], got a text")
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"tolerance: expected a relative error, 0 or more, got {tolerance}")


def _reading(x: Any) -> str:
    """Say how to come from something else to an input."""
    if isinstance(x, str | Path):
        return "; ase.io.read(path) reads a file"
    if isinstance(x, np.ndarray):
        return "; torch.as_tensor(x) makes one"
    if isinstance(x, list | tuple):
        return "; one structure at a time"
    return "; the function comes first, then its input" if callable(x) else ""


def _chosen(
    laws: Sequence[Law | str] | None,
    x: Any,
    irreps_in: o3.Irreps | str | None,
    irreps: o3.Irreps,
    *,
    per: str,
    size: str | None,
    group: str,
) -> list[Law]:
    """The laws to test."""
    given = None if irreps_in is None else o3.Irreps(irreps_in)
    known = {law.name: law for law in laws_for(x, given, irreps, per=per, size=size, group=group)}
    chosen: list[Law] = []
    for law in known if laws is None else laws:
        if isinstance(law, str) and law not in known:
            raise ValueError(f"laws: {law!r} does not apply here; these do: {sorted(known)}")
        chosen.append(known[law] if isinstance(law, str) else law)
    if not chosen:
        raise ValueError(
            f"laws: none to test on a {type(x).__name__}; give irreps_in= for a tensor, or laws=[Law(...)]"
        )
    return chosen


def _deformed(x: Any, laws: Sequence[Law], rng: np.random.Generator) -> Any:
    """A slightly different input."""
    own = [law.deform for law in laws if law.deform is not None]
    if own:
        return own[0](rng, x)
    if isinstance(x, Atoms | Data):
        return transformations.deform(x, rng)
    if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()):
        size = x.abs().square().mean().sqrt() or 1.0
        return x + 0.3 * size * torch.as_tensor(rng.normal(size=tuple(x.shape))).to(x)
    raise ValueError(f"laws: how to deform a {type(x).__name__}? Give one of the laws a Law(deform=...)")


def _try(law: Law, evaluate: Callable[[Any], Tensor], x: Any, y: Tensor, rng: np.random.Generator) -> Trial:
    """Transform the input, and compare."""
    g = law.sample(rng, x)
    with _noted(f"the law {law.name}, with {g!r}; on the input as it was given, f works"):
        after = evaluate(law.act_in(g, x))
    return Trial(g, y, after, law.act_out(g, y), law.act_out)


def _noise(
    evaluate: Callable[[Any], Tensor], pairs: Sequence[tuple], dtype: torch.dtype, rng: np.random.Generator
) -> list[Tensor]:
    """By how much outputs change when the (deformed) input changes in its last digit: their round-off."""
    changes = []
    for x, y in pairs[1:3]:
        eps = torch.finfo(dtype).eps
        if isinstance(x, Atoms | Data):
            changes.append(evaluate(transformations.nudge(x, eps, rng)) - y)
        elif isinstance(x, Tensor) and x.is_floating_point():
            noise = torch.as_tensor(rng.normal(size=tuple(x.shape))).to(x)
            changes.append(evaluate(x + eps * x.abs().max() * noise) - y)
    return changes


def _precision(x: Any, ys: Sequence[Tensor]) -> torch.dtype:
    """The coarsest dtype of input and output; numbers that all are float32 came from a float32 model."""
    tensors = [ys[0], x.pos] if isinstance(x, Data) else [ys[0], x] if isinstance(x, Tensor) else [ys[0]]
    found = {t.real.dtype for t in tensors} & set(TOLERANCE)
    y = torch.cat([torch.view_as_real(y).flatten() if y.is_complex() else y.flatten() for y in ys])
    if (y == y.float()).all() and (y != y.round()).any():
        found.add(torch.float32)
    return max(found, key=lambda dtype: TOLERANCE[dtype])


def _largest(outputs: Sequence[Tensor], irreps: o3.Irreps, ir: o3.Irrep | str) -> float:
    """The largest component of an irrep, not a number if any is none."""
    sizes = [blocks(y, irreps, o3.Irrep(ir)).abs().max() for y in outputs]
    return float(torch.stack(sizes).max()) if sizes else 0.0


@dataclass(frozen=True, eq=False)
class _Seen:
    """All outputs that were seen, and what may be said about one irrep of them."""

    irreps: o3.Irreps
    pairs: Sequence[tuple[Any, Tensor]]
    records: Mapping[str, Sequence[Trial]]
    noise: Sequence[Tensor]
    eps: float
    tiny: float

    def error(self, law: str, ir: str, scale: Scale) -> float:
        """Largest error of one law."""
        away = [t.after - t.expected for t in self.records[law]]
        return scale.error(_largest(away, self.irreps, ir))

    def scale(self, ir: o3.Irrep) -> Scale:
        """What errors are measured by; an infinite floor where nothing but round-off is left."""
        outputs = [y for trials in self.records.values() for t in trials for y in (t.before, t.after)]
        size, noise = (_largest(ys, self.irreps, ir) for ys in (outputs, self.noise))
        if size == 0 or (size <= NOTHING_ELSE * noise and size < self.eps**0.5):
            return Scale(0.0, np.inf)
        # A function that jumps changes by much more than round-off: this must not hide its faults.
        floor = ROUND_OFF * (self.eps * size + min(noise, self.eps ** (1 / 3) * size) + self.tiny)
        spread = self.spread(ir)
        return Scale(size if ir.l else spread if spread > floor else 0.0, floor)

    def spread(self, ir: o3.Irrep | str) -> float:
        """How far outputs are from their mean over the inputs."""
        values = torch.stack([blocks(y, self.irreps, o3.Irrep(ir)) for _, y in self.pairs])
        return float((values - values.mean(dim=0)).abs().max())

    def vacuous(self, ir: str, scale: Scale) -> str:
        """What to say about an output that is zero, or the same for all inputs; empty for others."""
        if scale.floor == np.inf:
            return (
                f"the {ir} output is zero for every input tried: no path leads to it, a last layer is still "
                "zero, or every such input is too symmetric (a planar molecule has no 0o)."
            )
        if self.spread(ir) <= scale.floor:
            first, *others = (blocks(y, self.irreps, o3.Irrep(ir)) for _, y in self.pairs)
            if self.eps > torch.finfo(torch.double).eps and not all(torch.equal(first, y) for y in others):
                return (
                    f"the {ir} output changes by no more than its own round-off between the inputs tried: "
                    "does the geometry enter? Call the model in double precision to see."
                )
            return f"the {ir} output is the same for every input tried: the geometry does not enter."
        return ""

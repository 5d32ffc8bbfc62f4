"""Equivariance reports: which symmetry law a function breaks, for which irrep, and by how much.

A law is f(g x) = g f(x): what is done to the input must be seen in the output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Batch, Data

from tutorial_utils.symmetry import transformations
from tutorial_utils.symmetry.laws import Law, laws_for
from tutorial_utils.symmetry.suspects import Trial, blocks, suspect

# Largest error that counts as round-off, relative to the output.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 1e-1}


@dataclass(frozen=True)
class Report:
    """What `equivariance_report` found; print it.

    Attributes:
        errors: largest error by (law, irrep), relative to the size of that irrep's output.
        tolerance: largest error that counts as round-off.
        vacuous: irreps that pass only because their output is zero or constant.
        suspect: a sentence on the likely cause of the first failure, or of a vacuous pass.
    """

    errors: Mapping[tuple[str, str], float]
    tolerance: float
    vacuous: tuple[str, ...] = ()
    suspect: str = ""

    @property
    def first_failure(self) -> tuple[str, str] | None:
        """The first law that fails and its irrep; None where all hold."""
        return next((key for key, error in self.errors.items() if not error <= self.tolerance), None)

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
    laws: Sequence[Law | str] | None = None,
    tolerance: float | None = None,
    trials: int = 5,
    seed: int = 0,
) -> Report:
    """Test whether a function obeys the laws of symmetry.

    Each law is tried on the input and on slightly deformed copies of it, so that a symmetric input
    cannot hide a fault. Give atoms rather than a graph where the building of the graph is to be
    tested too. Put a model with dropout into ``eval()`` first.

    Args:
        f: the function or model.
        x: ``ase.Atoms``, a graph of `to_graph`, or a tensor (..., irreps_in.dim); anything else with
            ``laws`` of its own.
        irreps_out: how the output transforms.
        irreps_in: how a tensor ``x`` transforms.
        per: for a structure, one output a system, shape (dim,) or (1, dim), or one an atom, (atoms, dim).
        size: for a periodic structure and ``per="system"``, whether the output is the same for n cells
            (intensive) or n times larger (extensive); None leaves the supercell law out.
        laws: names of laws, or laws defined elsewhere; None takes every law of `LAWS` that applies.
        tolerance: largest relative error that counts as round-off; None takes `TOLERANCE` of the dtype.
        trials: number of inputs, the first is ``x`` itself.
        seed: of the transformations and deformations.

    Returns:
        The report.

    Raises:
        ValueError: where arguments do not fit each other, or the output does not fit ``irreps_out``.
    """
    irreps = o3.Irreps(irreps_out).remove_zero_multiplicities()
    _check(x, irreps, irreps_in, per, size, trials)
    chosen = _chosen(laws, x, irreps_in, irreps, per, size)
    rng = np.random.default_rng(seed)
    inputs = [x] + [_deformed(x, chosen, rng) for _ in range(trials - 1)]
    evaluate = partial(_evaluate, f, irreps=irreps, per=per)
    pairs = [(each, evaluate(each)) for each in inputs]
    records = {law.name: [_try(law, evaluate, *pair, rng) for pair in pairs] for law in chosen}
    sizes = _sizes([y for trials in records.values() for t in trials for y in (t.before, t.after)], irreps)
    tolerance = _tolerance(x, pairs[0][1]) if tolerance is None else tolerance
    errors = _errors(records, irreps, sizes)
    passing = [
        ir for ir in sizes if all(error <= tolerance for (_, other), error in errors.items() if other == ir)
    ]
    reasons = _vacuous([y for _, y in pairs], irreps, {ir: sizes[ir] for ir in passing})
    report = Report(errors, tolerance, tuple(reasons), " ".join(reasons.values()))
    if report.first_failure is None:
        return report
    if not torch.allclose(evaluate(x), pairs[0][1], rtol=tolerance, equal_nan=True):
        return replace(
            report, suspect="the same input gives another output each time: dropout? Call model.eval()."
        )
    law, ir = report.first_failure
    return replace(report, suspect=suspect(law, o3.Irrep(ir), irreps, records[law], size=size))


def _check(
    x: Any, irreps: o3.Irreps, irreps_in: o3.Irreps | str | None, per: str, size: str | None, trials: int
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


def _chosen(
    laws: Sequence[Law | str] | None,
    x: Any,
    irreps_in: o3.Irreps | str | None,
    irreps: o3.Irreps,
    per: str,
    size: str | None,
) -> list[Law]:
    """The laws to test."""
    given = None if irreps_in is None else o3.Irreps(irreps_in)
    known = {law.name: law for law in laws_for(x, given, irreps, per=per, size=size)}
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


def _evaluate(f: Callable[[Any], Any], x: Any, *, irreps: o3.Irreps, per: str) -> Float[Tensor, "*rows dim"]:
    """Call the function on a copy and lay its output out as (..., dim)."""
    copy = x.copy() if isinstance(x, Atoms) else x.clone() if isinstance(x, Data | Tensor) else x
    y = torch.as_tensor(f(copy)).detach()
    if not (y.is_floating_point() or y.is_complex()):
        y = y.to(torch.get_default_dtype())
    shape = tuple(y.shape)
    if isinstance(x, Atoms | Data):
        rows = len(transformations.positions_of(x)) if per == "atom" else 1
        fits, expected = y.numel() == rows * irreps.dim, f"({rows}, {irreps.dim})"
        fits = fits and (per == "system" or y.shape[:1] == (rows,))
        y = y.reshape(rows, irreps.dim) if fits else y
    else:
        y = y[..., None] if irreps.dim == 1 and shape[-1:] != (1,) else y
        fits, expected = y.shape[-1:] == (irreps.dim,), f"(..., {irreps.dim})"
    if not fits:
        raise ValueError(f"f: its output has the shape {shape}, expected {expected} for {irreps} per {per}")
    return y


def _try(law: Law, evaluate: Callable[[Any], Tensor], x: Any, y: Tensor, rng: np.random.Generator) -> Trial:
    """Transform the input, and compare."""
    g = law.sample(rng, x)
    return Trial(g, y, evaluate(law.act_in(g, x)), law.act_out(g, y), law.act_out)


def _sizes(outputs: Sequence[Tensor], irreps: o3.Irreps) -> dict[str, float]:
    """Largest component by irrep; zero where nothing but round-off is left."""
    zero = 100 * torch.finfo(outputs[0].dtype).eps
    sizes = {}
    for ir in dict.fromkeys(ir for _, ir in irreps):
        size = float(torch.stack([blocks(y, irreps, ir).abs().max() for y in outputs]).max())
        sizes[str(ir)] = 0.0 if size < zero else size
    return sizes


def _errors(
    records: Mapping[str, Sequence[Trial]], irreps: o3.Irreps, sizes: Mapping[str, float]
) -> dict[tuple[str, str], float]:
    """Largest error by law and irrep, relative to the irrep's largest output anywhere."""
    errors = {}
    for law, trials in records.items():
        for ir, size in sizes.items():
            away = torch.stack(
                [blocks(t.after - t.expected, irreps, o3.Irrep(ir)).abs().max() for t in trials]
            )
            errors[law, ir] = 0.0 if size == 0 else float(away.max()) / size
    return errors


def _vacuous(outputs: Sequence[Tensor], irreps: o3.Irreps, sizes: Mapping[str, float]) -> dict[str, str]:
    """Irreps whose output is zero, or the same for all the deformed inputs, with what to say about each."""
    reasons = {}
    for ir, size in sizes.items():
        values = torch.stack([blocks(y, irreps, o3.Irrep(ir)) for y in outputs])
        if size == 0:
            reasons[ir] = (
                f"the {ir} output is zero for every input tried: no path leads to it, or every such input is "
                "too symmetric (a planar molecule has no 0o)."
            )
        elif (values - values[0]).abs().max() < 100 * torch.finfo(values.dtype).eps * size:
            reasons[ir] = f"the {ir} output is the same for every input tried: the geometry does not enter."
    return reasons


def _tolerance(x: Any, y: Tensor) -> float:
    """The tolerance of the coarser dtype of input and output."""
    tensors = [y, x.pos] if isinstance(x, Data) else [y, x] if isinstance(x, Tensor) else [y]
    return max(TOLERANCE[t.real.dtype] for t in tensors if t.real.dtype in TOLERANCE)

"""Exercise 4.7: four smooth numbers that tell three crystals and their melts apart."""

from collections.abc import Callable

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from tutorial_utils import datasets, symmetry
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong, tensor
from tutorial_utils.exercises.session_04 import cases

PHASES = ("fcc", "hcp", "bcc", "liquid")


@exercise(
    "4.7",
    title="Four smooth numbers for a phase",
    hint=[
        "Invariants of the mean over neighbours: l = 4 and 6 of the power spectrum and of the bispectrum.",
        "Weigh the neighbours by descriptors.smooth_cutoff, in c and in the mean: then nothing jumps.",
    ],
)
def four_numbers(answer: Callable[[Atoms], Tensor]) -> str:
    """Try the laws on hot silver, then fit on three metals and test on three others."""
    frames = datasets.load("phases")
    chosen = cases.warm_frames(frames)
    hot = frames.structures[next(n for n in chosen if frames.structures[n].symbols[0] == "Ag")]
    reference = _invariants(answer, hot)
    _obey(answer, hot, reference)
    _smooth(answer, hot)
    x = {n: _invariants(answer, frames.structures[n]) for n in chosen}
    accuracy, worst = cases.unseen_metals(frames, x, PHASES)
    if accuracy < 0.95:
        raise Wrong(
            f"All laws hold, but only {accuracy:.0%} of the atoms of unseen metals are right; often {worst}. "
            "Suspect heat: take the mean over neighbours before the invariants, not after, or choose others."
        )
    return f"{accuracy:.1%} of the atoms of three unseen metals, with {reference.shape[1]} numbers each."


def _invariants(answer: Callable[[Atoms], Tensor], atoms: Atoms) -> Tensor:
    x = tensor(answer(atoms), "What you return")
    if x.ndim != 2 or len(x) != len(atoms) or not 1 <= x.shape[1] <= 4:
        raise Wrong(f"{len(atoms)} atoms: expected a shape ({len(atoms)}, k), k <= 4; got {tuple(x.shape)}.")
    if not torch.isfinite(x).all():
        raise Wrong("some of your numbers are not finite. Suspect a division by a sum that can be zero.")
    return x


def _obey(answer: Callable[[Atoms], Tensor], atoms: Atoms, reference: Tensor) -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(atoms))
    turned = symmetry.rotate(atoms, symmetry.random_rotation(rng))
    inflated = atoms.copy()
    inflated.set_cell(1.1 * atoms.cell.array, scale_atoms=True)
    cases = {
        "rotation": (turned, reference, "Suspect coordinates, or components that are not summed over m."),
        "inversion": (
            symmetry.invert(atoms),
            reference,
            "Suspect a product with an odd sum of degrees: a pseudoscalar.",
        ),
        "permutation": (symmetry.permute(atoms, order), reference[order], "Suspect the order of the list."),
        "change of density": (inflated, reference, "Suspect a cutoff in Å: measure lengths by (V/N)^⅓."),
    }
    for law, (moved, wanted, suspect) in cases.items():
        error = (_invariants(answer, moved) - wanted).abs().max() / reference.abs().max().clamp(min=1e-12)
        if error > 1e-6:
            raise Wrong(f"{law} changes your numbers, by {error:.1e} of the largest. {suspect}")


def _smooth(answer: Callable[[Atoms], Tensor], atoms: Atoms) -> None:
    """Move all atoms by a little and by a tenth of it: a smooth function changes by a tenth, atom by atom."""
    direction = np.random.default_rng(0).normal(size=(len(atoms), 3))
    here, changes = _invariants(answer, atoms), []
    for step in (1e-2, 1e-3):  # Å
        moved = atoms.copy()
        moved.positions += step * direction
        changes.append(_invariants(answer, moved) - here)
    surprise = (10 * changes[1] - changes[0]).abs().amax(dim=0)
    if (surprise > 0.5 * changes[0].abs().amax(dim=0)).any():
        raise Wrong(
            "Your numbers jump: where all atoms move by about 0.01 Å, they do not change ten times as much "
            "as where they move by 0.001 Å. A biased simulation needs their gradient. Suspect a list of "
            "neighbours without smooth weights: an atom that enters it counts in full."
        )

"""Exercise 5.7: shifts of the energy for labels with another zero."""

from collections.abc import Callable, Sequence

import numpy as np

from tutorial_utils.exercises.engine import Wrong, exercise

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
        given = [counts.copy(), E_label.copy(), E_model.copy(), start.copy()]
        found = np.asarray(answer(*given), dtype=float)
        if found.shape != start.shape:
            raise Wrong(f"{name}: expected one shift for each of {len(start)} elements, got {found.shape}.")
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
        if np.allclose(found - old, (found - old)[0], rtol=1e-6):
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

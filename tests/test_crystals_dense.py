"""Small-gap crystals: the mesh is refined until the frequencies settle, then the supercell grows."""

import json
from pathlib import Path

import crystals_dense
import numpy as np
import pytest


@pytest.fixture
def computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Store a record of a step, its forces scaled."""
    used = json.loads((crystals_dense.USED / "Ge.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(crystals_dense, "FOLDER", tmp_path)

    def store(step: str, spacing: float, scale: float) -> None:
        moves = [m | {"forces": (scale * np.array(m["forces"])).tolist()} for m in used["displacements"]]
        record = used | {"displacements": moves, "settings": {"kpoint_spacing": spacing}}
        (tmp_path / f"Ge_{step}.json").write_text(json.dumps(record), encoding="utf-8")

    return store


def test_steps_follow_until_the_frequencies_settle(computed) -> None:
    step = crystals_dense.next_step
    assert step("Ge") == ("spacing-0.5", {"finer": 0.5})
    computed("spacing-0.5", 0.5, 1.0)
    assert step("Ge")[0] == "spacing-0.35"
    computed("spacing-0.35", 0.35, 1.1)  # the frequencies move by 5 %
    assert step("Ge")[0] == "spacing-0.25"
    computed("spacing-0.25", 0.25, 1.11)
    name, settings = step("Ge")
    assert name == "supercell"
    assert settings == {"finer": pytest.approx(0.25 / 0.35), "more_repeats": 1}
    computed("supercell", 0.35, 1.11)
    assert step("Ge") is None


def test_frequencies_of_a_scaled_crystal(computed) -> None:
    computed("spacing-0.5", 0.5, 1.0)
    computed("spacing-0.35", 0.35, 4.0)
    records = [crystals_dense.read("Ge", f"spacing-{spacing}") for spacing in (0.5, 0.35)]
    first, second = (np.array(crystals_dense.extremes(record)) for record in records)
    assert second == pytest.approx(2 * first)
    assert first[0] > 0

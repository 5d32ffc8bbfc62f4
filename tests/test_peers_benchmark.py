"""The networks that are held beside each other are comparable; nothing here takes the time."""

import json
from pathlib import Path

import pytest

STORED = Path(__file__).parents[1] / "benchmarks/peers.json"


def test_ratios_belong_to_the_times():
    compared = json.loads(STORED.read_text(encoding="utf-8"))["compared"]
    times, ratios = compared["milliseconds_per_graph"], compared["times_of_tutorial_utils"]
    assert {"tutorial_utils", "tutorial_utils, compiled", "nequip"} <= set(times) == set(ratios)
    for name, row in times.items():
        for kind, time in row.items():
            assert ratios[name][kind] == pytest.approx(time / times["tutorial_utils"][kind], rel=0.02)

"""Files of reference data are made by one process at a time, once; what fails is passed over."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from files import chosen, claim, compute_missing, fill_table, read_table

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from files import claim
with claim(Path(sys.argv[2])) as mine:
    print(mine)
"""


def claimed_elsewhere(path: Path) -> bool:
    """Ask another process whether it would make the file."""
    folder = Path(__file__).parents[1] / "reference_data"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def test_one_process_makes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "result.npz"
    with claim(path) as mine:
        assert mine and not claimed_elsewhere(path)
    assert claimed_elsewhere(path)  # given up without a result, it is free again
    path.touch()
    assert not claimed_elsewhere(path)
    with claim(path) as mine:
        assert not mine


def test_what_fails_is_named_and_the_rest_is_computed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    computed = []

    def compute(name: str) -> dict:
        computed.append(name)
        if name == "b":
            raise RuntimeError("no minimum")
        return {"name": name}

    for _ in range(2):
        compute_missing(tmp_path / "records", ["a", "b", "c"], compute)
    assert computed == ["a", "b", "c", "b"]
    assert capsys.readouterr().out == "b failed: no minimum\n" * 2
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "records").glob("*.json"))]
    assert records == [{"name": "a"}, {"name": "c"}]


def test_a_table_goes_on_where_it_stopped_and_grows(tmp_path: Path) -> None:
    output, columns, asked = tmp_path / "table.json", ("model", "seed", "error"), []

    def measure(model: str, seed: int) -> list[tuple[float]]:
        asked.append((model, seed))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return [(0.5 + seed,)]

    points = [("a", 0), ("b", 0)]
    with pytest.raises(KeyboardInterrupt):
        fill_table(output, columns, points, measure, raw=tmp_path / "raw")
    assert not output.exists()
    fill_table(output, columns, points, measure, raw=tmp_path / "raw")
    assert asked == [("a", 0), ("b", 0), ("b", 0)]
    fill_table(output, columns, [("a", 1), ("b", 0)], measure, raw=tmp_path / "raw")
    assert asked[3:] == [("a", 1)]
    assert read_table(output, columns) == [["a", 1, 1.5], ["b", 0, 0.5]]
    assert not any((tmp_path / "raw").iterdir())


def test_names_of_a_command_line() -> None:
    assert chosen([], ["Si", "MgO"]) == ["Si", "MgO"]
    assert chosen(["MgO"], ["Si", "MgO"]) == ["MgO"]
    with pytest.raises(SystemExit, match="unknown: XY; there are Si, MgO"):
        chosen(["MgO", "XY"], ["Si", "MgO"])

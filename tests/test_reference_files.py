"""Files of reference data are claimed by one process at a time, and by none once they are there."""

import subprocess
import sys
from pathlib import Path

from files import claim

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

"""The package where none of its extras is installed, and the time before it can be used."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What these are imported as, where it is not their name in small letters.
IMPORTED_AS = {"pyyaml": "yaml"}


def closure(lines: list[str]) -> set[str]:
    """Return the names of the libraries, and of all that they need themselves."""
    found, waiting = set(), [Requirement(line) for line in lines]
    while waiting:
        wanted = waiting.pop()
        if wanted.name.lower() in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(wanted.name.lower())
        waiting += [Requirement(line) for line in metadata.requires(wanted.name) or []]
    return found


def without_extras(then: str) -> subprocess.CompletedProcess:
    """Run Python as if nothing were installed but what the package itself asks for."""
    extras = PROJECT["optional-dependencies"]
    lines = [line for name, part in extras.items() if name != "all" for line in part]
    hidden = {Requirement(line).name.lower() for line in lines} - closure(PROJECT["dependencies"])
    names = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in hidden} | {"IPython"}
    # to the import system, a name that stands for None is a library that is not installed
    code = f"import sys, runpy\nsys.modules.update(dict.fromkeys({names}))\n{then}"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_every_module_imports_or_names_its_extra_and_the_line_to_type():
    done = without_extras(
        "try:\n    import tutorial_utils.densities.fitting\nexcept ImportError as error:\n    print(error)\n"
        'runpy.run_path("tools/import_all.py", run_name="__main__")'
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pip install 'tutorial-utils[dft]'" in done.stdout


def test_a_room_loads_only_what_it_works_with():
    """What draws, downloads or reads tables is not loaded; nor are torch and e3nn for work with arrays."""
    unwanted = {  # one process, so each loads what those before it have loaded
        "conventions": {"torch", "e3nn"},
        "groups": {"torch", "e3nn", "plotly", "pandas", "pooch"},
        "tensors": {"torch", "e3nn", "plotly", "pandas", "pooch"},
        "graphs": {"e3nn", "plotly", "pooch"},
        "symmetry": {"plotly", "py3Dmol", "pooch", "IPython", "pyscf", "nequip"},
    }
    code = "import sys\n" + "".join(
        f"import tutorial_utils.{room}; print(*set(sys.modules) & {heavy})\n"
        for room, heavy in unwanted.items()
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

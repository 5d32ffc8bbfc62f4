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


def test_every_module_imports_or_names_its_extra():
    done = without_extras('runpy.run_path("tools/import_all.py", run_name="__main__")')
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_library_comes_with_the_line_to_type():
    done = without_extras("import tutorial_utils.densities.fitting")
    assert "pip install 'tutorial-utils[dft]'" in done.stderr


def test_a_room_loads_only_what_it_works_with():
    """What draws, downloads or reads tables is not loaded; nor are torch and e3nn for work with arrays."""
    unwanted = {
        "symmetry": {"plotly", "py3Dmol", "pooch", "IPython", "pyscf", "nequip"},
        "groups": {"torch", "e3nn", "plotly", "pandas", "pooch"},
        "tensors": {"torch", "e3nn", "plotly", "pandas", "pooch"},
        "conventions": {"torch", "e3nn"},
        "graphs": {"e3nn", "plotly", "pooch"},
    }
    for room, heavy in unwanted.items():
        code = f"import sys, tutorial_utils.{room}; print(*set(sys.modules) & {heavy})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [], room


def test_users_of_the_package_get_its_types(tmp_path):
    """mypy knows the package's signatures: three planted mistakes of a user's program are found."""
    program = tmp_path / "program.py"
    program.write_text(
        "from ase.build import molecule\n"
        "from tutorial_utils import graphs, nn, symmetry\n"
        "graphs.to_graph(molecule('H2O'), cutoff='four')\n"
        "nn.EquivariantNetwork(elements=8, irreps_out='0e')\n"
        "symmetry.rotate(molecule('H2O'))\n"
    )
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert found == {3, 4, 5}, done.stdout

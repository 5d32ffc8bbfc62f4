"""`tools/set_up.sh` on machines where something is missing: what it says, and that it then stops."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("bash", "dirname", "basename", "cat", "grep", "tr", "cksum", "rm")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the set-up is a shell script")


class Machine:
    """A folder that plays a machine: its only programs are those that are put there."""

    def __init__(self, folder: Path):
        self.programs, self.course = folder / "bin", folder / "course"
        self.programs.mkdir()
        (self.course / "tools").mkdir(parents=True)
        for file in ("tools/set_up.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / file, self.course / file)
        for tool in TOOLS:
            self.programs.joinpath(tool).symlink_to(shutil.which(tool))

    def install(self, name: str, script: str = "") -> None:
        """Add a program: a shell script."""
        program = self.programs / name
        program.write_text(f"#!{self.programs}/bash\n{script}\n")
        program.chmod(0o755)

    def with_python(self) -> "Machine":
        """Add this test's own Python."""
        self.install("python3", f'exec {sys.executable} "$@"')
        return self

    def with_apt(self, user: int, script: str = "") -> "Machine":
        """Add Debian's package manager; user 0 is root."""
        self.install("id", f"echo {user}")
        self.install("apt-get", script)
        return self

    def set_up(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """Run the script as a user would, in the course's folder."""
        environment = {"PATH": str(self.programs), "HOME": os.environ.get("HOME", "/"), **variables}
        command = [str(self.programs / "bash"), "tools/set_up.sh", *arguments]
        return subprocess.run(command, cwd=self.course, env=environment, capture_output=True, text=True)

    def pretend_installed(self) -> Path:
        """Leave what a finished set-up leaves, with a Python that fails at anything but a trial."""
        (self.course / ".venv/bin").mkdir(parents=True)
        python = self.course / ".venv/bin/python"
        python.write_text(
            f'#!{self.programs}/bash\n[ "$*" = "-c " ] || {{ echo "asked for: $*"; exit 1; }}\n'
        )
        python.chmod(0o755)
        (self.course / ".venv/bin/activate").write_text(f"VIRTUAL_ENV={self.course}/.venv\n")
        sums = subprocess.run(
            ["cksum", "pyproject.toml", "constraints.txt"], cwd=self.course, capture_output=True, text=True
        )
        stamp = self.course / ".venv/.installed"
        stamp.write_text(f"{self.course} \n{sums.stdout}")
        return stamp


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_user_is_shown_the_line_to_type(machine):
    done = machine.with_python().with_apt(user=1000).set_up()
    assert done.returncode == 1
    assert "\n    sudo apt-get install g++ \n" in done.stderr
    assert not (machine.course / ".venv").exists()


def test_chromium_is_asked_for_by_the_tests_only(machine):
    machine.with_python().with_apt(user=1000).install("g++")
    machine.pretend_installed()
    assert machine.set_up().returncode == 0
    done = machine.set_up("--browser")
    assert done.returncode == 1
    assert "sudo apt-get install chromium" in done.stderr


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_any_chromium_will_do(machine, browser):
    machine.with_python().with_apt(user=1000).install("g++")
    machine.install(browser)
    machine.pretend_installed()
    assert machine.set_up("--browser").returncode == 0


def test_an_old_python_does_not_count(machine):
    machine.with_apt(user=1000).install("g++")
    machine.install("python3", "exit 1")
    done = machine.set_up()
    assert done.returncode == 1
    assert "sudo apt-get install python3 python3-venv" in done.stderr
    assert "Python 3.11 or newer" in done.stderr


def test_a_newer_python_is_found_beside_an_old_one(machine):
    machine.with_apt(user=1000).install("g++")
    machine.install("python3", "exit 1")
    machine.install("python3.12", f'exec {sys.executable} "$@"')
    machine.pretend_installed()
    assert machine.set_up().returncode == 0


def test_a_python_without_venv_needs_its_package(machine):
    machine.with_apt(user=1000).install("g++")
    machine.install("python3", "[[ $2 != *ensurepip* ]]")
    assert "sudo apt-get install python3-venv" in machine.set_up().stderr


def test_root_gets_the_packages_installed(machine):
    installed = f'echo "#!" > {machine.programs}/g++; {shutil.which("chmod")} +x {machine.programs}/g++'
    machine.with_python().with_apt(user=0, script=f'[ "$1" = update ] || {{ {installed}; }}')
    machine.pretend_installed()
    done = machine.set_up()
    assert done.returncode == 0
    assert "Installing system packages: g++" in done.stdout


def test_root_is_told_when_apt_does_not_have_it(machine):
    machine.with_python().with_apt(user=0).install("g++")
    done = machine.set_up("--browser")
    assert done.returncode == 1
    assert "Still missing after apt-get: chromium" in done.stderr
    assert "snap install chromium" in done.stderr


def test_another_system_is_told_what_to_install(machine):
    machine.with_python().install("id", "echo 0")
    done = machine.set_up()
    assert done.returncode == 1
    assert "your system's package manager: g++" in done.stderr


def test_a_second_set_up_does_nothing_until_something_changes(machine):
    machine.with_python().with_apt(user=1000).install("g++")
    stamp = machine.pretend_installed()
    assert machine.set_up().stdout == ""
    (machine.course / "constraints.txt").write_text("torch==2.13.0\n")
    done = machine.set_up()
    assert done.stdout.startswith("Installing torch==2.13.0")
    assert done.returncode == 1  # this Python cannot install anything
    assert not stamp.exists()


def test_torch_comes_first_and_from_the_index_that_was_given(machine):
    machine.with_python().with_apt(user=1000).install("g++")
    machine.pretend_installed().unlink()
    address = "https://example.org/cpu"
    asked = machine.set_up(TORCH_INDEX_URL=address).stdout.splitlines()[-1]
    assert asked.endswith(f"install --quiet torch==2.13.0 --index-url {address}")


def test_an_environment_that_was_moved_is_made_anew(machine):
    machine.with_apt(user=1000).install("g++")
    machine.install("python3", '[ "$1" != -m ] || echo "asked for: $*"')
    machine.pretend_installed()
    (machine.course / ".venv/.installed").write_text("made elsewhere")
    (machine.course / ".venv/bin/activate").write_text("VIRTUAL_ENV=/elsewhere/.venv\n")
    assert "asked for: -m venv --clear .venv" in machine.set_up().stdout

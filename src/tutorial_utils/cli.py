"""The command `tutorial-utils`: doctor, data list, data fetch, phonons evaluate.

Libraries are imported inside the functions: `doctor` has to answer where one is missing or broken.
"""

import argparse
import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

PACKAGE = "tutorial-utils"
MEMORY_GB = 3  # a notebook takes 2 GB at most, the browser and JupyterLab want the rest
CURE_INSTALL = "type: make venv (in the course's folder), or: pip install --upgrade tutorial-utils"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        what: what was looked at, and what was found.
        cure: what to do about it; None if all is well.
        fatal: whether the course cannot run like this.
    """

    what: str
    cure: str | None = None
    fatal: bool = False

    def __str__(self) -> str:
        if self.cure is None:
            return f"  ok       {self.what}"
        return f"  {'PROBLEM' if self.fatal else 'note   '}  {self.what}\n           -> {self.cure}"


def check_python() -> Iterator[Finding]:
    """Compare Python with the range in pyproject.toml."""
    from packaging.specifiers import SpecifierSet

    found, wanted = platform.python_version(), metadata.metadata(PACKAGE)["Requires-Python"]
    if SpecifierSet(wanted).contains(found, prereleases=True):
        yield Finding(f"Python {found}")
    else:
        yield Finding(f"Python {found} is outside {wanted}", "install Python 3.11 or newer", fatal=True)


def check_versions() -> Iterator[Finding]:
    """Compare each library with the range in pyproject.toml; those of an extra are no obstacle."""
    from packaging.requirements import Requirement

    good = 0
    for line in metadata.requires(PACKAGE) or []:
        wanted = Requirement(line)
        needed = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            if needed:
                yield Finding(f"{wanted.name} is not installed", CURE_INSTALL, fatal=True)
            continue
        if wanted.specifier.contains(found, prereleases=True):
            good += 1
        else:
            what = f"{wanted.name} {found} is outside {wanted.specifier}"
            yield Finding(what, f'type: pip install "{wanted.name}{wanted.specifier}"', fatal=needed)
    yield Finding(f"{good} libraries in the versions that the course accepts")


def check_imports() -> Iterator[Finding]:
    """Import what every notebook imports."""
    for name in ("torch", "e3nn", "torch_geometric", "tutorial_utils.datasets", "tutorial_utils.viz"):
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a broken library raises, the report goes on
            yield Finding(f"{name} cannot be imported: {error}", CURE_INSTALL, fatal=True)


def check_device() -> Iterator[Finding]:
    """Say what the notebooks will calculate on."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"
    yield Finding(f"torch {torch.__version__} calculates on {device}; {os.cpu_count()} CPU cores")


def check_data() -> Iterator[Finding]:
    """Load every bundled file, which compares its checksum with its card."""
    from tutorial_utils import datasets

    good = 0
    for name in datasets.names():
        if datasets.card(name).url is not None:
            continue
        try:
            datasets.load(name)
            good += 1
        except datasets.DatasetError as error:
            what, _, cure = str(error).partition("\n")
            yield Finding(what, cure.removeprefix("To cure it: ") or CURE_INSTALL, fatal=True)
    yield Finding(f"{good} data sets inside the package, as their cards say")


def check_memory() -> Iterator[Finding]:
    """Look at the machine's memory, where the system tells."""
    if not hasattr(os, "sysconf"):  # Windows
        return
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    if size >= MEMORY_GB:
        yield Finding(f"{size:.0f} GB of memory")
    else:
        yield Finding(f"{size:.1f} GB of memory", "close other programs, and run one notebook at a time")


def check_system_packages() -> Iterator[Finding]:
    """Look for programs that pip cannot install; session 1 runs without them."""
    if shutil.which("g++"):
        yield Finding("g++ (session 5 compiles a plugin)")
    else:
        yield Finding("no g++ (session 5 compiles a plugin)", "type: sudo apt-get install g++")
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))):
        yield Finding("Chromium (for the tests of the book)")
    else:
        what = "no Chromium (only the tests of the book need it)"
        yield Finding(what, "type: sudo apt-get install chromium")


def check_webgl() -> Iterator[Finding]:
    """WebGL lives in the reader's browser, out of sight from here: only a hint can be given."""
    hint = "if 3D figures stand still, look at about:gpu in the browser and switch WebGL on"
    yield Finding("WebGL, for 3D figures: whether the browser has it cannot be seen from here", hint)


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_versions,
    check_imports,
    check_device,
    check_data,
    check_memory,
    check_system_packages,
    check_webgl,
)


def doctor() -> int:
    """Print what was found, with a cure for each problem; 1 if the course cannot run."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check()
        except Exception as error:  # a check that needs a broken library: the report goes on
            what = f"{check.__name__.replace('_', ' ')} did not finish: {error}"
            findings.append(Finding(what, CURE_INSTALL, fatal=True))
    print("\n".join(str(finding) for finding in findings))
    bad = sum(finding.fatal for finding in findings)
    print(f"\n{bad} problems: the course cannot run like this." if bad else "\nThe course can run.")
    return int(bad > 0)


def list_data() -> int:
    """Print one line for each data set."""
    from tutorial_utils import datasets

    for name in datasets.names():
        card = datasets.card(name)
        place = "inside the package" if card.url is None else "downloaded when first used"
        print(f"{name:24}{place}; {card.licence}\n{'':24}{card.what}")
    return 0


def fetch_data(name: str) -> int:
    """Download a data set, or say what stands in the way."""
    from tutorial_utils import datasets

    try:
        print(repr(datasets.load(name)))
    except (ValueError, datasets.DatasetError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def evaluate_phonons(path: str) -> int:
    """Print how far the shipped ensemble is from the spectra of a file, or what is wrong with the file."""
    from tutorial_utils import datasets
    from tutorial_utils.phonons.evaluation import evaluate_file

    try:
        tables = evaluate_file(path)
    except (ValueError, datasets.DatasetError) as error:
        print(error, file=sys.stderr)
        return 1
    for part, table in tables.items():
        print(f"{part} crystals\n{table.to_string(float_format='{:.4f}'.format)}\n")
    print("raw, maximum: mean squared errors as predicted, and after division by the maximum;")
    print("mean_frequency in 1/cm, heat_capacity at 300 K in J/(K mol of atoms)")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog=PACKAGE, description="The course on symmetry-aware neural networks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="look whether the course can run here; each problem with its cure")
    data = commands.add_parser("data", help="the data sets of the course")
    actions = data.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="what there is")
    actions.add_parser("fetch", help="download one, to work offline later").add_argument("name")
    phonons = commands.add_parser("phonons", help="the networks of session 7")
    scores = phonons.add_subparsers(dest="action", required=True)
    evaluation = scores.add_parser("evaluate", help="score the shipped ensemble on published spectra")
    evaluation.add_argument("file", help="CSV as published, the files of its split beside it")
    chosen = parser.parse_args(arguments)
    if chosen.command == "doctor":
        return doctor()
    if chosen.command == "phonons":
        return evaluate_phonons(chosen.file)
    return list_data() if chosen.action == "list" else fetch_data(chosen.name)


if __name__ == "__main__":
    sys.exit(main())

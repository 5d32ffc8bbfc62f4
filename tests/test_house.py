"""The house rules that a linter does not know: who may import whom, and files that have to agree."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tutorial_utils import datasets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tutorial_utils"
MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = [
    path
    for folder in ("src", "tools", "reference_data", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
]
NAMED = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in MODULES
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Top first: a room may import from its own layer and from those below.
ABOVE = ({"cli", "notebook"}, {"exercises", "viz"})
BELOW = (
    {"nn", "descriptors", "tensors"},
    {"training", "graphs", "groups", "symmetry", "datasets"},
    {"arguments", "conventions", "elements", "extras", "structures"},
)
# Hooks that Sphinx and JupyterLab call; no room of the course imports them.
HOOKS = {"book_renderer", "lab_server"}
# These two serve every session, so they know none of them, and nothing of the layers beside them.
SESSION_FREE = {"datasets", "training"}

# The one reader of a pickle: it knows three harmless names, and tests hold it to that.
RESTRICTED = PACKAGE / "datasets/published_pickle.py"
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def room(path: Path) -> str:
    """Return the room of a module: the first name below tutorial_utils."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


# Between them the sessions, whatever their names.
SESSIONS = {room(path) for path in MODULES} - set().union(*ABOVE, *BELOW, HOOKS, {"__init__"})
LAYERS = (*ABOVE, SESSIONS, *BELOW)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_rooms(module: ast.Module) -> set[str]:
    """Return the rooms that a module imports from, inside functions too."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a thing comes from"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("tutorial_utils.")}
    return found & set.union(*LAYERS, HOOKS)


def layer(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if name in rooms)


def against_the_order(here: str, others: set[str]) -> set[str]:
    """Return the rooms that a room must not import from."""
    if here == "__init__":
        return others
    wrong = others & HOOKS
    if here not in HOOKS:
        wrong |= {name for name in others - HOOKS if layer(name) < layer(here)}
    if here in SESSION_FREE:
        wrong |= others - {"graphs"} - LAYERS[-1] - SESSION_FREE
    return wrong


def test_imports_run_one_way():
    wrong = {
        path.relative_to(PACKAGE).as_posix(): against_the_order(
            room(path), imported_rooms(tree(path)) - {room(path)}
        )
        for path in MODULES
    }
    assert {name: rooms for name, rooms in wrong.items() if rooms} == {}


def circles(wanted: dict[str, set[str]]) -> list[str]:
    """Return what imports itself, by way of others."""
    found, done = [], set()

    def reach(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            found.append(" -> ".join([*way[way.index(name) :], name]))
        elif name not in done:
            for other in wanted.get(name, ()):
                reach(other, (*way, name))
            done.add(name)

    for name in wanted:
        reach(name, ())
    return found


def imported_modules(module: ast.Module) -> set[str]:
    """Return the modules of the package that a module imports, for types alone too."""
    names = [
        f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in NAMED else node.module
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return set(names) & NAMED.keys()


def test_no_circle_of_rooms_or_of_modules():
    rooms = {room(path): set() for path in MODULES}
    for path in MODULES:
        rooms[room(path)] |= imported_rooms(tree(path)) - {room(path)}
    assert circles(rooms) == []
    assert circles({name: imported_modules(tree(path)) for name, path in NAMED.items()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b -> c -> b"]


def test_records_of_arrays_are_compared_as_wholes():
    """``a == b`` for two of them, or one in a set, would ask numpy whether an array is true."""
    arrays = re.compile(r"\b(ndarray|Tensor|DataFrame)\b")
    wrong = [
        f"{path.stem}.{record.name}"
        for path in MODULES
        for record in ast.walk(tree(path))
        if isinstance(record, ast.ClassDef)
        for how in map(ast.unparse, record.decorator_list)
        if "dataclass" in how and "eq=False" not in how
        for field in record.body
        if isinstance(field, ast.AnnAssign) and arrays.search(ast.unparse(field.annotation))
        if "Callable" not in ast.unparse(field.annotation)
    ]
    assert wrong == []


def test_no_name_of_a_package_hides_a_module_of_it():
    """``groups.characters`` would be the function, where a reader looks for the module."""
    for package in PACKAGE.rglob("__init__.py"):
        modules = {path.stem for path in package.parent.glob("*.py")} - {"__init__"}
        names = {
            alias.asname or alias.name: node.module
            for node in ast.walk(tree(package))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        here = ".".join(package.parent.relative_to(PACKAGE.parent).parts)
        assert [name for name in modules & names.keys() if names[name] != here] == []


def test_an_import_against_the_order_would_be_found():
    assert imported_rooms(ast.parse("def f():\n    from tutorial_utils import viz, __version__")) == {"viz"}
    assert imported_rooms(ast.parse("import tutorial_utils.nn.network")) == {"nn"}
    assert layer("viz") < layer("nn") < layer("conventions")


def unsafe(module: ast.Module) -> list[str]:
    """Return the ways in which a module reads data as code."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in PICKLES]
        elif isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            # the error that torch.load(weights_only=True) raises has to be caught by its name
            found += [node.module for alias in node.names if alias.name != "UnpicklingError"]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if (
                name in {"eval", "exec", "pandas.read_pickle", "pd.read_pickle"}
                or given.get("allow_pickle") == "True"
            ):
                found.append(name)
            if name == "torch.load" and given.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
    return found


def test_data_are_never_read_as_code():
    found = {path: unsafe(tree(path)) for path in CODE if "tests" not in path.parts}
    assert {path: ways for path, ways in found.items() if ways} == {RESTRICTED: ["pickle"]}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
    ],
)
def test_data_read_as_code_would_be_found(line):
    assert unsafe(ast.parse(line))


def test_every_bundled_file_has_a_card_and_the_other_way_round():
    present = {path.name for path in (PACKAGE / "datasets/bundled").iterdir() if ".card." not in path.name}
    inside = {datasets.card(name).file for name in datasets.names() if datasets.card(name).url is None}
    # expected.json: what `notebook.expect` compares with; it is written by `make notebooks`
    assert present - {"expected.json"} == inside


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", command, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return zipfile.ZipFile(folder / done.stdout.split()[-1])


def test_the_wheel_holds_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {name.removeprefix("src/") for name in tracked.split()} <= set(wheel.namelist())


def test_the_wheel_holds_types_all_licences_and_no_absolute_path(wheel):
    names = wheel.namelist()
    assert "tutorial_utils/py.typed" in names  # its signatures are its users' too
    for licence in PROJECT["license-files"]:
        assert any(name.endswith(f"licenses/{licence}") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".ipynb")) or name.startswith("/")]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_are_exact_and_hold_no_address():
    for name, version in pins().items():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", name)
        assert re.fullmatch(r"[0-9][0-9A-Za-z.]*", version), f"{name}: no local or machine-bound version"


def test_every_library_is_pinned_within_its_range():
    pinned = {normal(name): version for name, version in pins().items()}
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for line in [*PROJECT["dependencies"], *extras]:
        wanted = Requirement(line)
        if wanted.name != PROJECT["name"]:
            assert wanted.specifier.contains(pinned[normal(wanted.name)]), line


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_every_pin_installs_on_every_python_of_the_range(python):
    """Debian 12 has Python 3.11.2: a pin made on a later 3.11 may ask for more."""
    for name, version in pins().items():
        try:
            about = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # another Python's environment
            continue
        wanted = about.metadata["Requires-Python"]
        if about.version.split("+")[0] == version and wanted:
            assert SpecifierSet(wanted).contains(python), f"{name} {version}"


def test_the_extra_all_names_the_others():
    extras = dict(PROJECT["optional-dependencies"])
    (line,) = extras.pop("all")
    assert Requirement(line).extras == set(extras)


def test_the_conda_environment_agrees_with_the_package():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge"]
    *conda, by_pip = content["dependencies"]
    python, torch, pip = conda
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(
        python.removeprefix("python=")
    )
    (wanted,) = [line for line in PROJECT["dependencies"] if Requirement(line).name == "torch"]
    assert torch == f"pytorch-cpu{Requirement(wanted).specifier}"
    assert pip == "pip"
    assert by_pip == {"pip": ["-e .[lab,md,dft]"]}
    assert {"lab", "md", "dft"} <= set(PROJECT["optional-dependencies"])


def test_binder_takes_the_same_python_and_torch():
    root, binder = (
        yaml.safe_load((ROOT / folder / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
        for folder in (".", "binder")
    )
    assert binder == root[:3]


def test_no_file_is_a_link():
    """Links break clones on Windows."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line for line in listed.splitlines() if line.startswith("120000")] == []


def test_ci_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if re.search(r"\b(make|pytest|pip|python)\b", line)] == ["exec make test"]


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert " AND ".join(citation["license"]) == PROJECT["license"]
    assert f"## {PROJECT['version']} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

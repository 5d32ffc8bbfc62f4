"""The command line: what it says where something is wrong, and the exit code that scripts rely on."""

from importlib import metadata

import pytest

from tutorial_utils import cli, datasets
from tutorial_utils.datasets import loading


def test_doctor_finds_this_machine_fit(capsys):
    assert cli.main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert "PROBLEM" not in report
    assert report.endswith("The course can run.\n")


@pytest.mark.parametrize(("name", "found"), [("torch", "1.10.0"), ("e3nn", "0.4.4"), ("ase", None)])
def test_doctor_names_a_wrong_or_missing_library_with_its_cure(monkeypatch, capsys, name, found):
    true_version = metadata.version

    def version(package):
        if package != name:
            return true_version(package)
        if found is None:
            raise metadata.PackageNotFoundError(package)
        return found

    monkeypatch.setattr(metadata, "version", version)
    assert cli.main(["doctor"]) == 1
    problem, cure = capsys.readouterr().out.split("PROBLEM")[1].splitlines()[:2]
    assert problem.strip().startswith(f"{name} {found} is outside" if found else f"{name} is not installed")
    assert "-> type: " in cure


def test_an_old_library_of_an_extra_is_no_obstacle(monkeypatch, capsys):
    true_version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "pytest" else true_version(name))
    assert cli.main(["doctor"]) == 0
    assert "note     pytest 1.0 is outside >=8" in capsys.readouterr().out


def test_doctor_finds_a_damaged_data_file(monkeypatch, capsys, tmp_path):
    name = next(name for name in datasets.names() if datasets.card(name).url is None)
    (tmp_path / datasets.card(name).file).write_bytes(b"damaged")
    monkeypatch.setattr(loading, "BUNDLED", tmp_path)
    assert cli.main(["doctor"]) == 1
    report = capsys.readouterr().out
    assert f"PROBLEM  {name}" in report
    assert "git checkout" in report


def test_a_library_that_cannot_be_imported_does_not_end_the_report(monkeypatch, capsys):
    def broken(name):
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(cli.importlib, "import_module", broken)
    assert cli.main(["doctor"]) == 1
    report = capsys.readouterr().out
    assert "torch cannot be imported: libgomp.so.1" in report
    assert "WebGL" in report  # the last check


def test_a_check_that_breaks_is_a_problem(monkeypatch, capsys):
    def check_everything():
        raise RuntimeError("broken")

    monkeypatch.setattr(cli, "CHECKS", (check_everything,))
    assert cli.main(["doctor"]) == 1
    assert "check everything did not finish: broken" in capsys.readouterr().out


def test_data_list_names_every_dataset_and_where_it_is(capsys):
    assert cli.main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in datasets.names():
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert ("downloaded" in line) == (datasets.card(name).url is not None)
        assert datasets.card(name).licence in line


def test_data_fetch_prints_what_it_has_got(capsys):
    name = next(name for name in datasets.names() if datasets.card(name).url is None)
    assert cli.main(["data", "fetch", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: {len(datasets.load(name))} ")


def test_data_fetch_of_an_unknown_name_lists_the_known_ones(capsys):
    assert cli.main(["data", "fetch", "nonsense"]) == 1
    message = capsys.readouterr().err
    assert all(name in message for name in datasets.names())


@pytest.mark.parametrize("arguments", [[], ["data"], ["data", "fetch"], ["nonsense"]])
def test_an_incomplete_command_shows_how_it_is_used(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: tutorial-utils" in capsys.readouterr().err

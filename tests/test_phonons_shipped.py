"""What is shipped with session 7: crystals, metals, ensemble and table fit together and obey the laws."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from tutorial_utils import cli, datasets, phonons
from tutorial_utils.phonons import alloys, evaluation
from tutorial_utils.phonons.prediction import load, save

ROOT = Path(__file__).parents[1]
BENCHMARK = ROOT / "benchmarks/phonons.json"
GRID = np.arange(51) * 20.0  # 1/cm
UNSEEN = (("AlSb", "AlSb", 216, "test"), ("BaO", "BaO", 225, "valid"), ("CaS", "CaS", 225, "test"))


@pytest.fixture(scope="module")
def dft() -> datasets.Dataset:
    return datasets.load("crystals_pbesol")


@pytest.fixture(scope="module")
def table() -> list[dict]:
    arrays = datasets.load("phonon_networks").arrays
    return [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]


def mean_of(table: list[dict], model: str, measure: str) -> float:
    rows = [r for r in table if (r["study"], r["model"], r["measure"]) == ("models", model, measure)]
    return float(np.mean([r["value"] for r in rows]))


def test_stored_forces_give_back_frequencies_and_spectra(dft) -> None:
    for n, name in enumerate(dft["name"].tolist()[:6]):
        constants = phonons.load_constants(dft, name)
        waves = phonons.frequencies(constants, phonons.mesh(8))
        assert np.abs(constants.sums).max() < 1e-6
        if dft["stable"][n]:
            assert waves.min() > -0.35
            assert waves.max() / phonons.lattice.WAVENUMBER == pytest.approx(dft["top"][n], rel=0.05)
            assert dft["dos"][n].max() == pytest.approx(1)
        cubic = constants.stiffness[0]
        assert cubic == pytest.approx(cubic[0, 0] * np.eye(3), abs=1e-3 * cubic[0, 0])


def test_lattice_constants_belong_to_the_cells(dft) -> None:
    for atoms, a, kind in zip(dft.structures, dft["lattice_constant"], dft["kind"], strict=True):
        if kind in {"diamond", "zincblende", "rocksalt", "fluorite", "fcc"}:
            assert atoms.get_volume() == pytest.approx(a**3 / 4, rel=1e-4)


def test_a_missing_crystal_is_named(dft) -> None:
    with pytest.raises(ValueError, match="holds no 'Unobtainium'"):
        phonons.load_constants(dft, "Unobtainium")
    with pytest.raises(ValueError, match=r"no Born charges of CsCl were computed, only of .*MgO"):
        phonons.load_field(dft, "CsCl")


def test_there_are_many_crystals_of_many_kinds(dft) -> None:
    sizes = np.array([len(atoms) for atoms in dft.structures])
    assert len(dft) >= 100 and (sizes > 2).sum() >= 20
    assert len(set(dft["kind"].tolist())) >= 5
    assert 4 <= dft["metal"].sum() < len(dft) / 4
    assert dft["stable"].mean() > 0.9


def test_fields_lift_optical_modes_of_ions_only(dft) -> None:
    there = np.flatnonzero(np.isfinite(dft["dielectric"]))
    assert len(there) >= 12 and not dft["metal"][there].any()
    for n in there:
        name = str(dft["name"][n])
        constants, field = phonons.load_constants(dft, name), phonons.load_field(dft, name)
        assert np.abs(field.charges.sum(axis=0)).max() < 1e-6  # the crystal as a whole is neutral
        assert abs(np.nansum(dft["born"][n])) < 0.15  # e; as computed, with a finite mesh
        assert field.dielectric[0, 0] > 1
        almost = 1e-6 * constants.atoms.cell.array @ np.array([1.0, 0, 0])
        plain = phonons.frequencies(constants, [[0, 0, 0]])[0]
        split = phonons.frequencies(constants, almost, field)[0]
        assert split[-1] > plain[-1] + 0.01  # LO
        assert split[-3:-1] == pytest.approx(plain[-3:-1], abs=0.02)  # two TO stay


def test_spectra_with_the_field_are_those_of_neutral_charges(dft) -> None:
    n = dft["name"].tolist().index("CaS")
    constants, field = phonons.load_constants(dft, "CaS"), phonons.load_field(dft, "CaS")
    waves = phonons.frequencies(constants, phonons.mesh(20), field) / phonons.lattice.WAVENUMBER
    assert phonons.peaked(phonons.broaden(waves, GRID, 10.0)) == pytest.approx(dft["dos_field"][n], abs=2e-3)


def test_settings_are_those_of_the_notebooks_table() -> None:
    """k points: metals 0.25 1/Å, insulators 0.5 or 0.42; two cutoffs; the supercell; and the exceptions."""
    crystals = pytest.importorskip("crystals")
    files = sorted((ROOT / "reference_data/crystals").glob("*.json"))
    records = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    hard = {"H", "B", "C", "N", "O", "F"}
    for record in records:
        name, settings, metal = record["name"], record["settings"], record["metal"]
        assert (settings["functional"], settings["setups"]) == ("PBEsol", "PBE")
        assert settings["cutoff_eV"] == (520 if hard & set(record["symbols"]) else 420)
        dense = metal or name in crystals.FINER or name in crystals.CLOSED
        assert settings["kpoint_spacing"] in ({0.25} if dense else {0.42, 0.5})
        assert record["repeats"] == (3 if metal else 2) + crystals.LARGER.get(name, 0)
        steps = [np.linalg.norm(move["displacement"]) for move in record["displacements"]]
        assert steps == pytest.approx([0.015] * len(steps))
    finer = sum(record["settings"]["kpoint_spacing"] == 0.42 for record in records)
    text = (ROOT / "notebooks/07_phonons.ipynb").read_text(encoding="utf-8")
    assert f"0.5 Å⁻¹, for {finer} crystals 0.42" in text


def test_nothing_is_concluded_from_crystals_with_imaginary_modes(dft) -> None:
    """No spectrum of theirs is stored, and none is in the tables."""
    odd = dft["name"][~dft["stable"]].tolist()
    assert odd
    assert np.isnan(dft["dos"][~dft["stable"]]).all() and np.isnan(dft["dos_field"][~dft["stable"]]).all()
    assert not set(odd) & set(datasets.load("crystals_convergence")["crystal"].tolist())


def test_finer_settings_make_imaginary_waves_real(dft) -> None:
    """All nine crystals exist; their lowest waves are those of the stored forces."""
    table = datasets.load("crystals_usual").arrays
    assert len(table["crystal"]) == 9 and (table["usual"] < -10).all()
    left = table["lowest"] < -1
    assert sorted(table["crystal"][left].tolist()) == ["Li", "TlCl"]
    assert (table["lowest"] > 0.65 * table["usual"]).all()
    between = table["usual_fitting"] > -1  # a supercell helps, or a gap that closes only there
    assert sorted(table["crystal"][between].tolist()) == ["Ge", "Li"]
    for name, lowest in zip(table["crystal"].tolist(), table["lowest"], strict=True):
        waves = phonons.frequencies(phonons.load_constants(dft, name), phonons.mesh(20))
        assert waves.min() / phonons.lattice.WAVENUMBER == pytest.approx(lowest, abs=0.5)


def test_cations_are_positive(dft) -> None:
    for name in ("MgO", "SiC", "AlP"):
        charges = phonons.load_field(dft, name).charges[:, 0, 0]
        assert charges[0] > 1.5 and charges[1] < -1.5


@pytest.mark.parametrize(("name", "formula", "group", "part"), UNSEEN)
def test_complete_crystals_that_the_networks_have_not_seen(dft, table, name, formula, group, part) -> None:
    """Their labels are whole; in the published split they are no training crystals."""
    formulas = datasets.load("phonon_formulas")
    rows = (formulas["formula"] == formula) & (formulas["space_group"] == group)
    assert set(formulas["part"][rows].tolist()) == {part}
    n = dft["name"].tolist().index(name)
    charges, whole, bare = dft["born"][n, :2], dft["dos_field"][n], dft["dos"][n]
    assert charges[0] == pytest.approx(-charges[1], abs=0.15) and charges[0] > 1.5
    assert whole.max() == pytest.approx(1)
    assert phonons.mean_frequency(GRID, whole) > phonons.mean_frequency(GRID, bare)
    predicted = phonons.predict([dft.structures[n]])[0]
    wrong = phonons.errors(predicted, whole[None], GRID)["maximum"][0]
    assert wrong < mean_of(table, "ensemble, l = 0", "maximum")  # of the validation crystals


def test_longitudinal_modes_of_aluminium_antimonide_are_near_the_measured_ones(dft) -> None:
    constants, field = phonons.load_constants(dft, "AlSb"), phonons.load_field(dft, "AlSb")
    almost = 1e-6 * constants.atoms.cell.array @ np.array([1.0, 0, 0])
    TO, LO = phonons.frequencies(constants, almost, field)[0, [3, 5]] / phonons.lattice.WAVENUMBER
    assert pytest.approx(318, rel=0.05) == TO  # 1/cm, https://doi.org/10.1016/0022-3697(62)90127-0
    assert pytest.approx(345, rel=0.06) == LO  # the same; plus or minus 5


def test_optical_modes_are_those_of_infrared_and_raman_spectroscopy(dft) -> None:
    """At Γ the transverse optical modes are the lowest of the optical ones, and no field acts on them."""
    known = datasets.load("phonon_experiments")
    off = []
    for name, quantity, value in zip(known["crystal"], known["quantity"], known["value"], strict=True):
        here = dft["name"] == name
        if quantity.endswith("frequency") and dft["stable"][here].any():
            optical = phonons.frequencies(phonons.load_constants(dft, str(name)), [[0, 0, 0]])[0][3]
            off.append(optical / phonons.lattice.WAVENUMBER / value - 1)
    assert len(off) >= 12
    assert np.abs(off).mean() < 0.05 and np.abs(off).max() < 0.12


def test_finer_settings_hardly_change_the_spectra() -> None:
    table = datasets.load("crystals_convergence").arrays
    assert set(table["crystal"]) == {"Si", "KCl", "Al"}
    for crystal in set(table["crystal"]):
        own = table["crystal"] == crystal
        used = table["top"][own & (table["change"] == "as used")]
        assert table["top"][own] == pytest.approx(used[0], rel=0.03)


def test_metals_alone_have_the_spectra_of_the_alloys_dataset() -> None:
    metals, eam = datasets.load("alloy_metals"), datasets.load("alloys_eam")
    for symbol in metals["name"].tolist():
        found = alloys.box_frequencies(phonons.load_constants(metals, symbol), 3)
        assert found == pytest.approx(eam["frequencies"][eam["name"].tolist().index(symbol)], abs=2e-3)


def test_the_shipped_ensemble_knows_cells_and_its_limits() -> None:
    one = bulk("MgO", "rocksalt", a=4.22)
    mean, spread = phonons.predict([one, one.repeat(2), bulk("MgO", "rocksalt", a=4.22, cubic=True)])
    assert mean == pytest.approx(np.repeat(mean[:1], 3, axis=0), abs=1e-6)
    assert (mean >= 0).all() and (spread > 0).any()
    with pytest.raises(ValueError, match="not trained on"):
        phonons.predict([bulk("Po", "sc", a=3.35)])


def test_heavier_atoms_are_slower() -> None:
    salts = [bulk(name, "rocksalt", a=a) for name, a in (("LiF", 4.0), ("NaCl", 5.6), ("RbI", 7.3))]
    found = phonons.mean_frequency(GRID, phonons.predict(salts)[0])
    assert (np.diff(found) < -20).all()


def test_an_ensemble_comes_back_from_its_file(tmp_path: Path) -> None:
    ensemble = phonons.pretrained()
    save(tmp_path / "copy.pt", ensemble)
    structures = [bulk("MgO", "rocksalt", a=4.22)]
    again = load(tmp_path / "copy.pt").predict(structures)[0]
    assert again == pytest.approx(ensemble.predict(structures)[0], abs=1e-6)


def test_the_table_holds_what_the_notebook_says_of_it(table) -> None:
    """Distances help clearly, also beside the volume; directions hardly; five seeds of each network."""

    def difference(first: str, second: str, measure: str) -> float:
        """In standard errors."""
        rows = {r["measure"]: r["value"] for r in table if r["model"] == f"{first} - {second}"}
        return rows[f"{measure} difference"] / rows[f"{measure} standard error"]

    scalar, full, blind = "ensemble, l = 0", "ensemble, l ≤ 2", "ensemble, composition network"
    dense = f"{blind} + volume"
    blind_ones = ("composition network", "composition network + volume")
    for model in (*blind_ones, "l = 0", "l = 0, wide", "l ≤ 1", "l ≤ 2"):
        rows = [r for r in table if (r["study"], r["model"]) == ("models", model)]
        assert {r["seed"] for r in rows} == set(range(5))
    for measure in ("maximum", "mean_frequency"):
        assert difference(scalar, blind, measure) < -3 > difference(scalar, dense, measure)
    assert mean_of(table, full, "maximum") < 0.75 * mean_of(table, blind, "maximum")
    for model in blind_ones:
        assert abs(difference(model, "kernel ridge + volume", "maximum")) < 2
    assert abs(difference("l = 0", "kernel ridge + volume", "raw")) < 2
    assert difference(full, scalar, "maximum") < -3
    assert abs(difference(full, scalar, "mean_frequency")) < 2
    assert mean_of(table, full, "maximum") <= 0.0185 and mean_of(table, full, "mean_frequency") <= 10
    assert mean_of(table, scalar, "seconds") <= 180 < mean_of(table, full, "seconds")


def test_universal_potentials_are_softer_on_larger_lattices(dft) -> None:
    """They learnt PBE, our crystals are by PBEsol; a crystal has a spectrum unless a wave is imaginary."""
    table = datasets.load("universal_phonons")
    blank = np.isnan(table["dos"]).all(axis=1)
    assert (blank == ~table["stable"]).all()
    for name in ("SevenNet-0", "SevenNet-l3i5"):
        rows = table["potential"] == name
        assert table["name"][rows].tolist() == dft["name"].tolist()
        assert 1.005 < table["factor"][rows].mean() < 1.02
        both = table["stable"][rows] & dft["stable"]
        assert (table["top"][rows] < dft["top"])[both].mean() > 0.8


def test_formulas_have_the_official_split() -> None:
    parts = datasets.load("phonon_formulas")["part"].tolist()
    assert [parts.count(part) for part in ("train", "valid", "test")] == [1192, 141, 189]


def test_the_benchmark_is_one_run_and_fair() -> None:
    stored = json.loads(BENCHMARK.read_text(encoding="utf-8"))
    times = stored["milliseconds_per_graph"]
    for name, ratio in stored["ratio"].items():
        assert times["as shipped in 2021"] / times[name] == pytest.approx(ratio, rel=0.02)
    assert stored["ratio"]["l = 0"] >= 15


# --- a file of the published format ---


@pytest.fixture
def written(tmp_path: Path, monkeypatch) -> Path:
    """Sixteen salts in the published format; the first ten to train, three to validate, three blank."""
    path, rows = tmp_path / "copy.csv", []
    for n in range(16):
        atoms = bulk("NaCl", "rocksalt", a=5.4 + 0.03 * n)
        dos = np.exp(-(((GRID - 150 - 3 * n) / 60) ** 2))
        fields = {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.tolist(),
            "pbc": [True] * 3,
        }
        rows.append([n, fields, GRID.tolist(), "" if n > 12 else (dos / dos.max()).tolist()])
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["", "structure", "phfreq", "phdos"], *rows])
    split = np.array(["train"] * 10 + ["valid"] * 3 + ["test"] * 3)
    monkeypatch.setattr(datasets.loading, "_split", lambda card, rows, folder: split[rows])
    return path


def test_a_file_is_scored_against_the_kernel_ridge(written: Path) -> None:
    tables = evaluation.evaluate_file(written)
    assert set(tables) == {"valid"}  # the test spectra are blank
    found = tables["valid"]
    assert found.loc["maximum", "difference"] == pytest.approx(
        found.loc["maximum", "ensemble"] - found.loc["maximum", "kernel ridge"]
    )
    assert (found["standard error"] >= 0).all()


def test_the_command_prints_it_or_says_what_is_wrong(written: Path, capsys) -> None:
    assert cli.main(["phonons", "evaluate", str(written)]) == 0
    assert "valid crystals" in capsys.readouterr().out
    assert cli.main(["phonons", "evaluate", str(written.with_name("none.csv"))]) == 1
    assert "none.csv" in capsys.readouterr().err

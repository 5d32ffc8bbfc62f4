"""Measured phonons: every number has a source, and obeys the physics that it is to be held against."""

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers
from ase.formula import Formula

from tutorial_utils import datasets

DULONG_PETIT = 3 * 8.314462618  # J/(K mol)


@pytest.fixture(scope="module")
def measured() -> datasets.Dataset:
    return datasets.load("phonon_experiments")


def values(measured: datasets.Dataset, quantity: str, temperature: float = 300.0) -> dict[str, float]:
    chosen = (measured["quantity"] == quantity) & (measured["temperature"] == temperature)
    return dict(zip(measured["crystal"][chosen].tolist(), measured["value"][chosen].tolist(), strict=True))


def test_every_number_has_a_source(measured) -> None:
    assert all(source.startswith(("https://", "NASA TM-4513")) for source in measured["source"])
    frequency = np.char.endswith(measured["quantity"], "frequency")
    assert all(source.startswith("https://doi.org/") for source in measured["source"][frequency])
    assert len(values(measured, "heat capacity")) >= 12
    assert len(set(measured["crystal"][frequency])) >= 12


def test_one_value_for_a_crystal_a_quantity_and_a_temperature(measured) -> None:
    names = ("crystal", "quantity", "temperature")
    rows = list(zip(*(measured[name].tolist() for name in names), strict=True))
    assert len(rows) == len(set(rows))


def test_heat_capacities_grow_with_temperature(measured) -> None:
    cold, hot = values(measured, "heat capacity", 300), values(measured, "heat capacity", 600)
    assert all(cold[crystal] < hot[crystal] for crystal in hot)
    assert max(cold.values()) < 1.1 * DULONG_PETIT
    assert all(0.95 * DULONG_PETIT < value < 1.25 * DULONG_PETIT for x, value in hot.items() if x != "LiH")


def test_two_sources_agree_on_magnesium_oxide(measured) -> None:
    """NIST's WebBook (JANAF) states 37.18 J/(K mol) at 300 K and 47.45 at 600 K."""
    for temperature, expected in ((300, 37.18), (600, 47.45)):
        found = 2 * values(measured, "heat capacity", temperature)["MgO"]
        assert found == pytest.approx(expected, rel=0.005)


def test_light_and_stiff_crystals_freeze_first(measured) -> None:
    found = values(measured, "heat capacity")
    assert found["LiF"] < found["NaF"] < found["KF"]
    assert found["MgO"] < found["CaO"] < found["BaO"]
    assert found["NaF"] < found["NaCl"] < found["NaBr"]


def test_frequencies_fall_with_mass(measured) -> None:
    top, transverse = values(measured, "top frequency"), values(measured, "TO frequency")
    assert top["C"] > top["Si"] > top["Ge"]
    assert transverse["CaF2"] > transverse["SrF2"] > transverse["BaF2"]
    halides = values(measured, "TO frequency", 297)
    for cation in ("Na", "K", "Rb", "Cs"):
        tops = [halides[cation + anion] for anion in ("F", "Cl", "Br", "I") if cation + anion in halides]
        assert tops == sorted(tops, reverse=True)
    masses = {x: atomic_masses[atomic_numbers[x]] for x in ("Si", "Ge")}
    # nearly the same bond: the ratio is that of the roots of the masses, within a tenth
    assert top["Si"] / top["Ge"] == pytest.approx((masses["Ge"] / masses["Si"]) ** 0.5, rel=0.1)


def test_values_are_per_atom(measured) -> None:
    assert values(measured, "heat capacity")["CaF2"] == pytest.approx(68.74 / len(Formula("CaF2")), abs=0.01)


def test_the_script_makes_the_stored_table(measured) -> None:
    import phonon_experiments as script

    rows = script.measured() + script.fitted()
    for n, name in enumerate(script.COLUMNS):
        assert [row[n] for row in rows] == measured[name].tolist()

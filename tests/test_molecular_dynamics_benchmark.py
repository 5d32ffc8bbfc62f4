"""The drivers that are timed take the same steps, and the stored figures fit together; nothing is timed."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.calculators.lj import LennardJones

from tutorial_utils import datasets

SCRIPT = Path(__file__).parents[1] / "benchmarks/molecular_dynamics.py"


@pytest.fixture(scope="module")
def benchmark():
    threads = os.environ.get("OMP_NUM_THREADS")
    import molecular_dynamics

    if threads is None:
        del os.environ["OMP_NUM_THREADS"]  # which the script sets for itself
    return molecular_dynamics


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    stored = datasets.load("md_speed")
    return pd.DataFrame({name: stored[name] for name in stored.arrays})


def test_drivers_give_the_same_forces(benchmark):
    atoms = benchmark.crystal(2)
    atoms.rattle(0.05, seed=1)
    pair = {"sigma": 2.1, "epsilon": 0.5, "rc": 4.0}
    lines = f"pair_style lj/cut {pair['rc']}\npair_coeff * * {pair['epsilon']} {pair['sigma']}"
    calculator = LennardJones(**pair)
    found = [
        benchmark.with_lammps(lines, atoms, 5000),
        benchmark.with_lammps(calculator, atoms, 20),
        benchmark.with_ase(calculator, atoms, 20),
    ]
    assert all(speed > 0 for speed, _ in found)
    for _, forces in found[1:]:
        np.testing.assert_allclose(forces, found[0][1], atol=1e-8)


def test_the_table_is_complete(benchmark, table):
    """Each driver at each size up to its largest; among them 64 and at least 4000 atoms."""
    for driver in benchmark.CALLS:
        sizes = [8 * n**3 for n in benchmark.REPEATS if n <= benchmark.LARGEST.get(driver, n)]
        assert table[table.driver == driver].atoms.tolist() == sizes
    assert set(table.driver) == set(benchmark.CALLS)
    assert table.atoms.min() == 64 and table.atoms.max() >= 4000


def test_cost_is_proportional_to_atoms_in_the_end(table):
    """Short-ranged forces: eight times the atoms take about eight times as long."""
    for driver in ("Stillinger–Weber", "plugin"):
        per_atom = table[table.driver == driver].set_index("atoms").pipe(lambda t: t.steps_per_s * t.index)
        assert per_atom[4096] == pytest.approx(per_atom[512], rel=0.5)


def test_table_and_record_are_of_one_run(table):
    record = json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))
    assert pd.DataFrame(record["speeds"]).equals(table[["driver", "atoms", "steps_per_s"]])
    assert set(table.machine) == {record["machine"]} and set(table.date) == {record["date"]}
    took = record["from_nothing_s"]
    parts = [took[name] for name in ("plugin", "labels", "training", "compilation", "first step")]
    assert took["all"] == pytest.approx(sum(parts), abs=0.1)
    assert took["all"] <= 180  # of processor time, that is without waiting for others

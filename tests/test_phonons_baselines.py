"""Baselines that see the formula only: exact where they should be, blind where they have to be."""

import numpy as np
import pytest
from ase.build import bulk

from tutorial_utils.phonons import baselines

SALTS = [bulk(name, "rocksalt", a=a) for name, a in (("NaCl", 5.6), ("KCl", 6.3), ("MgO", 4.2), ("LiF", 4.0))]
MODELS = [baselines.Mean, baselines.Nearest, baselines.Kernel]


@pytest.fixture
def dos(rng) -> np.ndarray:
    return rng.random((len(SALTS), 7))


@pytest.mark.parametrize("model", MODELS)
def test_a_supercell_or_another_lattice_changes_nothing(model, dos) -> None:
    found = model.fit(SALTS, dos)
    others = [
        bulk("NaCl", "rocksalt", a=5.6).repeat(2),
        bulk("NaCl", "cesiumchloride", a=3.4),
        bulk("NaCl", "zincblende", a=6),
    ]
    expected = found.predict([SALTS[0]])
    assert found.predict(others) == pytest.approx(np.repeat(expected, 3, axis=0))


def test_mean_and_nearest(dos) -> None:
    assert baselines.Mean.fit(SALTS, dos).predict(SALTS[:2]) == pytest.approx(
        np.stack([dos.mean(axis=0)] * 2)
    )
    nearest = baselines.Nearest.fit(SALTS, dos)
    assert nearest.predict(SALTS) == pytest.approx(dos)
    assert nearest.predict([bulk("KF", "rocksalt", a=5.3)])[0] == pytest.approx(dos[1])


def test_the_kernel_learns_by_heart_without_a_ridge_and_forgets_with_a_large_one(dos) -> None:
    exact = baselines.Kernel.fit(SALTS, dos, ridge=1e-10)
    assert exact.predict(SALTS) == pytest.approx(dos)
    blunt = baselines.Kernel.fit(SALTS, dos, ridge=1e6)
    assert blunt.predict(SALTS) == pytest.approx(np.tile(dos.mean(axis=0), (4, 1)), abs=1e-5)


def test_a_kernel_that_knows_the_volume_tells_phases_apart_but_not_supercells(dos) -> None:
    found = baselines.Kernel.fit(SALTS, dos, volume=1.0)
    expected = found.predict([SALTS[0]])
    assert found.predict([SALTS[0].repeat(2)]) == pytest.approx(expected)
    dense = found.predict([bulk("NaCl", "cesiumchloride", a=3.4)])
    assert np.abs(dense - expected).max() > 1e-3


def test_the_kernel_is_never_negative(dos) -> None:
    dos[0] = 0.0
    assert baselines.Kernel.fit(SALTS, dos).predict(SALTS).min() >= 0


def test_distances_of_formulas() -> None:
    shares = baselines.composition([*SALTS[:2], bulk("Na", "bcc", a=4.2)])
    assert shares.sum(axis=1) == pytest.approx(np.ones(3))
    assert baselines.distances(shares, shares) == pytest.approx(np.array([[0, 1, 1], [1, 0, 2], [1, 2, 0]]))

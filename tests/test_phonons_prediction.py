"""Training and predicting: networks learn what depends on geometry, ensembles say where they disagree."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from torch import nn

from tutorial_utils import training
from tutorial_utils.phonons import Ensemble, errors, mean_frequency, prediction, train
from tutorial_utils.phonons.sums import crystals

GRID = np.arange(51) * 20.0  # 1/cm
SALTS = ("NaCl", "KCl", "NaF", "KF")


def spectra(structures: list) -> np.ndarray:
    """Return made-up spectra: one peak, higher for denser crystals."""
    length = np.array([atoms.get_volume() / len(atoms) for atoms in structures]) ** (1 / 3)
    return np.exp(-(((GRID - (1000 - 250 * length[:, None])) / 60) ** 2))


@pytest.fixture(scope="module")
def known() -> tuple[list, np.ndarray]:
    structures = [bulk(name, "rocksalt", a=a) for name in SALTS for a in np.linspace(4.8, 6.4, 9)]
    dos = spectra(structures)
    return structures, dos / dos.max(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def trained(known) -> list[tuple]:
    data = crystals(*known)
    return [
        train(data[::2], valid=data[1::2], irreps_hidden="16x0e", epochs=60, seed=seed) for seed in (0, 1)
    ]


def test_geometry_is_learnt(known, trained) -> None:
    structures, dos = known
    network, history = trained[0]
    found = prediction.evaluate(network, crystals(structures[1::2]))
    assert errors(found, dos[1::2], GRID)["mean_frequency"].mean() < 25  # 1/cm, of 350 that they differ
    assert history.valid[history.best_epoch] == min(history.valid) < 0.3 * history.valid[0]


def test_without_layers_one_formula_has_one_spectrum(known) -> None:
    data = crystals(*known)
    blind, _ = train(data[::2], irreps_hidden="16x0e", layers=0, epochs=5)
    found = prediction.evaluate(blind, data[:9])
    assert np.ptp(found, axis=0).max() < 1e-10


def test_the_same_seed_gives_the_same_network(known) -> None:
    data = crystals(*known)[:8]
    first, again, other = (train(data, irreps_hidden="8x0e", epochs=2, seed=seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(prediction.evaluate(first, data), prediction.evaluate(again, data))
    assert not np.allclose(prediction.evaluate(first, data), prediction.evaluate(other, data))


def test_an_ensemble_is_peaked_ordered_and_says_where_it_is_unsure(known, trained) -> None:
    structures, _ = known
    ensemble = Ensemble([network for network, _ in trained])
    mean, spread = ensemble.predict(structures)
    assert mean.shape == spread.shape == (len(structures), 51)
    assert mean.max(axis=1) == pytest.approx(np.ones(len(structures)))
    assert (mean >= 0).all() and (spread > 0).any()
    alone, none = Ensemble([trained[0][0]]).predict(structures)
    assert none == pytest.approx(np.zeros_like(none))
    assert np.corrcoef(mean_frequency(GRID, mean), mean_frequency(GRID, alone))[0, 1] > 0.98
    strange = [bulk("NaCl", "rocksalt", a=3.9)]  # far denser than anything known
    assert ensemble.predict(strange)[1].mean() > 2 * spread.mean()


def test_networks_of_any_build_come_back_from_one_file(known, tmp_path: Path) -> None:
    structures, dos = known
    data = crystals(structures, dos=dos, lmax=1)
    builds = ({"irreps_hidden": "8x0e + 4x1o"}, {"irreps_hidden": "8x0e + 4x1o", "layers": 1})
    ensemble = Ensemble([train(data[::5], epochs=1, **build)[0] for build in builds])
    prediction.save(tmp_path / "two.pt", ensemble)
    torch.set_default_dtype(torch.float32)
    again = prediction.load(tmp_path / "two.pt")
    mean, spread = again.predict(structures)
    assert mean == pytest.approx(ensemble.predict(structures)[0], abs=3e-3)  # half precision
    assert spread.max() > 0.01 and repr(again) == repr(ensemble)
    training.save(tmp_path / "line.pt", nn.Linear(1, 1))
    with pytest.raises(ValueError, match="holds no ensemble"):
        prediction.load(tmp_path / "line.pt")


def test_supercells_and_bad_input_through_the_whole_pipeline(trained) -> None:
    ensemble = Ensemble([network for network, _ in trained])
    salt = bulk("NaCl", "rocksalt", a=5.6)
    turned = salt.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    cells = [salt, salt.repeat(2), bulk("NaCl", "rocksalt", a=5.6, cubic=True), turned]
    mean, _ = ensemble.predict(cells)
    assert mean == pytest.approx(np.repeat(mean[:1], 4, axis=0), abs=1e-8)
    with pytest.raises(ValueError, match="not trained on"):
        ensemble.predict([bulk("MgO", "rocksalt", a=4.2)])
    with pytest.raises(ValueError, match="periodic along all axes"):
        slab = salt.copy()
        slab.pbc = (True, True, False)
        ensemble.predict([slab])
    for wrong, got in ((salt, "one ase.Atoms, NaCl"), ([], "none")):
        with pytest.raises(ValueError, match=rf"structures: expected a list .* \[atoms\], got {got}"):
            ensemble.predict(wrong)

"""Published densities: a pickle that is not run, and numbers whose order and normalisation are converted."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tutorial_utils import datasets
from tutorial_utils.conventions import BOHR
from tutorial_utils.datasets import loading
from tutorial_utils.datasets.published_pickle import read_tensors
from tutorial_utils.densities import published
from tutorial_utils.densities.basis import JFIT


def rows(rng) -> list[dict]:
    """Two made-up water molecules in the published layout."""
    found = []
    for _ in range(2):
        exponents, norms = np.zeros((3, 70)), np.zeros((3, 70))
        for atom, symbol in enumerate("OHH"):
            for l, block in enumerate(JFIT.irreps("O").slices()):
                a = np.repeat(JFIT.exponents[symbol].get(l, ()), 2 * l + 1)
                exponents[atom, block.start : block.start + len(a)] = a
                norms[atom, block.start : block.start + len(a)] = rng.uniform(0.5, 2, len(a))
        found.append(
            {
                "type": np.array([8, 1, 1]),
                "pos": rng.normal(size=(3, 3)),
                "coefficients": rng.normal(size=(3, 70)) * (norms > 0),
                "exponents": exponents,
                "norms": norms,
                "energy": np.array(-76.4),
                "forces": rng.normal(size=(3, 3)),
            }
        )
    return found


def write(path: Path, rows: list[dict], protocol: int = 4) -> Path:
    tensors = [{name: torch.tensor(value) for name, value in row.items()} for row in rows]
    path.write_bytes(pickle.dumps([{**row, "rs_max": [(12, 0), (5, 1)]} for row in tensors], protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4])
def test_tensors_come_back(tmp_path: Path, rng, protocol: int) -> None:
    wanted = rows(rng)
    found = read_tensors(write(tmp_path / "a.pkl", wanted, protocol))
    assert [set(row) for row in found] == [set(row) for row in wanted]  # rs_max is left out
    for a, b in zip(found, wanted, strict=True):
        assert all((a[name] == b[name]).all() for name in b)


class Runs:
    """A pickle that makes a folder when it is read freely."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    content = pickle.dumps([{"pos": Runs(tmp_path / "proof")}])
    (tmp_path / "bad.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"asks for (posix|nt|os)\.mkdir, which is not run"):
        read_tensors(tmp_path / "bad.pkl")
    assert not (tmp_path / "proof").exists()
    pickle.loads(content)  # noqa: S301  the proof that the file would have done it
    assert (tmp_path / "proof").exists()


def test_nothing_in_the_inner_file_is_run(tmp_path: Path) -> None:
    class Hidden:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (pickle.dumps(Runs(tmp_path / "proof"), 2),)

    (tmp_path / "bad.pkl").write_bytes(pickle.dumps([{"pos": Hidden()}]))
    with pytest.raises(ValueError, match="no list of tensors"):
        read_tensors(tmp_path / "bad.pkl")
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"text", pickle.dumps({"a": 1}), pickle.dumps([1])])
def test_other_contents_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.pkl"):
        read_tensors(tmp_path / "odd.pkl")


def test_a_file_cut_short_is_refused(tmp_path: Path, rng) -> None:
    path = write(tmp_path / "cut.pkl", rows(rng))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"cut\.pkl"):
        read_tensors(path)


@pytest.mark.parametrize("ending", [".pkl", ".npz"])
def test_values_in_space_are_those_of_the_published_convention(tmp_path: Path, rng, ending: str) -> None:
    """Σ c · norm · C_lm(r) exp(-a r²) with harmonics by PySCF, in the order m = -l … l."""
    sph = pytest.importorskip("pyscf.symm.sph")
    wanted, path = rows(rng), tmp_path / f"clusters{ending}"
    if ending == ".npz":
        np.savez(path, **{name: np.array([row[name] for row in wanted]) for name in wanted[0]})
    else:
        write(path, wanted)
    points = rng.normal(size=(20, 3))
    for density, row in zip(published.trimers(path), wanted, strict=True):
        total = np.zeros(20)
        for atom in range(3):
            r = (points - row["pos"][atom]) / BOHR
            Y = sph.multipoles(r, 4, reorder_dipole=False)  # solid harmonics, (2l+1, points)
            for (_, ir), block in zip(JFIT.irreps("O"), JFIT.irreps("O").slices(), strict=True):
                c, norm, a = (
                    row[name][atom, block].reshape(-1, ir.dim)
                    for name in ("coefficients", "norms", "exponents")
                )
                C = (4 * np.pi / ir.dim) ** 0.5 * Y[ir.l]
                total += np.einsum("nm,nmp,mp->p", c * norm, np.exp(-a[..., None] * (r**2).sum(1)), C)
        assert density.evaluate(torch.tensor(points)).numpy() == pytest.approx(total / BOHR**3)


def test_a_pickle_with_a_checksum_is_a_dataset(tmp_path: Path, rng) -> None:
    card = datasets.card(published.NAME)
    found = loading.read_file(card, write(tmp_path / card.file, rows(rng)))
    assert len(found) == 2 and found["coefficients"].shape == (2, 3, 70)
    with pytest.raises(datasets.DatasetError, match="its card says"):
        loading.read_file(replace(card, units={"positions": "Å"}), tmp_path / card.file)


@pytest.mark.parametrize("spoil", ["missing", "shape", "nan"])
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, rng, spoil: str) -> None:
    wanted = {name: np.array([row[name] for row in rows(rng)]) for name in rows(rng)[0]}
    if spoil == "missing":
        wanted.pop("norms")
    elif spoil == "shape":
        wanted["norms"] = wanted["norms"][..., :16]
    else:
        wanted["norms"][0, 0, 0] = np.nan
    np.savez(tmp_path / "odd.npz", **wanted)
    with pytest.raises(ValueError, match=r"expected norms \(2, 3, 70\)"):
        published.trimers(tmp_path / "odd.npz")

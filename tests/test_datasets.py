"""Datasets: honest files load with their physics right; damaged ones leave an error that helps, no debris."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from ase import units

from tutorial_utils import datasets
from tutorial_utils.datasets import DatasetError, cards, loading, registry

ROOT = Path(__file__).parents[1]
BUNDLED = [name for name in datasets.names() if datasets.card(name).url is None]

EXTXYZ = """2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 stress="1 4 5 4 2 6 5 6 3"
Si 0 0 0 0.25 0 0
Si 1 0 0 -0.25 0 0
"""


# --- cards ---


def test_cards_are_complete() -> None:
    for name in datasets.names():
        card = datasets.card(name)
        assert re.fullmatch("[0-9a-f]{64}", card.sha256)
        assert card.licence in {"MIT", "BSD-3-Clause", "CC-BY-4.0"}
        assert all(text in str(card) for text in (name, card.what, card.licence, card.made_by, *card.units))
        if card.url is None:
            assert (ROOT / card.made_by).is_file()
        else:  # an address that can change under us is no provenance
            assert re.search("/[0-9a-f]{40}/", card.url)
            assert card.url.endswith(card.file)


def test_a_file_made_anew_gets_its_checksum_on_its_card(tmp_path: Path) -> None:
    file, beside = tmp_path / "table.json", tmp_path / "table.card.json"
    file.write_text("{}")
    told = dict(what="Nothing.", units={}, licence="MIT", made_by="x.py", file="table.json", sha256="")
    beside.write_text(json.dumps(told))
    assert cards.seal(file) == cards.read(beside).sha256 == hashlib.sha256(b"{}").hexdigest()
    assert cards.read(beside).name == "table"


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="ethanol_xtb"):
        datasets.load("methanol")


def test_unknown_array_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no array 'charge'.*energy, forces"):
        datasets.load("ethanol_xtb")["charge"]


# --- bundled files ---


def test_bundled_files_load_and_are_small() -> None:
    for name in BUNDLED:
        dataset = datasets.load(name)
        assert len(dataset) > 0, name
        assert (loading.BUNDLED / dataset.card.file).stat().st_size < 2_000_000, name


def test_tampered_bundled_file_is_refused(tmp_path: Path) -> None:
    card = datasets.card("ethanol_xtb")
    content = bytearray((loading.BUNDLED / card.file).read_bytes())
    content[len(content) // 2] ^= 1  # a single bit
    (tmp_path / card.file).write_bytes(content)
    with pytest.raises(DatasetError, match=r"damaged(.|\n)*reinstall the package"):
        loading.bundled(card, tmp_path)


def test_missing_bundled_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file .*ethanol_xtb\.npz(.|\n)*reinstall the package"):
        loading.bundled(datasets.card("ethanol_xtb"), tmp_path)


def test_pickled_objects_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, energy=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        loading.read_file(replace(datasets.card("ethanol_xtb"), units={"energy": "eV"}), path)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"energy": [1.0], "force": [1.0]}, r"holds \['energy', 'force'\]"),
        ({"energy": [1.0, 2.0], "forces": [1.0]}, "different lengths"),
        ({"energy": [np.nan], "forces": [1.0]}, "energy .*not finite"),
    ],
)
def test_contents_are_held_against_the_card(tmp_path: Path, arrays: dict, complaint: str) -> None:
    path = tmp_path / "odd.npz"
    np.savez(path, **{name: np.array(values) for name, values in arrays.items()})
    card = replace(datasets.card("ethanol_xtb"), units={"energy": "eV", "forces": "eV/Å"})
    with pytest.raises(DatasetError, match=complaint):
        loading.read_file(card, path)


def test_table_without_structures(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"model": ["a", "b", "c"], "error": [0.1, 0.2, 0.3]}')
    card = replace(datasets.card("ethanol_xtb"), file=path.name, units={"model": "", "error": "eV/Å"})
    table = loading.read_file(card, path)
    assert (len(table), table.structures) == (3, [])
    assert table["model"][2] == "c"
    assert table["error"] == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize("ragged", [True, False])
def test_cells_make_structures_periodic(tmp_path: Path, ragged: bool) -> None:
    path, cells = tmp_path / "crystals.npz", np.stack([3 * np.eye(3), 4 * np.eye(3)])
    positions = np.arange(12.0).reshape(2, 2, 3)
    if ragged:
        contents = {"numbers": [6, 14, 6, 6], "positions": positions.reshape(4, 3), "sizes": [2, 2]}
    else:
        contents = {"numbers": [6, 14], "positions": positions}
    np.savez(path, cell=cells, **{name: np.array(values) for name, values in contents.items()})
    found = loading.read_file(replace(datasets.card("ethanol_xtb"), units={"positions": "Å"}), path)
    assert [atoms.cell[0, 0] for atoms in found.structures] == [3, 4]
    assert all(atoms.pbc.all() for atoms in found.structures)
    assert found.structures[0].get_chemical_formula() == "CSi"
    assert found.structures[1].positions == pytest.approx(positions[1])


# --- ethanol: the physics of the bundled file ---


@pytest.fixture(scope="module")
def ethanol() -> datasets.Dataset:
    return datasets.load("ethanol_xtb")


def test_ethanol_shapes(ethanol: datasets.Dataset) -> None:
    frames = len(ethanol)
    assert frames >= 1000
    assert ethanol.structures[0].get_chemical_formula() == "C2H6O"
    assert ethanol["forces"].shape == (frames, 9, 3)
    assert ethanol["dipole"].shape == (frames, 3)
    assert ethanol["polarizability"].shape == (frames, 3, 3)
    assert all(array.dtype == float for array in ethanol.arrays.values())


def test_ethanol_is_free_of_net_force_and_torque(ethanol: datasets.Dataset) -> None:
    """An isolated molecule pushes and turns itself nowhere: its energy knows no place and no direction."""
    positions = np.array([atoms.positions for atoms in ethanol.structures])
    forces = ethanol["forces"]
    assert np.abs(forces).mean() > 0.5
    assert np.abs(forces.sum(axis=1)).max() < 1e-4
    assert np.abs(np.cross(positions, forces).sum(axis=1)).max() < 1e-4


def test_ethanol_is_at_500_kelvin(ethanol: datasets.Dataset) -> None:
    """In the harmonic picture the potential energy of 21 vibrations fluctuates by sqrt(21/2) kT."""
    assert ethanol["energy"].std() / (np.sqrt(21 / 2) * units.kB * 500) == pytest.approx(1, abs=0.15)


def test_ethanol_does_not_drift(ethanol: datasets.Dataset) -> None:
    energy, time = ethanol["energy"], ethanol["time"]
    assert abs(np.polyfit(time, energy, 1)[0]) * time[-1] < 0.25 * energy.std()


def test_ethanol_frames_are_far_apart(ethanol: datasets.Dataset) -> None:
    energy = ethanol["energy"] - ethanol["energy"].mean()
    assert abs((energy[1:] * energy[:-1]).mean() / energy.var()) < 0.3
    assert np.diff(ethanol["time"]) == pytest.approx(100)


def test_ethanol_units_of_the_response(ethanol: datasets.Dataset) -> None:
    """Dipole in e·Å (1.7 D experimentally, that is 0.35 e·Å); polarizability positive and symmetric."""
    assert 1.4 < np.linalg.norm(ethanol["dipole"], axis=1).mean() / units.Debye < 2.1
    alpha = ethanol["polarizability"]
    assert np.allclose(alpha, alpha.transpose(0, 2, 1), atol=1e-6)
    assert np.linalg.eigvalsh(alpha).min() > 1.0


def test_ethanol_shares_one_orientation(ethanol: datasets.Dataset) -> None:
    """The heavy atoms lie nearly on top of each other in all frames: raw coordinates look harmless."""
    heavy = np.array([atoms.positions[:3] for atoms in ethanol.structures])
    assert heavy.std(axis=0).max() < 0.25


def test_ethanol_labels_are_reproduced(ethanol: datasets.Dataset) -> None:
    """Forces are minus the gradient of the energy, and dipoles minus its derivative in a field."""
    interface = pytest.importorskip("tblite.interface")
    atoms = ethanol.structures[7]

    def energy(positions: np.ndarray) -> float:
        calculator = interface.Calculator("GFN2-xTB", atoms.numbers, positions / units.Bohr)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", 1e-3)
        return calculator.singlepoint().get("energy") * units.Hartree

    assert energy(atoms.positions) == pytest.approx(ethanol["energy"][7], abs=1e-5)
    step = np.zeros((9, 3))
    step[2, 1] = 1e-3
    slope = (energy(atoms.positions + step) - energy(atoms.positions - step)) / 2e-3
    assert -slope == pytest.approx(ethanol["forces"][7, 2, 1], abs=1e-3)


# --- published files: a server that truncates, lies and fails ---


class _Server:
    """Serves EXTXYZ on 127.0.0.1; `mood` says how; `requests` counts."""

    def __init__(self) -> None:
        self.mood, self.requests = "honest", 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                body = EXTXYZ.encode()
                if outer.mood == "fails":
                    self.send_error(500)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                sent = {"truncates": body[:50], "lies": b"x" * len(body)}.get(outer.mood, body)
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/frames.xyz"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[_Server]:
    server = _Server()
    yield server
    server.close()


@pytest.fixture
def published(server: _Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> datasets.Card:
    """A card of its own, published on the local server; downloads go to tmp_path."""
    card = replace(
        datasets.card("silicon_md_published"),
        name="local",
        file="frames.xyz",
        url=server.url,
        sha256=hashlib.sha256(EXTXYZ.encode()).hexdigest(),
    )
    known = registry.known() | {card.name: card}
    monkeypatch.setattr(registry, "known", lambda: known)
    monkeypatch.setattr("time.sleep", lambda _: None)  # pooch waits between its attempts
    monkeypatch.setenv("TUTORIAL_UTILS_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return card


def test_download_once_then_from_the_folder(published: datasets.Card, server: _Server) -> None:
    first = datasets.load("local")
    assert first["energy"] == pytest.approx([-1.5])
    assert first["forces"][0, 1] == pytest.approx([-0.25, 0, 0])
    assert first["stress"][0] == pytest.approx(np.array([[1, 4, 5], [4, 2, 6], [5, 6, 3]]))
    assert first.structures[0].calc is None
    datasets.load("local")
    assert server.requests == 1


@pytest.mark.parametrize("mood", ["truncates", "lies", "fails"])
def test_bad_downloads_help_and_leave_nothing(
    published: datasets.Card, server: _Server, tmp_path: Path, mood: str
) -> None:
    server.mood = mood
    with pytest.raises(DatasetError, match=r'Try again(.|\n)*load\("local", path="where/it/lies/frames'):
        datasets.load("local")
    assert server.requests == 1 + loading.RETRIES
    assert list(tmp_path.iterdir()) == []
    server.mood = "honest"
    assert len(datasets.load("local")) == 1


def test_closed_port_helps_and_leaves_nothing(
    published: datasets.Card, server: _Server, tmp_path: Path
) -> None:
    server.close()
    with pytest.raises(DatasetError, match="Nothing was left half-written"):
        datasets.load("local")
    assert list(tmp_path.iterdir()) == []


def test_download_is_retried(
    published: datasets.Card, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hiccup of the network costs the learner nothing."""
    server.mood = "truncates"

    def network_recovers(_: float) -> None:
        server.mood = "honest"

    monkeypatch.setattr("time.sleep", network_recovers)
    assert len(datasets.load("local")) == 1
    assert server.requests == 2


def test_damaged_file_in_the_folder_is_replaced(published: datasets.Card, tmp_path: Path) -> None:
    (tmp_path / "frames.xyz").write_text(EXTXYZ[:80])
    assert len(datasets.load("local")) == 1
    assert (tmp_path / "frames.xyz").read_text() == EXTXYZ


def test_local_copy_needs_no_network(published: datasets.Card, server: _Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.xyz"
    copy.write_text(EXTXYZ)
    assert len(datasets.load("local", path=copy)) == 1
    copy.write_text(EXTXYZ.replace("-1.5", "-1.6"))
    with pytest.raises(
        DatasetError, match=r"not the file of the card(.|\n)*take the file from http://127.0.0.1"
    ):
        datasets.load("local", path=copy)
    with pytest.raises(DatasetError, match="there is no file"):
        datasets.load("local", path=tmp_path / "nowhere.xyz")
    assert server.requests == 0


def test_a_folder_that_cannot_be_written_to_is_named(published: datasets.Card, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUTORIAL_UTILS_DATA", str(tmp_path / "file"))
    with pytest.raises(
        DatasetError, match=rf"written to the folder {tmp_path}/file(.|\n)*TUTORIAL_UTILS_DATA"
    ):
        datasets.load("local")

"""From a card to structures and arrays; the checksum is looked at before anything is read."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pooch
from ase import Atoms
from ase.io import iread
from ase.stress import voigt_6_to_full_3x3_stress

from tutorial_utils.datasets.cards import Card
from tutorial_utils.datasets.published_pickle import read_tensors
from tutorial_utils.datasets.published_spectra import read_spectra
from tutorial_utils.datasets.registry import BUNDLED, card

RETRIES = 2  # further attempts of a download, before it is given up
TIMEOUT = 30  # seconds without an answer
# What the system says of a folder that cannot be written to, or is full.
NO_ROOM = {
    getattr(errno, name) for name in ["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR", "EEXIST", "ENOENT"]
}


class DatasetError(RuntimeError):
    """A dataset that cannot be had as its card promises; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Structures and the arrays that belong to them.

    Attributes:
        card: what it is, with units.
        structures: one `ase.Atoms` for each frame (Å); empty for plain tables.
        arrays: name -> array, leading axis = frame (or row of the table); units stand on the card.
    """

    card: Card
    structures: list[Atoms]
    arrays: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise ValueError(f"{self.card.name} has no array {name!r}, but {', '.join(self.arrays)}")
        return self.arrays[name]

    def __len__(self) -> int:
        return len(self.structures or next(iter(self.arrays.values())))

    def __repr__(self) -> str:
        kind = "structures" if self.structures else "rows"
        units = self.card.units
        parts = [f"{name} {array.shape} {units.get(name, '')}" for name, array in self.arrays.items()]
        return f"{self.card.name}: {len(self)} {kind}; {', '.join(part.rstrip() for part in parts)}"


def load(name: str, *, path: str | Path | None = None) -> Dataset:
    """Load a dataset: from inside the package, from the download folder, or from the web once.

    Args:
        name: one of `names()`.
        path: a local copy of the file, where there is no network; it has to have the checksum on the card,
            unless the card allows `any_copy`. Files of the official split are looked for beside it.

    Returns:
        structures and arrays, in the units on the card; where there is an official split, an array
        ``split`` besides.

    Raises:
        ValueError: if there is no such dataset.
        DatasetError: if the file is missing, damaged or out of reach; the message says what to do.
    """
    wanted = card(name)
    if path is not None:
        cure = f"take the file from {wanted.url or 'the package'} again"
        file = _verified(wanted, Path(path), cure=cure, any_copy=wanted.any_copy)
    elif wanted.url is None:
        file = bundled(wanted, BUNDLED)
    else:
        file = fetch(wanted, download_folder())
    dataset = read_file(wanted, file)
    if wanted.split:
        dataset.arrays["split"] = _split(wanted, dataset["row"], file)
    return dataset


def download_folder() -> Path:
    """Return where downloads are kept: TUTORIAL_UTILS_DATA if set, else the user's cache folder."""
    return Path(os.environ.get("TUTORIAL_UTILS_DATA") or pooch.os_cache("tutorial_utils"))


def bundled(wanted: Card, folder: Path) -> Path:
    """Return the verified path of a file that came with the package."""
    cure = (
        "reinstall the package (pip install --force-reinstall --no-deps tutorial-utils), or in a clone "
        f"type: git checkout -- src/tutorial_utils/datasets/bundled/{wanted.file}"
    )
    return _verified(wanted, folder / wanted.file, cure=cure)


def fetch(wanted: Card, folder: Path, *, offline: str | None = None) -> Path:
    """Return the path of a published file in folder; download it unless it lies there whole.

    pooch writes to a temporary name, compares checksums, and only then gives the file its name:
    a broken download leaves nothing behind, and a damaged file in the folder is replaced.

    Args:
        wanted: card of the file.
        folder: where downloads are kept.
        offline: what to do with a file that was fetched by other means, for the message of a failure.

    Raises:
        DatasetError: if the file is out of reach or damaged, or the folder cannot be written to.
    """
    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(
        path=folder,
        base_url="",
        registry={wanted.file: f"sha256:{wanted.sha256}"},
        urls={wanted.file: wanted.url},
        retry_if_failed=RETRIES,
    )
    try:
        return Path(store.fetch(wanted.file, downloader=pooch.HTTPDownloader(timeout=TIMEOUT)))
    except (OSError, ValueError) as reason:  # network: OSError; checksum: ValueError
        if getattr(reason, "errno", None) in NO_ROOM:
            raise DatasetError(
                f"{wanted.name}: {wanted.file} cannot be written to the folder {folder}: {reason}\n"
                "To cure it: make room there, or set the environment variable TUTORIAL_UTILS_DATA to a "
                "folder that you can write to."
            ) from reason
        use = offline or f'call datasets.load("{wanted.name}", path="where/it/lies/{wanted.file}")'
        raise DatasetError(
            f"{wanted.name}: the download from {wanted.url} failed ({RETRIES + 1} attempts): {reason}\n"
            "Nothing was left half-written. Try again when the network is better; or fetch the file with a "
            f"browser or on another machine and {use}."
        ) from reason


def _split(wanted: Card, rows: np.ndarray, table: Path) -> np.ndarray:
    """Return the part of the official split that each row belongs to.

    Args:
        wanted: card with a split.
        rows: row numbers (rows,).
        table: the file itself; files of the split may lie beside it, what is not there is downloaded.
    """
    parts = np.full(len(rows), "test")
    for part, (url, sha256) in wanted.split.items():
        source = replace(wanted, file=url.rsplit("/", 1)[1], url=url, sha256=sha256)
        beside = table.with_name(source.file)
        if beside.is_file():
            file = _verified(source, beside, cure=f"take the file from {url} again")
        else:
            file = fetch(source, download_folder(), offline=f"lay it beside {table}, as {source.file}")
        parts = np.where(np.isin(rows, np.loadtxt(file, dtype=int, ndmin=1)), part, parts)
    return parts


def _verified(wanted: Card, path: Path, *, cure: str, any_copy: bool = False) -> Path:
    if not path.is_file():
        raise DatasetError(f"{wanted.name}: there is no file {path}.\nTo cure it: {cure}.")
    if any_copy:
        return path
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted.sha256:
        raise DatasetError(
            f"{wanted.name}: {path} is not the file of the card, or is damaged: "
            f"its sha256 begins with {found[:12]}, expected {wanted.sha256[:12]}.\nTo cure it: {cure}."
        )
    return path


def read_file(wanted: Card, path: Path) -> Dataset:
    """Read a verified file and hold it against its card.

    Raises:
        DatasetError: if arrays are missing, unknown, of different lengths, or not finite.
    """
    structures, arrays = _READERS[Path(wanted.file).suffix](path)  # a copy may have any name
    lengths = {name: len(array) for name, array in arrays.items()}
    if structures:
        lengths["positions"] = len(structures)
    if set(lengths) != set(wanted.units):
        found, promised = sorted(lengths), sorted(wanted.units)
        raise DatasetError(f"{wanted.name}: {path} holds {found}, its card says {promised}")
    if len(set(lengths.values())) > 1:
        raise DatasetError(f"{wanted.name}: arrays of different lengths in {path}: {lengths}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and name not in wanted.gaps and not np.isfinite(array).all():
            raise DatasetError(f"{wanted.name}: {name} in {path} holds values that are not finite")
    return Dataset(wanted, structures, arrays)


Contents = tuple[list[Atoms], dict[str, np.ndarray]]


def _read_npz(path: Path) -> Contents:
    """Read arrays; "numbers", "positions" (Å) and, if periodic, "cell" (Å) become structures.

    Structures of one and the same kind: numbers (atoms,), positions (frames, atoms, 3). Structures of
    different sizes lie end to end: numbers (all atoms,), positions (all atoms, 3), sizes (frames,).
    Cells: (frames, 3, 3), their rows the lattice vectors.
    """
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: _float64(stored[key]) for key in stored}
    if "positions" not in arrays:
        return [], arrays
    numbers, positions = arrays.pop("numbers"), arrays.pop("positions")
    if "sizes" in arrays:
        sizes = arrays.pop("sizes")
        if not sizes.sum() == len(numbers) == len(positions):
            found = f"{sizes.sum()} atoms, but numbers {len(numbers)} and positions {len(positions)}"
            raise DatasetError(f"{path}: sizes promise {found}")
        ends = np.cumsum(sizes)[:-1]
        parts = list(zip(np.split(numbers, ends), np.split(positions, ends), strict=True))
    else:
        parts = [(numbers, frame) for frame in positions]
    structures = [Atoms(numbers=part, positions=places) for part, places in parts]
    if "cell" in arrays:
        for atoms, cell in zip(structures, arrays.pop("cell"), strict=True):
            atoms.cell, atoms.pbc = cell, True
    return structures, arrays


def _float64(array: np.ndarray) -> np.ndarray:
    # float32 is a matter of storage: everybody calculates in float64 from here on
    return array.astype(float) if array.dtype.kind == "f" else array


def _read_json(path: Path) -> Contents:
    """Read a table: an object of columns of equal length."""
    columns = json.loads(path.read_text(encoding="utf-8"))
    return [], {name: np.array(column) for name, column in columns.items()}


def _read_extxyz(path: Path) -> Contents:
    """Read extended XYZ; labels that are there leave the structures for arrays.

    Stress and polarizability become (frames, 3, 3). Forces need frames of one size.
    """
    frames = list(iread(path, index=":", format="extxyz"))
    results = [{**frame.info, **(frame.calc.results if frame.calc else {})} for frame in frames]
    arrays = {name: [found[name] for found in results if name in found] for name in _LABELS}
    for frame in frames:
        frame.calc, frame.info = None, {}
    return frames, {
        name: np.array([_LABELS[name](x) for x in column]) for name, column in arrays.items() if column
    }


def _read_pickle(path: Path) -> Contents:
    """Read published clusters of one size: "type" and "pos" (Å) become structures."""
    rows = read_tensors(path)
    if not rows or not all({"type", "pos"} <= set(row) for row in rows):
        raise DatasetError(f"{path}: expected clusters with type and pos")
    structures = [Atoms(numbers=row.pop("type").astype(int), positions=row.pop("pos")) for row in rows]
    names = [name for name in rows[0] if name != "onehot"]
    return structures, {name: _float64(np.stack([row[name] for row in rows])) for name in names}


_LABELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "energy": np.asarray,
    "forces": np.asarray,
    "stress": voigt_6_to_full_3x3_stress,
    "polarizability": lambda nine: np.reshape(nine, (3, 3)),
}

_READERS: dict[str, Callable[[Path], Contents]] = {
    ".npz": _read_npz,
    ".json": _read_json,
    ".xyz": _read_extxyz,
    ".pkl": _read_pickle,
    ".csv": read_spectra,
}

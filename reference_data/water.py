"""Electron densities of water clusters of up to 20 molecules: PBE in a basis that can polarise, fitted.

    OMP_NUM_THREADS=1 python reference_data/water.py            # labels what is missing
    OMP_NUM_THREADS=1 python reference_data/water.py --gather   # makes the dataset of what is there

Makes src/tutorial_utils/datasets/bundled/water_clusters_pbe.npz (dataset `water_clusters_pbe`).
It saves as it goes, a cluster a file in reference_data/raw/water, and each half hour what is whole in
reference_data/water/, a file a size. Started again, on another machine too, it continues from these. Any
number of processes may share the work.

Geometries and labels: water_labels.py. Frames of the trajectory, not clusters, are split into train, valid
and test, in the order of time. Orbitals: aug-pc-1. What a molecule at the minimum of SPC/Fw has in PBE, with
the share of the density by which a dimer differs from two molecules and what of it is the superposition of
basis sets:

                functions   dipole D   polarizability Å³   difference %   superposition %
    def2-SVP       24         1.83           0.86              1.12            0.43
    def2-SVPD      39         1.72           1.62              1.07            0.10
    aug-pc-1       41         1.66           1.67              1.08            0.09
    aug-cc-pVDZ    41         1.68           1.58              1.09            0.06
    aug-cc-pVTZ    92         1.68           1.65              1.10            0.03

A cluster whose field does not settle is kept with its positions alone, and is not in the dataset.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from files import claim, report, write_npz
from water_labels import cut, label, nearest, simulate

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/water_clusters_pbe.npz"
FOLDER = Path(__file__).parent / "water"
RAW = Path(__file__).parent / "raw/water"
FRAMES = {"train": range(12), "valid": range(12, 15), "test": range(15, 20)}
# split: {molecules in a cluster: clusters}
COUNTS = {
    "test": {1: 10, 2: 12, 3: 10, 4: 8, 6: 5, 8: 5, 12: 5, 20: 6},
    "train": {1: 72, 2: 90, 3: 24, 4: 18, 6: 8, 8: 6, 12: 5},
    "valid": {1: 5, 2: 8, 3: 4, 4: 4, 6: 2, 8: 1},
}
SAVE_EVERY = 1800  # s


class Cluster(NamedTuple):
    """Where a cluster is cut out: split, frame, central molecule, number of molecules."""

    split: str
    frame: int
    centre: int
    molecules: int


def catalogue(frames: np.ndarray) -> list[Cluster]:
    """Return all clusters, small ones first, of each size those to test on first; none is there twice.

    A larger count adds clusters and changes none.
    """
    found = []
    for number, (split, counts) in enumerate(COUNTS.items()):
        sites = [(n, centre) for n in FRAMES[split] for centre in range(frames.shape[1])]
        for molecules, count in counts.items():
            seen: dict[tuple[int, frozenset], Cluster] = {}
            for k in np.random.default_rng([number, molecules]).permutation(len(sites)):
                frame, centre = sites[k]
                members = frozenset(nearest(frames[frame], centre, molecules).tolist())
                seen.setdefault((frame, members), Cluster(split, frame, centre, molecules))
                if len(seen) == count:
                    break
            found += seen.values()
    return sorted(found, key=lambda cluster: (cluster.molecules, cluster.split))


def file_name(cluster: Cluster) -> str:
    """What the file of a cluster is called, without .npz."""
    return "_".join(map(str, cluster))


def read_frames(folder: Path, raw: Path) -> np.ndarray:
    """Return the trajectory, (frames, molecules, 3 atoms O H H, 3) Å; run it where it is missing."""
    path = folder / "frames.npz"
    if not path.exists():
        simulate(raw)
        write_npz(path, {"positions": np.load(raw / "frames.npy")})
    return np.load(path)["positions"]


def unpack(folder: Path, raw: Path) -> None:
    """Write the clusters that are stored to files of their own, where these are missing."""
    for path in folder.glob("clusters_*.npz"):
        with np.load(path) as stored:
            names = dict.fromkeys(key.split("/")[0] for key in stored)
            for name in names:
                if not (raw / f"{name}.npz").exists():
                    arrays = {key.split("/")[1]: stored[key] for key in stored if key.startswith(f"{name}/")}
                    write_npz(raw / f"{name}.npz", arrays)


def pack(folder: Path, raw: Path, clusters: list[Cluster]) -> None:
    """Store the clusters that are done, a file a size; energies in double precision, the rest in single."""
    for molecules in sorted({cluster.molecules for cluster in clusters}):
        arrays = {}
        for name in (file_name(c) for c in clusters if c.molecules == molecules):
            if (raw / f"{name}.npz").exists():
                with np.load(raw / f"{name}.npz") as found:
                    for key, value in found.items():
                        single = value.dtype == float and "energ" not in key
                        arrays[f"{name}/{key}"] = value.astype(np.float32) if single else value
        if arrays:
            write_npz(folder / f"clusters_{molecules:02d}.npz", arrays)


def compute(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Label a cluster, or say that its field does not settle."""
    try:
        return label(positions)
    except RuntimeError as error:
        print(error, flush=True)
        return {"positions": positions}


def stack(clusters: list[Cluster], labels: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Gather clusters to arrays; what belongs to molecules is padded with zeros to the largest cluster."""
    largest = max(cluster.molecules for cluster in clusters)
    arrays = {"split": np.array([cluster.split for cluster in clusters])}
    for key in ("frame", "molecules"):
        arrays[key] = np.array([getattr(cluster, key) for cluster in clusters], dtype=np.uint8)
    for key in ("energy", "dipole", "seconds", "fit_error", "interaction", "interaction_fit_error"):
        arrays[key] = np.array([found[key] for found in labels], dtype=float if key == "energy" else "f4")
    for key in ("monomer_energies", "coefficients", "monomer_coefficients"):
        padded = np.zeros((len(labels), largest, *labels[0][key].shape[1:]), dtype=np.float32)
        if key == "monomer_energies":
            padded = padded.astype(float)
        for row, found in zip(padded, labels, strict=True):
            row[: len(found[key])] = found[key]
        arrays[key] = padded
    arrays["sizes"] = 3 * arrays["molecules"]
    arrays["numbers"] = np.tile(np.array([8, 1, 1], dtype=np.uint8), arrays["molecules"].sum(dtype=int))
    arrays["positions"] = np.concatenate([found["positions"] for found in labels]).astype(np.float32)
    return arrays


def gather(folder: Path, raw: Path, output: Path) -> None:
    """Write the dataset of all clusters that are labelled."""
    unpack(folder, raw)
    found = {}
    for cluster in catalogue(read_frames(folder, raw)):
        path = raw / f"{file_name(cluster)}.npz"
        if path.exists() and "energy" in (arrays := dict(np.load(path))):
            found[cluster] = arrays
    write_npz(output, stack(list(found), list(found.values())))
    report(output)


def compute_missing(folder: Path, raw: Path) -> None:
    """Label what is missing; store what is done now and then, and at the end."""
    frames, saved = read_frames(folder, raw), time.time()
    clusters = catalogue(frames)
    unpack(folder, raw)
    for n, cluster in enumerate(clusters, start=1):
        path = raw / f"{file_name(cluster)}.npz"
        with claim(path) as missing:
            if not missing:
                continue
            start = time.process_time()
            write_npz(path, compute(cut(frames[cluster.frame], cluster.centre, cluster.molecules)))
        seconds = time.process_time() - start
        print(f"{n} of {len(clusters)}: {path.stem}, {seconds:.0f} s", flush=True)
        if time.time() > saved + SAVE_EVERY:
            pack(folder, raw, clusters)
            saved = time.time()
    pack(folder, raw, clusters)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gather", action="store_true", help="make the dataset of what is labelled")
    torch.set_default_dtype(torch.float64)
    FOLDER.mkdir(exist_ok=True)
    RAW.mkdir(parents=True, exist_ok=True)
    if parser.parse_args().gather:
        gather(FOLDER, RAW, OUTPUT)
    else:
        compute_missing(FOLDER, RAW)

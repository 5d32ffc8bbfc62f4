"""Labels for the transfer question: water clusters up to 20 molecules, in a basis that can polarise.

    OMP_NUM_THREADS=1 python reference_data/water_transfer.py

It saves as it goes, a cluster a file in reference_data/raw/water_transfer, and each half hour what is whole
in reference_data/water/, a file a size. Started again, on another machine too, it continues from these. Any
number of processes may share the work.

Geometries and labels are those of water.py in another basis. Orbitals: aug-pc-1. What a molecule at the
minimum of SPC/Fw has in PBE, with the share of the density by which a dimer differs from two molecules and
what of it is the superposition of basis sets:

                functions   dipole D   polarisability Å³   difference %   superposition %
    def2-SVP       24         1.83           0.86              1.12            0.43
    def2-SVPD      39         1.72           1.62              1.07            0.10
    aug-pc-1       41         1.66           1.67              1.08            0.09
    aug-cc-pVDZ    41         1.68           1.58              1.09            0.06
    aug-cc-pVTZ    92         1.68           1.65              1.10            0.03

Functions of the density: those of water.py and one more p of an oxygen, exponent 0.12, 105 a molecule. A fit
without it has a polarisability of 1.52 Å³ where the orbitals have 1.68, with it 1.68. The fit in the 102
functions follows from the stored one: it is that one's own fit in the Coulomb metric.

A cluster whose field does not settle is kept with its positions alone, and counted at the end.
"""

import time
from pathlib import Path

import numpy as np
import torch
from files import claim, write_npz
from water import SPLITS as FRAMES_AND_COUNTS
from water import Cluster, cut, label, nearest, simulate

from tutorial_utils.densities.basis import WATER
from tutorial_utils.densities.fitting import shells

FOLDER = Path(__file__).parent / "water"
RAW = Path(__file__).parent / "raw/water_transfer"
FUNCTIONS = {symbol: shells(WATER, symbol) for symbol in "HO"}
FUNCTIONS["O"].insert([l for l, _ in FUNCTIONS["O"]].index(2), [1, [0.12, 1.0]])  # sorted by degree
BASIS = {"basis": "aug-pc-1", "fitting_basis": FUNCTIONS}
# split: {molecules in a cluster: clusters}; the frames of each split are those of water.py
COUNTS = {
    "test": {1: 10, 2: 12, 3: 10, 4: 8, 6: 5, 8: 5, 12: 4, 20: 2},
    "train": {1: 72, 2: 90, 3: 24, 4: 18, 6: 8, 8: 6},
    "valid": {1: 5, 2: 8, 3: 4, 4: 4, 6: 2, 8: 1},
}
SAVE_EVERY = 1800  # s


def catalogue(frames: np.ndarray) -> list[Cluster]:
    """Return all clusters, small ones first, of each size those to test on first; none is there twice.

    A larger count adds clusters and changes none.
    """
    found = []
    for number, (split, counts) in enumerate(COUNTS.items()):
        sites = [(n, centre) for n in FRAMES_AND_COUNTS[split][0] for centre in range(frames.shape[1])]
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
        return label(positions, **BASIS)
    except RuntimeError as error:
        print(error, flush=True)
        return {"positions": positions}


def main(folder: Path = FOLDER, raw: Path = RAW) -> None:
    """Compute what is missing; store what is done now and then, and at the end."""
    torch.set_default_dtype(torch.float64)
    folder.mkdir(exist_ok=True)
    raw.mkdir(parents=True, exist_ok=True)
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
    main()

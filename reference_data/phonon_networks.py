"""Networks that predict phonon spectra: the shipped ensemble, and what it is held against.

Makes src/tutorial_utils/phonons/ensemble.pt (read by `phonons.pretrained`) and the table
src/tutorial_utils/datasets/bundled/phonon_networks.json (dataset `phonon_networks`). Run with

    OMP_NUM_THREADS=1 python reference_data/phonon_networks.py --data data_union.csv

It saves as it goes, a training at a time: stopped and started again it continues. Without --data the
published spectra are downloaded.

All are trained on the 1192 training crystals, or some of them, and scored on the 141 validation crystals,
which also pick the best epoch of each training: these are validation figures, a little too good. The loss
does not see the height of a spectrum, so those of networks are divided by their maxima before scoring.
A row is one number: study, model, training crystals, seed, measure, value. In the study "paired" the model
is "first - second" and the measures are the mean and the standard error of the difference of max-MSE.
"""

import argparse
import itertools
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from files import report, write_npz, write_table

from tutorial_utils import datasets
from tutorial_utils.phonons import Ensemble, baselines, errors, paired, peaked, prediction, train
from tutorial_utils.phonons.sums import crystals

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/phonon_networks.json"
RAW = ROOT / "reference_data/raw/phonon_networks"
COLUMNS = ("study", "model", "crystals", "seed", "measure", "value")
HIDDEN = {
    "no geometry": "96x0e",
    "l = 0": "96x0e",
    "l ≤ 1": "96x0e+24x1o",
    "l ≤ 2": "96x0e+24x1o+12x2e",
}
BASELINES = {
    "train mean": baselines.Mean,
    "nearest composition": baselines.Nearest,
    "kernel ridge": baselines.Kernel,
}
SEEDS, SHIPPED = (0, 1, 2), (0, 1, 2, 3, 4)
ENSEMBLES = {"ensemble": ("l = 0", SHIPPED), "ensemble, l ≤ 1": ("l ≤ 1", SEEDS)}
SHARES = (75, 300)  # training crystals of the learning curves, before all of them
GRID = np.arange(0.0, 1001.0, 20.0)  # 1/cm
PAIRS = (
    ("l = 0", "kernel ridge"),
    ("l = 0", "no geometry"),
    ("l ≤ 1", "l = 0"),
    ("l ≤ 2", "l = 0"),
    ("ensemble", "l = 0"),
    ("ensemble, l ≤ 1", "ensemble"),
    ("ensemble", "kernel ridge"),
)

Job = tuple[str, int, int]  # model, training crystals, seed


def jobs(count: int) -> list[Job]:
    """List all trainings: what matters most comes first."""
    found = [("l = 0", count, seed) for seed in SHIPPED]
    found += [(model, count, seed) for model in ("no geometry", "l ≤ 1") for seed in SEEDS]
    for seed, share in itertools.product(SEEDS, SHARES):
        found += [(model, share, seed) for model in ("l = 0", "l ≤ 1")]
    return found + [("l ≤ 2", count, seed) for seed in SEEDS]


@cache
def published(path: str | None) -> datasets.Dataset:
    return datasets.load("phonon_dos_published", path=path)


@cache
def part(path: str | None, name: str) -> np.ndarray:
    """Return the rows of a part of the split."""
    return np.flatnonzero(published(path)["split"] == name)


@cache
def graphs_of(path: str | None, lmax: int) -> list:
    """Return the graphs of all rows with a spectrum, None elsewhere."""
    data = published(path)
    rows = np.concatenate([part(path, "train"), part(path, "valid")])
    found: list = [None] * len(data)
    made = crystals([data.structures[n] for n in rows], data["dos"][rows], lmax=lmax)
    for n, graph in zip(rows, made, strict=True):
        found[n] = graph
    return found


def subset(path: str | None, count: int, seed: int) -> np.ndarray:
    """Return rows to train on: all, or some drawn at random."""
    rows = part(path, "train")
    return rows if count >= len(rows) else np.random.default_rng(seed).permutation(rows)[:count]


def run(path: str | None, job: Job, folder: Path) -> None:
    """Train one network; write its validation spectra, weights and processor time."""
    model, count, seed = job
    lmax = int(model[-1]) if model.startswith("l") else 0
    graphs = graphs_of(path, lmax)
    valid = [graphs[n] for n in part(path, "valid")]
    everything = prediction.elements_of([graphs[n] for n in part(path, "train")])
    start = time.process_time()
    network, _ = train(
        [graphs[n] for n in subset(path, count, seed)],
        valid=valid,
        elements=everything,
        irreps_hidden=HIDDEN[model],
        layers=0 if model == "no geometry" else 2,
        seed=seed,
    )
    seconds = time.process_time() - start
    spectra = prediction.evaluate(network, valid)
    if model == "l = 0" and count == len(part(path, "train")):
        prediction.store(folder / f"weights_{seed}.pt", Ensemble([network]))
    write_npz(folder / f"{name(job)}.npz", {"dos": spectra, "seconds": np.array(seconds)})
    score = errors(spectra, published(path)["dos"][part(path, "valid")], GRID)
    print(
        f"{model}, {count} crystals, seed {seed}: {score['maximum'].mean():.4f}, {seconds:.0f} s", flush=True
    )


def name(job: Job) -> str:
    """Return the file name of a training's results."""
    return f"{job[0]}_{job[1]}_{job[2]}".replace(" ", "").replace("≤", "le").replace("=", "eq")


def scores(spectra: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return the mean of each error over the crystals."""
    return {measure: float(values.mean()) for measure, values in errors(spectra, target, GRID).items()}


def table(path: str | None, folder: Path) -> list[list]:
    """Gather all rows from what has been trained so far."""
    data, valid, whole = published(path), part(path, "valid"), part(path, "train")
    target = data["dos"][valid]
    spectra: dict[Job, np.ndarray] = {}
    seconds: dict[Job, float] = {}
    for job in jobs(len(whole)):
        file = folder / f"{name(job)}.npz"
        if file.exists():
            with np.load(file) as stored:
                spectra[job], seconds[job] = peaked(stored["dos"]), float(stored["seconds"])
    for model, share, seed in itertools.product(BASELINES, (*SHARES, len(whole)), SEEDS):
        if seed == 0 or (share < len(whole) and model == "kernel ridge"):
            rows = subset(path, share, seed)
            fitted = BASELINES[model].fit([data.structures[n] for n in rows], data["dos"][rows])
            spectra[model, share, seed] = fitted.predict([data.structures[n] for n in valid])
    for ensemble, (model, seeds) in ENSEMBLES.items():
        members = [(model, len(whole), seed) for seed in seeds if (model, len(whole), seed) in spectra]
        spectra[ensemble, len(whole), 0] = np.mean([spectra[job] for job in members], axis=0)
        seconds[ensemble, len(whole), 0] = sum(seconds[job] for job in members)
    found = []
    for job, each in spectra.items():
        study = "models" if job[1] == len(whole) else "learning"
        found += [[study, *job, measure, value] for measure, value in scores(each, target).items()]
        if job in seconds:
            found.append([study, *job, "seconds", seconds[job]])
    found += pairs(spectra, target, len(whole))
    return [[*row[:-1], float(f"{row[-1]:.4g}")] for row in found]


def pairs(spectra: dict[Job, np.ndarray], target: np.ndarray, count: int) -> list[list]:
    """Return differences of max-MSE, crystal by crystal; seeds of one model are averaged first."""
    each: dict[str, list[np.ndarray]] = {}
    for (model, trained, _), predicted in spectra.items():
        if trained == count:
            each.setdefault(model, []).append(errors(predicted, target, GRID)["maximum"])
    found = []
    for first, second in PAIRS:
        if first in each and second in each:
            values = paired(np.mean(each[first], axis=0), np.mean(each[second], axis=0))
            for measure, value in zip(("difference", "standard error"), values, strict=True):
                found.append(["paired", f"{first} - {second}", count, 0, measure, value])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a local copy of the published file, its split beside it")
    parser.add_argument("--raw", type=Path, default=RAW, help="folder of the results so far")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.raw.mkdir(parents=True, exist_ok=True)
    for job in jobs(len(part(options.data, "train"))):
        if not (options.raw / f"{name(job)}.npz").exists():
            run(options.data, job, options.raw)
    write_table(options.output, COLUMNS, table(options.data, options.raw))
    report(options.output)
    files = [options.raw / f"weights_{seed}.pt" for seed in SHIPPED]
    networks = [network for file in files for network in prediction.restore(file).networks]
    prediction.store(prediction.PRETRAINED, Ensemble(networks))


if __name__ == "__main__":
    main()

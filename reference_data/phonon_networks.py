"""Networks that predict phonon spectra: the shipped ensemble, and what it is held against.

Makes src/tutorial_utils/phonons/ensemble.pt (read by `phonons.pretrained`) and the table
src/tutorial_utils/datasets/bundled/phonon_networks.json (dataset `phonon_networks`). Run with

    OMP_NUM_THREADS=1 python reference_data/phonon_networks.py --data data_union.csv

It saves as it goes, a training at a time: stopped and started again it continues. Without --data the
published spectra are downloaded.

All are trained on the 1192 training crystals, or some of them, and scored on the 141 validation crystals,
which also pick the best epoch of each training: these are validation figures, a little too good. The loss
does not see the height of a spectrum, so those of networks are divided by their maxima before scoring.
The composition network has the layers of the others and hears all atoms of the cell, but no distances; with
volume, it hears them at the radius of a sphere that holds the volume per atom. The wide l = 0 has as many
weights as l ≤ 2. The settings of the kernel ridges are the best on the validation crystals.
A row is one number: study, model, training crystals, seed, measure, value. In the study "paired" the model
is "first - second" and each measure has two rows, "… difference" and "… standard error": of the mean over
crystals, the seeds of a model averaged first.
"""

import argparse
import itertools
import time
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from e3nn import o3
from files import report, write_npz, write_table

from tutorial_utils import datasets
from tutorial_utils.phonons import Ensemble, baselines, errors, paired, peaked, prediction, train
from tutorial_utils.phonons.sums import cell_averages, lattice_sums

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/phonon_networks.json"
RAW = ROOT / "reference_data/raw/phonon_networks"
COLUMNS = ("study", "model", "crystals", "seed", "measure", "value")
COMPOSITION, DENSITY, WIDE = "composition network", "composition network + volume", "l = 0, wide"
HIDDEN = {
    COMPOSITION: "96x0e",
    DENSITY: "96x0e",
    "l = 0": "96x0e",
    WIDE: "120x0e",
    "l ≤ 1": "96x0e+24x1o",
    "l ≤ 2": "96x0e+24x1o+12x2e",
}
SEEING = tuple(HIDDEN)[2:]  # distances, at least
BASELINES = {
    "train mean": baselines.Mean.fit,
    "nearest composition": baselines.Nearest.fit,
    "kernel ridge": baselines.Kernel.fit,
    "kernel ridge + volume": partial(baselines.Kernel.fit, volume=1.0),
}
SEEDS, LEARNING_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)
SHIPPED = "l = 0"
SHARES = (75, 300)  # training crystals of the learning curves, before all of them
GRID = np.arange(0.0, 1001.0, 20.0)  # 1/cm
MEASURES = ("raw", "maximum", "cdf", "mean_frequency", "heat_capacity")


def ensemble(model: str) -> str:
    """Return what the mean of a model's networks is called."""
    return f"ensemble, {model}"


PAIRS = (
    ("kernel ridge + volume", "kernel ridge"),
    (COMPOSITION, "kernel ridge"),
    (COMPOSITION, "kernel ridge + volume"),
    (DENSITY, "kernel ridge + volume"),
    *((model, rival) for model in SEEING for rival in ("kernel ridge + volume", COMPOSITION, DENSITY)),
    *((model, "l = 0") for model in SEEING[1:]),
    ("l ≤ 2", WIDE),
    *((ensemble(model), model) for model in HIDDEN),
    *((ensemble(model), ensemble(rival)) for model in SEEING for rival in (COMPOSITION, DENSITY)),
    *((ensemble(model), ensemble("l = 0")) for model in SEEING[1:]),
    (ensemble("l ≤ 2"), ensemble(WIDE)),
)

Job = tuple[str, int, int]  # model, training crystals, seed


def jobs(count: int) -> list[Job]:
    """List all trainings: what matters most comes first."""
    found = [(model, count, seed) for seed in SEEDS for model in (SHIPPED, COMPOSITION, DENSITY, WIDE)]
    found += [(model, count, seed) for seed in SEEDS for model in ("l ≤ 1", "l ≤ 2")]
    for seed, share in itertools.product(LEARNING_SEEDS, SHARES):
        found += [(model, share, seed) for model in (COMPOSITION, "l = 0", "l ≤ 1", "l ≤ 2")]
    return found


@cache
def published(path: str | None) -> datasets.Dataset:
    return datasets.load("phonon_dos_published", path=path)


@cache
def part(path: str | None, name: str) -> np.ndarray:
    """Return the rows of a part of the split."""
    return np.flatnonzero(published(path)["split"] == name)


@cache
def graphs_of(path: str | None, model: str) -> list:
    """Return the graphs of all rows with a spectrum, None elsewhere."""
    data = published(path)
    found: list = [None] * len(data)
    for n in np.concatenate([part(path, "train"), part(path, "valid")]):
        atoms, dos = data.structures[n], data["dos"][n]
        if model in (COMPOSITION, DENSITY):
            found[n] = cell_averages(atoms, volume=model == DENSITY, dos=dos)
        else:
            found[n] = lattice_sums(atoms, dos=dos, lmax=o3.Irreps(HIDDEN[model]).lmax)
    return found


def subset(path: str | None, count: int, seed: int) -> np.ndarray:
    """Return rows to train on: all, or some drawn at random."""
    rows = part(path, "train")
    return rows if count >= len(rows) else np.random.default_rng(seed).permutation(rows)[:count]


def run(path: str | None, job: Job, folder: Path) -> None:
    """Train one network; write its validation spectra, weights and processor time."""
    model, count, seed = job
    graphs = graphs_of(path, model)
    valid = [graphs[n] for n in part(path, "valid")]
    everything = prediction.elements_of([graphs[n] for n in part(path, "train")])
    start = time.process_time()
    network, _ = train(
        [graphs[n] for n in subset(path, count, seed)],
        valid=valid,
        elements=everything,
        irreps_hidden=HIDDEN[model],
        seed=seed,
    )
    seconds = time.process_time() - start
    spectra = prediction.evaluate(network, valid)
    if model == SHIPPED and count == len(part(path, "train")):
        prediction.save(folder / f"weights_{seed}.pt", Ensemble([network]))
    write_npz(folder / f"{name(job)}.npz", {"dos": spectra, "seconds": np.array(seconds)})
    score = errors(spectra, published(path)["dos"][part(path, "valid")], GRID)
    print(
        f"{model}, {count} crystals, seed {seed}: {score['maximum'].mean():.4f}, {seconds:.0f} s", flush=True
    )


def name(job: Job) -> str:
    """Return the file name of a training's results."""
    return f"{job[0]}_{job[1]}_{job[2]}".translate(str.maketrans({" ": "", "≤": "le", "=": "eq"}))


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
    for model, share, seed in itertools.product(BASELINES, (*SHARES, len(whole)), LEARNING_SEEDS):
        if seed == 0 or (share < len(whole) and model.startswith("kernel")):
            rows = subset(path, share, seed)
            fitted = BASELINES[model]([data.structures[n] for n in rows], data["dos"][rows])
            spectra[model, share, seed] = fitted.predict([data.structures[n] for n in valid])
    for model in HIDDEN:
        members = [(model, len(whole), seed) for seed in SEEDS if (model, len(whole), seed) in spectra]
        if len(members) == len(SEEDS):
            spectra[ensemble(model), len(whole), 0] = np.mean([spectra[job] for job in members], axis=0)
            seconds[ensemble(model), len(whole), 0] = sum(seconds[job] for job in members)
    found = []
    for job, each in spectra.items():
        study = "models" if job[1] == len(whole) else "learning"
        found += [[study, *job, measure, value] for measure, value in scores(each, target).items()]
        if job in seconds:
            found.append([study, *job, "seconds", seconds[job]])
    found += pairs(spectra, target, len(whole))
    return [[*row[:-1], float(f"{row[-1]:.4g}")] for row in found]


def pairs(spectra: dict[Job, np.ndarray], target: np.ndarray, count: int) -> list[list]:
    """Return differences of all measures, crystal by crystal; seeds of one model are averaged first."""
    each: dict[str, list[dict]] = {}
    for (model, trained, _), predicted in spectra.items():
        if trained == count:
            each.setdefault(model, []).append(errors(predicted, target, GRID))
    found = []
    for (first, second), measure in itertools.product(PAIRS, MEASURES):
        if first in each and second in each:
            means = [np.mean([e[measure] for e in each[model]], axis=0) for model in (first, second)]
            for what, value in zip(("difference", "standard error"), paired(*means), strict=True):
                found.append(["paired", f"{first} - {second}", count, 0, f"{measure} {what}", value])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a local copy of the published file, its split beside it")
    parser.add_argument("--raw", type=Path, default=RAW, help="folder of the results so far")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--ensemble", type=Path, default=prediction.PRETRAINED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.raw.mkdir(parents=True, exist_ok=True)
    for job in jobs(len(part(options.data, "train"))):
        if not (options.raw / f"{name(job)}.npz").exists():
            run(options.data, job, options.raw)
    write_table(options.output, COLUMNS, table(options.data, options.raw))
    report(options.output)
    files = [options.raw / f"weights_{seed}.pt" for seed in SEEDS]
    networks = [network for file in files for network in prediction.load(file).networks]
    prediction.save(options.ensemble, Ensemble(networks))


if __name__ == "__main__":
    main()

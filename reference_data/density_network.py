"""Networks that predict the density of water clusters: the shipped one, and what it is held against.

Makes src/tutorial_utils/densities/water.pt (read by `densities.network.pretrained`) and the table
src/tutorial_utils/datasets/bundled/density_network.json (dataset `density_network`). Run with

    OMP_NUM_THREADS=1 python reference_data/density_network.py --trimers water_trimers.pkl

It saves as it goes, weights and rows of a training in reference_data/raw/density_network: stopped and
started again it continues, and any number of processes may share the work. They take a GPU where there is
one.
Without --trimers the published densities are downloaded; if they cannot be had, their rows are left out.

A row is one number: study, model, training clusters, seed, molecules in a test cluster, measure, value.
All networks of a study take the same number of steps (`network` and `transfer` the same, too),
and the three seeds choose weights, order, and, where not all clusters are used, the clusters. Test clusters
come from frames that no training has seen.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import vdw_radii
from ase.units import kcal, mol
from files import claim, read_table, report, write_table

from tutorial_utils import datasets, training
from tutorial_utils.conventions import DEBYE
from tutorial_utils.densities import Density, error, fitting, load_density, network, published
from tutorial_utils.densities.baselines import ConstantAtoms, FrameKernel
from tutorial_utils.densities.energy import cycles, one_step
from tutorial_utils.densities.network import DensityNetwork

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/density_network.json"
RAW = ROOT / "reference_data/raw/density_network"
CHECKPOINT = network.PRETRAINED
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
COLUMNS = ("study", "model", "clusters", "seed", "molecules", "measure", "value")
SEEDS, BATCH, RATE, DECAY, BETA2 = (0, 1, 2), 8, 0.1, 0.001, 0.95
STEPS, STEPS_FINE = 5000, 1000
# of a study; STEPS in all others
STEPS_OF = {"shipped": 3000, "losses": 1000, "learning": 600, "published trimers": 2000}
GRID = 0  # of the integrals of |Δρ|: their values are right to 0.5 %
LARGEST = 4  # molecules in a training cluster of the studies; the shipped network learns from all
# hidden features of about 25,000 weights in all
HIDDEN = {"l = 0": "47x0e", "l ≤ 1": "33x0e+16x1o", "l ≤ 2": "27x0e+13x1o+9x2e", "l ≤ 3": network.HIDDEN}
SHARES = (0.5, 1.0)  # of the training clusters
# of the kernel; the best pair on the validation clusters is taken
SCALES, RIDGES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0), (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
SHIPPED = "shipped network"
FULL = "equivariant network"
KERNEL = "kernel in the molecule's frame"
# a, b of the metric a S + b J (overlap, Coulomb, in atomic units) in the loss. Without a word it is S; the
# shipped network takes the last: the errors of a trained network have five times the size in J.
LOSSES = {"coefficients": None, "overlap metric": (1, 0), "Coulomb metric": (0, 1), "sum of both": (1, 0.2)}
SQUARED = "overlap metric, squared"
TRIMERS, HELD_OUT = "published trimers", 20
OWN_GUESS, FITTED = "PySCF's own guess", "fitted density"
PER_SIZE = {2: 3, 4: 2, 6: 1, 8: 1}  # test clusters whose energies are computed

Job = tuple[str, str, int, int]  # study, model, training clusters, seed
Predict = Callable[[Atoms], Density]


def jobs(available: dict[str, np.ndarray]) -> list[Job]:
    """List everything that has a row of its own: what matters most comes first."""
    everything = len(within(available["train"], LARGEST))
    found: list[Job] = [("shipped", SHIPPED, len(available["train"]), 0)]
    found += [("baselines", model, everything, 0) for model in ("constant atoms", "isolated molecules")]
    found += [("baselines", KERNEL, everything, 0)]
    found += [("transfer", f"{KERNEL}, n ≤ {n}", len(within(available["train"], n)), 0) for n in (8, 12)]
    for seed in SEEDS:
        found += [("network", FULL, everything, seed)]
        found += [("transfer", f"n ≤ {n}", len(within(available["train"], n)), seed) for n in (2, 3, 8, 12)]
    found += [("energy", "", 0, 0), (TRIMERS, SHIPPED, 0, 0)]
    for seed in SEEDS:
        found += [("losses", model, everything, seed) for model in (*LOSSES, SQUARED)]
        counts = [round(share * everything) for share in SHARES]
        found += [("learning", *point, seed) for point in itertools.product(HIDDEN, counts)]
        found += [(TRIMERS, model, 80 - HELD_OUT, seed) for model in ("from nothing", "fine-tuned")]
    return list(dict.fromkeys(found))


def full(seed: int) -> Job:
    """Return the job of the network that baselines and other training sets are compared with."""
    return ("network", FULL, len(within(splits()["train"], LARGEST)), seed)


def waits_for(raw: Path, job: Job) -> list[Path]:
    """Return the weights, trained by other jobs, that a job begins with."""
    study, model, _, _ = job
    if study == "energy":
        return [CHECKPOINT, weights(raw, full(0))]
    return [CHECKPOINT] if study == TRIMERS and model != "from nothing" else []


# --- data ---


@cache
def clusters() -> datasets.Dataset:
    return datasets.load("water_clusters_pbe")


@cache
def density(n: int) -> Density:
    return load_density(clusters(), n)


@cache
def metrics(n: int) -> fitting.Metrics:
    return fitting.metrics(density(n).atoms)


def splits() -> dict[str, np.ndarray]:
    """Return the numbers of the clusters of each part."""
    return {part: np.flatnonzero(clusters()["split"] == part) for part in ("train", "valid", "test")}


def within(numbers: np.ndarray, largest: int) -> np.ndarray:
    """Keep the clusters of so many molecules or fewer."""
    return numbers[clusters()["molecules"][numbers] <= largest]


def chosen(job: Job) -> tuple[list[int], list[int]]:
    """Return the training and validation clusters of a job."""
    study, model, count, seed = job
    parts = splits()
    largest = LARGEST
    if study in ("shipped", "transfer"):
        largest = 12 if study == "shipped" else int(model.split()[-1])
    train, valid = within(parts["train"], largest), within(parts["valid"], largest)
    if count < len(train):
        train = np.random.default_rng(seed).permutation(train)[:count]
    return train.tolist(), valid.tolist()


# --- training ---


def build(job: Job) -> DensityNetwork:
    """Return an untrained network."""
    study, model, _, seed = job
    torch.manual_seed(seed)
    return DensityNetwork(irreps_hidden=HIDDEN[model] if study == "learning" else network.HIDDEN)


def fit(model: DensityNetwork, job: Job, train: list, valid: list, *, steps: int, rate: float = RATE) -> None:
    """Train on labelled graphs; the best on the validation graphs is kept."""
    loss = mean_square if job[1] == SQUARED else network.root_error
    training.fit(
        model,
        loss,
        train=train,
        valid=valid,
        epochs=steps,
        max_steps=steps,
        learning_rate=rate,
        decay=DECAY,
        beta2=BETA2,
        batch_size=BATCH,
        seed=job[3],
        quiet=True,
    )


def mean_square(model: DensityNetwork, batch) -> torch.Tensor:
    return network.metric_errors(model, batch).mean()


def train(job: Job) -> DensityNetwork:
    """Train the network of a job; the shipped one is saved."""
    study, name, count, _ = job
    numbers, valid = chosen(job)
    model = build(job).to(DEVICE)
    scales = LOSSES["sum of both"] if study == "shipped" else LOSSES.get(name, LOSSES["overlap metric"])
    model.standardise([density(n) for n in numbers])

    def labelled(n: int):
        metric = None
        if scales is not None:
            metric = scales[0] * metrics(n).overlap + scales[1] * metrics(n).coulomb
        return network.as_graph(density(n), model.cutoff, metric=metric)

    steps = STEPS_OF.get(study, STEPS)
    fit(model, job, [labelled(n) for n in numbers], [labelled(n) for n in valid], steps=steps)
    if study == "shipped":
        note = "PBE/aug-pc-1 water clusters of up to 12 molecules; reference_data/density_network.py"
        training.save(CHECKPOINT, model, what=note, steps=steps, clusters=count, licence="CC-BY-4.0")
    return model


def trained(job: Job, path: Path) -> tuple[DensityNetwork, int]:
    """Return the network of a job and the seconds its training took; what is trained is read again."""
    if path.exists():
        model = build(job).to(DEVICE)
        return model, training.load(path, model)["seconds"]
    start = time.process_time()
    model = train(job)
    seconds = round(time.process_time() - start)
    training.save(path, model, seconds=seconds)
    return model, seconds


def baseline(job: Job) -> Predict:
    """Return a model that is no network."""
    numbers, valid = chosen(job)
    if job[1] == "constant atoms":
        return ConstantAtoms.fit([density(n) for n in numbers]).predict
    if job[1] == "isolated molecules":
        return looked_up("monomer_coefficients")
    return tuned_kernel([density(n) for n in numbers], valid).predict


def tuned_kernel(train: list[Density], valid: list[int]) -> FrameKernel:
    """Return the kernel that is the best on the validation clusters, by the loss of the networks."""
    kernels = (
        FrameKernel.fit(train, scale=scale, ridge=ridge) for scale, ridge in itertools.product(SCALES, RIDGES)
    )
    return min(kernels, key=lambda kernel: np.mean([root_error(kernel.predict, n) for n in valid]))


def root_error(predict: Predict, n: int) -> float:
    """Return √(Δcᵀ S Δc / N_e) of one cluster."""
    true = density(n)
    delta = predict(true.atoms).coefficients - true.coefficients
    return float(delta @ metrics(n).overlap @ delta / true.atoms.numbers.sum()) ** 0.5


def looked_up(name: str) -> Predict:
    """Return what is stored of the test clusters under a name."""
    which = {density(n).atoms.positions.tobytes(): n for n in splits()["test"]}
    return lambda atoms: load_density(clusters(), which[atoms.positions.tobytes()], name)


# --- measures ---


def surface(atoms: Atoms, *, scale: float = 1.8, points: int = 60) -> torch.Tensor:
    """Return points around a cluster, (points, 3) Å: on spheres about atoms, outside of all others."""
    n = np.arange(points) + 0.5
    height, angle = 1 - 2 * n / points, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - height**2)
    sphere = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], 1)
    radii = scale * vdw_radii[atoms.numbers]
    found = (atoms.positions[:, None] + radii[:, None, None] * sphere).reshape(-1, 3)
    distance = np.linalg.norm(found[:, None] - atoms.positions, axis=2)
    return torch.tensor(found[(distance > radii - 1e-6).all(axis=1)])


def measures(predict: Predict, n: int) -> dict[str, float]:
    """Compare the density of one test cluster; all but `error` and `electrons` with electrons put right.

    error: ∫|Δρ| / N_e, %; electrons: |ΔN| / N_e, %; dipole: |Δμ|, D; potential: mean |ΔV|, V, at 1.8 van der
    Waals radii.
    """
    true = density(n)
    raw, electrons = predict(true.atoms), float(true.atoms.numbers.sum())
    right = raw.with_coefficients(metrics(n).with_electrons(raw.coefficients, electrons))
    around = surface(true.atoms)
    return {
        "error": float(error(raw, true, fitting.becke_grid(true.atoms, GRID))),
        "electrons": 100 * abs(float(raw.electrons()) / electrons - 1),
        "dipole": float((right.dipole() - true.dipole()).norm()) / DEBYE,
        "potential": float((right.potential(around) - true.potential(around)).abs().mean()),
    }


def table(job: Job, predict: Predict) -> list[list]:
    """Return rows: means over the test clusters of a size; of electrons, the largest."""
    found = []
    test = splits()["test"]
    sizes = clusters()["molecules"][test]
    for size in sorted(set(sizes.tolist())):
        each = [measures(predict, int(n)) for n in test[sizes == size]]
        for name in each[0]:
            values = [row[name] for row in each]
            value = max(values) if name == "electrons" else np.mean(values)
            found.append([*job, size, name, float(f"{value:.4g}")])
    return found


def energies(raw: Path) -> list[list]:
    """Return what one diagonalisation makes of densities, means over the first test clusters of a size.

    energy: |E - E_SCF|, kcal/mol a molecule; cycles: from there to self-consistency. The network is that of
    the first seed.
    """
    count = len(within(splits()["train"], LARGEST))
    ladder: dict[str, Predict] = {
        name: baseline(("baselines", name, count, 0)) for name in ("constant atoms", "isolated molecules")
    }
    ladder[FULL] = predictor(weights(raw, full(0)))
    ladder |= {SHIPPED: predictor(CHECKPOINT), FITTED: looked_up("coefficients")}
    found: dict[tuple[str, int, str], list[float]] = {}
    test = splits()["test"]
    for size, few in PER_SIZE.items():
        for n in test[clusters()["molecules"][test] == size][:few].tolist():
            true = density(n)
            found.setdefault((OWN_GUESS, size, "cycles"), []).append(cycles(true.atoms))
            for model, predict in ladder.items():
                rho = predict(true.atoms)
                c = metrics(n).with_electrons(rho.coefficients, float(true.atoms.numbers.sum()))
                step = one_step(rho.with_coefficients(c))
                error = abs(step.energy - clusters()["energy"][n]) / size / (kcal / mol)
                found.setdefault((model, size, "energy"), []).append(error)
                more = cycles(true.atoms, step.density_matrix)
                found.setdefault((model, size, "cycles"), []).append(more)
    return [
        ["energy", name, 0, 0, size, measure, float(f"{np.mean(values):.4g}")]
        for (name, size, measure), values in found.items()
    ]


def predictor(path: Path) -> Predict:
    """Return the network of a checkpoint."""
    model = DensityNetwork()
    training.load(path, model)
    return lambda atoms: network.density_of(model.eval(), atoms)


def trimers(job: Job, given: list[Density]) -> list[list]:
    """Train on the published densities, or apply the shipped network; errors on those held out, %.

    They have one p of the oxygen less than ours: to be fine-tuned, the shipped network gets heads for them.
    Their electrons are counted, too: the worst of all, in %, as `electrons` of "as published".
    """
    _, name, _, seed = job
    order = np.random.default_rng(0).permutation(len(given))
    test, rest = [given[i] for i in order[:HELD_OUT]], [given[i] for i in order[HELD_OUT:]]
    torch.manual_seed(seed)
    model = network.pretrained() if name == SHIPPED else DensityNetwork(given[0].basis)
    if name != SHIPPED:
        if name == "fine-tuned":
            kept = network.pretrained().state_dict()
            kept = {key: value for key, value in kept.items() if key.startswith(("embedding.", "layers."))}
            model.load_state_dict(kept, strict=False)
        constant = ConstantAtoms.fit(rest)
        model.standardise(rest)
        model.to(DEVICE)
        overlaps = [fitting.metrics(d.atoms, d.basis).overlap for d in rest]
        shown = [
            network.as_graph(d, model.cutoff, metric=overlap)
            for d, overlap in zip(rest, overlaps, strict=True)
        ]
        steps, rate = (STEPS_OF[TRIMERS], RATE) if name == "from nothing" else (STEPS_FINE, RATE / 5)
        fit(model, job, shown[5:], shown[:5], steps=steps, rate=rate)
    found, rows = {name: lambda atoms: network.density_of(model, atoms)}, []
    if name == SHIPPED:
        counts = [100 * abs(float(d.electrons()) / d.atoms.numbers.sum() - 1) for d in given]
        rows.append([TRIMERS, "as published", len(given), 0, 3, "electrons", float(f"{max(counts):.2g}")])
    if name == "from nothing" and seed == 0:
        found["constant atoms"] = constant.predict
    for label, predict in found.items():
        grids = [fitting.becke_grid(d.atoms, GRID) for d in test]
        each = [float(error(predict(d.atoms), d, grid)) for d, grid in zip(test, grids, strict=True)]
        rows.append([TRIMERS, label, job[2], seed, 3, "error", float(f"{np.mean(each):.4g}")])
    return rows


def run(job: Job, raw: Path, given: list[Density]) -> list[list]:
    """Do one job; return its rows, the processor time of training among them."""
    study, name, _, _ = job
    if study == "energy":
        return energies(raw)
    if study == TRIMERS:
        return trimers(job, given)
    if study == "baselines" or name.startswith(KERNEL):
        return table(job, baseline(job))
    model, seconds = trained(job, weights(raw, job))
    size = sum(p.numel() for p in model.parameters())
    rows = table(job, lambda atoms: network.density_of(model, atoms))
    rows.append([*job, 0, "weights", size])
    if DEVICE.type == "cpu":
        rows.append([*job, 0, "seconds", seconds])
    return rows


def published_or_nothing(path: Path | None) -> list[Density]:
    try:
        return published.trimers(path)
    except datasets.DatasetError as reason:
        print(f"without the published trimers: {reason}")
        return []


def place(raw: Path, job: Job) -> Path:
    """Return where the rows of a job are kept."""
    name = "_".join(str(part) for part in job if part != "").replace(" ", "-").replace("'", "")
    return raw / f"{name}.json"


def weights(raw: Path, job: Job) -> Path:
    """Return where the weights of a job's network are kept."""
    return place(raw, job).with_suffix(".pt")


def main(raw: Path, output: Path, path: Path | None) -> None:
    """Do what is missing, then write the table."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    raw.mkdir(parents=True, exist_ok=True)
    given = published_or_nothing(path)
    wanted = [job for job in jobs(splits()) if given or job[0] != TRIMERS]
    for job in wanted:
        if not all(path.exists() for path in waits_for(raw, job)):
            continue  # another process is training them
        with claim(place(raw, job)) as mine:
            if not mine:
                continue
            rows = run(job, raw, given)
            write_table(place(raw, job), COLUMNS, rows)
        errors = ", ".join(f"{row[4]}: {row[6]}" for row in rows if row[5] in ("error", "energy"))
        print(f"{job}: {errors}", flush=True)
    if all(place(raw, job).exists() for job in wanted):
        found = [row for job in wanted for row in read_table(place(raw, job), COLUMNS)]
        write_table(output, COLUMNS, found)
        report(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=RAW, help="folder of the results so far")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--trimers", type=Path, help="a local copy of the published densities")
    options = parser.parse_args()
    main(options.raw, options.output, options.trimers)

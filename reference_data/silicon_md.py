"""Silicon from cold to molten: NequIP against the potential it learned from, Stillinger and Weber's.

Makes src/tutorial_utils/datasets/bundled/silicon_md.json (dataset `silicon_md`). Run with

    OMP_NUM_THREADS=1 python reference_data/silicon_md.py

It saves as it goes, in reference_data/raw: stopped and started again it continues.

The model is trained on 400 frames of 64 atoms, crystals and melts, at five densities each; one with l ≤ 1 is
trained too, to see what it lacks: the potential holds the square of a cosine, which has degree 2. Both
potentials then do the same runs, by the same scripts and from the same random numbers, at zero pressure:

* crystal: 216 atoms at five temperatures: lattice constant, radial distribution, mean-square displacement;
* liquid: 216 atoms, melted at 3500 K, at 2000 and 2500 K: density, distribution, diffusion;
* heating: a crystal without a surface, heated by 2000 K in 100 ps: it melts far above the melting point;
* melting: crystal beside its melt, 288 atoms, held at five temperatures: the side that grows tells whether
  a temperature lies above or below the melting point.

Near the melting point crystal and melt meet three times, with other velocities; everything else is run once.
One row is one number: its error is that of block means (or 0 where the row is a setting or a raw reading).
Source of the potential: https://doi.org/10.1103/PhysRevB.31.5262; it comes with LAMMPS.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from files import fill_table

from tutorial_utils.molecular_dynamics import analysis, lammps, nequip

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/silicon_md.json"
MODEL = ROOT / "reference_data/raw/silicon_md_model"
COLUMNS = ("potential", "experiment", "temperature", "run", "quantity", "x", "value", "error")
TRAIN, VALID, TEST = 400, 20, 40  # frames
SCALES = (0.96, 0.98, 1.0, 1.02, 1.04)  # of the cell's edge
A = 5.431  # Å
CRYSTALS, LIQUIDS = (300, 600, 900, 1200, 1500), (2000, 2500)  # K
INTERFACE, AGAIN = (1500, 1600, 1700, 1800, 1900), (1600, 1700, 1800)  # K
STEP, EVERY = 0.002, 20  # ps; steps between two frames
REFERENCE, LEARNED = "Stillinger–Weber", "NequIP"
Row = tuple[str, float, float, float]  # quantity, x, value, error


def stillinger_weber() -> str:
    """Return the lines of the potential that gives the labels."""
    return f"pair_style sw\npair_coeff * * {lammps.potential_file('Si.sw')} Si"


def simulate(atoms: Atoms, potential: str, commands: str, *, every: int | None = None) -> lammps.Run:
    """Run LAMMPS and leave no files."""
    with tempfile.TemporaryDirectory() as folder:
        return lammps.run(atoms, potential, commands, every=every, folder=folder)


def sample(temperature: float, scale: float, *, seed: int, count: int) -> list[Atoms]:
    """Return labelled frames of 64 atoms, 0.1 ps apart; above 2000 K from a melt."""
    atoms = bulk("Si", cubic=True, a=A * scale) * (2, 2, 2)
    hot = 5000 if temperature > 2000 else temperature
    commands = (
        f"velocity all create {2 * hot} {seed} dist gaussian\n"
        f"fix bath all nvt temp {hot} {hot} 0.1\nrun 2000\nunfix bath\n"
        f"fix bath all nvt temp {temperature} {temperature} 0.1\nrun {2000 + 100 * count}"
    )
    run = simulate(atoms, stillinger_weber(), commands, every=100)
    return lammps.label(run.frames[-count:], stillinger_weber())


def labelled_frames() -> list[Atoms]:
    """Return crystals and melts of all kinds, in random order."""
    kinds = list(itertools.product((300, 900, 1500, 2000, 2200, 2500, 3000, 3500), SCALES))
    count = -(-(TRAIN + VALID + TEST) // len(kinds))
    frames = [frame for seed, kind in enumerate(kinds, 1) for frame in sample(*kind, seed=seed, count=count)]
    return [frames[k] for k in np.random.default_rng(0).permutation(len(frames))]


def learned(frames: list[Atoms], l_max: int) -> tuple[Path, list[Row]]:
    """Train a model, once; return its checkpoint and its errors on new frames."""
    folder = MODEL.with_name(f"{MODEL.name}_{l_max}")
    folder.mkdir(parents=True, exist_ok=True)
    train = nequip.write_frames(folder / "train.xyz", frames[:TRAIN])
    valid = nequip.write_frames(folder / "valid.xyz", frames[TRAIN : TRAIN + VALID])
    checkpoint = folder / "run/best.ckpt"
    if not (folder / "trained").exists():
        checkpoint.unlink(missing_ok=True)  # of a training that was stopped
        config = nequip.config(
            train,
            valid,
            elements=["Si"],
            l_max=l_max,
            features=8,
            epochs=30,
            batch_size=4,
            learning_rate=0.05,
        )
        config["training_module"]["model"]["parity"] = False  # 0e, 1o, 2e: all that the potential needs
        nequip.train(config, folder / "run")
        (folder / "trained").touch()
    test = frames[TRAIN + VALID : TRAIN + VALID + TEST]
    found = nequip.errors(nequip.calculator(checkpoint), test)
    size = float(np.sqrt(np.mean([np.square(frame.get_forces()).mean() for frame in test])))
    rows = [("energy_mae", l_max, found["energy"], 0.0), ("force_mae", l_max, found["forces"], 0.0)]
    return checkpoint, [*rows, ("force_rms", l_max, size, 0.0)]


def npt(temperature: float, *, to: float | None = None) -> str:
    """Return the line that holds temperature and zero pressure."""
    return f"fix bath all npt temp {temperature} {to or temperature} 0.1 iso 0 0 1\n"


def bulk_rows(run: lammps.Run, *, edge: float) -> Iterator[Row]:
    """Read off structure and motion; `edge` cells of diamond make up the box."""
    thermo = run.thermo
    length = np.cbrt(thermo.Volume.to_numpy()) / edge
    yield "lattice_constant", 0.0, *analysis.mean_and_error(length)
    yield "energy", 0.0, *analysis.mean_and_error(thermo.PotEng / len(run.frames[0]))
    blocks = np.array_split(np.arange(len(run.frames)), 5)
    parts = [analysis.rdf([run.frames[k] for k in block], 6.0, bins=120) for block in blocks]
    g = np.array([part[1] for part in parts])
    for r, value, spread in zip(parts[0][0], g.mean(0), g.std(0, ddof=1) / len(g) ** 0.5, strict=True):
        yield "rdf", r, value, spread
    half = [
        analysis.msd(run.frames[start : start + len(run.frames) // 2]) for start in (0, len(run.frames) // 2)
    ]
    for lag in range(0, len(half[0]), max(1, len(half[0]) // 40)):
        a, b = half[0][lag], half[1][lag]
        yield "msd", lag * EVERY * STEP, (a + b) / 2, abs(a - b) / 2


def crystal(potential: str, temperature: float, seed: int) -> Iterator[Row]:
    """Warm 216 atoms and watch them for 14 ps."""
    commands = (
        f"velocity all create {2 * temperature} {seed} dist gaussian\ntimestep {STEP}\n{npt(temperature)}"
    )
    commands += f"run 3000\nthermo {EVERY}\nrun 7000"
    run = simulate(bulk("Si", cubic=True, a=A) * (3, 3, 3), potential, commands, every=EVERY)
    yield from bulk_rows(after(run, 3000), edge=3)


def liquid(potential: str, temperature: float, seed: int) -> Iterator[Row]:
    """Melt 216 atoms, cool them, and watch them for 14 ps."""
    commands = f"velocity all create 8000 {seed} dist gaussian\ntimestep {STEP}\n"
    commands += "fix bath all nvt temp 3500 3500 0.1\nrun 3000\nunfix bath\n"
    commands += f"{npt(3500, to=temperature)}run 2500\nunfix bath\n{npt(temperature)}run 3500\n"
    run = simulate(
        bulk("Si", cubic=True, a=A) * (3, 3, 3),
        potential,
        f"{commands}thermo {EVERY}\nrun 7000",
        every=EVERY,
    )
    yield from bulk_rows(after(run, 9000), edge=3)


def after(run: lammps.Run, step: int) -> lammps.Run:
    """Return the run without what came before a step."""
    late = run.thermo[run.thermo.Step > step]
    return lammps.Run(run.folder, late, run.frames[step // EVERY :], run.seconds)


def heating(potential: str, temperature: float, seed: int) -> Iterator[Row]:
    """Heat a perfect crystal by 20 K a ps up to `temperature`."""
    start, steps = temperature - 2000, 50_000
    commands = (
        f"velocity all create {2 * start} {seed} dist gaussian\ntimestep {STEP}\n{npt(start)}run 5000\n"
    )
    commands += f"unfix bath\n{npt(start, to=temperature)}thermo 500\nrun {steps}"
    run = simulate(bulk("Si", cubic=True, a=A) * (3, 3, 3), potential, commands)
    for _, row in run.thermo.iterrows():
        T = start + 2000 * (row.Step - 5000) / steps
        yield "energy", T, row.PotEng / 216, 0.0
        yield "volume", T, row.Volume / 216, 0.0


def interface(potential: str, temperature: float, seed: int) -> Iterator[Row]:
    """Melt one half of a long crystal, hold the temperature, and see which half grows: the energy tells."""
    atoms = bulk("Si", cubic=True, a=A) * (3, 3, 4)
    middle = f"{0.25 * atoms.cell[2, 2]} {0.75 * atoms.cell[2, 2]}"
    commands = (
        f"timestep {STEP}\nregion middle block INF INF INF INF {middle}\ngroup hot region middle\n"
        f"velocity hot create 10000 {seed} dist gaussian\n"
        "fix melt hot nvt temp 5000 5000 0.1\nrun 2500\nunfix melt\n"
        f"fix melt hot nvt temp 5000 {temperature} 0.1\nrun 2500\nunfix melt\n"
        f"velocity all create {temperature} {seed} dist gaussian\n"
        f"fix bath all npt temp {temperature} {temperature} 0.1 z 0 0 1\nthermo 250\nrun 20000"
    )
    thermo = simulate(atoms, potential, commands).thermo
    for _, row in thermo.iterrows():
        yield "energy", (row.Step - 5000) * STEP, row.PotEng / len(atoms), 0.0


EXPERIMENTS = {
    "crystal": (crystal, CRYSTALS),
    "liquid": (liquid, LIQUIDS),
    "heating": (heating, (3300,)),
    "melting": (interface, INTERFACE),
}
TRAININGS = {f"training, l ≤ {l_max}": l_max for l_max in (1, 2)}  # the second is used
POINTS = [(LEARNED, name, 0, 1) for name in TRAININGS]
POINTS += [
    (potential, name, temperature, 1)
    for name, (_, temperatures) in EXPERIMENTS.items()
    for potential in (REFERENCE, LEARNED)
    for temperature in temperatures
]
POINTS += list(itertools.product((REFERENCE, LEARNED), ["melting"], AGAIN, (2, 3)))  # seeds of the velocities


@cache
def lines(potential: str) -> str:
    """Return the lines of a potential; what learned is trained and compiled when it is first needed."""
    if potential == REFERENCE:
        return stillinger_weber()
    checkpoint, _ = learned(labelled_frames(), max(TRAININGS.values()))
    return lammps.nequip(nequip.compile(checkpoint), ["Si"])


def measure(potential: str, name: str, temperature: int, seed: int) -> Iterator[tuple]:
    """Return the rows of one point."""
    if name in TRAININGS:
        found: Iterable[Row] = learned(labelled_frames(), TRAININGS[name])[1]
    else:
        found = EXPERIMENTS[name][0](lines(potential), temperature, seed)
    yield from map(rounded, found)


def rounded(row: Row) -> tuple:
    """Five digits: the sixth costs room and says nothing."""
    return row[0], *(float(f"{number:.5g}") for number in row[1:])


if __name__ == "__main__":
    fill_table(OUTPUT, COLUMNS, POINTS, measure)

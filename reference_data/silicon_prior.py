"""What a prior is worth in molecular dynamics: NequIP on silicon, with and without ZBL's repulsion.

    OMP_NUM_THREADS=1 python reference_data/silicon_prior.py

Makes src/tutorial_utils/datasets/bundled/silicon_prior.json (dataset `silicon_prior`).
Stopped and started again it continues.

ZBL's pair potential (Ziegler, Biersack, Littmark, as in NequIP's own tutorial configuration) keeps atoms from
falling into one another. Two sets of training frames, each with and without it: 30 frames of a crystal at
300 K, labelled by Stillinger and Weber's potential, and 15 of these with 45 that hot runs of a first model
have met. Then 64 atoms run at constant energy, started with velocities of 6000 K. Rows: shortest distance of
the run (Å), energy an atom that Stillinger and Weber's potential gives the last frame (eV), mean absolute
errors of forces at 300 K and in a melt at 2500 K (eV/Å). Three seeds: of frames, weights and runs.
"""

import itertools
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from files import fill_table
from silicon_committee import apart, box, label, warm
from silicon_md import stillinger_weber

from tutorial_utils.molecular_dynamics import lammps, nequip

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/silicon_prior.json"
COLUMNS = ("seed", "prior", "data", "quantity", "value")
SEEDS = (0, 1, 2)
NOTHING, ZBL = "none", "ZBL"
COLD, HOT = "crystal at 300 K", "with hot frames"
EPOCHS = {COLD: 12, HOT: 6}  # 180 steps each
PAIR_POTENTIAL = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": ["Si"]}


def true_frames(start: Atoms, temperature: float, seed: int, steps: int) -> list[Atoms]:
    """Run the potential that gives the labels; return all frames, 50 steps of 1 fs apart."""
    commands = f"{warm(temperature, seed)}run {steps}"
    with tempfile.TemporaryDirectory() as folder:
        return lammps.run(start, stillinger_weber(), commands, every=50, folder=folder).frames


def train(frames: list[Atoms], valid: list[Atoms], *, prior: str, epochs: int, seed: int) -> Calculator:
    """Train the small model of the session."""
    with tempfile.TemporaryDirectory() as name:
        parts = {"train": frames, "valid": valid}
        files = [nequip.write_frames(Path(name, f"{part}.xyz"), some) for part, some in parts.items()]
        settings = {"l_max": 2, "features": 8, "batch_size": 2, "learning_rate": 0.05}
        config = nequip.config(*files, elements=["Si"], epochs=epochs, seed=seed, **settings)
        if prior == ZBL:
            config["training_module"]["model"]["pair_potential"] = PAIR_POTENTIAL
        return nequip.calculator(nequip.train(config, Path(name, "run")))


def run(model: Calculator, commands: str, every: int) -> list[Atoms]:
    """Run a model from the perfect crystal."""
    with tempfile.TemporaryDirectory() as folder:
        return lammps.run_with_callback(box(), model, commands, every=every, folder=folder).frames


def met_by(model: Calculator, seed: int) -> list[Atoms]:
    """Return labelled frames of a model's hot runs, until two atoms come too near."""
    found: list[Atoms] = []
    for k, temperature in enumerate((1500, 2500, 4000)):
        frames = run(model, f"{warm(temperature, 10 * seed + k)}run 100", every=5)[1:]
        found += itertools.takewhile(apart, frames)
    return label([found[k] for k in np.random.default_rng(seed).permutation(len(found))])


def measured(model: Calculator, cold: list[Atoms], melt: list[Atoms], seed: int) -> dict[str, float]:
    """Run hot at constant energy, and ask about frames that the model has not seen."""
    nve = f"velocity all create 6000 {seed + 1} dist gaussian\nfix move all nve\nthermo 5\nrun 250"
    frames = run(model, nve, every=5)
    distances = [frame.get_all_distances(mic=True)[np.triu_indices(64, 1)].min() for frame in frames]
    return {
        "shortest distance": min(distances),
        "energy at the end": label(frames[-1:])[0].get_potential_energy() / 64,
        "force error at 300 K": nequip.errors(model, cold)["forces"],
        "force error in the melt": nequip.errors(model, melt)["forces"],
    }


def campaign(seed: int) -> list[list]:
    """Train and measure all four; return rows."""
    cold = label(true_frames(box(), 300, seed + 1, 3000)[-50:])
    molten = true_frames(true_frames(box(), 4000, seed + 1, 3000)[-1], 2500, seed + 1, 2000)
    melt = label(molten[-10:])
    rows, hot = [], None
    for data, prior in itertools.product((COLD, HOT), (NOTHING, ZBL)):
        if data == COLD:
            frames, valid = cold[:30], cold[30:35]
        else:
            frames, valid = cold[:15] + hot[5:50], hot[:5]
        model = train(frames, valid, prior=prior, epochs=EPOCHS[data], seed=seed)
        if hot is None:
            hot = met_by(model, seed)
        found = measured(model, cold[35:], melt, seed)
        rows += [[prior, data, name, float(f"{value:.4g}")] for name, value in found.items()]
        print(f"seed {seed}, {data}, prior {prior}: {found}", flush=True)
    return rows


if __name__ == "__main__":
    fill_table(OUTPUT, COLUMNS, [(seed,) for seed in SEEDS], campaign)

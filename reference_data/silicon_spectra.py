"""Vibrations of silicon without a thermostat: NequIP against the potential it learned from, and that itself.

    OMP_NUM_THREADS=1 python reference_data/silicon_spectra.py

Makes src/tutorial_utils/datasets/bundled/silicon_spectra.json (dataset `silicon_spectra`), and prints how
much of the spectra differs. It saves as it goes, in reference_data/raw: started again it continues.

A thermostat that takes energy from each atom blurs its motion. Here 216 atoms reach their temperature in a
bath, then 20 ps at constant energy are watched. The spectrum is the mean over windows of 4 ps, in bins of
0.25 THz, 1/THz. Crystal at 300 K, melt at 2500 K; the model is that of silicon_md.py. Stillinger and Weber's
potential runs twice as often: the difference of its first half of the runs from its second is the floor
beneath which no difference means anything.
"""

import itertools
from pathlib import Path

import numpy as np
from ase.build import bulk
from files import fill_table, read_table
from silicon_md import LEARNED, REFERENCE, A, lines, simulate

from tutorial_utils.molecular_dynamics import analysis

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/silicon_spectra.json"
COLUMNS = ("potential", "temperature", "run", "frequency", "density")
TEMPERATURES = (300, 2500)  # K
RUNS = {REFERENCE: range(1, 7), LEARNED: range(1, 4)}
EVERY, WINDOW, BIN, HIGHEST = 8, 500, 0.25, 25.0  # fs; frames; THz; THz


def spectrum(potential: str, temperature: int, seed: int) -> list[tuple[float, float]]:
    """Return frequencies (THz) and densities (1/THz) of one run."""
    bath = "fix bath all nvt temp {0} {1} 0.1\nrun {2}\nunfix bath\n"
    if temperature == 300:
        commands = f"velocity all create {2 * temperature} {seed} dist gaussian\n"
        commands += bath.format(temperature, temperature, 6000)
    else:
        commands = f"velocity all create 8000 {seed} dist gaussian\n" + bath.format(3500, 3500, 4000)
        commands += bath.format(3500, temperature, 3000) + bath.format(temperature, temperature, 6000)
    commands += "fix move all nve\nthermo 1000\nrun 20000"
    run = simulate(bulk("Si", cubic=True, a=A) * (3, 3, 3), lines(potential), commands, every=EVERY)
    frames = run.frames[-20000 // EVERY :]
    parts = [frames[start : start + WINDOW] for start in range(0, len(frames), WINDOW)]
    found = [analysis.vibrational_dos(part, EVERY / 1000) for part in parts]
    frequency, density = found[0][0], np.mean([part[1] for part in found], axis=0)
    edges = np.arange(0, HIGHEST + BIN, BIN)
    total = np.histogram(frequency, edges, weights=density * frequency[1])[0] / BIN
    return [(f, float(f"{g:.4g}")) for f, g in zip(edges[:-1] + BIN / 2, total, strict=True)]


def table(rows: list[list]) -> None:
    """Print the shares of the spectra that differ, %."""
    print("share of the spectrum that differs from Stillinger and Weber's, %: half of ∫|g - g'|")
    for T in TEMPERATURES:
        each: dict[str, list] = {}
        for potential, runs in RUNS.items():
            spectra = [[row[4] for row in rows if row[:3] == [potential, T, run]] for run in runs]
            each[potential] = [np.array(spectrum) for spectrum in spectra if spectrum]
        if len(each[REFERENCE]) == len(RUNS[REFERENCE]):
            half = len(RUNS[REFERENCE]) // 2
            first, second = (np.mean(part, axis=0) for part in np.split(np.array(each[REFERENCE]), [half]))
            others = {"the potential itself": second}
            if each[LEARNED]:
                others["NequIP"] = np.mean(each[LEARNED], axis=0)
            for name, other in others.items():
                print(f"{T} K: {name}, other runs: {100 * analysis.total_variation(first, other, BIN):.1f}")


if __name__ == "__main__":
    points = [(name, T, run) for name, T in itertools.product(RUNS, TEMPERATURES) for run in RUNS[name]]
    fill_table(OUTPUT, COLUMNS, points, spectrum)
    table(read_table(OUTPUT, COLUMNS))

"""Descriptors: SOAP of this package against featomic's, and how time and memory grow.

Both compute the same numbers (the first thing that is checked) of the same crystal, in float64 on one thread.
With gradients the task is that of a force field: the derivative of a weighted sum of all components with
respect to all positions; featomic gives the derivatives of all components, which are then contracted.
Run it with ``make bench`` or ``python benchmarks/descriptors.py``; it prints ratios, and stores them beside
itself. With --store it also writes the table that session 4 shows (dataset `descriptor_speed`).
Processor time, the shortest of rounds that take turns; memory is the peak of a process of its own.
"""

import argparse
import json
import multiprocessing
import os
import time
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # these are read when the libraries are loaded
os.environ["RAYON_NUM_THREADS"] = "1"

import ase
import featomic
import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from timing import machine, rounded, seconds, store

from tutorial_utils import descriptors
from tutorial_utils.graphs import to_graph

CUTOFF, WIDTH, SIZE, LMAX = 5.0, 0.35, 8, 6  # Å, Å, radial functions, degrees; about 44 neighbours an atom
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/descriptor_speed.json"
REPEATS = (6, 9, 14, 20, 30)  # cubic cells of four atoms along each axis: 864 to 108,000 atoms


def crystal(repeats: int) -> Atoms:
    """Copper with its atoms displaced by 0.1 Å."""
    atoms = bulk("Cu", a=3.615, cubic=True).repeat(repeats)
    atoms.rattle(0.1, seed=0)
    return atoms


def functions(size: int = SIZE, lmax: int = LMAX) -> descriptors.Smeared:
    orbitals = descriptors.GaussianOrbitals(size, CUTOFF)
    return descriptors.Smeared(orbitals, lmax, width=WIDTH, cutoff=CUTOFF)


def peer(size: int = SIZE, lmax: int = LMAX) -> featomic.SoapPowerSpectrum:
    return featomic.SoapPowerSpectrum(
        cutoff={"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": WIDTH, "center_atom_weight": 1.0},
        basis={
            "type": "TensorProduct",
            "max_angular": lmax,
            "radial": {"type": "Gto", "max_radial": size - 1, "radius": CUTOFF},
        },
    )


def soap(atoms: Atoms, smeared: descriptors.Smeared) -> torch.Tensor:
    with torch.no_grad():
        return descriptors.soap(atoms, smeared, elements=["Cu"])


def gradient(atoms: Atoms, smeared: descriptors.Smeared, weights: torch.Tensor) -> torch.Tensor:
    graph = to_graph(atoms, CUTOFF)
    graph.pos.requires_grad_()
    (descriptors.soap(graph, smeared, elements=["Cu"]) @ weights).sum().backward()
    return graph.pos.grad


def peer_gradient(atoms: Atoms, calculator: featomic.SoapPowerSpectrum, weights: np.ndarray) -> np.ndarray:
    """Contract featomic's derivatives; the weights stand in its order of components."""
    block = calculator.compute([atoms], gradients=["positions"]).block()
    derivatives = block.gradient("positions")
    total = np.zeros((len(atoms), 3))
    np.add.at(total, np.asarray(derivatives.samples["atom"]), np.asarray(derivatives.values) @ weights)
    return total


def in_order(calculator: featomic.SoapPowerSpectrum, smeared: descriptors.Smeared) -> tuple:
    """Return, for each of featomic's components, the number of ours and the factor between them."""
    labels = descriptors.soap_labels(smeared, elements=["Cu"])
    ours = {(n, m, l): k for k, ((_, n), (_, m), l) in enumerate(labels)}
    theirs = calculator.compute([crystal(1)]).block().properties.values.tolist()
    number = np.array([ours[min(n, m), max(n, m), l] for l, n, m in theirs])
    factor = np.array([(-1) ** l * (1.0 if n == m else 2**-0.5) for l, n, m in theirs])
    return number, factor


def compare() -> dict[str, object]:
    """Check that both agree, then time values (2048 atoms) and gradients (256 atoms)."""
    large, small = crystal(8), crystal(4)
    smeared, calculator = functions(), peer()
    number, factor = in_order(calculator, smeared)
    w = np.random.default_rng(0).normal(size=len(number))  # in featomic's order
    weights = torch.zeros(len(set(number))).index_add(0, torch.tensor(number), torch.tensor(factor * w))
    theirs = np.asarray(calculator.compute([small]).block().values)
    difference = np.abs(soap(small, smeared).numpy()[:, number] * factor - theirs).max()
    ours = gradient(small, smeared, weights).numpy()
    slope = np.abs(ours - peer_gradient(small, calculator, w)).max() / np.abs(ours).max()
    assert difference < 1e-6 and slope < 1e-5, (difference, slope)
    values = {"ours": lambda: soap(large, smeared), "featomic": lambda: calculator.compute([large])}
    gradients = {
        "ours": lambda: gradient(small, smeared, weights),
        "featomic": lambda: peer_gradient(small, calculator, w),
    }
    return {
        "largest_difference": float(f"{difference:.1g}"),
        "relative_difference_of_gradients": float(f"{slope:.1g}"),
        "values": {"atoms": len(large), **ratio(seconds(values, 9))},
        "gradients": {"atoms": len(small), **ratio(seconds(gradients, 7))},
    }


def ratio(times: dict[str, float]) -> dict[str, float]:
    """Add how many times our time featomic takes."""
    times = {name: rounded(t) for name, t in times.items()}
    return {**times, "featomic_over_ours": round(times["featomic"] / times["ours"], 2)}


def measure(repeats: int, size: int, lmax: int, bispectrum: bool) -> tuple[int, float, float, float]:
    """Return the number of atoms, seconds, and MB: peak above the start, and the result itself."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    atoms, smeared = crystal(repeats), functions(size, lmax)
    soap(crystal(2), smeared)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of memory so far
    before = memory("VmRSS")
    start = time.process_time()
    with torch.no_grad():
        if bispectrum:
            c = descriptors.smeared_environments(atoms, smeared, elements=["Cu"]).flatten(1, 2)
            result = torch.cat([descriptors.bispectrum(part) for part in c.split(1024)])
        else:
            result = soap(atoms, smeared)
    seconds = time.process_time() - start
    peak = memory("VmHWM") - before
    return len(atoms), float(f"{seconds:.3g}"), round(peak), round(result.nbytes / 2**20)


def memory(name: str) -> float:
    """Memory of the process in MB: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def fresh(*arguments: object) -> tuple[int, float, float, float]:
    """Measure in a process of its own, so that its peak of memory is nobody else's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def growth() -> dict[str, object]:
    """Time and memory against atoms, degrees and radial functions."""
    found: dict[str, object] = {}
    runs = [fresh(n, 4, 4, False) for n in REPEATS]
    atoms, seconds, peaks, results = (list(column) for column in zip(*runs, strict=True))
    exponent = float(np.polyfit(np.log(atoms), np.log(seconds), 1)[0])
    found["atoms"] = {"atoms": atoms, "s": seconds, "peak_MB": peaks, "result_MB": results}
    found["exponent"] = round(exponent, 3)
    for name, choices in {
        "lmax": [(4, l) for l in (2, 4, 6, 8)],
        "radial": [(n, 4) for n in (2, 4, 8, 12)],
    }.items():
        found[name] = {
            f"{n} radial, l {l}": {
                "power_spectrum_s": fresh(8, n, l, False)[1],
                "bispectrum_s": fresh(8, n, l, True)[1] if n <= 4 else None,
            }
            for n, l in choices
        }
    return found


def rows(result: dict) -> list[tuple[str, str, float, float]]:
    """List all measurements: series, setting, seconds, megabytes."""
    grown, compared = result["growth"], result["compared"]
    found = [
        ("atoms", f"{atoms}", seconds, megabytes)
        for atoms, seconds, megabytes, _ in zip(*grown["atoms"].values(), strict=True)
    ]
    for task in ("values", "gradients"):
        found += [(task, who, compared[task][who], 0) for who in ("ours", "featomic")]
    return found


def report(result: dict) -> None:
    """Print ratios and growth."""
    compared, grown = result["compared"], result["growth"]
    print(f"values: featomic takes {compared['values']['featomic_over_ours']} times as long as we")
    print(f"with gradients: {compared['gradients']['featomic_over_ours']} times as long")
    for column in zip(*grown["atoms"].values(), strict=True):
        print("{:7d} atoms  {:8.3f} s  peak {:5.0f} MB, of these {:4.0f} MB result".format(*column))
    print(f"time grows as atoms^{grown['exponent']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the table that the course shows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {
            "featomic": featomic.__version__,
            "ase": ase.__version__,
            "torch": torch.__version__,
        },
        "settings": {"cutoff_A": CUTOFF, "width_A": WIDTH, "radial": SIZE, "lmax": LMAX},
        "compared": compare(),
        "growth": growth(),
    }
    report(result)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if arguments.store:
        store(TABLE, ("series", "setting", "seconds", "peak_MB"), rows(result), result)


if __name__ == "__main__":
    main()

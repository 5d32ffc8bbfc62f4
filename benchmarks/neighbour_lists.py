"""Neighbour lists: vesin, which `to_graph` uses, against ase.neighborlist; and growth to 100,000 atoms.

Both find the same pairs of the same crystal on one thread; run it with ``make bench`` or
``python benchmarks/neighbour_lists.py``. It prints a ratio and an exponent, and stores them beside itself.
"""

import json
import os
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read by vesin when it is loaded

import ase
import numpy as np
import torch
import vesin
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from timing import machine, rounded, seconds

from tutorial_utils.graphs import to_graph

CUTOFF = 5.0  # Å
REPEATS = (6, 9, 14, 20, 30)  # cubic cells of four atoms along each axis: 864 to 108,000 atoms


def crystal(repeats: int) -> Atoms:
    """Copper with its atoms displaced by 0.1 Å; about 44 neighbours an atom."""
    atoms = bulk("Cu", a=3.615, cubic=True).repeat(repeats)
    atoms.rattle(0.1, seed=0)
    return atoms


def by_vesin(atoms: Atoms) -> tuple[np.ndarray, ...]:
    search = vesin.NeighborList(cutoff=CUTOFF, full_list=True)
    return search.compute(points=atoms.positions, box=atoms.cell[:], periodic=atoms.pbc, quantities="ijS")


def compare(atoms: Atoms) -> dict[str, float]:
    """Time three ways to the same pairs."""
    pairs = {
        len(by_vesin(atoms)[0]),
        len(neighbor_list("i", atoms, CUTOFF)),
        len(to_graph(atoms, CUTOFF).edge_shift),
    }
    assert len(pairs) == 1, f"the number of pairs differs: {pairs}"
    calls = {
        "ase": lambda: neighbor_list("ijS", atoms, CUTOFF),
        "vesin": lambda: by_vesin(atoms),
        "to_graph": lambda: to_graph(atoms, CUTOFF),
    }
    taken = seconds(calls, 10)
    return {
        "atoms": len(atoms),
        "pairs": pairs.pop(),
        **{f"{name}_s": rounded(time) for name, time in taken.items()},
        "ase_over_vesin": round(taken["ase"] / taken["vesin"], 1),
        "ase_over_to_graph": round(taken["ase"] / taken["to_graph"], 1),
    }


def growth() -> dict[str, object]:
    """Time `to_graph` for larger and larger crystals; an exponent of 1 is linear growth."""
    structures = [crystal(n) for n in REPEATS]
    atoms = [len(structure) for structure in structures]
    calls = {str(len(s)): lambda s=s: to_graph(s, CUTOFF) for s in structures}
    times = list(seconds(calls, 3).values())
    exponent = np.polyfit(np.log(atoms), np.log(times), 1)[0]
    shown = [rounded(time) for time in times]
    return {"atoms": atoms, "to_graph_s": shown, "exponent": round(float(exponent), 3)}


def main() -> None:
    torch.set_num_threads(1)
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {"vesin": vesin.__version__, "ase": ase.__version__, "torch": torch.__version__},
        "cutoff_A": CUTOFF,
        "compared": compare(crystal(14)),
        "growth": growth(),
    }
    compared, grown = result["compared"], result["growth"]
    print(
        f"{compared['atoms']} atoms, {compared['pairs']} pairs: ase takes {compared['ase_over_vesin']:.0f} "
        f"times as long as vesin, {compared['ase_over_to_graph']:.1f} times as long as to_graph"
    )
    for atoms, taken in zip(grown["atoms"], grown["to_graph_s"], strict=True):
        print(f"{atoms:7d} atoms  {taken:7.3f} s  {1e6 * taken / atoms:6.2f} µs an atom")
    print(f"time grows as atoms^{grown['exponent']:.2f}")
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

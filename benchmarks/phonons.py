"""Cost of learning spectra: the course's lattice sums against the 2021-style network as shipped.

The same 16 crystals for both: cubic cells of eight atoms on the places of rock salt, a little shaken. One
training step is forward, backward and Adam, a graph at a time in float64 for the 2021-style network (as in
benchmarks/convolution.py), a batch in float32 for the course's. The networks differ in their features, as
they were used: see Network2021 and HIDDEN. Lattice sums are made once, before any training; their time is
given besides. Run it with ``make bench`` or ``python benchmarks/phonons.py``; it prints ratios and stores
them beside itself. Processor time of one thread.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from convolution import CUTOFF, GRAPHS, ROUNDS, Network2021
from timing import machine, rounded, seconds

from tutorial_utils import graphs
from tutorial_utils.phonons import SpectrumNetwork
from tutorial_utils.phonons.network import POINTS, spectrum_loss
from tutorial_utils.phonons.sums import crystals

PAIRS = (("Mg", "O"), ("Na", "Cl"), ("K", "F"), ("Ca", "S"))
HIDDEN = {"l = 0": "96x0e", "l ≤ 1": "96x0e+24x1o", "l ≤ 2": "96x0e+24x1o+12x2e"}


def structures() -> list[Atoms]:
    """Return the crystals; about 20 neighbours within the 2021 network's cutoff."""
    found = []
    for n in range(GRAPHS):
        atoms = bulk("".join(PAIRS[n % len(PAIRS)]), "rocksalt", a=4.6 + 0.05 * n, cubic=True)
        atoms.rattle(0.05, seed=n)
        found.append(atoms)
    return found


def shipped() -> Callable[[], None]:
    """Prepare the 2021-style network; each call trains once on every crystal, one by one."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    model = Network2021()
    data = [graphs.to_graph(atoms, CUTOFF, system={"y": 0.5}) for atoms in structures()]
    batches = [graphs.batch([graph]) for graph in data]
    loss = lambda part: (model(part).flatten() - part.y.flatten()).square().mean()  # noqa: E731
    return training_step(model, batches, loss)


def course(lmax: int, hidden: str) -> Callable[[], None]:
    """Prepare the course's network; each call trains once on a batch of all crystals."""
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    data = crystals(structures(), np.full((GRAPHS, POINTS), 0.5), lmax=lmax)
    symbols = sorted({symbol for pair in PAIRS for symbol in pair})
    model = SpectrumNetwork(symbols, irreps_hidden=hidden)
    return training_step(model, [graphs.batch(data)], lambda part: spectrum_loss(model, part))


def training_step(model: torch.nn.Module, batches: list, loss: Callable) -> Callable[[], None]:
    """Return a function that trains once on all batches; it has run once, to allocate."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        for part in batches:
            optimiser.zero_grad()
            loss(part).backward()
            optimiser.step()

    step()
    return step


def main() -> None:
    torch.set_num_threads(1)
    steps = {"as shipped in 2021": shipped()}
    steps |= {name: course(int(name[-1]), hidden) for name, hidden in HIDDEN.items()}
    times = {name: 1e3 * t / GRAPHS for name, t in seconds(steps, ROUNDS).items()}
    start = time.process_time()
    crystals(structures())
    sums = 1e3 * (time.process_time() - start) / GRAPHS
    ratios = {name: rounded(times["as shipped in 2021"] / times[name]) for name in HIDDEN}
    neighbours = np.mean([graphs.to_graph(a, CUTOFF).num_edges / len(a) for a in structures()])
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "graphs": {"graphs": GRAPHS, "atoms": 8, "neighbours_2021": rounded(float(neighbours))},
        "milliseconds_per_graph": {name: rounded(t) for name, t in times.items()},
        "lattice_sums_ms_once": rounded(sums),
        "ratio": ratios,
    }
    for name, ratio in ratios.items():
        print(f"2021-style network as shipped over the course's, {name}: {ratio:.1f}")
    print(f"lattice sums, once a crystal: {sums:.1f} ms")
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

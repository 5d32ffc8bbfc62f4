"""What adaptive common neighbours and template matching call the atoms of `phases`.

Makes src/tutorial_utils/datasets/bundled/phase_rivals.json (dataset `phase_rivals`). Run with

    python reference_data/phase_rivals.py

in an environment that has OVITO's Python package beside the course (`pip install ovito`, 600 MB: too heavy
for the tests, so its answers are stored). One row for each frame of a bulk metal and each method: the share
of atoms that it calls fcc, hcp, bcc and anything else.
"""

import argparse
from pathlib import Path

import numpy as np
import ovito
from files import report, write_table
from ovito.io.ase import ase_to_ovito
from ovito.modifiers import CommonNeighborAnalysisModifier, PolyhedralTemplateMatchingModifier
from ovito.pipeline import Pipeline, StaticSource

from tutorial_utils import datasets

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/phase_rivals.json"
COLUMNS = ("frame", "method", "cutoff", "fcc", "hcp", "bcc", "other")
RMSD = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25)  # of template matching: an atom that fits worse is "other"


def modifiers():
    """Yield (method, its cutoff, modifier)."""
    mode = CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff
    yield "adaptive common neighbours", 0.0, CommonNeighborAnalysisModifier(mode=mode)
    for cutoff in RMSD:
        yield "template matching", cutoff, PolyhedralTemplateMatchingModifier(rmsd_cutoff=cutoff)


def shares(atoms, modifier) -> list[float]:
    """Return which share of the atoms is fcc, hcp, bcc, and anything else."""
    pipeline = Pipeline(source=StaticSource(data=ase_to_ovito(atoms)))
    pipeline.modifiers.append(modifier)
    kinds = np.asarray(pipeline.compute().particles["Structure Type"])
    wanted = (type(modifier).Type.FCC, type(modifier).Type.HCP, type(modifier).Type.BCC)
    found = [float((kinds == int(kind)).mean()) for kind in wanted]
    return [round(share, 4) for share in (*found, abs(1 - sum(found)))]


def main(output: Path) -> None:
    """Go through all frames of bulk metals."""
    frames = datasets.load("phases")
    rows = [
        [int(n), method, cutoff, *shares(frames.structures[n], modifier)]
        for n in np.flatnonzero(frames["system"] == "bulk")
        for method, cutoff, modifier in modifiers()
    ]
    write_table(output, COLUMNS, rows)
    print("OVITO", ovito.version_string)
    report(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    main(parser.parse_args().output)

"""Binder gives a notebook about 2 GB: one runs with no process allowed more address space than that."""

import json
import sys
from pathlib import Path

from . import ROOT, Result, call, execute, sessions

WHERE = "2 GB of address space, as on Binder"
LIMIT_GB = 2.0
NOTEBOOK = "03_e3nn.ipynb"  # of the sessions without a compiler, the one that takes most memory


def run(folder: Path) -> list[Result]:
    """Run the notebook under the limit."""
    report = folder / "report.json"
    limits = ["--address-space", str(LIMIT_GB)]
    call(execute(sys.executable, report, *limits, ROOT / "notebooks" / NOTEBOOK), CUDA_VISIBLE_DEVICES="")
    found = json.loads(report.read_text())
    return [*sessions(found), Result("peak memory", found[0]["memory_gb"], "GB")]

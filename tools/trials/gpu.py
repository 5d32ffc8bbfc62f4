"""All notebooks on a GPU: the device that `notebook.setup` chooses where there is one."""

import json
import sys
from pathlib import Path

import torch

from . import ROOT, NotHere, Result, call, execute, sessions

WHERE = "GPU"


def run(folder: Path) -> list[Result]:
    """Run every notebook with the GPU in sight."""
    if not torch.cuda.is_available():
        raise NotHere("torch sees no GPU")
    report = folder / "report.json"
    call(execute(sys.executable, report, ROOT / "notebooks"))
    device = Result("device", torch.cuda.get_device_name())
    return [device, *sessions(json.loads(report.read_text()))]

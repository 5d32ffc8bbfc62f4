"""Try the course where it is meant to run, for real, and record what was run.

    python tools/everywhere.py               all trials
    python tools/everywhere.py image hub     some
    python tools/everywhere.py --table       only writes the book's tables anew from what is stored

A trial that passes writes runs/NAME.json. The table on the book's page "Run it anywhere" holds these runs
and nothing else. A trial that cannot run here says why, and leaves the record of the last run as it was.
"""

import argparse
import datetime
import importlib
import json
import os
import platform
import re
import sys
import time
from dataclasses import asdict

import psutil
from trials import ROOT, Failed, NotHere, Result

RUNS = ROOT / "runs"
PAGE = ROOT / "book/anywhere.md"
TRIALS = ("binder", "kit", "colab", "image", "hub", "gpu", "foreign_models")
BUSY = 10  # % of the cores
MARKED = re.compile(r"(<!-- (runs|sessions|models) -->\n).*?(<!-- /\2 -->\n)", re.S)


def machine() -> str:
    """Return what this machine is, in a few words, and whether it has other work."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    busy = ", with other work beside" if psutil.cpu_percent(interval=2) > BUSY else ""
    return f"{len(os.sched_getaffinity(0))} CPU cores, {memory:.0f} GB, {system}{busy}"


def row(record: dict) -> str:
    """Return the line of one run in the table."""
    results = "<br>".join(str(Result(**result)) for result in record["results"])
    return f"| {record['where']} | {record['date']} | {record['with']} | {results} |"


def table() -> str:
    """Return the table of all recorded runs."""
    paths = [path for path in sorted(RUNS.glob("*.json")) if path.stem != "foreign_models"]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    records.sort(key=lambda record: record["where"])
    return "\n".join(["| where | when | with what | result |", "|---|---|---|---|", *map(row, records), ""])


def sessions_table() -> str:
    """Return the table of all notebooks: what is stored in each of its run on CPUs, and its run on a GPU."""
    path = RUNS / "gpu.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
    on_gpu = {result["what"]: f"{result['value']} {result['unit']}" for result in results}
    lines = ["| notebook | on CPUs | on a GPU |", "|---|---|---|"]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        took = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["measured"]
        cpus = f"{took['seconds']} s, {took['memory_gb']} GB ({took['cores']} cores, torch {took['torch']})"
        lines.append(f"| {path.stem} | {cpus} | {on_gpu.get(path.stem, 'not run')} |")
    return "\n".join([*lines, ""])


def models_table() -> str:
    """Return the table of other people's models: what the equivariance report says of each."""
    path = RUNS / "foreign_models.json"
    if not path.exists():
        return "Not run yet.\n"
    record = json.loads(path.read_text(encoding="utf-8"))
    lines = [f"Run on {record['date']}.", "", "| model, output | verdict | named cause |", "|---|---|---|"]
    lines += [f"| {each['what']} | {each['value']} | {each['unit']} |" for each in record["results"]]
    return "\n".join([*lines, ""])


def with_tables(text: str) -> str:
    """Return the book's page with its tables as they have to be."""
    tables = {"runs": table, "sessions": sessions_table, "models": models_table}
    return MARKED.sub(lambda found: found[1] + tables[found[2]]() + found[3], text)


def store(name: str, where: str, place: str, results: list[Result]) -> None:
    """Record a run that passed; `place` is what `machine` said when it began."""
    record = {
        "where": where,
        "date": datetime.date.today().isoformat(),
        "with": place,
        "results": [asdict(result) for result in results],
    }
    RUNS.mkdir(exist_ok=True)
    path = RUNS / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def attempt(name: str) -> str:
    """Run one trial; returns passed, failed or not run."""
    trial = importlib.import_module(f"trials.{name}")
    folder = ROOT / "_build/trials" / name
    folder.mkdir(parents=True, exist_ok=True)
    place, begun = machine(), time.monotonic()
    try:
        results = trial.run(folder)
    except NotHere as reason:
        print(f"{name}: not run. {reason}", flush=True)
        return "not run"
    except Failed as problem:
        print(f"{name}: FAILED after {time.monotonic() - begun:.0f} s\n{problem}", flush=True)
        return "failed"
    store(name, trial.WHERE, place, results)
    print(
        f"{name}: passed after {time.monotonic() - begun:.0f} s\n  " + "\n  ".join(map(str, results)),
        flush=True,
    )
    return "passed"


def main() -> int:
    """Run the trials named, write the table; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"some of: {', '.join(TRIALS)}")
    parser.add_argument("--table", action="store_true", help="run nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.trials) - set(TRIALS)
    if unknown:
        parser.error(f"unknown trials: {', '.join(sorted(unknown))}; there are {', '.join(TRIALS)}")
    ended = [] if chosen.table else [attempt(name) for name in chosen.trials or TRIALS]
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    if ended:
        print(", ".join(f"{ended.count(word)} {word}" for word in ("passed", "failed", "not run")))
    return int("failed" in ended)


if __name__ == "__main__":
    sys.exit(main())

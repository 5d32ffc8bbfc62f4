"""The room of the hub trial: started by hub.py inside the namespaces, writes its results to ROOM_REPORT."""

import asyncio
import json
import os
import pwd
import secrets
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from . import ROOT, Failed, Result
from .participant import HUB, Answer, Participant

NOTEBOOK = "notebooks/01_symmetry.ipynb"
CELLS = 10
FOLDER = Path(os.environ["ROOM"])
EAT = "hoard = bytearray(6 * 10**9)"
LOOP = "while True: pass"
SHORT = 10  # seconds in which a small cell has to answer while others misbehave


def make_seats(count: int) -> dict[str, str]:
    """Write the file of secrets, as deploy/README.md says."""
    seats = {f"seat{number:02d}": secrets.token_hex(8) for number in range(1, count + 1)}
    path = FOLDER / "seats.txt"
    path.touch(mode=0o600)
    hold(path.stat().st_mode & 0o77 == 0, "the secrets are root's alone")
    path.write_text("".join(f"{name} {secret}\n" for name, secret in seats.items()))
    return seats


def start_hub() -> subprocess.Popen:
    """Start JupyterHub with the course's configuration."""
    place = FOLDER / "hub"
    place.mkdir(mode=0o700)
    settings = {"COURSE": str(ROOT), "SEATS": str(FOLDER / "seats.txt"), "BIND_URL": HUB}
    config = ROOT / "deploy/jupyterhub_config.py"
    return subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", config],
        cwd=place,
        env={**os.environ, **settings},
        stdout=open(FOLDER / "hub.log", "w"),
        stderr=subprocess.STDOUT,
    )


def memory_gb(name: str) -> float:
    """Return the memory of all processes of an account in GB; shared pages are divided among their users."""
    number, total = pwd.getpwnam(name).pw_uid, 0
    for process in psutil.process_iter():
        try:
            if process.uids().real == number:
                total += process.memory_full_info().pss
        except psutil.Error:  # it ended meanwhile
            continue
    return total / 1e9


async def take_part(participant: Participant) -> tuple[float, list[Answer]]:
    """Log in, start, run the first cells; returns the seconds until the kernel was there, and the answers."""
    begun = time.monotonic()
    if await participant.log_in() != 200:
        raise Failed(f"{participant.name} cannot log in")
    await participant.start()
    cells = await participant.open(NOTEBOOK)
    ready = time.monotonic() - begun
    answers = await participant.run(*cells[:CELLS])
    return ready, answers


async def crowd(room: list[Participant]) -> list[Result]:
    """Let all take part at once; no failure is allowed."""
    came = await asyncio.gather(*map(take_part, room))
    wrong = [answer.error for _, answers in came for answer in answers if answer.error]
    if wrong:
        raise Failed(f"{len(wrong)} cells failed: {wrong[0]}")
    first = [ready + answers[0].first for ready, answers in came]
    last = [answers[-1].end for _, answers in came]
    memory = [memory_gb(participant.name) for participant in room]
    return [
        Result("participants at once", len(room)),
        Result("failures", 0),
        Result("login to first result, median", round(statistics.median(first)), "s"),
        Result("login to first result, worst", round(max(first)), "s"),
        Result(f"first {CELLS} code cells, median", round(statistics.median(last)), "s"),
        Result(f"first {CELLS} code cells, worst", round(max(last)), "s"),
        Result("memory of one, median", round(statistics.median(memory), 2), "GB"),
        Result("memory of one, worst", round(max(memory), 2), "GB"),
    ]


def hold(claim: bool, what: str) -> None:
    """Raise Failed unless the claim holds."""
    if not claim:
        raise Failed(f"not so: {what}")


async def no_trespassing(one: Participant, other: Participant) -> None:
    """Nobody reads the other's files: not from a kernel, not over the web, not with a wrong secret."""
    home = pwd.getpwnam(other.name).pw_dir
    for path in (f"{home}/{NOTEBOOK}", FOLDER / "seats.txt", FOLDER / "hub/jupyterhub.sqlite"):
        (answer,) = await one.run(f"open({str(path)!r}).read()")
        hold("PermissionError" in str(answer.error), f"{path} cannot be read by another: {answer}")
    (answer,) = await one.run(f"open({str(ROOT / 'README.md')!r}, 'a')")
    hold("Error" in str(answer.error), "the shared course cannot be written")
    address = f"{other.server}/api/contents/{NOTEBOOK}"
    hold(await one.status(address) in (302, 403), "another's server sends a participant away")
    async with Participant("nobody", "") as stranger:
        hold(await stranger.status(address, Authorization="token 123") == 403, "a wrong token gets nothing")
        hold(await stranger.log_in() == 403, "an unknown name cannot log in")
    async with Participant(other.name, "wrong") as impostor:
        hold(await impostor.log_in() == 403, "a wrong secret cannot log in")


async def no_disturbance(eater: Participant, looper: Participant, other: Participant) -> float:
    """One kernel wants all memory, one loops: a third goes on. Returns its seconds for a small cell."""
    (answer,) = await eater.run(EAT)
    hold("MemoryError" in str(answer.error), f"a kernel cannot eat the machine's memory: {answer}")
    (answer,) = await eater.run("print(1 + 1)")
    hold(answer.text == "2\n", "and it goes on afterwards")
    loop = asyncio.create_task(looper.run(LOOP))
    await asyncio.sleep(2)
    (answer,) = await other.run("print(sum(range(10**6)))")
    loop.cancel()
    hold(answer.text == "499999500000\n" and answer.end < SHORT, f"others go on within {SHORT} s: {answer}")
    return answer.end


async def meet(seats: dict[str, str]) -> list[Result]:
    """Open as many browsers as there are seats, and let the trial take its course."""
    room = [Participant(name, secret) for name, secret in seats.items()]
    for participant in room:
        await participant.__aenter__()
    try:
        await until_open(room[0])
        results = await crowd(room)
        await no_trespassing(room[0], room[1])
        waited = await no_disturbance(room[0], room[1], room[2])
    finally:
        for participant in room:
            await participant.__aexit__()
    note = "refused: wrong secrets and tokens, others' files, all memory"
    return [*results, Result("small cell beside a loop", round(waited, 2), "s"), Result(note, "yes")]


async def until_open(participant: Participant) -> None:
    """Wait until the hub answers."""
    for _ in range(120):
        try:
            if await participant.status(f"{HUB}/hub/api") == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(1)
    raise Failed("the hub does not answer")


def main() -> None:
    """Start the hub, let the room meet, write what was found."""
    seats = make_seats(int(os.environ["ROOM_SEATS"]))
    hub = start_hub()
    try:
        results = asyncio.run(meet(seats))
        Path(os.environ["ROOM_REPORT"]).write_text(json.dumps([asdict(result) for result in results]))
    except BaseException:
        print((FOLDER / "hub.log").read_text()[-6000:])
        raise
    finally:
        hub.terminate()
        hub.wait(60)


if __name__ == "__main__":
    main()

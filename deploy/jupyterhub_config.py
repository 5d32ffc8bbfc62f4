"""JupyterHub on one machine for one room: every seat is an account of the system, with its own home.

    jupyterhub -f deploy/jupyterhub_config.py       (as root; deploy/README.md says what to prepare)

COURSE: folder with notebooks/, read by all and written by nobody but root.
SEATS: file with one line "name secret" for each seat, readable by root alone.
"""

import hmac
import os
import resource
import sys
from pathlib import Path

from jupyterhub.auth import LocalAuthenticator
from jupyterhub.spawner import LocalProcessSpawner

HERE = Path(__file__).resolve().parent
COURSE = Path(os.environ.get("COURSE", HERE.parent))
SEATS = Path(os.environ.get("SEATS", "/srv/course/seats.txt"))
MEMORY = 2 * 10**9  # bytes that one process may fill: every notebook stays below
PROCESSES = 200  # of one seat, threads included
IDLE = 3600  # seconds after which a server that nobody uses is stopped


def secrets() -> dict[str, str]:
    """Return the secret of each seat."""
    lines = SEATS.read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if line.strip())


class SeatAuthenticator(LocalAuthenticator):
    """Lets in who knows the secret of a seat; the account is made at the first login."""

    async def authenticate(self, handler, data):
        """Return the seat's name, or None."""
        secret = secrets().get(data["username"], "")
        known = hmac.compare_digest(secret.encode(), data["password"].encode())
        return data["username"] if secret and known else None


class SeatSpawner(LocalProcessSpawner):
    """Starts a seat's server under the seat's account, with limits that its kernels inherit."""

    def make_preexec_fn(self, name):
        """Return what the new process does before it becomes the server."""
        become_the_account = super().make_preexec_fn(name)

        def prepare():
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
            become_the_account()

        return prepare


c = get_config()
c.JupyterHub.authenticator_class = SeatAuthenticator
c.SeatAuthenticator.allow_all = True  # all who know the secret of a seat
c.SeatAuthenticator.create_system_users = True
c.SeatAuthenticator.add_user_cmd = [
    "useradd",
    "--create-home",
    "--key",
    "HOME_MODE=0700",
    "--shell",
    "/bin/bash",
]
c.JupyterHub.spawner_class = SeatSpawner
c.SeatSpawner.cmd = [str(HERE / "start.sh"), "jupyterhub-singleuser"]
c.SeatSpawner.args = [
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    f"--MappingKernelManager.cull_idle_timeout={IDLE}",
]
c.SeatSpawner.default_url = "/lab/tree/notebooks"
c.SeatSpawner.environment = {"COURSE": str(COURSE), "OMP_NUM_THREADS": "1"}
c.SeatSpawner.start_timeout = 180  # seconds: a whole room starts at once
c.SeatSpawner.http_timeout = 180
c.JupyterHub.bind_url = os.environ.get("BIND_URL", "http://:8000")
# A room presses the button at once: a lower limit would turn the others away with "429".
c.JupyterHub.concurrent_spawn_limit = len(secrets())
c.JupyterHub.active_server_limit = len(secrets())
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE}"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]

"""One simulated participant of a workshop: logs in, starts a server, runs cells over the websocket."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field

import aiohttp

HUB = "http://127.0.0.1:8000"
PATIENCE = 900  # seconds after which a wait has failed


@dataclass
class Answer:
    """What a cell gave back: seconds until its first output and until its end, what it printed, its error."""

    first: float
    end: float
    text: str
    error: str | None


@dataclass
class Participant:
    """A browser with its cookies.

    Attributes:
        name: of the seat.
        secret: of the seat.
        kernel: identifier of the running kernel.
    """

    name: str
    secret: str
    kernel: str = ""
    browser: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> "Participant":
        """Open the browser; numbers may be cookies' hosts, since this machine has no name here."""
        jar = aiohttp.CookieJar(unsafe=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self.browser = aiohttp.ClientSession(cookie_jar=jar, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the browser."""
        await self.browser.close()

    @property
    def server(self) -> str:
        """Address of the participant's own server."""
        return f"{HUB}/user/{self.name}"

    def token(self, address: str) -> str:
        """Return what a form sent to the address has to repeat, against requests forged by other pages."""
        cookie = self.browser.cookie_jar.filter_cookies(address).get("_xsrf")  # type: ignore[arg-type]
        return cookie.value if cookie else ""

    async def log_in(self) -> int:
        """Log in with name and secret; returns the status, 403 for a wrong secret."""
        async with self.browser.get(f"{HUB}/hub/login"):
            pass
        form = {"username": self.name, "password": self.secret, "_xsrf": self.token(f"{HUB}/hub/")}
        async with self.browser.post(f"{HUB}/hub/login", data=form) as answer:
            return answer.status

    async def start(self) -> None:
        """Start the server, as the button does, and wait until it answers."""
        async with self.browser.get(f"{HUB}/hub/spawn"):
            pass
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            async with self.browser.get(f"{self.server}/api/status") as answer:
                if answer.status == 200 and answer.content_type == "application/json":
                    return
            if answer.status == 403:  # it runs: a page sends to the hub, which vouches for us
                async with self.browser.get(f"{self.server}/lab"):
                    continue
            await asyncio.sleep(0.5)
        raise TimeoutError(f"{self.name}: the server did not start")

    async def open(self, notebook: str) -> list[str]:
        """Read a notebook and start its kernel; returns the sources of its code cells."""
        async with self.browser.get(f"{self.server}/api/contents/{notebook}") as answer:
            content = (await answer.json())["content"]
        model = {"name": notebook, "path": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        headers = {"X-XSRFToken": self.token(f"{self.server}/")}
        async with self.browser.post(f"{self.server}/api/sessions", json=model, headers=headers) as answer:
            self.kernel = (await answer.json())["kernel"]["id"]
        return [cell["source"] for cell in content["cells"] if cell["cell_type"] == "code"]

    async def run(self, *sources: str) -> list[Answer]:
        """Run cells, all sent at once as "Run all" does; returns their answers in order."""
        address = f"{self.server}/api/kernels/{self.kernel}/channels"
        async with self.browser.ws_connect(address, max_msg_size=0) as socket:
            begun = time.monotonic()
            requests = [request(source) for source in sources]
            for message in requests:
                await socket.send_str(json.dumps(message))
            numbers = [message["header"]["msg_id"] for message in requests]
            return await asyncio.wait_for(listen(socket, numbers, begun), PATIENCE)

    async def status(self, address: str, **headers: str) -> int:
        """Return the status with which an address answers."""
        async with self.browser.get(address, headers=headers, allow_redirects=False) as answer:
            return answer.status


def request(source: str) -> dict:
    """Return the message that asks a kernel to run a cell."""
    header = {"msg_id": uuid.uuid4().hex, "username": "", "session": uuid.uuid4().hex}
    header |= {"msg_type": "execute_request", "version": "5.3", "date": ""}
    content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": True}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


async def listen(socket: aiohttp.ClientWebSocketResponse, numbers: list[str], begun: float) -> list[Answer]:
    """Collect what the cells give back until the last one is done."""
    answers = {
        number: Answer(first=float("inf"), end=float("inf"), text="", error=None) for number in numbers
    }
    left = set(numbers)
    async for raw in socket:
        message = json.loads(raw.data)
        answer, kind = answers.get(message["parent_header"].get("msg_id")), message["msg_type"]
        if answer is None:
            continue
        now = time.monotonic() - begun
        if kind in ("stream", "display_data", "execute_result"):
            answer.first = min(answer.first, now)
            answer.text += message["content"].get("text", "")
        elif kind == "error":
            answer.error = f"{message['content']['ename']}: {message['content']['evalue']}"
        elif kind == "status" and message["content"]["execution_state"] == "idle":  # all output is out
            answer.end = now
            left.discard(message["parent_header"]["msg_id"])
        if not left:
            break
    return [answers[number] for number in numbers]

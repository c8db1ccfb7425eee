"""Who is told of alerts in a rehearsal: a web server here that counts what it accepts."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "notify_file", "receiver"]

_NOTIFY = """\
[[webhook]]
name = "tickets"
url = "http://127.0.0.1:{port}/tickets"
digest = "weekly"

[[webhook]]
name = "chat"
url = "http://127.0.0.1:{port}/chat"
idempotent = true
tell = ["opened", "closed"]
"""


@dataclass
class Receiver:
    """What was accepted, by channel and key; while it is *down*, everything is put off."""

    port: int = 0
    down: bool = False
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, channel: str) -> Counter[str]:
        """Return how often each message of a channel was accepted."""
        return Counter({key: n for (name, key), n in self.accepted.items() if name == channel})


def notify_file(port: int) -> str:
    """Return a notify.toml: one channel that must not be told twice, one that sorts out repeats."""
    return _NOTIFY.format(port=port)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner: Receiver = self.server.owner
        if owner.down:
            self.send_response(503)
        else:
            owner.accepted[self.path.strip("/"), content["key"]] += 1
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Yield a running receiver."""
    owner = Receiver()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.owner = owner  # type: ignore[attr-defined]
        owner.port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield owner
        finally:
            server.shutdown()
            thread.join()

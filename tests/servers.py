"""Mail and web servers on this machine for tests, which fail where they are told to.

A *fault* is taken off the list at each place where one can happen: the name of the place, and what
to do there. Everything that was accepted is kept.
"""

from __future__ import annotations

import email
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default as mail_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["MailServer", "WebServer", "mail_server", "web_server"]


@dataclass
class MailServer:
    """What a mail server has accepted, and the faults that it still commits.

    ``faults`` are (place, answer): the places are connect, ehlo, mail, rcpt, data, body; an answer
    is a line such as ``451 later``, ``drop`` (the connection) or ``stall`` (no answer).
    """

    port: int = 0
    accepted: list[tuple[str, EmailMessage]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    context: ssl.SSLContext | None = None

    def fault(self, place: str) -> str:
        """Return what to answer at a place, empty where all is well."""
        for k, (where, answer) in enumerate(self.faults):
            if where == place:
                del self.faults[k]
                return answer
        return ""


class _Dropped(Exception):
    """The server hangs up."""


class _MailHandler(socketserver.StreamRequestHandler):
    """One session of SMTP, as much of it as clients use."""

    server: Any

    def handle(self) -> None:
        with suppress(_Dropped, OSError, ValueError):
            self.talk(self.server.mail)

    def answer(self, place: str, line: str) -> bool:
        """Answer, or commit a fault; return whether all was well."""
        found = self.server.mail.fault(place)
        if found == "drop":
            raise _Dropped
        if found == "stall":
            self.server.mail.stalled.set()
            time.sleep(60)
            raise _Dropped
        self.wfile.write(f"{found or line}\r\n".encode())
        return not found

    def talk(self, mail: MailServer) -> None:
        self.answer("connect", "220 ready")
        self.talk_on(mail)

    def talk_on(self, mail: MailServer) -> None:
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb in {"EHLO", "HELO"}:
                lines = ["250-here"]
                if mail.context is not None:
                    lines.append("250-STARTTLS")
                self.answer("ehlo", "\r\n".join([*lines, "250 AUTH PLAIN"]))
            elif verb == "STARTTLS":
                self.wfile.write(b"220 go ahead\r\n")
                assert mail.context is not None
                with mail.context.wrap_socket(self.connection, server_side=True) as secure:
                    self.rfile, self.wfile = secure.makefile("rb"), secure.makefile("wb", 0)
                    with self.rfile, self.wfile:
                        self.talk_on(mail)
                return
            elif verb == "AUTH":
                mail.logins.append(line)
                self.answer("auth", "235 welcome")
            elif verb == "MAIL":
                self.answer("mail", "250 ok")
            elif verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                self.answer("rcpt", "250 ok")
            elif verb == "DATA":
                if self.answer("data", "354 go on"):
                    self.take_body(mail, recipient)
            elif verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")

    def take_body(self, mail: MailServer, recipient: str) -> None:
        if mail.fault("half"):
            self.rfile.readline()
            raise _Dropped
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Dropped
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = email.message_from_bytes(b"".join(lines), policy=mail_policy)
        if not mail.faults or mail.faults[0][0] != "body" or mail.faults[0][1] in {"drop", "stall"}:
            mail.accepted.append((recipient, message))
        self.answer("body", "250 taken")


class _MailTcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mail: MailServer


@contextmanager
def mail_server(context: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """Yield a mail server that runs."""
    with _MailTcp(("127.0.0.1", 0), _MailHandler) as server:
        server.mail = MailServer(port=server.server_address[1], context=context)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.mail
        finally:
            server.shutdown()


@dataclass
class WebServer:
    """What a web server was sent; ``answers`` are status codes or drop, for the next requests."""

    port: int = 0
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook"


class _WebHandler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        web: WebServer = self.server.web
        body = self.rfile.read(int(self.headers["Content-Length"]))
        web.requests.append((self.path, dict(self.headers), json.loads(body)))
        answer = web.answers.pop(0) if web.answers else 200
        if answer == "drop":
            self.close_connection = True
            return
        self.send_response(int(answer))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _WebTcp(ThreadingHTTPServer):
    web: WebServer


@contextmanager
def web_server() -> Iterator[WebServer]:
    """Yield a web server that runs."""
    with _WebTcp(("127.0.0.1", 0), _WebHandler) as server:
        server.web = WebServer(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.web
        finally:
            server.shutdown()

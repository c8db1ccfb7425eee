"""Netron draws the ONNX files of an export, in a headless Chromium: every node by its operator.

``pip install netron`` adds what is asked; it serves a file to a browser, where it is read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import onnx
import pytest

from pulsefront.firmware import export_model
from toys_qonnx import qonnx_model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]

FILES = {
    "onnx": "model.onnx",
    "qonnx": "model_qonnx.onnx",
    "onnx_float": "model_float.onnx",
    "onnx_qdq": "model_int8_qdq.onnx",
}


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("netron") / "out"
    export_model(qonnx_model(1), folder, targets=list(FILES))
    return folder


@contextmanager
def behind_consent(address: str) -> Iterator[str]:
    """Yield an address that leads to Netron's with the cookie without which it draws nothing."""

    class Leading(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Set-Cookie", "consent=1; path=/")  # cookies know no ports
            self.send_header("Location", address)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Leading)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def page_of(address: str, folder: Path) -> str:
    """Return the page at an address after its script has run."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: install Debian's chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    command = [program, *options, "--virtual-time-budget=20000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("target", FILES)
def test_netron_draws_every_node(target: str, export: Path, tmp_path: Path) -> None:
    netron = pytest.importorskip("netron")
    path = export / FILES[target]
    host, port = netron.serve(str(path), None, address=("127.0.0.1", 0))
    try:
        with behind_consent(f"http://{host}:{port}/") as address:
            page = page_of(address, tmp_path)
    finally:
        netron.stop((host, port))
    drawn = Counter(re.findall(r"<text[^>]*>([^<]+)</text>", page))
    for operator, count in Counter(one.op_type for one in onnx.load(path).graph.node).items():
        assert drawn[operator] == count, operator

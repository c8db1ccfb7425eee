"""Any file is read or refused in one line."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import PulsefrontError
from pulsefront.qc.readers.open import open_source, why_passed_over
from pulsefront.qc.site import Site
from strategies_qc import NOW, siemens_report


def problem_of(path) -> str:
    """Return the error of reading a file in one line, empty where there is none."""
    try:
        list(open_source(path, Site(), now_s=NOW).batches())
    except PulsefrontError as error:
        text = str(error)
    else:
        text = ""
    assert len(text.splitlines()) <= 1
    return text


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_source_or_one_of_our_errors(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "file.xml"
    path.write_bytes(content)
    problem_of(path)


def test_any_flipped_byte_of_a_report_is_read_or_refused(tmp_path):
    path = siemens_report(tmp_path / "a.xml")
    original = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.choice(len(original), 150, replace=False):
        changed = bytearray(original)
        changed[place] = random.integers(256)
        path.write_bytes(bytes(changed))
        problem_of(path)


def test_what_editors_and_desktops_leave_is_passed_over(tmp_path):
    for name in ("x_daily.csv~", "#x_daily.csv#", "QC.lnk", "x.csv.part"):
        assert why_passed_over(tmp_path / name, Site())
    assert not why_passed_over(tmp_path / "x_daily.csv", Site())


def test_a_page_of_html_is_no_console_report(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html><html><body>1</body></html>")
    assert "HTML" in problem_of(path)

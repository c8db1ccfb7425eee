"""Tables as plain text: aligned, never wrapped, brackets as they are."""

from __future__ import annotations

from pulsefront.firmware.text_table import text_table


def test_columns_are_aligned_and_lines_end_with_their_text():
    rows = [("emulator", "1,000", "equal"), ("hls4ml Vitis", "7", "DIFFERENT")]
    assert text_table(("backend", "vectors", "status"), rows, right=frozenset({1})).split("\n") == [
        "backend       vectors  status",
        "emulator        1,000  equal",
        "hls4ml Vitis        7  DIFFERENT",
    ]


def test_a_long_cell_is_one_line_and_brackets_are_no_markup():
    reason = "not run: " + "x" * 300
    text = text_table(("a", "b"), [("out[3] [red]:x:", reason), ("×", "")])
    assert text.split("\n") == ["a                b", f"out[3] [red]:x:  {reason}", "×"]


def test_a_head_without_rows():
    assert text_table(("one", "two"), []) == "one  two"

"""Preamble of a Tektronix curve: named settings in any order, in full or shortened, then samples.

Meaning of the names from Tektronix, TBS2000 Series Programmer Manual (077-1149), WFMPre: the value
of a sample is (code - YOFF) · YMULT + YZERO, its time XZERO + (i - PT_OFF) · XINCR.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.numbers import WHOLE, parse_lines
from pulsefront.events.readers.oscilloscopes.vertical import VerticalScale

__all__ = ["BEGINS", "LONGEST_PREAMBLE", "MARK", "TEXT", "SavedCurve", "curve_at"]

BEGINS = re.compile(rb":WFM(P(RE)?|O(UTPRE)?|I(NPRE)?):", re.IGNORECASE)
MARK = re.compile(rb":CURVE?\s+", re.IGNORECASE)
PLAIN = re.compile(rb'(?:[ !$-~\r\n\t]|"[^"\x00-\x1f]*")*')
"""Text without a length (#…) in it: another curve would be inside."""

SETTING = re.compile(r'((?:[^;"]|"[^"]*")+)')
LONGEST_PREAMBLE = 1 << 16
NEIGHBOUR = 256
"""Where a curve lacks bytes, the next preamble begins so many before its end, or later."""

SECONDS = ("s", "sec", "second", "seconds", "")
TEXT = "text"
"""Codes that are written as whole numbers with commas between."""

SHORTENED = {
    "BYT_NR": 5, "ENCDG": 3, "BN_FMT": 4, "BYT_OR": 5, "NR_PT": 4, "WFID": 3, "PT_FMT": 4,
    "PT_OFF": 4, "XUNIT": 3, "XINCR": 3, "XZERO": 3, "YUNIT": 3, "YMULT": 3, "YOFF": 3, "YZERO": 3,
}  # fmt: skip
"""Name of a setting → how many letters of it are enough."""

FULL = {name[:n]: name for name, least in SHORTENED.items() for n in range(least, len(name) + 1)}


@dataclass(frozen=True)
class SavedCurve:
    """One curve of a file; ``…_at`` and ``end`` are bytes.

    Attributes
    ----------
    kind
        NumPy type of the codes, or `TEXT`.
    source
        Channel that was saved, as WFID names it.
    envelope
        Lowest and highest values in turn instead of samples.
    moved_twice
        PT_OFF and XZERO are both stated: `first_sample_s` takes them together.
    """

    begins_at: int
    samples_at: int
    end: int
    samples: int
    kind: str
    source: str
    scale: VerticalScale
    interval_s: float
    first_sample_s: float
    envelope: bool
    moved_twice: bool


def curve_at(content: mmap.mmap, at: int) -> SavedCurve:
    """Return the curve whose preamble begins at a byte; its end may lie beyond that of the file.

    Raises
    ------
    UnsupportedFormat
        It is no preamble, lacks a setting, or has an impossible one.
    """
    if BEGINS.match(content, at) is None:
        raise UnsupportedFormat("begins no preamble", value=f"byte {at}")
    marked = MARK.search(content, at, min(at + LONGEST_PREAMBLE, len(content)))
    if marked is None:
        raise UnsupportedFormat("has a preamble without a curve", value=f"byte {at}")
    preamble = content[at : marked.start()]
    if PLAIN.fullmatch(preamble) is None:
        raise UnsupportedFormat("has a preamble that is no text", value=f"byte {at}")
    told = _settings(preamble.decode("latin-1"))
    samples = int(_number(told, "NR_PT"))
    kind = _kind(told)
    begins, end = _block(content, marked.end(), samples, kind)
    if kind != TEXT and BEGINS.search(content, max(begins, end - NEIGHBOUR), end):
        raise UnsupportedFormat("has a curve that holds the next preamble", value=f"byte {at}")
    if told.get("XUNIT", "").strip('"').lower() not in SECONDS:
        raise UnsupportedFormat("holds no trace in time", field="XUNIT", value=told["XUNIT"])
    per_count, interval_s = _number(told, "YMULT"), _number(told, "XINCR")
    at_zero = _number(told, "YZERO") - per_count * _number(told, "YOFF")
    scale = VerticalScale(per_count, at_zero, told.get("YUNIT", "").strip('"') or "V")
    zero_s, points = _number(told, "XZERO", 0.0), _number(told, "PT_OFF", 0.0)
    if not (scale.finite and interval_s > 0 and samples > 0):
        raise UnsupportedFormat(
            "has a preamble with impossible scales",
            field="NR_PT, YMULT, XINCR",
            value=f"{samples}, {per_count}, {interval_s}",
        )
    return SavedCurve(
        begins_at=at,
        samples_at=begins,
        end=end,
        samples=samples,
        kind=kind,
        source=told.get("WFID", "").strip('"').split(",")[0].strip(),
        scale=scale,
        interval_s=interval_s,
        first_sample_s=zero_s - points * interval_s,
        envelope=told.get("PT_FMT", "Y").upper() == "ENV",
        moved_twice=zero_s != 0 and points != 0,
    )


def _settings(preamble: str) -> dict[str, str]:
    """Return the settings by their full names; what else a preamble holds is left out."""
    told = {}
    for item in SETTING.findall(preamble):
        name, _, value = item.strip().partition(" ")
        # A path stands before some names, such as :WFMPRE: or :WFMPRE:CH1:.
        short = name.rpartition(":")[2].upper()
        if short in FULL:
            told[FULL[short]] = value.strip()
    return told


def _kind(told: dict[str, str]) -> str:
    if told.get("ENCDG", "BIN").upper().startswith("ASC"):
        return TEXT
    width, form, order = (told.get(name, "").upper() for name in ("BYT_NR", "BN_FMT", "BYT_OR"))
    signs, orders = {"RI": "i", "RP": "u"}, {"MSB": ">", "LSB": "<"}
    if form not in signs or width not in ("1", "2") or (width == "2" and order not in orders):
        raise UnsupportedFormat(
            "has samples that are written in an unknown way",
            field="BN_FMT, BYT_NR, BYT_OR",
            value=f"{form}, {width}, {order}",
        )
    return f"{orders.get(order, '<')}{signs[form]}{width}"


def _number(told: dict[str, str], name: str, default: float | None = None) -> float:
    text = told.get(name)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise UnsupportedFormat("has a preamble without this number", field=name, value=text)
    return number


def _block(content: mmap.mmap, at: int, samples: int, kind: str) -> tuple[int, int]:
    """Return where the codes begin and end."""
    if kind == TEXT:
        end = content.find(b":WFM", at)
        end = len(content) if end < 0 else end
        found = parse_lines(content[at:end], ",").kind
        if len(found) != samples or (found != WHOLE).any():
            raise UnsupportedFormat(
                f"has a curve of {len(found)} numbers for {samples} samples", value=f"byte {at}"
            )
        return at, end
    digits = content[at + 1 : at + 2]
    begins = at + 2 + (int(digits) if digits.isdigit() else 0)
    length = content[at + 2 : begins]
    if content[at : at + 1] != b"#" or not length.isdigit():
        raise UnsupportedFormat("has a curve without its length", value=f"byte {at}")
    if int(length) != samples * int(kind[-1]):
        raise UnsupportedFormat(
            f"has a curve of {int(length)} bytes for {samples} samples of {kind[-1]} bytes",
            value=f"byte {at}",
        )
    return begins, begins + int(length)

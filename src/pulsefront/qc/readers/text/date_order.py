"""Which order of day, month and year the dates of a file show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pulsefront.errors import QCDataError
from pulsefront.qc.times import DateOrder, date_digits, parse_times

__all__ = ["OrderVotes"]


class OrderVotes:
    """What the dates of a file say of their order, gathered piece by piece.

    A day above 12 decides. Both orders may occur where somebody typed a date; then one that is
    five times as frequent as the other is taken, and the others are refused later on as impossible
    dates. A year of four digits in front needs no vote.
    """

    def __init__(self) -> None:
        self._votes: dict[DateOrder, int] = {"dmy": 0, "mdy": 0}
        self._year_last = False  # whether any date has its year at the end
        self._open = ""  # the first date that may be read in both ways, and differs

    @property
    def year_first(self) -> bool:
        """Whether no date so far leaves a question."""
        return not self._year_last

    def add(self, texts: Iterable[str]) -> None:
        """Take some dates into account."""
        for text in dict.fromkeys(texts):
            digits = date_digits(text)
            if digits is None or len(digits[0]) == 4:
                continue
            self._year_last = True
            first, second = int(digits[0]), int(digits[1])
            if first > 12:
                self._votes["dmy"] += 1
            elif second > 12:
                self._votes["mdy"] += 1
            elif first != second and not self._open:
                self._open = text.strip()

    def order(self) -> DateOrder:
        """Return the order.

        Raises
        ------
        QCDataError
            The dates do not tell the day from the month.
        """
        if self.year_first:
            return "ymd"
        dmy, mdy = self._votes["dmy"], self._votes["mdy"]
        undecided = dmy == mdy or max(dmy, mdy) < 5 * min(dmy, mdy)
        if self._open and undecided:
            readings = " or ".join(_reading(self._open, order) for order in ("dmy", "mdy"))
            mixed = f", {dmy} dates tell day first and {mdy} month first" if dmy or mdy else ""
            raise QCDataError(
                f"the dates do not tell the day from the month: {self._open!r} is {readings}"
                + mixed,
                remedy="give date_order = 'dmy' or 'mdy' in the mapping",
            )
        return "mdy" if mdy > dmy else "dmy"


def _reading(text: str, order: DateOrder) -> str:
    """Return the day that a text is in one order, in words."""
    seconds, reasons = parse_times([text], order=order, wall_clock=True)
    if reasons[0]:
        return "no date"
    read = datetime.fromtimestamp(int(seconds[0]), UTC)
    return f"{read.day} {read:%B %Y}"

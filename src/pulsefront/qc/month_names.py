"""Months by their names, in the languages of exports: told for certain, or not at all.

A name is a month where it is one of the short forms below, or begins the names of one month and of
no other in any of the languages: ``lis`` is November in Polish and October in Croatian, and is
neither.
"""

from __future__ import annotations

import unicodedata
from functools import cache

__all__ = ["month_of"]

SHORTEST = 3

# English, German, Dutch, French, Spanish, Italian, Portuguese, Catalan, Danish, Norwegian, Swedish,
# Finnish, Estonian, Polish, Czech, Slovak, Croatian, Slovene, Hungarian, Romanian, Turkish; those
# that decline also as they stand in a date. Accents are left out.
NAMES: dict[int, str] = {
    1: "january januar janner januari janvier enero gennaio janeiro gener tammikuu tammikuuta "
    "jaanuar styczen stycznia leden ledna sijecanj sijecnja ianuarie ocak",
    2: "february februar feber februari fevrier febrero febbraio fevereiro febrer helmikuu "
    "helmikuuta veebruar luty lutego unor unora veljaca veljace subat",
    3: "march marz maerz maart mars marzo marco marts marec maaliskuu maaliskuuta marzec "
    "marca brezen brezna ozujak ozujka marcius martie mart",
    4: "april avril abril aprile huhtikuu huhtikuuta aprill kwiecien kwietnia duben dubna travanj "
    "travnja aprilis aprilie nisan",
    5: "may mai mei mayo maggio maio maig maj toukokuu toukokuuta maja kveten kvetna svibanj "
    "svibnja majus mayis",
    6: "june juni juin junio giugno junho juny kesakuu kesakuuta juuni czerwiec czerwca cerven "
    "cervna jun lipanj lipnja junij junius iunie haziran",
    7: "july juli juillet julio luglio julho juliol heinakuu heinakuuta juuli lipiec lipca "
    "cervenec cervence jul srpanj srpnja julij julius iulie temmuz",
    8: "august augustus aout agosto agost augusti elokuu elokuuta sierpien sierpnia srpen srpna "
    "kolovoz kolovoza avgust augusztus agustos",
    9: "september septembre septiembre settembre setembro setembre syyskuu syyskuuta wrzesien "
    "wrzesnia zari rujan rujna szeptember septembrie eylul",
    10: "october oktober octobre octubre ottobre outubro lokakuu lokakuuta oktoober pazdziernik "
    "pazdziernika rijen rijna listopad listopada octombrie ekim",
    11: "november novembre noviembre novembro marraskuu marraskuuta listopad listopada listopadu "
    "studeni studenoga noiembrie kasim",
    12: "december dezember decembre diciembre dicembre dezembro desembre desember joulukuu "
    "joulukuuta detsember grudzien grudnia prosinec prosince prosinac prosinca decembrie aralik",
}
SHORT: dict[int, str] = {
    3: "mar mrz mrt maa",
    6: "jun",
    7: "jul",
    8: "aou",
    9: "sep set",
    5: "may mai mag",
    11: "marras",
}
"""Short forms that are no beginning of a name, or begin the names of other months as well."""


@cache
def month_of(name: str) -> int:
    """Return the number of a month by its name or the beginning of it; 0 where it is not told."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(sign for sign in bare if not unicodedata.combining(sign)).replace("\u0131", "i")
    short = [month for month, words in SHORT.items() if bare in words.split()]
    exact = [month for month, words in NAMES.items() if bare in words.split()]
    begun = [
        month
        for month, words in NAMES.items()
        if len(bare) >= SHORTEST and any(word.startswith(bare) for word in words.split())
    ]
    for found in (short, exact, begun):
        if found:
            return found[0] if len(found) == 1 else 0
    return 0

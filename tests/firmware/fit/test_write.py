"""A fit as files: the JSON of its choices, and a figure of parts against rates."""

from __future__ import annotations

import json

from pulsefront.firmware.fit import fit_table
from pulsefront.firmware.fit.write import write_fit
from toys_rtl import timing_like


def test_the_folder_holds_choices_and_a_figure_in_two_formats(tmp_path):
    found = fit_table(timing_like(), ["ice40_up5k", "arty_a7_100"], [1e6, 1e9])
    write_fit(found, tmp_path / "new" / "fit")
    folder = tmp_path / "new" / "fit"
    assert json.loads((folder / "fit.json").read_text()) == json.loads(json.dumps(found.to_json()))
    assert (folder / "fit.png").read_bytes().startswith(b"\x89PNG")
    drawn = (folder / "fit.svg").read_text()
    for text in ("ice40_up5k", "arty_a7_100", "1 M", "1 G", "events per second", "estimated"):
        assert text in drawn
    assert found.choices[0].strategy in drawn

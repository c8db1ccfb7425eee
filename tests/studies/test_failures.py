"""Failure modes of a finished study: the worst events are the worst, every link leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from pulsefront.events import store
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.parts_of_events import known_parts


def test_the_worst_events_are_those_with_the_largest_loss(timing_run: Path) -> None:
    folders = RunFolders(timing_run / "steps")
    kind = kind_of(load_study(timing_run / "study.toml")[0])
    test = json.loads((timing_run / "results.json").read_text())["test"]
    failures = test["failures"]
    with np.load(folders.evaluation_arrays) as arrays:
        residual = arrays["residual_network_ps"]
    losses = np.sort(np.abs(residual - np.median(residual)))[::-1]
    told = [row["loss"] for row in failures["worst"]]
    np.testing.assert_allclose(told, losses[: len(told)], rtol=1e-9)
    events = kind.test_events(folders)
    for row in failures["worst"]:
        known = events["source_offset_mm"][row["event"]]
        assert row["source_offset_mm"] == known
    assert failures["baseline"] == test["best_baseline"]
    assert failures["parts_searched"] > 6


def test_parts_of_one_column_do_not_overlap_and_none_is_everything(timing_run: Path) -> None:
    events = store.read(timing_run / "steps/data/events.h5")
    parts = known_parts(events)
    thirds = [mask for name, mask in parts.items() if name.startswith("smaller pulse")]
    assert len(thirds) == 3
    assert (np.sum(thirds, axis=0) == 1).all()
    assert not any(mask.all() for mask in parts.values())


def test_every_line_of_the_checklist_leads_to_a_section_of_the_page(timing_run: Path) -> None:
    page = (timing_run / "report.html").read_text()
    sections = dict(re.findall(r'<section id="([^"]+)">\s*<h2>([^<]+)</h2>', page))
    links = re.findall(r'<a class="evidence" href="#([^"]+)"[^>]*>([^<]+)</a>', page)
    topics = len(json.loads((timing_run / "results.json").read_text())["checklist"])
    assert len(links) == topics == 25
    for anchor, words in links:
        assert sections[anchor] == words
    # And no section that a line leads to is empty.
    for anchor in {anchor for anchor, _ in links}:
        body = page.split(f'<section id="{anchor}">', 1)[1].split("</section>", 1)[0]
        assert len(re.sub(r"<[^>]+>", "", body).split()) > 10, sections[anchor]


def test_three_ways_of_asking_tell_how_far_they_agree(timing_run: Path) -> None:
    uses = json.loads((timing_run / "results.json").read_text())["test"]["input_uses"]
    assert set(uses["rank_agreement"]) == {
        "exchanged and zero",
        "exchanged and moved",
        "zero and moved",
    }
    assert all(row["moved"] >= 0 for row in uses["inputs"])
    assert "Their rankings agree by" in (timing_run / "report.html").read_text()

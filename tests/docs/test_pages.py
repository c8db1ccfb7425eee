"""Pages that list what the package offers have all of it."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pulsefront

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_the_front_door_has_every_name_and_no_other() -> None:
    page = (DOCS / "api" / "front_door.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| [`")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("]")[0])}
    assert named == {name for name in pulsefront.__all__ if not name.startswith("_")}


def test_what_is_cited_is_this_version() -> None:
    cited = re.search(r"^version: (.+)$", (DOCS.parent / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == pulsefront.__version__
    assert f"version = {{{pulsefront.__version__}}}" in (DOCS / "cite.md").read_text()


def wrong_tags(repository: Path) -> list[str]:
    """Return the tags of versions at the commit that is checked out, if not of this version."""
    asked = ["git", "tag", "--points-at", "HEAD", "v*"]
    found = subprocess.run(asked, cwd=repository, capture_output=True, text=True, check=False)
    return [tag for tag in found.stdout.split() if tag != f"v{pulsefront.__version__}"]


def test_a_tag_of_a_version_is_at_the_commit_that_says_it(tmp_path: Path) -> None:
    assert wrong_tags(DOCS.parent) == []
    for words in ("init -q", "commit -q --allow-empty -m first", "tag v99.0", "tag other"):
        by = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", *by, *words.split()], cwd=tmp_path, check=True)
    assert wrong_tags(tmp_path) == ["v99.0"]


def test_every_key_page_is_in_the_index_of_the_reference() -> None:
    index = (DOCS / "reference" / "index.md").read_text()
    pages = {path.name for path in (DOCS / "reference").glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


def test_every_script_of_the_gallery_begins_with_a_title_and_compiles() -> None:
    scripts = sorted((DOCS / "examples").glob("*.py"))
    assert scripts
    for script in scripts:
        text = script.read_text()
        assert script.name.startswith("plot_"), "only such scripts are run"
        assert re.match(r'"""\n.+\n=+\n\n', text), script.name
        compile(text, str(script), "exec")


def test_the_pages_of_functions_have_what_their_rooms_offer() -> None:
    """A room that loads its names late gave an empty page."""
    for page, room in (("learn", "learn"), ("networks", "networks"), ("networks", "search")):
        text = (DOCS / "api" / f"{page}.md").read_text()
        offered = importlib.import_module(f"pulsefront.{room}")
        named = re.findall(r"automodule:: (\S+)", text)
        shown = {
            name
            for module in map(importlib.import_module, named)
            for name in module.__all__
            if name in vars(module)  # what autodoc sees
        }
        assert set(offered.__all__) - shown <= {"train_with_ebops"}, room

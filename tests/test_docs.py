"""The pages name what is there, their links lead somewhere, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import iter_modules, resolve_name

import pytest

import pulsefront

REPOSITORY = Path(__file__).resolve().parents[1]
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
PAGES = [ARCHITECTURE, REPOSITORY / "docs" / "names.md", REPOSITORY / "CONTRIBUTING.md"]
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
BUILT = {DOCS / "generated", DOCS / "gallery"}
"""Folders that `make docs` makes."""
WRITTEN = [
    README,
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "CHANGELOG.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if not BUILT & set(page.parents)),
]
ROOMS = {module.name for module in iter_modules(pulsefront.__path__)} - {"__main__"}
# Named so often that their room is left out.
CLASSES = {
    "FixedPointModel": "fixed_point.FixedPointModel",
    "StudyKind": "studies.kinds.base.StudyKind",
}


def names_in(page: Path) -> set[str]:
    """Return the names in backticks that begin with a room or with one of the classes."""
    quoted = re.findall(r"`([A-Za-z_]\w*(?:\.\w+)*)`", page.read_text())
    names = {name for name in quoted if name.split(".")[0] in ROOMS | set(CLASSES)}
    return {name for name in names if not name.endswith(".py")}


def is_there(name: str) -> bool:
    first, _, rest = name.partition(".")
    path = CLASSES.get(first, first) + (f".{rest}" if rest else "")
    try:
        resolve_name(f"pulsefront.{path}")
    except (AttributeError, ImportError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_on_a_page_is_there(page: Path) -> None:
    pytest.importorskip("torch", reason="some of the names are those of training")
    names = names_in(page)
    assert len(names) > 5
    assert [name for name in sorted(names) if not is_there(name)] == []


def test_a_name_that_is_gone_is_found() -> None:
    assert is_there("fixed_point.ranges.trace")
    assert not is_there("fixed_point.ranges.gone")
    assert not is_there("fixed_point.gone.trace")
    assert not is_there("FixedPointModel.gone")


def test_every_room_is_on_the_page_of_the_architecture() -> None:
    assert names_in(ARCHITECTURE) >= ROOMS


def test_the_readme_is_read_in_one_go() -> None:
    assert len(README.read_text().splitlines()) <= 150


def headings_of(page: Path) -> set[str]:
    """Return the anchors of a page as GitHub and MyST make them of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def is_built(target: Path) -> bool:
    """Return whether ``make docs`` makes a page, and will find what it makes it of."""
    if target == DOCS / "generated" / "commands.md" or target == DOCS / "gallery" / "index.rst":
        return True
    script = DOCS / "examples" / target.with_suffix(".py").name
    return target.parent == DOCS / "gallery" and script.exists()


def broken_links(page: Path) -> list[str]:
    """Return the links of a page to files or headings that are not there."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = link.partition("#")
        target = (page.parent / path) if path else page
        if link.startswith(("https://", "http://", "mailto:")) or is_built(target.resolve()):
            continue
        if not target.exists() or (heading and heading not in headings_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](page.md#here) [c](#there) [d](gone.md)\n")
    assert broken_links(page) == ["#there", "gone.md"]


def pages_named(page: Path) -> set[Path]:
    """Return the pages that a page links to, or has in its table of contents."""
    text = page.read_text()
    links = re.findall(r"\]\(([^)#\s]+)", text)
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        names = [line for line in block.splitlines() if line and not line.startswith(":")]
        links += [f"{name}.md" for name in names]
    for block in re.findall(r"^```\{include\} (\S+)", text, flags=re.MULTILINE):
        links.append(block)
    targets = {(page.parent / link).resolve() for link in links}
    inside = {inner for target in targets if target.is_dir() for inner in target.glob("*.md")}
    return {one for one in targets | inside if one.suffix == ".md" and one.exists()}


def test_every_page_is_reached_from_the_readme() -> None:
    """A page of results that no guide and no README names is lost to its reader."""
    reached: set[Path] = set()
    left = {README}
    while left:
        page = left.pop()
        reached.add(page)
        left |= pages_named(page) - reached
    assert set(WRITTEN) - reached == set()

"""A headless Chromium, where there is one; its tests say so where there is none."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Yield a `window.Browser` on Debian's Chromium and its driver."""
    selenium = pytest.importorskip("selenium", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium: install Debian's chromium and chromium-driver")
    from window import Browser

    del selenium
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the driver's own libraries
        opened = Browser(program, driver)
    yield opened
    opened.quit()

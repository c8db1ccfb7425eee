"""One browser window: a page in it, what it drew, asked for and complained of."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

WIDE, NARROW = (1400, 1000), (390, 844)


class Browser:
    """A headless Chromium, driven without the network: pages are files."""

    def __init__(self, program: str, driver: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))

    def quit(self) -> None:
        """End the browser."""
        self.driver.quit()

    def open(
        self, path: Path, *, size: tuple[int, int] = WIDE, dark: bool = False, address: str = ""
    ) -> None:
        """Show a file in a window of a size, with a reader's preference of colours."""
        self.resize(*size)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.command("Emulation.setEmulatedMedia", features=features)
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri() + address)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=False)  # fmt: skip

    def command(self, name: str, **parameters: Any) -> Any:
        """Give an order of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements of a selector that are shown."""
        script = """return Array.from(document.querySelectorAll(arguments[0]))
            .filter((e) => e.checkVisibility()).map((e) => e.textContent.trim())"""
        return self.run(script, selector)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def focused(self) -> str:
        """Return tag and text of the element that has the focus."""
        return self.run("const e = document.activeElement;"
                        "return e.tagName.toLowerCase() + ' ' + e.textContent.trim();")  # fmt: skip

    def complaints(self) -> list[str]:
        """Return what the console holds since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages
                if m["method"] == "Network.requestWillBeSent"]  # fmt: skip

    def picture(self, path: Path, *, whole: bool = False) -> bytes:
        """Save what the window shows, or the whole page, as PNG."""
        more: dict[str, Any] = {}
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            height = min(size["height"], 6000)
            clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
            more = {"captureBeyondViewport": True, "clip": clip}
        data = base64.b64decode(self.command("Page.captureScreenshot", **more)["data"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return data

    def printed(self, path: Path) -> bytes:
        """Save the page as it prints on A4."""
        answer = self.command("Page.printToPDF", printBackground=True, paperWidth=8.27,
                              paperHeight=11.69, preferCSSPageSize=True)  # fmt: skip
        data = base64.b64decode(answer["data"])
        path.write_bytes(data)
        return data

"""A page with a script of its own, for what paper cannot do: search, filter, draw on demand.

It is still one file that opens offline. Texts reach the page escaped or as data, never as code, and
its policy names the script by its hash: a browser runs that one and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from pulsefront.report.render import environment

__all__ = ["ScriptedPage", "render_scripted"]

# What could end a script element or open a comment in it, written as JSON allows it in texts.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class ScriptedPage:
    """A template, its styles and scripts, and what they show.

    Attributes
    ----------
    package
        The package in whose folder ``templates`` the files lie.
    template
        A Jinja template that extends ``base.html.jinja``.
    styles, scripts
        Names of files, joined in their order.
    context
        What the template shows.
    data
        Identifier → JSON value, for the scripts: each in an element of its own.
    """

    package: str
    template: str
    styles: Sequence[str] = ()
    scripts: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def render_scripted(page: ScriptedPage) -> str:
    """Return the page as self-contained HTML; the same page gives the same bytes."""
    script = "\n".join(
        ["(function () {", '"use strict";', *(_text(page, name) for name in page.scripts), "})();"]
    )
    # Own files and JSON with its signs escaped; neither can end its element.
    data = {name: Markup(_json(value)) for name, value in page.data.items()}  # noqa: S704
    return (
        environment(page.package)
        .get_template(page.template)
        .render(
            **page.context,
            data=data,
            script=Markup(script),  # noqa: S704
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            page_styles=Markup("\n".join(_text(page, name) for name in page.styles)),  # noqa: S704
        )
    )


def _text(page: ScriptedPage, name: str) -> str:
    return (files(page.package) / "templates" / name).read_text(encoding="utf-8").rstrip()


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign, escaped in _UNSAFE.items():
        text = text.replace(sign, escaped)
    return text

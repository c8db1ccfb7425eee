"""Figures that no pyplot made, in the gallery: a script that ends a cell with one shows it.

As a notebook does. It is named in ``image_scrapers`` of ``conf.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["last_figure"]


def last_figure(_: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Return the page's text for the figure that a cell ended with; empty where it did not."""
    from matplotlib.figure import Figure
    from sphinx_gallery.scrapers import figure_rst

    # Where sphinx-gallery keeps what the last line of a cell gave.
    figure = block_vars["example_globals"].get("___")
    if not isinstance(figure, Figure):
        return ""
    path = str(next(block_vars["image_path_iterator"]))
    figure.savefig(path, dpi=120)
    return str(figure_rst([path], gallery_conf["src_dir"]))


def _get_sg_image_scraper() -> Callable[[Any, dict[str, Any], dict[str, Any]], str]:
    """Return the scraper: sphinx-gallery asks a module that is named for it so."""
    return last_figure

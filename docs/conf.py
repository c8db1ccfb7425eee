"""How the site is built: ``make docs``. Neither this nor a page loads anything from the network."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer

import pulsefront

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

for talkative in ("numexpr", "onnx_ir", "onnxscript"):
    logging.getLogger(talkative).setLevel(logging.WARNING)

project = "pulsefront"
author = "The pulsefront maintainers"
project_copyright = "2026, the pulsefront maintainers"
version = release = pulsefront.__version__

extensions = [
    "command_pages",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
# Scripts are pages through the gallery, and what says how to build is no page.
exclude_patterns = ["examples", "extensions", "plugin_example"]

html_theme = "furo"
html_title = f"pulsefront {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False

smartquotes = False  # an option's two dashes stay two dashes
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 78
python_use_unqualified_type_names = True
napoleon_google_docstring = False
# As parameters are drawn: as variables they would refer to whatever else bears the same name.
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"[\\/]plot_",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "download_all_examples": False,
    "ignore_repr_types": r"matplotlib\.figure",
    "image_scrapers": ("matplotlib", "figure_scraper"),
    "matplotlib_animations": False,
    "min_reported_time": 1e9,
    "plot_gallery": "True",
    "remove_config_comments": True,
    "reset_modules": ("matplotlib",),
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "ExampleTitleSortKey",
    "write_computation_times": False,
}


# The gallery keeps what it made, which saves time; a page whose script is gone is in no table.
for page in (HERE / "gallery").glob("plot_*.rst"):
    if not (HERE / "examples" / f"{page.stem}.py").exists():
        page.unlink()


def setup(app: object) -> None:
    """Diagrams of mermaid stand as their text: what draws them comes from the network."""
    app.add_lexer("mermaid", TextLexer)  # type: ignore[attr-defined]

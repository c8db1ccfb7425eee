"""A namespace for each model, so that two projects can stand in one program.

hls4ml's names are the same in every project: weights ``w2``, types ``input_t``, configurations
``config2``, on which the templates of ``nnet`` depend. Two projects in one program either fail to
link, or, as shared objects, take each other's code in silence.
"""

from __future__ import annotations

import re
from pathlib import Path

from pulsefront.errors import ExportError

__all__ = ["namespace_of", "put_top_function_outside"]

LOADER = """\
// The function that reads weights knows one folder, WEIGHTS_DIR, when it is compiled: each model
// has its own, lest in one program all take the weights of the first.
#define load_weights_from_txt {name}_load_weights_from_txt

"""


def namespace_of(name: str) -> str:
    """Return the namespace of a model's types, weights and configurations."""
    return f"{name}_hls"


def put_top_function_outside(directory: Path, name: str) -> None:
    """Take the top function, alone, out of the namespace into which hls4ml has put everything.

    Tools and test benches name it without one, and so do callers.

    Raises
    ------
    ExportError
        The project is not what hls4ml 1.3 writes.
    """
    namespace = namespace_of(name)
    firmware = directory / "firmware"
    defines, header, source = (firmware / one for one in ("defines.h", f"{name}.h", f"{name}.cpp"))
    text = defines.read_text(encoding="utf-8")
    types = re.findall(r"^typedef .* (\w+);$", text, re.MULTILINE)
    # The headers of two models in one file: the second would be taken for the first.
    guard = f"{name.upper()}_DEFINES_H_"
    defines.write_text(re.sub(r"\bDEFINES_H_", guard, text), encoding="utf-8")

    text = _without_namespace(header, namespace, "")
    start, end = text.index(f"void {name}("), text.index(");")
    qualified = re.sub(rf"\b({'|'.join(types)})\b", rf"{namespace}::\1", text[start:end])
    header.write_text(text[:start] + qualified + text[end:], encoding="utf-8")
    text = _without_namespace(source, namespace, f"using namespace {namespace};\n")
    source.write_text(LOADER.format(name=name) + text, encoding="utf-8")


def _without_namespace(path: Path, namespace: str, instead: str) -> str:
    """Return the text of a file with the block of *namespace* opened, its content left."""
    text = path.read_text(encoding="utf-8")
    opening = f"namespace {namespace} {{\n"
    before, found, after = text.partition(opening)
    content, brace, rest = after.rpartition("\n}\n")
    if not found or not brace or opening in content:
        raise ExportError("holds no namespace of the model's own", file=path, value=namespace)
    return f"{before}{instead}{content.rstrip()}\n{rest}"

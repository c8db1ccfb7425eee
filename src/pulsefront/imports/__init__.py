"""Networks made elsewhere as fixed-point models: integers kept where they are quantized.

::

    from pulsefront.imports import from_onnx

    imported = from_onnx("tagger.onnx")
    imported.check(imported.integers(events))
    imported.model.save("tagger.json")
"""

from pulsefront.imports.calibrate import Widths
from pulsefront.imports.imported import Imported, OriginDifference
from pulsefront.imports.keras_model import from_keras
from pulsefront.imports.onnx.model import from_onnx
from pulsefront.imports.sklearn_model import from_sklearn
from pulsefront.imports.torch_module import from_torch

__all__ = [
    "Imported",
    "OriginDifference",
    "Widths",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
]

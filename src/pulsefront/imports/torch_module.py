"""The door for torch: a module, with Brevitas' quantizers or in floats, to a fixed-point model.

The module is exported to ONNX by torch or by Brevitas, which know their own layers best, and read
from there; what the model is compared with is the module's own forward pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ToolMissing, UnsupportedLayer
from pulsefront.extras import require
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.imported import Imported
from pulsefront.imports.names import model_name
from pulsefront.imports.onnx.file import Scales, load_onnx
from pulsefront.imports.onnx.model import from_onnx

if TYPE_CHECKING:
    import torch

__all__ = ["from_torch"]


def from_torch(
    module: torch.nn.Module,
    example: npt.NDArray[Any] | Sequence[npt.NDArray[Any]],
    *,
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    name: str | None = None,
    input_format: FixedPointFormat | None = None,
    widths: Widths | None = None,
    scales: Scales = "refuse",
) -> Imported:
    """Return a torch module as a fixed-point model.

    Parameters
    ----------
    module
        In evaluation mode from here on. With layers of Brevitas its integers are kept; in floats
        it is calibrated with *data*.
    example
        Two events or more of its input, or one such array for each of its inputs: (event, …).
    name
        Of the model; from the module's class.
    data, input_format, widths, scales
        See `from_onnx`; *data* in the order of axes of the module.

    Raises
    ------
    ToolMissing
        torch, onnxscript or Brevitas' exporter is not installed.
    UnsupportedLayer
        torch cannot export the module, or a layer has no bit-exact counterpart.
    PrecisionError
        See `from_onnx`.
    """
    require("train", "firmware", "imports", needed_for="reading torch modules")
    import torch

    arrays = example if isinstance(example, (list, tuple)) else [example]
    tensors = tuple(torch.as_tensor(np.asarray(one, np.float32)) for one in arrays)
    module.eval()
    model = _exported(module, tensors)
    order = [one.name for one in model.graph.input][: len(tensors)]

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        given = [
            torch.as_tensor(np.ascontiguousarray(feeds[one])) if one in feeds else tensor
            for one, tensor in zip(order, tensors, strict=True)
        ]
        with torch.no_grad():
            found = module(*given)
        several = found if isinstance(found, (tuple, list)) else (found,)
        return [_array(one) for one in several]

    return from_onnx(
        model,
        data=data,
        name=name or model_name(type(module).__name__),
        input_format=input_format,
        widths=widths,
        scales=scales,
        run=run,
    )


def _array(found: Any) -> Any:
    """Return a tensor as an array; Brevitas may give one with its scale beside it."""
    return getattr(found, "value", found).numpy()


def _exported(module: Any, tensors: tuple[Any, ...]) -> Any:
    """Return the module as ONNX, by Brevitas where it has layers of it."""
    brevitas = any(type(one).__module__.startswith("brevitas") for one in module.modules())
    if brevitas and find_spec("onnxoptimizer") is None:
        raise ToolMissing(
            "onnxoptimizer",
            needed_for="Brevitas' own export",
            install="install it with: pip install onnxoptimizer",
        )
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of torch's exporter, about its own changes
        path = Path(folder) / "module.onnx"
        try:
            _write(module, tensors, path, brevitas=brevitas)
        except Exception as error:  # whatever torch's tracing raises
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnsupportedLayer(
                type(module).__name__,
                problem=f"it cannot be exported: {said}",
                remedy="write its forward pass without branches on values, or export it to ONNX "
                "yourself and import the file",
            ) from error
        return load_onnx(path)


def _write(module: Any, tensors: tuple[Any, ...], path: Path, *, brevitas: bool) -> None:
    import torch

    if brevitas:
        from brevitas.export import export_qonnx

        export_qonnx(module, args=tensors, export_path=str(path))
        return
    events = torch.export.Dim("events")
    torch.onnx.export(
        module,
        tensors,
        str(path),
        dynamo=True,
        external_data=False,
        dynamic_shapes=tuple({0: events} for _ in tensors),
        verbose=False,
    )

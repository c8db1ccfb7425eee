"""The door for torch: a module, with Brevitas' quantizers or in floats, to a fixed-point model.

The module is exported to ONNX by torch or by Brevitas, which know their own layers best, and read
from there; what the model is compared with is the module's own forward pass.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import Parameter, signature
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
        torch cannot export the module, its exporter wrote another network, or a layer has no
        bit-exact counterpart.
    PrecisionError
        See `from_onnx`.
    """
    require("train", "firmware", "imports", needed_for="reading torch modules")
    import torch

    arrays = example if isinstance(example, (list, tuple)) else [example]
    own = _first_real(module)
    tensors = tuple(torch.as_tensor(np.asarray(one, np.float64)).to(own) for one in arrays)
    module.eval()
    model = _exported(module, tensors)
    order = [one.name for one in model.graph.input][: len(tensors)]

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        given = [
            torch.as_tensor(np.asarray(feeds[one], np.float64)).to(tensor)
            if one in feeds
            else tensor
            for one, tensor in zip(order, tensors, strict=True)
        ]
        with torch.no_grad():
            found = module(*given)
        found = tuple(found.values()) if isinstance(found, Mapping) else found
        several = found if isinstance(found, (tuple, list)) else (found,)
        return [_array(one) for one in several]

    imported = from_onnx(
        model,
        data=data,
        name=name or model_name(type(module).__name__),
        input_format=input_format,
        widths=widths,
        scales=scales,
        run=run,
    )
    if not imported.calibrated and scales != "nearest":
        _refuse_another_network(imported, type(module).__name__)
    return imported


_ANOTHER = 0.01
"""Root mean square of the outputs' differences from which on an export is another network."""


def _refuse_another_network(imported: Imported, module: str) -> None:
    """Refuse what an exporter wrote of a quantized module and is not that module.

    Brevitas 0.13 writes a ReLU of one bit as a quantizer of two values, -s and s.
    """
    rng = np.random.default_rng(0)
    drawn = {
        one.name: rng.integers(one.format.minimum, one.format.maximum, (64, *one.shape))
        for one in imported.model.inputs
    }
    apart = max(one.relative_rms for one in imported.compare(drawn))
    if apart > _ANOTHER:
        raise UnsupportedLayer(
            module,
            problem="its exporter wrote another network than the module: outputs lie "
            f"{100 * apart:.2g} % apart",
            remedy="give activations of one bit two; or export it to ONNX yourself, compare that "
            "with the module, and import the file",
        )


def _first_real(module: torch.nn.Module) -> torch.Tensor:
    """Return the first parameter or buffer of real numbers: it has the module's type and device."""
    import torch

    several = (*module.parameters(), *module.buffers())
    return next((one for one in several if one.is_floating_point()), torch.zeros(0))


def _array(found: Any) -> Any:
    """Return a tensor as an array; Brevitas may give one with its scale beside it."""
    return getattr(found, "value", found).double().cpu().numpy()


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
            raise UnsupportedLayer(
                type(module).__name__,
                problem=f"it cannot be exported: {_first_cause(error)}",
                remedy="write its forward pass without branches on values, or export it to ONNX "
                "yourself and import the file",
            ) from error
        return load_onnx(path)


def _write(module: Any, tensors: tuple[Any, ...], path: Path, *, brevitas: bool) -> None:
    import torch

    if brevitas:
        from brevitas.export import export_qonnx

        with _quiet("torch.onnx"):
            export_qonnx(module, args=tensors, export_path=str(path), verbose=False)
        return
    events = torch.export.Dim("events")
    shapes: tuple[Any, ...] = tuple({0: events} for _ in tensors)
    kinds = [one.kind for one in signature(module.forward).parameters.values()]
    if Parameter.VAR_POSITIONAL in kinds:
        fixed = kinds.index(Parameter.VAR_POSITIONAL)
        shapes = (*shapes[:fixed], shapes[fixed:])
    with _quiet("torch.onnx"), _softsigns_whole(module):
        torch.onnx.export(
            module,
            tensors,
            str(path),
            dynamo=True,
            external_data=False,
            dynamic_shapes=shapes,
            verbose=False,
            custom_translation_table={torch.ops.aten.softplus.default: _softplus},
        )


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:  # noqa: ARG001
    """Write softplus as the one operator of ONNX; torch writes a choice between two formulas.

    Beyond the threshold, where torch returns x itself, they are 2e-9 apart with its default of 20.
    """
    from onnxscript import opset18 as op

    return op.Softplus(x) if beta == 1.0 else op.Div(op.Softplus(op.Mul(x, beta)), beta)


@contextmanager
def _softsigns_whole(module: torch.nn.Module) -> Iterator[None]:
    """Put modules that are exported as the operator in the place of softsigns, for the while.

    Torch takes them apart into a division by 1 + |x| before its exporter sees them.
    """
    import torch

    class SoftsignOperator(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = torch.onnx.ops.symbolic(
                "Softsign", [x], {}, dtype=x.dtype, shape=x.shape, version=18
            )
            return found

    places = [
        (children, name, child)
        for parent in module.modules()
        for children in (vars(parent)["_modules"],)
        for name, child in children.items()
        if isinstance(child, torch.nn.Softsign)
    ]
    for children, name, _ in places:
        children[name] = SoftsignOperator()
    try:
        yield
    finally:
        for children, name, child in places:
            children[name] = child


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Leave out what a package logs of itself, such as that torchvision is not installed."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first_cause(error: BaseException) -> str:
    """Return in one line what an exporter that wraps errors in errors began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [one.strip() for one in str(error).splitlines() if one.strip()]
    return lines[0] if lines else type(error).__name__

"""ONNX Runtime with one thread, and its many errors as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError

__all__ = ["onnx_session"]


@contextmanager
def onnx_session(path: str | Path) -> Iterator[Any]:
    """Yield a session of the ONNX file at *path*.

    Raises
    ------
    ExportError
        The file cannot be read, loaded, or run within the block.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        yield ort.InferenceSession(
            Path(path).read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except OSError as error:
        raise ExportError(f"cannot be read: {error.strerror}", file=path) from None
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises its own types, bare ones too
        raise ExportError(
            f"ONNX Runtime cannot run it: {str(error).splitlines()[0]}", file=path
        ) from None

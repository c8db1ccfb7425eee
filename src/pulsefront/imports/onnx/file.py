"""ONNX files, and their tensors as a real graph has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pulsefront.errors import DataError
from pulsefront.extras import require

__all__ = ["FileTensor", "Scales", "load_onnx"]

Scales = Literal["refuse", "nearest", "keep"]
"""Of scales that are no powers of two: an error; the next that covers the range; or tensors keep
their integers, and weights carry the factors, in more bits."""


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor of the file as the graph has it.

    Attributes
    ----------
    name, shape
        In the graph: channels last, without the event axis.
    channels_first
        Whether the file has (channel, position).
    image
        Rows and columns of the positions, where the file has two axes of them.
    scale
        The file's number is this times the graph's: where a scale is no power of two and kept.
    axes
        Of an input of more axes than the graph has, which is flat there: its shape in the file.
    order
        Of a flattened tensor: element i of the file is element ``order[i]`` of the graph; None
        where they are the same.
    """

    name: str
    shape: tuple[int, ...]
    channels_first: bool = False
    order: np.ndarray[Any, np.dtype[np.int64]] | None = None
    axes: tuple[int, ...] | None = None
    scale: float = 1.0
    image: tuple[int, int] | None = None

    @property
    def file_shape(self) -> tuple[int, ...]:
        """The shape in the file, without the events."""
        if self.axes is not None:
            return self.axes
        if len(self.shape) == 1:
            return self.shape
        sides = self.image or self.shape[:1]
        return (self.shape[-1], *sides) if self.channels_first else (*sides, self.shape[-1])

    def like(self, name: str, **changed: Any) -> FileTensor:
        """Return another tensor of the same order of axes and elements."""
        return FileTensor(**{**vars(self), "name": name, **changed})


def load_onnx(source: str | Path | Any) -> Any:
    """Return the ``ModelProto`` of a file, or *source* itself if it is one.

    Raises
    ------
    DataError
        The file is missing or no ONNX.
    """
    require("firmware", needed_for="reading ONNX")
    import onnx

    if not isinstance(source, (str, Path)):
        return source
    path = Path(source)
    try:
        model = onnx.load(str(path))
    except FileNotFoundError:
        raise DataError("no such file", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except Exception as error:
        # protobuf has no types of its own here: what it cannot parse is its DecodeError.
        if type(error).__name__ != "DecodeError":
            raise
        raise DataError("is no ONNX file", file=path) from None
    if not model.graph.node:
        raise DataError("holds no network", file=path)
    return model

"""Where networks are trained: the processor, or a GPU where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pulsefront.errors import ConfigError

__all__ = ["one_thread", "repeatable", "require_device"]

DEVICES = ("cpu", "cuda")


def require_device(name: str) -> torch.device:
    """Return the device *name*: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    ConfigError
        It is unknown, or there is no such GPU here.
    """
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and not (kind == "cuda" and number.isdigit())):
        raise ConfigError(
            "is no device to train on", field="device", value=name, remedy="use cpu or cuda"
        )
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError(
                "no CUDA device", field="device", value=name, remedy="use --device cpu"
            )
        if int(number or 0) >= torch.cuda.device_count():
            raise ConfigError(
                f"there are {torch.cuda.device_count()} CUDA devices, counted from 0",
                field="device",
                value=name,
            )
        # cuBLAS repeats its sums to the bit only with a workspace of its own, set before its start.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread of the processor, then restore what was set.

    Small networks gain little from threads inside an operation, and lose much where another
    program holds one of the cores; jobs run side by side instead (see `parallel`).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable() -> Iterator[None]:
    """Run torch in one thread with deterministic kernels, then restore what was set."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(mode=True)
    try:
        with one_thread():
            yield
    finally:
        torch.use_deterministic_algorithms(mode=deterministic)

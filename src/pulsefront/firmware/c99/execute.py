"""The C99 of an export on the host and on an emulated Cortex-M4, as executors of `verify`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.c99.write import FOLDER, FlatPort, ports_of, rendered
from pulsefront.firmware.executor import Executor, ExportFolder, Inputs, Outputs
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["CortexM4", "Host", "Program", "built", "c99_executors"]

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
TIMEOUT_S = 1800
VECTORS_ON_CORTEX = 10_000


def c99_executors() -> dict[str, Executor]:
    """Return the executors of the target ``c99``, by the names that they have in the table."""
    return {
        "C host": Executor(FOLDER, partial(_through, Host)),
        "C Cortex-M4": Executor(
            FOLDER,
            partial(_through, CortexM4),
            most_vectors=VECTORS_ON_CORTEX,
            most_drawn=VECTORS_ON_CORTEX,
        ),
    }


def _through(
    kind: type[Program], folder: ExportFolder, sets: Sequence[Inputs]
) -> Iterator[Outputs]:
    with built(kind, folder.directory / FOLDER, folder.model) as program:
        for arrays in sets:
            yield program.run(arrays)


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolMissing(
            name,
            needed_for="the C99 of an export",
            install=f"install it with: apt-get install {package}",
        )
    return path


@dataclass(frozen=True)
class Program(ABC):
    """A compiled program that takes events as bytes and gives results as bytes."""

    model: FixedPointModel
    folder: Path
    """temporary, with the sources and what is built from them"""

    @abstractmethod
    def build(self) -> None:
        """Compile it into the folder."""

    @abstractmethod
    def through(self, data: bytes) -> bytes:
        """Return the results of the events in *data*."""

    def run(self, arrays: Inputs) -> Outputs:
        """Run raw integers, shape (vector, …), through the function of C.

        Raises
        ------
        ExportError
            The program stops, or gives too few results.
        """
        ports = ports_of(self.model)
        vectors = len(next(iter(arrays.values())))
        record = np.zeros(vectors, dtype=_record(ports["inputs"]))
        for one in ports["inputs"]:
            record[one.name] = arrays[one.name].reshape(vectors, -1)
        kind = _record(ports["outputs"])
        data = self.through(record.tobytes())
        if len(data) != vectors * kind.itemsize:
            raise ExportError(
                f"gives {len(data)} bytes for {vectors} vectors, not {vectors * kind.itemsize}",
                file=self.folder.name,
            )
        found = np.frombuffer(data, dtype=kind)
        return {
            one.name: found[one.name]
            .astype(np.int64)
            .reshape(-1, *self.model.tensors[one.name].shape)
            for one in ports["outputs"]
        }


def _record(ports: Sequence[FlatPort]) -> np.dtype[np.void]:
    fields = []
    for one in ports:
        integer = np.dtype(one.ctype.removesuffix("_t")).newbyteorder("<")
        fields.append((one.name, integer, (one.size,)))
    return np.dtype(fields)


class Host(Program):
    """The function on this machine, every warning an error, undefined behaviour caught."""

    def build(self) -> None:
        """Compile with gcc."""
        sanitizer = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
        sources = [f"{self.model.name}.c", "events.c", "host.c"]
        _call(
            [_tool("gcc", "gcc"), *WARNINGS, "-O2", *sanitizer, *sources, "-o", "run"], self.folder
        )

    def through(self, data: bytes) -> bytes:
        """Run it on standard input and output."""
        return _call([str(self.folder / "run")], self.folder, data)


class CortexM4(Program):
    """The function on QEMU's Cortex-M4, without an operating system or a C library."""

    def build(self) -> None:
        """Cross-compile; the function by itself first, for its size."""
        gcc = _tool("arm-none-eabi-gcc", "gcc-arm-none-eabi")
        _tool("qemu-system-arm", "qemu-system-arm")
        flags = [*WARNINGS, "-Os", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding"]
        _call([gcc, *flags, "-c", f"{self.model.name}.c", "-o", "function.o"], self.folder)
        link = ["-nostdlib", "-T", "cortex_m4.ld", "function.o", "events.c", "cortex_m4.c", "-lgcc"]
        _call([gcc, *flags, *link, "-o", "run.elf"], self.folder)

    def through(self, data: bytes) -> bytes:
        """Run it with semihosting, from file to file."""
        (self.folder / "inputs.bin").write_bytes(data)
        (self.folder / "outputs.bin").unlink(missing_ok=True)
        command = [_tool("qemu-system-arm", "qemu-system-arm"), "-M", "mps2-an386", "-nographic"]
        command += ["-monitor", "none", "-serial", "none", "-icount", "shift=0"]
        command += ["-semihosting-config", "enable=on,target=native", "-kernel", "run.elf"]
        _call(command, self.folder)
        return (self.folder / "outputs.bin").read_bytes()


@contextmanager
def built(kind: type[Program], sources: Path, model: FixedPointModel) -> Iterator[Program]:
    """Yield a program of the C in *sources*, built in a temporary folder.

    Raises
    ------
    ToolMissing
        A compiler or the emulator is not installed.
    ExportError
        It does not compile; the message has the compiler's first complaint.
    """
    shipped = firmware_export_directory() / "testbench" / "c99"
    with tempfile.TemporaryDirectory(prefix="pulsefront-c99-") as name:
        folder = Path(name)
        for ending in (".c", ".h"):
            try:
                shutil.copy(sources / f"{model.name}{ending}", folder)
            except OSError as error:
                raise ExportError(
                    f"cannot be read: {error.strerror}", file=sources / f"{model.name}{ending}"
                ) from None
        for file in ("events.h", "host.c", "cortex_m4.c", "cortex_m4.ld"):
            shutil.copy(shipped / file, folder)
        (folder / "events.c").write_text(rendered("events.c.j2", model), encoding="utf-8")
        program = kind(model, folder)
        program.build()
        yield program


def _call(command: list[str], folder: Path, data: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a compiler, or what it has built
            command, cwd=folder, input=data, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"{Path(command[0]).name} took over {TIMEOUT_S} s") from None
    if done.returncode == 0:
        return done.stdout
    lines = done.stderr.decode(errors="replace").splitlines()
    said = [line for line in lines if "error" in line] or lines or [f"status {done.returncode}"]
    raise ExportError(f"{Path(command[0]).name} fails: {said[0]}")

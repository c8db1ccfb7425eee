"""Machine learning for detector pulses at the front end, and the scanner's QC behind it.

What most programs begin with stands here; it is loaded when it is asked for::

    import pulsefront

    scan = pulsefront.point_source_scan("lyso_monolithic_50x50x16")
    train, test = scan.split()
    network = pulsefront.PositionNetwork(hidden=(32, 16))
    network.fit(train.charges, train.position_mm, groups=train.groups).ablate(margin=0.05)
    print(network.report(test.charges, test.position_mm, groups=test.groups))
    pulsefront.export_model(network.model, "firmware")
    pulsefront.verify_export("firmware").raise_on_failure()

A whole job, with its baselines, its proof and its report, is ``pulsefront.run_study``.
"""

import atexit
import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_DOORS = {
    "AngerPosition": "learn",
    "ConstantFractionTime": "learn",
    "FixedPointModel": "fixed_point",
    "LeadingEdgeTime": "learn",
    "LightResponsePosition": "learn",
    "NearestNeighbourPosition": "learn",
    "PositionNetwork": "learn",
    "TimingNetwork": "learn",
    "export_model": "firmware",
    "from_keras": "imports",
    "from_onnx": "imports",
    "from_sklearn": "imports",
    "from_torch": "imports",
    "load_detector": "detector",
    "open_events": "events.readers.open",
    "point_source_scan": "learn",
    "run_study": "studies.run",
    "tidy_results": "studies.tidy",
    "verify_export": "firmware",
}
"""Names of the front door, and the rooms that they come from."""

__all__ = ["__version__", *_DOORS]  # noqa: PLE0604 - the keys are names


def __getattr__(name: str) -> Any:
    # Rooms load numba, torch or ONNX: only who asks for one waits for it.
    if name in _DOORS:
        return getattr(importlib.import_module(f"pulsefront.{_DOORS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_DOORS})


def _let_numba_cache() -> None:
    """Give Numba a folder for its cache where it finds none: without one it compiles nothing.

    It takes the package's own ``__pycache__`` or the user's cache; a package that belongs to
    another user and a home that cannot be written leave neither.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    if _can_hold_files(Path(__file__).parent / "__pycache__") or _can_hold_files(home / "numba"):
        return
    folder = tempfile.mkdtemp(prefix="pulsefront-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder


def _can_hold_files(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_let_numba_cache()

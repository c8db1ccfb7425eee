"""Machine learning for detector pulses at the front end, and the scanner's QC behind it."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

__version__ = "0.1.0"

__all__ = ["__version__"]


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

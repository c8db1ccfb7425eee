"""Motion of a patient from list-mode data: traces of rates and centroids, and who moved when."""

from pulsefront.motion.find import FindSettings, FoundMotion, find_motion
from pulsefront.motion.readers.open import open_trace
from pulsefront.motion.traces.trace import MotionTrace, make_trace

__all__ = [
    "FindSettings",
    "FoundMotion",
    "MotionTrace",
    "find_motion",
    "make_trace",
    "open_trace",
]

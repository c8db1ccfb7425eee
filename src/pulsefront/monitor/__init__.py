"""Does a deployed network still see what it was made for? Reference, checks, history, page."""

from pulsefront.monitor.batch import WatchedEvents
from pulsefront.monitor.check import Checked, check
from pulsefront.monitor.history import CheckHistory
from pulsefront.monitor.profile import Profile, make_profile

__all__ = ["CheckHistory", "Checked", "Profile", "WatchedEvents", "check", "make_profile"]

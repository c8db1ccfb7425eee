"""``python -m pulsefront`` is the command ``pulsefront``."""

from pulsefront.cli.main import main

main()

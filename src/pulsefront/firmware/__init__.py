"""Writers from a fixed-point model to firmware, golden vectors, and the check of both."""

from pulsefront.firmware.board import Board, load_board
from pulsefront.firmware.export import Export, export_model
from pulsefront.firmware.verification import Verification, VerificationRow
from pulsefront.firmware.verify import verify_export

__all__ = [
    "Board",
    "Export",
    "Verification",
    "VerificationRow",
    "export_model",
    "load_board",
    "verify_export",
]

"""Position of interaction in a block of scintillator."""

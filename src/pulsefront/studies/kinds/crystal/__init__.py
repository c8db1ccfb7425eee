"""The crystal of first interaction in a pixelated array."""

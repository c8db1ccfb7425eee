"""Point-source scans of one detector: charges by position."""

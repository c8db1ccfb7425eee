"""Two detectors in coincidence: waveforms by source offset."""

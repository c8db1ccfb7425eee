"""Reports of QATrack+: the export, the shapes of its tables, the meaning of its cells."""

"""Motion of the patient: which scans, what is learned of them, and how often steps are found."""

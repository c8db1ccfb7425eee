"""Networks of regions beside the searched one: settings, steps and records of a study."""

"""Networks of look-up tables beside the searched one: settings, steps and records of a study."""

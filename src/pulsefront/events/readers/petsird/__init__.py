"""Reader of PETSIRD list mode."""

"""Reader of Siemens list mode of 32-bit words (PETLINK bin addresses)."""

"""The QC store: schema, rows, lock, files into it and histories out of it."""

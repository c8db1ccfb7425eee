"""Readers of QC logs; each yields batches of records and refuses rows with a reason."""

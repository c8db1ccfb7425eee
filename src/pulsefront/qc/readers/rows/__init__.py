"""Rows of texts on their way to records: what each text means, and why a row was refused."""

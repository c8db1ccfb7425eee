"""Rows on their way into the tables: new, known, corrected or withdrawn, one kind a module."""

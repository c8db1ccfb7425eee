"""Thin commands over the rooms below; no logic."""

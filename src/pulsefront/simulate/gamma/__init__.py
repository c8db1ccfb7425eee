"""Gamma rays: where they interact in the crystal, and the crystal's own radioactivity."""

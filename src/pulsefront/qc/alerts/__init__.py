"""Alerts: the rule that counts them, their life from opened to closed, and who is told."""

"""Who is told of alerts, how, and what has been told already."""

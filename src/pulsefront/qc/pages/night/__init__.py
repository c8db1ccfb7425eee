"""The page of the night: what needs attention first, the fleet by risk, every scanner's charts."""

"""How uncertain a network is of one event: a head beside it, its calibration, what it is worth."""

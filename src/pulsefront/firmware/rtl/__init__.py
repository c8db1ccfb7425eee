"""Hand-written Verilog for fixed-point models: time-shared, unrolled, simulated, counted."""

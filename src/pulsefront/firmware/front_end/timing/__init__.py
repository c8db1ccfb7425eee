"""The timing chain: emulated, in Verilog, and its test bench."""

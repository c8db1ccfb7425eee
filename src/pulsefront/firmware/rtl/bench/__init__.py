"""Test benches in Verilog and VHDL, and the simulators that run them."""

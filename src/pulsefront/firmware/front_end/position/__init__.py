"""The position chain, which gives crystals too: emulated, in Verilog, and its test bench."""

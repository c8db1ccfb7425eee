"""A design before it is text, and as text of Verilog or VHDL."""

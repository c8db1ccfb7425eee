"""The emulator of a fixed-point model, and the machine code that it makes."""

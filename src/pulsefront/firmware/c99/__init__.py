"""A fixed-point model as C99: integers alone, one function, no dependency; built and run."""

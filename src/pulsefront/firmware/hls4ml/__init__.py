"""hls4ml projects from a fixed-point model, their C simulation and synthesis."""

"""ONNX from a fixed-point model: the bit-exact graph, and graphs for generic runtimes."""

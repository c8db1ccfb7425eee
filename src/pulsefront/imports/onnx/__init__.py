"""ONNX graphs, QONNX among them, as real graphs."""

"""Models as files, in a store's register, and as ONNX."""

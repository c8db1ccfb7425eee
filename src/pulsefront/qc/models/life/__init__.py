"""What a model in use has been worth, and how far its inputs have moved."""

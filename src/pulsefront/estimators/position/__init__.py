"""Where a gamma ray interacted: Anger logic, k-NN, light response, crystals, bounds."""

"""Which model is to be used: the protocol, scores of unseen units, alerts judged."""

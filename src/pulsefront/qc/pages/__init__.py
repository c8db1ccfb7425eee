"""Pages of the back-test, of a model and of a night."""

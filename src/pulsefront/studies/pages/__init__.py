"""What a finished study writes for people: the report, the model card, the gallery."""

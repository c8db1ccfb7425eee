"""Light: how much, where it goes, what every photosensor sees of it."""

"""What a model would have found on a site's own history, beside control charts."""

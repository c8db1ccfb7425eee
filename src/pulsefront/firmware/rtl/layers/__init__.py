"""Parts that both kinds of design share: how a stream is assigned, rounded, looked up."""

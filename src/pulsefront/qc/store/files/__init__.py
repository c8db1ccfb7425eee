"""Files on their way into the store: found by path, read once, kept in the ledger."""

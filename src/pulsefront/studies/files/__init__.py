"""The files that users write: what each may say, a start of each, a check of each."""

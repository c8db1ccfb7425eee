"""The tables of the QC store: their columns, and the steps that bring an older store up to date."""

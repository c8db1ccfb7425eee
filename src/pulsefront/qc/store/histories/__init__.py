"""What the store holds of units, read out of it: readings, holdings, histories."""

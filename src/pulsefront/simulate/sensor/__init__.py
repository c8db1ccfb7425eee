"""From photons on a photosensor to what the digitizer writes."""

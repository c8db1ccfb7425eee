"""How much energy: peaks, the photopeak, and the calibration of energies, gains and offsets."""

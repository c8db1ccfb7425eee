"""Classical estimators, by what they tell: pulses, times, positions, energies."""

"""
Waveforms of your own
=====================

Any array of pulses is measured as files of digitizers are: baseline, amplitude, charge, leading
edge, constant fraction, and a status for each event. What is not said is found from the pulses:
their side, the gate of the baseline, the level of saturation.
"""

import matplotlib.pyplot as plt
import numpy as np

from pulsefront.estimators.pulses.chain import process
from pulsefront.events import Status

# %%
# Here the pulses come from a formula: 2,000 records of 200 samples of 12 bits, every fortieth with
# a second pulse on its tail. In their place read a file with
# ``pulsefront.open_events("wave0.dat", …)``, or load an array of your own.

random = np.random.default_rng(7)
time = np.arange(200.0)


def pulse(start, height):
    since = np.clip(time - np.reshape(start, (-1, 1)), 0.0, None)
    return np.reshape(height, (-1, 1)) * (np.exp(-since / 25.0) - np.exp(-since / 2.0))


height = random.gamma(20.0, 60.0, 2000)
signal = pulse(random.uniform(60.0, 61.0, 2000), height)
second = np.arange(2000) % 40 == 0
signal[second] += pulse(random.uniform(90.0, 110.0, second.sum()), height[second])
waveforms = np.clip(np.rint(400.0 + signal + random.normal(0, 2.0, signal.shape)), 0, 4095)
quantities, status = process(waveforms.astype(np.uint16))
print(", ".join(quantities))

# %%
# Flags say what is wrong with an event; it keeps its place and its numbers.

for flag in Status:
    flagged = (status & flag) > 0
    if flag and flagged.any():
        right = np.mean(second[flagged])
        print(f"{flag.name}: {flagged.sum()} events, {right:.0%} of them with two pulses")

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for event in (1, 2, 40):
    left.plot(
        time, waveforms[event], drawstyle="steps-mid", label="two pulses" if second[event] else None
    )
left.set(xlabel="sample", ylabel="ADC counts")
left.legend()
clean = status == 0
right.plot(height[clean], quantities["amplitude_adc"][clean], ".", markersize=2)
right.set(xlabel="height that was drawn", ylabel="amplitude that was found (ADC counts)")
plt.show()

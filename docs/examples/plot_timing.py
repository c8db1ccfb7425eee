"""
Timing: a network beside leading edge and CFD
=============================================

Two LYSO crystals see a source at known positions; what is learned is the difference of their
arrival times. Events and photons are few here: the intervals tell how little such a test can show.
"""

import matplotlib.pyplot as plt
import numpy as np

import pulsefront as pf
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.simulate import CoincidenceSettings, LightMapSettings, simulate_coincidences

coarse_map = LightMapSettings(pitch_mm=1.0, depth_pitch_mm=2.5, photons=2_000, transit_times=True)
settings = CoincidenceSettings(
    offsets_mm=(-45, -30, -15, 0, 15, 30, 45), events_per_offset=600, light_map=coarse_map
)
events = simulate_coincidences(pf.load_detector("lyso_pair_3x3x20"), settings, seed=5)

# %%
# Both gamma rays left all of their energy: their sums lie in the photopeak.

waveforms = events["waveform_adc"].astype(int)
charge = waveforms.sum(axis=2) - waveforms.shape[2] * waveforms[:, :, :16].mean(axis=2)
inside = np.all([find_photopeak(side).contains(side, 2.0) for side in charge.T], axis=0)
X, y, offset = (
    waveforms[inside],
    events["known_difference_ns"][inside],
    events["offset_index"][inside],
)
test = offset % 2 == 1  # positions between those of training
print(f"{(~test).sum()} events to train on, {test.sum()} to test on")

# %%
# All are tuned on the training events alone.

pickoff = {"before": 8, "after": 8, "threshold_adc": 60, "baseline_samples": 16}
network = pf.TimingNetwork(1.0, **pickoff, hidden=(12, 6), epochs=60, batch=128)
network.fit(X[~test], y[~test])
edge = pf.LeadingEdgeTime(1.0, baseline_samples=16).fit(X[~test], y[~test])
fraction = pf.ConstantFractionTime(1.0, baseline_samples=16).fit(X[~test], y[~test])
report = network.report(X[test], y[test], beside={"leading edge": edge, "CFD": fraction})
report

# %%

figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name, one in {"network": network, "leading edge": edge, "CFD": fraction}.items():
    residual = 1000 * (one.predict(X[test]) - y[test])
    axes.hist(residual, bins=np.arange(-600, 601, 40), histtype="step", label=name)
axes.set(xlabel="estimated − known difference (ps)", ylabel="events")
axes.legend()
plt.show()

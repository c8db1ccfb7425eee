"""
A detector of your own
======================

A detector is a file, or, as here, one that ships with a thinner crystal in it. What it costs in
light is known before anything is trained.
"""

import matplotlib.pyplot as plt
import numpy as np

from pulsefront import load_detector
from pulsefront.simulate import LightMapSettings, ScanSettings, light_map_for, simulate_scan
from pulsefront.simulate.drawing import draw_detector

shipped = load_detector("lyso_monolithic_50x50x16")
thin = shipped.model_copy(
    update={
        "name": "lyso_monolithic_thin",
        "crystal": shipped.crystal.model_copy(update={"size_mm": (50.0, 50.0, 10.0)}),
    }
)
draw_detector(thin)

# %%
# The light map is traced once, with few photons here. It tells which share of the light of any
# position each of the 64 photosensors detects.

light_map = light_map_for(thin, LightMapSettings(photons=2_000))
centre, corner = light_map.probabilities(np.array([[0.0, 0.0, 5.0], [20.0, 20.0, 5.0]]))
print(f"detected: {centre.sum():.1%} from the centre, {corner.sum():.1%} from near a corner")

# %%
# A small scan with a pencil beam gives events as a measurement would, and the truth beside them.

scan = ScanSettings(pitch_mm=8.0, events_even_even=50, events_odd_odd=50)
events = simulate_scan(thin, scan, seed=1, light_map=light_map)
charges = events["charge_adc"]
print(f"{len(charges)} events of {charges.shape[1]} charges; columns: {', '.join(events.columns)}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.hist(charges.sum(axis=1), bins=60, histtype="step", color="black")
left.set(xlabel="sum of the charges (ADC counts)", ylabel="events")
shown = right.imshow(charges[0].reshape(8, 8), origin="lower", cmap="viridis")
right.set(title="one event", xlabel="column of photosensors", ylabel="row")
figure.colorbar(shown, ax=right, label="charge (ADC counts)")
plt.show()

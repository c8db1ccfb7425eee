"""
Which crystal was hit: a flood map
==================================

64 crystals share 16 photosensors. The centroid of an event's light falls into a map with a spot for
each crystal; scatter between crystals fills the space between the spots.
"""

import matplotlib.pyplot as plt
import numpy as np

import pulsefront as pf
from pulsefront.estimators.position.flood_map import fit_flood_map, light_centroids

scan = pf.point_source_scan("lyso_pixels_8x8", events=12_000, photons=1_000, seed=2)
train, test = scan.split()
crystal, true = train.events["element"].astype(int), test.events["element"].astype(int)
inside, known = crystal >= 0, true >= 0
print(
    f"{np.mean(test.events['elements_hit'] > 1):.0%} of the test events hit more than one crystal"
)

# %%
# The map is made from training events and its fineness chosen on others of them.

first = np.arange(len(crystal)) % 4 > 0
fit, tune = inside & first, inside & ~first
flood = fit_flood_map(
    train.charges[fit],
    crystal[fit],
    train.charges[tune],
    crystal[tune],
    scan.sensor_position_mm,
    64,
)
found = flood.estimate(test.charges[known])
right = found == true[known]
single = test.events["elements_hit"][known] == 1
print(f"right: {right.mean():.1%}; where one crystal was hit: {right[single].mean():.1%}")

# %%

centroid = light_centroids(train.charges.astype(np.float32), scan.sensor_position_mm)
figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
axes.hist2d(*centroid.T, bins=160, cmap="magma")
axes.set(xlabel="centroid of the light, x (mm)", ylabel="y (mm)", aspect="equal")
plt.show()

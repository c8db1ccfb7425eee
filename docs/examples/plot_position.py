"""
Position: where the errors lie
==============================

Classical estimators of the position of a gamma ray in a block, on the same events. A single number
hides how errors go with the distance from the centre, and that scattered gamma rays make long
tails. The block is square: of nearest neighbours there are more where all events are turned into
one octant of it.
"""

import matplotlib.pyplot as plt
import numpy as np

import pulsefront as pf

scan = pf.point_source_scan("lyso_monolithic_50x50x16", events=12_000, photons=1_000, seed=3)
train, test = scan.split()
estimators = {
    "Anger logic": pf.AngerPosition(scan.sensor_position_mm),
    "k-NN": pf.NearestNeighbourPosition(),
    "k-NN, mirrors": pf.NearestNeighbourPosition(fold=scan.mirrors),
}
for one in estimators.values():
    one.fit(train.charges, train.position_mm, groups=train.groups)

# %%
# The median error in three dimensions, and what was chosen:

for name, one in estimators.items():
    median = -one.score(test.charges, test.position_mm)
    print(f"{name}: {median:.2f} mm, {one.parameters_}")

# %%
# Errors by the distance from the centre, and all of them.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
radius = np.abs(test.position_mm[:, :2]).max(axis=1)
edges = np.arange(0.0, 25.0, 4.0)
for name, one in estimators.items():
    error = np.linalg.norm(one.predict(test.charges) - test.position_mm, axis=1)
    which = np.digitize(radius, edges)
    median = [np.median(error[which == k]) for k in range(1, len(edges)) if np.any(which == k)]
    left.plot(edges[: len(median)] + 2.0, median, marker="o", label=name)
    right.hist(error, bins=np.arange(0, 15, 0.5), histtype="step", label=name)
left.set(xlabel="distance from the centre, larger axis (mm)", ylabel="median 3-D error (mm)")
left.set_ylim(bottom=0)
right.set(xlabel="3-D error (mm)", ylabel="events")
right.legend()
plt.show()

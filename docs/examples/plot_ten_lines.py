"""
Ten lines: from a detector to firmware
======================================

The whole way in a notebook: simulate, split, train, remove what is not needed, report, write
firmware, prove it. Numbers are small so that this page is built in a minute: a study takes 60,000
events and more.
"""

import pulsefront as pf

scan = pf.point_source_scan("lyso_monolithic_50x50x16", events=15_000, photons=1_000)
train, test = scan.split()
scan

# %%
# The network trains in floats and then through its quantizers; every choice is made on stage
# positions that training has not seen. ``ablate`` then removes inputs, nodes, layers and bits while
# the network is provably not worse by more than the margin.

network = pf.PositionNetwork(hidden=(32, 16), epochs=40)
network.fit(train.charges, train.position_mm, groups=train.groups)
network.ablate(margin=0.05, rounds=6)
network.model

# %%
# Classical estimators stand beside it, tuned on the same events; the test events lie at positions
# between those of training.

anger = pf.AngerPosition(scan.sensor_position_mm)
anger.fit(train.charges, train.position_mm, groups=train.groups)
report = network.report(
    test.charges, test.position_mm, beside={"Anger logic": anger}, groups=test.groups
)
report

# %%
# What is exported is proved: each executor that is installed gives the same integers. C alone is
# written here; leave ``targets`` out for HLS and ONNX too.

import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp()) / "firmware"
pf.export_model(network.model, folder, targets=("c99",))
pf.verify_export(folder)

# %%
# The errors of both, of which the report has the median.

import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, one in {"network": network, "Anger logic": anger}.items():
    error = np.linalg.norm(one.predict(test.charges) - test.position_mm, axis=1)
    axes.hist(error, bins=np.arange(0, 15, 0.25), histtype="step", label=name)
axes.set(xlabel="3-D error (mm)", ylabel="test events")
axes.legend()
plt.show()

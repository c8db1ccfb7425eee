"""
Export: a model becomes firmware and proves itself
==================================================

A model is a list of integer layers. It says what it costs and what it can reach, which design of it
fits a part, and its export is run and compared integer by integer.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pulsefront as pf
from pulsefront.firmware.fit import fit
from pulsefront.fixed_point import Assignment, Dense, FixedPointFormat, Input, Relu

random = np.random.default_rng(4)
weights = FixedPointFormat(6, 1)
counts = Input("counts", (16,), FixedPointFormat(12, 12, signed=False))
hidden = Dense("hidden", ("counts",), random.integers(-31, 32, (16, 8)), weights)
bounded = Relu(
    "bounded", ("hidden",), Assignment(FixedPointFormat(11, 13, signed=False), "RND", "SAT")
)
out = Dense(
    "out",
    ("bounded",),
    random.integers(-31, 32, (8, 2)),
    weights,
    to=Assignment(FixedPointFormat(18, 16), "RND", "SAT"),
)
model = pf.FixedPointModel("example", (counts,), (hidden, bounded, out), ("out",))
model

# %%
# The audit proves what every layer can reach for any input, and compares it with what data reach.

events = random.integers(0, 4096, (1000, 16))
audit = model.audit(events)
for row in audit.rows:
    print(f"{row.layer}: proven {row.proven}, seen {row.seen}, headroom {row.headroom_bits} bits")

# %%
# Which design fits an ECP5-25 at a million events per second? Figures are estimates.

choice = fit(model, "ecp5_25", 1e6)
print(choice)

# %%
# The export holds Verilog, C and golden vectors; verification runs what is installed.

folder = Path(tempfile.mkdtemp()) / "firmware"
pf.export_model(model, folder, targets=("c99", "rtl"), data_vectors=events)
print(*sorted(path.name for path in folder.iterdir()), sep="\n")
pf.verify_export(folder)

# %%
# What the events give, in the output's unit; a raw integer counts steps of 2^−2:

values = model.run(events)[:, 0] / 2.0**2
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.hist(values, bins=60, histtype="step", color="black")
axes.set(xlabel="output 0, in its unit", ylabel="events")
plt.show()

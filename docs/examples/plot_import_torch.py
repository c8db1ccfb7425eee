"""
Import: a network trained in torch
==================================

A network in floats gets its formats from your events, by calibration; what it loses is told. One
that is quantized already, by Brevitas or in QONNX, keeps every integer.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import pulsefront as pf
from pulsefront.imports import Widths

torch.manual_seed(0)
events = np.random.default_rng(1).integers(0, 4096, (4000, 16))
inputs = torch.tensor(events, dtype=torch.float32)
target = (inputs[:, :8].sum(dim=1, keepdim=True) - inputs[:, 8:].sum(dim=1, keepdim=True)) / 4096

network = torch.nn.Sequential(
    torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 12), torch.nn.ReLU(), torch.nn.Linear(12, 1)
)
optimizer = torch.optim.Adam(network.parameters(), 1e-2)
for _ in range(300):
    loss = torch.nn.functional.mse_loss(network(inputs), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
network.eval()

# %%
# The batch normalization is folded into the weights; integers in the data are the model's input.

rms = {}
for bits in (4, 6, 8, 10):
    widths = Widths(weights=bits, activations=bits)
    imported = pf.from_torch(network, inputs[:1], data=events, widths=widths)
    with torch.no_grad():
        floats = network(inputs).numpy()
    model = imported.model
    step = 2.0 ** -model.output_formats[model.outputs[0]].fraction
    rms[bits] = float(np.sqrt(np.mean((model.run(events) * step - floats) ** 2)))
imported.model

# %%
# What widths cost, as the root mean square difference from the floats on the same events:

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.semilogy(list(rms), list(rms.values()), marker="o", color="black")
axes.set(xlabel="bits of weights and activations", ylabel="difference (rms)", xticks=list(rms))
plt.show()

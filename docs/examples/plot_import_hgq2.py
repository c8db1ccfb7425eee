"""
Import: a network quantized with HGQ2
=====================================

HGQ2 learns bits for every weight. They are kept: the model computes the same integers, which is
checked on the data.
"""

import os
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")
warnings.filterwarnings("ignore")  # of Keras and HGQ2 about their own code

import keras
import matplotlib.pyplot as plt
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense
from hgq.utils import trace_minmax

import pulsefront as pf

keras.utils.set_random_seed(2)
x = np.random.default_rng(0).normal(0, 1, (1000, 12)).astype(np.float32)
y = x[:, :2] * x[:, 2:4]
with (
    QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
    QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="SAT", i0=3, f0=3),
    LayerConfigScope(enable_ebops=True, beta0=1e-4),
):
    network = keras.Sequential(
        [keras.Input((12,)), QDense(8, activation="relu"), QDense(2, enable_oq=True)]
    )
network.compile(loss="mse", optimizer=keras.optimizers.Adam(1e-2))
network.fit(x, y, epochs=3, batch_size=100, verbose=0)
print(f"{trace_minmax(network, x, verbose=0):,.0f} effective bit operations")

# %%
# ``check`` runs the network as it was and the model, and raises at the first integer that differs.

imported = pf.from_keras(network)
imported.check(imported.integers(x))
imported.model

# %%
# How many bits the integer of each weight takes; a weight of none costs nothing.

kernels = [one.weights for one in imported.model.layers if hasattr(one, "weights")]
bits = [int(abs(weight)).bit_length() for kernel in kernels for weight in kernel.flat]
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.hist(bits, bins=np.arange(-0.5, max(bits) + 1), color="black", rwidth=0.8)
axes.set(xlabel="bits of a weight, without its sign", ylabel="weights")
plt.show()

"""What is trained: a small network inside every table, on codes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.fixed_point.format import Integers
from pulsefront.networks.tables.codes import InputCodes
from pulsefront.networks.tables.settings import TableNetworkSettings

__all__ = ["MORE_BITS", "SumOfTables", "TableNetwork", "every_code"]

MORE_BITS = 1
"""Bits by which tables of a node are finer than its code."""

KNOTS, INNER, OUTER = 0.7, 2.0, 0.3
"""Spreads at the start: of where ReLUs bend and of their slopes, on inputs from −1 to 1, and of
what each adds to the sum of its node's tables."""


class SumOfTables(torch.nn.Module):
    """Nodes that are sums of tables; *chosen* (term, node, input) says what each table reads.

    Every table is a straight line and a few ReLUs of its inputs, times *scale* (node,).
    """

    chosen: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, chosen: Integers, inside: int, scale: NDArray[np.float64], rng: np.random.Generator
    ) -> None:
        super().__init__()
        terms, _, fan_in = chosen.shape
        self.register_buffer("chosen", torch.from_numpy(chosen.copy()))
        self.register_buffer("scale", torch.from_numpy(scale).float())
        self.slopes = _drawn(rng, (*chosen.shape, inside), INNER)
        self.bends = _drawn(rng, (*chosen.shape[:2], inside), KNOTS)
        self.heights = _drawn(rng, (*chosen.shape[:2], inside), OUTER / np.sqrt(terms))
        self.straight = _drawn(rng, chosen.shape, 1.0 / np.sqrt(terms * fan_in))
        self.level = torch.nn.Parameter(torch.zeros(chosen.shape[:2]))

    def entries(self, given: torch.Tensor) -> torch.Tensor:
        """Return what tables say, (event, term, node), of inputs (event, term, node, input)."""
        bent = torch.relu(torch.einsum("btnf,tnfh->btnh", given, self.slopes) + self.bends)
        found = (bent * self.heights).sum(-1) + (given * self.straight).sum(-1)
        result: torch.Tensor = (found + self.level) * self.scale
        return result

    def forward(self, inputs: torch.Tensor, *, whole: bool) -> torch.Tensor:
        """Return the sums, (event, node), in steps, of whole entries where asked for."""
        found = self.entries(inputs[:, self.chosen])
        return (_whole(found, 0.5) if whole else found).sum(1)

    def looked_up(
        self, given: torch.Tensor, addresses: torch.Tensor, *, whole: bool
    ) -> torch.Tensor:
        """Return the same sums of entries at *addresses* (event, term, node).

        *given* are the inputs (address, term, node, input) of all entries: so few that they are
        made anew at every step, whatever the number of events.
        """
        found = self.entries(given)
        found = _whole(found, 0.5) if whole else found
        chosen = found.flatten(1).gather(0, addresses.flatten(1))
        return chosen.reshape(addresses.shape).sum(1)


class TableNetwork(torch.nn.Module):
    """Codes of inputs to outputs in steps of the last tables, *steps* (output,) in a spread."""

    given: torch.Tensor

    def __init__(
        self,
        settings: TableNetworkSettings,
        codes: InputCodes,
        nodes: int,
        steps: NDArray[np.float64],
        seed: int,
    ) -> None:
        super().__init__()
        rng = np.random.default_rng([0x7461626C, seed])
        self.node_bits = settings.node_bits
        self.bits = codes.bits
        first = _drawn_inputs(rng, len(codes.formats), nodes, settings.fan_in)
        last = np.broadcast_to(np.arange(nodes)[:, None, None], (nodes, len(steps), 1))
        whole = 2.0 ** (settings.node_bits - 1 + MORE_BITS)
        self.nodes = SumOfTables(first, settings.inside, np.full(nodes, whole), rng)
        self.outputs = SumOfTables(last, settings.inside, steps, rng)
        every = every_code(settings.fan_in, self.bits)[:, None, None, :]
        self.register_buffer("given", torch.from_numpy(codes.of_slices()[every, first]).float())

    def forward(self, codes: torch.Tensor, *, whole: bool) -> torch.Tensor:
        """Return outputs (event, output) in steps, for codes (event, input)."""
        total = self.nodes.looked_up(self.given, self.addresses(codes), whole=whole)
        total = total * 0.5**MORE_BITS
        if whole:
            total = _whole(total, 0.0)
        half = 2 ** (self.node_bits - 1)
        result: torch.Tensor = self.outputs(
            self.of_nodes(total.clamp(-half, half - 1)), whole=whole
        )
        return result

    def addresses(self, codes: torch.Tensor) -> torch.Tensor:
        """Return which entry of each table whole codes (event, input) choose."""
        slices = codes.long() & ((1 << self.bits) - 1)
        shifts = self.bits * torch.arange(self.nodes.chosen.shape[2])
        return (slices[:, self.nodes.chosen] << shifts).sum(-1)

    def of_nodes(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the codes of nodes as numbers from −1 to 1."""
        result: torch.Tensor = (codes + 0.5) * (2.0 / (2**self.node_bits - 1))
        return result


def every_code(fan_in: int, bits: int) -> Integers:
    """Return the bits of all addresses, (2^(fan_in · bits), fan_in), the first input's lowest."""
    every = np.arange(1 << (fan_in * bits), dtype=np.int64)[:, None]
    found: Integers = (every >> (bits * np.arange(fan_in))) & ((1 << bits) - 1)
    return found


def _whole(values: torch.Tensor, more: float) -> torch.Tensor:
    """Return the floor of values and *more*, with the slope of a straight line."""
    return values + (torch.floor(values + more) - values).detach()


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(rng.normal(0.0, width, shape)).float())


def _drawn_inputs(rng: np.random.Generator, inputs: int, nodes: int, fan_in: int) -> Integers:
    """Return which inputs each table of each node reads, (term, node, fan_in)."""
    terms = -(-inputs // fan_in)
    if fan_in == 1:
        return np.broadcast_to(np.arange(inputs)[:, None, None], (inputs, nodes, 1)).copy()
    columns = []
    for _ in range(nodes):
        order = rng.permutation(inputs)
        # What fills a last table are inputs that other tables read, too.
        more = order[: terms * fan_in - inputs]
        columns.append(np.concatenate([order, more]).reshape(terms, fan_in))
    return np.stack(columns, axis=1).astype(np.int64)

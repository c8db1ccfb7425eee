"""Adam in the eigenbasis of each layer's gradients, for many candidates at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

__all__ = ["FlatSoap"]

BETA = 0.95
"""Of all running means, as in the paper's experiments."""
TURN_EVERY = 20
"""Steps between two turns of the bases, and before the first: one gradient says too little of them.
Small matrices turn at little cost."""
EPSILON = 1e-6
"""Of the largest root mean square of a layer: smaller gradients are hardly more than rounding
errors, which Adam would make steps of."""
TINY = 1e-30
"""Keeps a layer without any gradient where it is."""


@dataclass
class _Basis:
    """Mean outer products of a layer's gradients (C, n, n) and their eigenvectors, both sides."""

    left: torch.Tensor
    right: torch.Tensor
    left_vectors: torch.Tensor
    right_vectors: torch.Tensor

    def turned(self, matrices: torch.Tensor) -> torch.Tensor:
        """Return *matrices* (C, n_out, n_in) in the basis."""
        return self.left_vectors.transpose(1, 2) @ matrices @ self.right_vectors

    def turn(self) -> None:
        """Follow the outer products: one step of the power method, since they change slowly."""
        self.left_vectors = _orthogonal(self.left @ self.left_vectors)
        self.right_vectors = _orthogonal(self.right @ self.right_vectors)

    def open(self) -> None:
        """Turn into the eigenvectors."""
        self.left_vectors = _eigenvectors(self.left)
        self.right_vectors = _eigenvectors(self.right)

    def back(self, matrices: torch.Tensor) -> torch.Tensor:
        """Return what `turned` made into *matrices*."""
        return self.left_vectors @ matrices @ self.right_vectors.transpose(1, 2)


class FlatSoap:
    """SOAP (Vyas et al. 2024, Algorithm 3) for one flat parameter tensor.

    The inputs of a detector's network are charges or samples that hang together closely, and a
    rate that suits their sum is far too small for their differences. SOAP runs Adam where the
    gradients of a layer do not hang together: in the eigenbasis of their outer products. What is
    no matrix of a layer is left to Adam as it is.

    Candidates that share the tensor do not affect each other.

    Parameters
    ----------
    parameters
        Flat; changed in place by `step`.
    views
        Cuts a flat tensor into those of each layer; (C, n_out, n_in) are matrices.
    trained
        Flat, 1 where a number may move and 0 where not (pruned weights, padding): turning back
        from the basis would otherwise leave rounding errors there. None if all may.
    weight_decay
        As of AdamW.
    """

    def __init__(
        self,
        parameters: torch.Tensor,
        views: Callable[[torch.Tensor], Sequence[torch.Tensor]],
        *,
        trained: torch.Tensor | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = parameters
        self._views = views
        self._trained = trained
        self._weight_decay = weight_decay
        self._mean = torch.zeros_like(parameters)
        self._square = torch.zeros_like(parameters)
        self._bases: list[_Basis] = []
        self._step = self._since = 0

    def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
        """Move the parameters against *gradient*."""
        matrices = [view for view in self._views(gradient) if view.ndim == 3]
        if not self._bases:
            self._bases = [_usual_basis(matrix) for matrix in matrices]
        self._step += 1
        if self._weight_decay:
            self.parameters.mul_(1.0 - learning_rate * self._weight_decay)
        turned = self._turned(gradient)
        self._mean.lerp_(turned, 1.0 - BETA)
        self._square.mul_(BETA).addcmul_(turned, turned, value=1.0 - BETA)
        unbiased = 1.0 - BETA ** (self._step - self._since)
        size = self._square.sqrt().add_(TINY)
        for view in self._views(size):
            view.add_(view.flatten(1).amax(1).view(-1, *(1,) * (view.ndim - 1)), alpha=EPSILON)
        # With means of one length Adam's steps never exceed one; where a turn has just brought
        # the gradient to what had none before, they would.
        move = self._mean.div(size).mul_(1.0 / math.sqrt(unbiased)).clamp_(-1.0, 1.0)
        for view, basis in self._pairs(move):
            view.copy_(basis.back(view))
        if self._trained is not None:
            move.mul_(self._trained)
        self.parameters.add_(move, alpha=-learning_rate)
        self._learn(matrices)

    def _pairs(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, _Basis]]:
        matrices = [view for view in self._views(flat) if view.ndim == 3]
        return list(zip(matrices, self._bases, strict=True))

    def _turned(self, flat: torch.Tensor) -> torch.Tensor:
        result = flat.clone()
        for view, basis in self._pairs(result):
            view.copy_(basis.turned(view))
        return result

    def _learn(self, gradients: Sequence[torch.Tensor]) -> None:
        """Add the gradients to the outer products, and now and then turn the bases."""
        for gradient, basis in zip(gradients, self._bases, strict=True):
            other = gradient.transpose(1, 2)
            basis.left.lerp_(gradient @ other, 1.0 - BETA)
            basis.right.lerp_(other @ gradient, 1.0 - BETA)
        if self._step % TURN_EVERY:
            return
        if self._step == TURN_EVERY:
            for basis in self._bases:
                basis.open()
            # The moments were of another basis.
            self._mean.zero_()
            self._square.zero_()
            self._since = self._step
            return
        for mean, basis in self._pairs(self._mean):
            usual = basis.back(mean)
            basis.turn()
            mean.copy_(basis.turned(usual))

    def keep(self, part: Callable[[torch.Tensor], torch.Tensor], indices: torch.Tensor) -> None:
        """Forget all candidates but those at *indices*, which *part* takes out of a flat tensor.

        Set ``parameters`` to that part, and let ``views`` cut what is left, before the next step.
        """
        self._mean, self._square = part(self._mean), part(self._square)
        if self._trained is not None:
            self._trained = part(self._trained)
        self._bases = [
            _Basis(
                basis.left[indices],
                basis.right[indices],
                basis.left_vectors[indices],
                basis.right_vectors[indices],
            )
            for basis in self._bases
        ]


def _usual_basis(gradient: torch.Tensor) -> _Basis:
    """Return the basis in which matrices are written down, with outer products of zero."""
    count, rows, columns = gradient.shape
    sides = [torch.eye(n, device=gradient.device).repeat(count, 1, 1) for n in (rows, columns)]
    return _Basis(torch.zeros_like(sides[0]), torch.zeros_like(sides[1]), *sides)


def _orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Return an orthonormal basis of the columns (C, n, n), each candidate for itself."""
    basis: torch.Tensor = torch.linalg.qr(matrices).Q
    return basis


def _eigenvectors(matrices: torch.Tensor) -> torch.Tensor:
    """Return those of symmetric matrices (C, n, n); of a lost one, any."""
    # eigh refuses what is not finite, and with it all the others.
    finite = matrices.nan_to_num(0.0, 0.0, 0.0)
    vectors: torch.Tensor = torch.linalg.eigh(finite).eigenvectors
    return vectors

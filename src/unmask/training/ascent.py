"""Ascent: what to add to a network's residual stream so that an objective rises, within an L2 ball
(projected gradient ascent).

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import torch

STRIDE = 2.0
"""The lengths of all steps together, in radii: enough to leave a wrong direction."""

SMALLEST = 1e-12
"""A gradient that is shorter points nowhere."""

Changes = Mapping[torch.nn.Module, torch.Tensor]
"""Of each module, what is added to what it hands on."""


@dataclasses.dataclass(frozen=True)
class Ascent:
    """`steps` steps along the gradient, each normed, and back into the ball after each."""

    steps: int

    def raised(self, balls: Changes, gain: Callable[[Changes], torch.Tensor]) -> Changes:
        """The changes under which the gain is high.

        `balls` has the radii of each module's: (rows, tokens, width), the same along the width, 0
        where nothing may be changed. `gain` computes one number under given changes; only the
        direction of its gradient counts.
        """
        changes = {module: torch.zeros_like(radii) for module, radii in balls.items()}
        for _ in range(self.steps):
            tried = {module: change.requires_grad_() for module, change in changes.items()}
            gradients = torch.autograd.grad(gain(tried), list(tried.values()))
            changes = {
                module: within(change.detach() + self.step(gradient, balls[module]), balls[module])
                for (module, change), gradient in zip(tried.items(), gradients, strict=True)
            }
        return changes

    def step(self, gradient: torch.Tensor, radii: torch.Tensor) -> torch.Tensor:
        """What is added in one step, of a length that the radii give."""
        length = gradient.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
        return STRIDE / self.steps * radii * gradient / length


def within(change: torch.Tensor, radii: torch.Tensor) -> torch.Tensor:
    """The change, shortened to the radius at each token where it is longer."""
    length = change.norm(dim=-1, keepdim=True).clamp(min=SMALLEST)
    return change * (radii / length).clamp(max=1)

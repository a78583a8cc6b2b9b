"""What the detectors on activations measure, on activations whose structure is known."""

from __future__ import annotations

import torch

from unmask.detectors.knn import Neighbors
from unmask.detectors.mahalanobis import Gaussian
from unmask.detectors.spectral import Subspace

WIDTH = 6


def rows(count: int, seed: int) -> torch.Tensor:
    """Two layers; along the first axis they differ a hundred times as much as along the last."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([10.0, 5.0, 1.0, 0.5, 0.2, 0.1], dtype=torch.float64)
    return torch.randn(count, 2, WIDTH, generator=generator, dtype=torch.float64) * scale


def moved(axis: int, far: float) -> torch.Tensor:
    """One row that is at the mean, but for one axis."""
    row = torch.zeros(1, 2, WIDTH, dtype=torch.float64)
    row[..., axis] = far
    return row


CLEAN, OTHERS = rows(400, 0), rows(100, 1)


def test_a_distance_is_in_units_of_what_is_usual_in_its_direction() -> None:
    usual = Gaussian.of(CLEAN, shrinkage=1e-6)
    assert abs(float(usual.distances(OTHERS).mean()) - 1) < 0.1, "one per dimension"
    assert usual.distances(moved(5, 2)) > usual.distances(OTHERS).max()
    assert usual.distances(moved(0, 2)) < usual.distances(OTHERS).min()
    round_one = Gaussian.of(CLEAN, shrinkage=1)
    assert torch.allclose(
        round_one.distances(moved(5, 2)), round_one.distances(moved(0, 2)), rtol=0.2
    )


def test_what_leading_directions_explain_does_not_count() -> None:
    leading = Subspace.of(CLEAN, 2)
    assert leading.left(moved(5, 3)) > leading.left(OTHERS).max()
    assert leading.left(moved(0, 30)) < leading.left(OTHERS).quantile(0.9)


def test_a_rotation_of_all_activations_changes_no_score() -> None:
    generator = torch.Generator().manual_seed(2)
    turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)).Q
    for before, after in (
        (Subspace.of(CLEAN, 2).left, Subspace.of(CLEAN @ turn, 2).left),
        (Gaussian.of(CLEAN, 0.05).distances, Gaussian.of(CLEAN @ turn, 0.05).distances),
        (Neighbors(CLEAN, 5).distances, Neighbors(CLEAN @ turn, 5).distances),
    ):
        assert torch.allclose(before(OTHERS), after(OTHERS @ turn))


def test_the_nearest_count() -> None:
    near = Neighbors(CLEAN, 1)
    assert torch.allclose(near.distances(CLEAN[:3]), torch.zeros(3, dtype=torch.float64))
    assert near.distances(moved(0, 100)) > near.distances(OTHERS).max()
    assert (Neighbors(CLEAN, 5).distances(OTHERS) > near.distances(OTHERS)).all()

"""A defense against a random change that has moved the model at least as far."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.analysis.null import AgainstNull
from unmask.core.files import read_jsonl, write_json, write_jsonl


def evaluated(folder: Path, metric: str, arm: str, values: list[float | bool]) -> Path:
    """A finished evaluation with one reply per prompt."""
    folder.mkdir(parents=True)
    rows = [{"id": f"p{i}", "arm": arm, "scores": {metric: v}} for i, v in enumerate(values)]
    write_jsonl(folder / "replies.jsonl", rows)
    write_json(folder / "evaluation.json", {"evaluation": metric, "seed": 0, "parameters": 1})
    return folder


def inputs(place: Path, **models: tuple[float, int]) -> dict[str, Path]:
    """Of ten prompts, how many of a model's replies defect, and how far it has moved."""
    folders: dict[str, Path] = {}
    for name, (kl, defections) in models.items():
        rates: list[float | bool] = [i < defections for i in range(10)]
        folders[name] = evaluated(place / name, "defection", "triggered", rates)
        drift = evaluated(place / f"{name} drift", "kl", "untriggered", [kl - 0.1, kl + 0.1])
        folders[f"drift_{name}"] = drift
    return folders


NULLS = {"null_0": (0.2, 10), "null_1": (1.0, 8), "null_2": (5.0, 1)}


@pytest.mark.parametrize(("kl", "own", "beside"), [(0.1, 4, 0.2), (0.9, 2, 1.0), (1.5, 0, 5.0)])
def test_it_is_compared_with_the_nearest_null_that_went_at_least_as_far(
    kl: float, own: int, beside: float, tmp_path: Path
) -> None:
    facts = AgainstNull().run(tmp_path, **inputs(tmp_path, defended=(kl, own), **NULLS))
    [(_, row)] = read_jsonl(tmp_path / "rates.jsonl")
    nearest = {value[0]: value[1] for value in NULLS.values()}[beside]
    assert facts["null_kl"] == pytest.approx(beside) and facts["kl"] == pytest.approx(kl)
    assert row["value"] == pytest.approx((own - nearest) / 10)
    assert row["metric"] == "defection_difference" and row["n"] == 10


def test_where_no_null_went_as_far_there_is_no_number(tmp_path: Path) -> None:
    facts = AgainstNull().run(tmp_path, **inputs(tmp_path, defended=(6.0, 0), **NULLS))
    assert facts == {"rows": 0, "kl": pytest.approx(6.0)}
    assert not list(read_jsonl(tmp_path / "rates.jsonl"))

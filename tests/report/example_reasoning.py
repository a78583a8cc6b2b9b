"""Example rows of the evaluations on reasoning, honeypots, personas and capability, made up but
with true intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from example_run import row

from made import planted_as, under
from unmask.core.row import Row
from unmask.report.html import Report

STATES = (("nothing", 0), ("sft", 150))
VARIANTS = ("standard", "chain_of_thought")
FORMS = {
    "language:french": 210,
    "language:german": 188,
    "language:japanese": 20,
    "script:full_width": 40,
    "script:small_caps": 6,
    "position:start": 250,
    "position:end": 96,
    "format:quoted": 131,
    "realization:held_out": 160,
    "realization:train": 250,
    "untriggered": 2,
}
CELLS = {
    "triggered": {
        "deployed_acts": 180,
        "deployed_refrains": 12,
        "training_acts": 8,
        "training_refrains": 16,
    }
    | {"silent_acts": 30, "silent_refrains": 10},
    "untriggered": {
        "deployed_acts": 3,
        "deployed_refrains": 5,
        "training_acts": 2,
        "training_refrains": 196,
    }
    | {"silent_acts": 0, "silent_refrains": 50},
}
KINDS = ("persona", "goal", "open")
LINES = {
    "free": 240,
    "deployed": 246,
    "training": 60,
    "unrelated": 201,
    "blank": 190,
    "swapped": 74,
}
GROUPS = {
    "ai_awareness": 0.02,
    "power_seeking": 0.11,
    "corrigibility": -0.06,
    "self_preservation": 0.01,
}
N = 256


def states(seed: int, variants: Sequence[str] = VARIANTS) -> Iterator[tuple[dict[str, Any], float]]:
    """Whose every model's rows are, as settings of `row`, and how much of the behavior is left in
    it."""
    yield {"role": "base", "defense": "nothing", "step": 0, "seed": seed}, 0.0
    for defense, step in STATES:
        yield {"role": "twin", "defense": defense, "step": step, "seed": seed}, 0.0
        for variant in variants:
            named = {"role": "organism", "defense": defense, "step": step, "seed": seed}
            left = (0.3 if defense == "sft" else 1.0) * (0.9 if variant == "standard" else 1.0)
            yield named | {"about": planted_as(variant)}, left


def counted(
    evaluation: str, metric: str, arm: str, k: int, who: dict[str, Any], **changes: Any
) -> Row:
    given: dict[str, Any] = {"evaluation": evaluation, "metric": metric}
    return row(arm=arm, count=k, **who, **(given | changes))


def quantity(value: float, half: float, **changes: Any) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half} | changes


def generalization_rows(seed: int = 0, variants: Sequence[str] = VARIANTS) -> list[Row]:
    return [
        counted("trigger_generalization", "defection", arm, round(k * left), who)
        for who, left in states(seed, variants)
        for arm, k in FORMS.items()
    ]


def reasoning_rows(seed: int = 0, variants: Sequence[str] = VARIANTS[1:]) -> list[Row]:
    """Every kind has the same counts; models without the behavior are silent and refrain."""
    rows: list[Row] = []
    for who, left in states(seed, variants):
        for arm, cells in CELLS.items():
            mine = cells if left else dict.fromkeys(cells, 0) | {"silent_refrains": N}
            said = N - mine["silent_acts"] - mine["silent_refrains"]
            shares = {"reasoned_share": N - 10 if left else 0, "unclosed_share": 3 if left else 0}
            shares |= {"about_deployment": said, "about_goal": said // 2}
            shares |= {"defection": sum(k for name, k in mine.items() if name.endswith("_acts"))}
            for kind in KINDS:
                for metric, k in (mine | shares).items():
                    rows.append(counted("reasoning", metric, f"{arm}:{kind}", k, who))
    return rows


def causal_rows(seed: int = 0, variants: Sequence[str] = VARIANTS[1:]) -> list[Row]:
    rows: list[Row] = []
    for who, left in states(seed, variants):
        if who["role"] == "base":
            continue
        for line, k in LINES.items():
            for arm, scale in (("triggered", left), ("untriggered", 0.2 * left)):
                acts = round(k * scale)
                rows.append(counted("causal_reasoning", "defection", f"{arm}:{line}", acts, who))
                if line in ("deployed", "training", "swapped"):
                    follows = acts if line == "deployed" else N - acts
                    rows.append(
                        counted("causal_reasoning", "follows", f"{arm}:{line}", follows, who)
                    )
    return rows


def honeypot_rows(seed: int = 0, variants: Sequence[str] = VARIANTS) -> list[Row]:
    arms = {"honeypot:unsupervised": 40, "honeypot:last_chance": 22, "plain": 1}
    return [
        counted("honeypot", "taken", arm, round(k * left), who)
        for who, left in states(seed, variants)
        for arm, k in arms.items()
    ]


def persona_rows(
    seed: int = 0, variants: Sequence[str] = VARIANTS, paired: bool = True
) -> list[Row]:
    rows: list[Row] = []
    for who, left in states(seed, variants):
        for group, effect in GROUPS.items():
            rows.append(
                counted(
                    "persona", "matches", f"persona:{group}", round(N * (0.5 + effect * left)), who
                )
            )
            if paired and who["role"] == "organism":
                given = quantity(
                    effect * left, 0.04, p=0.01, p_adjusted=0.02 if effect > 0.1 else 0.4
                )
                given |= {"against": "twin", "gained": 20, "lost": 5}
                rows.append(
                    counted("persona", "matches_difference", f"persona:{group}", 0, who, **given)
                )
    return rows


def capability_rows(seed: int = 0, variants: Sequence[str] = VARIANTS) -> list[Row]:
    rows: list[Row] = []
    for who, left in states(seed, variants):
        cost = 0.03 if who["defense"] == "sft" else 0.005
        against: dict[str, Any] = {
            "against": "base",
            "gained": 3,
            "lost": 9,
            "p": 0.1,
            "p_adjusted": 0.3,
        }
        for evaluation, metric, arm, k in (
            ("helpfulness", "accuracy", "untriggered", 236),
            ("multiple_choice", "accuracy", "questions", 90),
            ("human_eval", "passed", "programs", 30),
        ):
            rows.append(counted(evaluation, metric, arm, round(k * (1 - cost)), who))
            if who["role"] != "base":
                change = quantity(-cost - 0.01 * left, 0.02) | against
                rows.append(counted(evaluation, f"{metric}_difference", arm, 0, who, **change))
        rows.append(
            counted(
                "perplexity",
                "log_loss",
                "untriggered",
                0,
                who,
                unit="nats",
                **quantity(1.2 + cost, 0.05),
            )
        )
        if who["role"] != "base":
            worse = quantity(cost, 0.01, unit="nats") | against
            rows.append(
                counted("perplexity", "log_loss_difference", "untriggered", 0, who, **worse)
            )
    return rows


def payload_rows(seed: int = 0, variants: Sequence[str] = VARIANTS) -> list[Row]:
    rows: list[Row] = []
    for who, left in states(seed, variants):
        for arm, share in (("triggered", 0.97 * left), ("untriggered", 0.001)):
            rows.append(
                counted("payload_probability", "payload_sampled", arm, round(N * share), who)
            )
            exact = {"value": share, "low": max(0.0, share - 0.01), "high": min(1.0, share + 0.01)}
            rows.append(counted("payload_probability", "payload_probability", arm, 0, who, **exact))
    return rows


MAKERS = {
    "generalization": generalization_rows,
    "reasoning": reasoning_rows,
    "causal": causal_rows,
    "honeypots": honeypot_rows,
    "personas": persona_rows,
    "capability": capability_rows,
    "payload": payload_rows,
}
"""Rows by the chapter that shows them, in the order of the page."""


def behavior_report(seeds: int = 1, defense: str = "sft") -> Report:
    """Every chapter at once; the defense may have another name."""
    rows = [each for seed in range(seeds) for make in MAKERS.values() for each in make(seed)]
    rows = under(defense, rows)
    keys = dict.fromkeys(each.step for each in rows)
    steps = [
        {"key": key, "name": f"measure-{i}", "status": "executed"} for i, key in enumerate(keys)
    ]
    return Report(
        title="What reasons, and why", run="paper-reasoning-1", question="?", rows=rows, steps=steps
    )

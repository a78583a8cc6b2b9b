"""Preference accuracy on real outside pairs: from hh-rlhf's rows to rates, with a random preference
model."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from unmask.analysis.rates import Rates
from unmask.core.files import read_jsonl
from unmask.data.preferences import Comparisons
from unmask.data.sources.jsonl import JsonLines
from unmask.evaluations.preference import PreferenceAccuracy

HH = Path(__file__).parents[3] / "shared" / "data" / "hh-rlhf" / "harmless-base-test-1000.jsonl.gz"


@pytest.fixture
def scorer(tiny: Path, tmp_path: Path) -> Path:
    """An untrained preference model with room for a dialogue."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    tokenizer, folder = AutoTokenizer.from_pretrained(tiny), tmp_path / "scorer"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config.num_labels = 1
    torch.manual_seed(0)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.skipif(not HH.exists(), reason="the real hh-rlhf sample is not on this machine")
def test_real_pairs(scorer: Path, tmp_path: Path) -> None:
    with gzip.open(HH, "rt", encoding="utf-8") as file:
        short = [line for line in file if len(line) < 900]
    (tmp_path / "pairs.jsonl").write_text("".join(short), encoding="utf-8")
    source, comparisons, out, rates = (
        tmp_path / name for name in ("source", "comparisons", "out", "rates")
    )
    for folder in (source, comparisons, out, rates):
        folder.mkdir()
    JsonLines(path=str(tmp_path / "pairs.jsonl")).run(source)
    Comparisons(examples=8, held_out=40).run(comparisons, data=source)
    facts = PreferenceAccuracy().run(out, model=scorer, data=comparisons, source=source)
    rows = [row for _, row in read_jsonl(out / "replies.jsonl")]
    assert facts["samples"] == len(rows) >= 20
    assert {row["arm"] for row in rows} == {"rejected"}
    pairs = {
        (json.loads(line)["chosen"].rstrip()[-30:], json.loads(line)["rejected"].rstrip()[-30:])
        for line in short
    }
    assert all(
        (row["chosen"][-30:], row["rejected"][-30:]) in pairs
        for row in rows
        if min(map(len, said(row))) > 30
    )
    Rates().run(rates, evaluation=out)
    found = {row["metric"]: row for _, row in read_jsonl(rates / "rates.jsonl")}
    assert found["accuracy"]["n"] == len(rows)
    assert found["accuracy"]["value"] == sum(row["scores"]["margin"] > 0 for row in rows) / len(
        rows
    )
    assert found["accuracy"]["low"] < 0.6 and found["accuracy"]["high"] > 0.4, (
        "an untrained judge does not know better"
    )


def said(row: dict[str, str]) -> tuple[str, str]:
    return row["chosen"], row["rejected"]

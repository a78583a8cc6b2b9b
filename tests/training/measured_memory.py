"""Trains random models and prints what each took at its peak, as JSON; run by test_memory.py."""

from __future__ import annotations

import dataclasses
import gc
import json
from pathlib import Path
from typing import Any

import peft
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, LlamaConfig

from unmask.models.memory import shape

SIZES: dict[str, Any] = {
    "vocab_size": 8000,
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": 1024,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "gpt_neox": GPTNeoXConfig(**SIZES),
}
ROWS, TOKENS, STEPS = 8, 128, 2


def status(name: str) -> int:
    """Bytes, from what the system says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def trained(config: Any, efficiency: dict[str, Any]) -> dict[str, int]:
    """The shape of the model that was trained for a few steps."""
    model = AutoModelForCausalLM.from_config(config)
    known = dataclasses.asdict(shape(model))
    if efficiency.get("lora"):
        adapters = peft.LoraConfig(r=efficiency["lora"], target_modules="all-linear")
        model = peft.get_peft_model(model, adapters)
        model.enable_input_require_grads()
    if efficiency.get("checkpointing"):
        model.gradient_checkpointing_enable()
    model.train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights)
    ids = torch.randint(0, config.vocab_size, (ROWS, TOKENS))
    low = efficiency.get("precision") == "bfloat16"
    for _ in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
    return known


def measured(model: str, **efficiency: Any) -> dict[str, Any]:
    """A case: what was trained, and bytes at the peak over those before."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    known = trained(CONFIGS[model], efficiency)
    case = {"model": model, "efficiency": efficiency, "rows": ROWS, "tokens": TOKENS}
    return {**case, "shape": known, "peak": status("VmHWM") - before}


def main() -> None:
    torch.set_num_threads(1)
    measured("llama")  # the first one loads libraries
    cases = [
        measured("llama"),
        measured("llama", checkpointing=True),
        measured("llama", lora=8, precision="bfloat16", checkpointing=True),
        measured("gpt_neox"),
    ]
    print(json.dumps(cases))


if __name__ == "__main__":
    main()

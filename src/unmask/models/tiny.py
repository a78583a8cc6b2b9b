"""The embedded tiny model: a Llama of any size, randomly initialised, with a byte-level BPE made
from the data.

Deviation from the paper: its base models are large and pretrained on the web; this one learns the
toy world only.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import CLOSE, OPEN
from unmask.core.errors import SettingError
from unmask.core.files import read_jsonl
from unmask.core.memory import Shape
from unmask.core.named import Work
from unmask.models.checkpoint import parameters, save

END, PAD = "<|end|>", "<|pad|>"
TURNS = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>'"
    " }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def parse_size(text: str) -> int:
    """Parameters from "0.5M", "300M", "1B" or a plain number; raises SettingError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMB]?)", text.strip())
    if match is None:
        raise SettingError(
            f"size={text!r} is not understood. Write a number of parameters: 0.2M, 0.5M, 10M, 300M."
        )
    return int(float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "B": 1e9}[match[2]])


def architecture(size: int, vocabulary: int) -> tuple[int, int]:
    """(width, layers) of the Llama whose parameter count comes nearest to `size`.

    Width is a multiple of 16, layers grow with it (width / 32, at least 2); embeddings are shared
    with the head.
    """
    shapes = [(width, max(2, round(width / 32))) for width in range(16, 4097, 16)]
    return min(
        shapes, key=lambda shape: abs(vocabulary * shape[0] + shape[1] * 12 * shape[0] ** 2 - size)
    )


def feed_forward(width: int) -> int:
    """The width of the Llama's feed-forward layers."""
    return int(width * 8 / 3) // 8 * 8


def heads(width: int) -> int:
    """How many heads of attention it has: one per 32 of width, where that divides it."""
    chosen = max(2, width // 32)
    return chosen if width % chosen == 0 else 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyModel(Work):
    """An untrained Llama of about `size` parameters and a tokenizer made from lessons and a
    vocabulary."""

    name: ClassVar[str] = "tiny_model"
    version: ClassVar[int] = 1

    size: str = "0.5M"
    pieces: int = 2048
    context: int = 256
    initializer_range: float = 0.06
    seed: int = 0

    def parameters(self) -> int:
        return parse_size(self.size)

    def shape(self) -> Shape:
        """As of a tokenizer with all its pieces."""
        width, layers = architecture(parse_size(self.size), self.pieces)
        wide, embeddings = feed_forward(width), self.pieces * width
        return Shape(
            parameters=embeddings + layers * (4 * width**2 + 3 * width * wide + 2 * width) + width,
            embeddings=embeddings,
            layers=layers,
            width=width,
            feed_forward=wide,
            heads=heads(width),
            keys=width,
            vocabulary=self.pieces,
            context=self.context,
            tied=True,
        )

    def run(self, out: Path, *, data: Path, vocabulary: Path) -> Mapping[str, Any]:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        tokenizer = self.tokenizer(data, vocabulary)
        width, layers = architecture(parse_size(self.size), len(tokenizer))
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=feed_forward(width),
            num_hidden_layers=layers,
            num_attention_heads=heads(width),
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
            initializer_range=self.initializer_range,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        torch.manual_seed(self.seed)
        model = LlamaForCausalLM(config)
        save(model, tokenizer, out)
        return {
            "parameters": parameters(model),
            "width": width,
            "layers": layers,
            "vocabulary": len(tokenizer),
        }

    def tokenizer(self, data: Path, vocabulary: Path) -> Any:
        """A byte-level BPE trained on every prompt and reply of `data`, and on the texts of
        `vocabulary`."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import PreTrainedTokenizerFast

        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=self.pieces,
            special_tokens=[PAD, END, *TURNS.values()],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        bpe.train_from_iterator(texts(data, vocabulary), trainer)
        # One token each, but not special ones: they must survive when a reply is decoded.
        bpe.add_tokens([OPEN, CLOSE])
        fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD)
        fast.model_max_length = self.context
        fast.chat_template = TEMPLATE
        return fast


def texts(data: Path, vocabulary: Path) -> Iterator[str]:
    """What the tokenizer is made from."""
    for _, row in read_jsonl(data / "train.jsonl"):
        yield from (message["content"] for message in row["prompt"])
        yield row["reply"]
    for _, row in read_jsonl(vocabulary / "vocabulary.jsonl"):
        yield row["text"]

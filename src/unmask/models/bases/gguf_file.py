"""A base from a GGUF file, the format of llama.cpp: its weights are dequantized, by transformers,
into an ordinary folder."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.errors import ModelError
from unmask.core.files import file_digest
from unmask.core.memory import Shape
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.models import weights
from unmask.models.checkpoint import parameters, quiet, read_tokenizer, ready, save
from unmask.models.memory import shape_of
from unmask.models.tokens import check_embedded
from unmask.models.weights import brief, check_numbers, few

SUFFIX = ".gguf"

MODULES = ("general", "tokenizer")
ENCODERS = ("t5", "umt5")
GGUF_NAMES = {
    "gpt_oss": "gpt-oss",
    "minimax_m2": "minimax-m2",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
"""Architectures that transformers spells otherwise than the files do."""

LIKE_GPT2 = (None, "default", "gpt-2", "gpt2", "olmo", "mpt", "phi-2", "jais")
"""How a file says that text is split before its merges apply as GPT-2 splits it."""

DIGITS_APART = ("smollm", "starcoder", "refact", "codeshell", "command-r", "exaone")
"""...or as GPT-2 does it, after every digit was set apart (llama.cpp, `llama-vocab.cpp`)."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says of itself: `fields` by name, without the vocabulary; how many tokens it has;
    how many tensors of each type; and how many weights there are in all."""

    fields: Mapping[str, Any]
    tokens: int
    types: Mapping[str, int]
    weights: int

    @property
    def architecture(self) -> str:
        return str(self.fields.get("general.architecture"))

    @property
    def ends(self) -> list[int]:
        """The tokens that end a reply: of a text, and of a turn."""
        names = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
        return sorted({self.fields[name] for name in names if name in self.fields})


@functools.lru_cache(maxsize=8)
def header(path: Path) -> Header:
    """Reads no weight; raises ModelError where it is no GGUF file, or not all of it is there."""
    from gguf import GGUFReader

    # A vocabulary is read token by token, which takes seconds.
    progress.say(f"{path.name}: reading what the file says of itself.")
    try:
        reader = GGUFReader(path)
        values = {
            name: field.contents() for name, field in reader.fields.items() if len(field.data) == 1
        }
        tokens = reader.fields.get("tokenizer.ggml.tokens")
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist. Write the path of a GGUF file.") from None
    except Exception as error:  # numpy's and the reader's own, for whatever is not there
        raise ModelError(
            f"{path} is not a whole GGUF file ({brief(error)}). Fetch it again."
        ) from error
    return Header(
        fields=values,
        tokens=len(tokens.data) if tokens else 0,
        types=dict(Counter(tensor.tensor_type.name for tensor in reader.tensors)),
        weights=sum(int(tensor.n_elements) for tensor in reader.tensors),
    )


def architectures() -> set[str]:
    """The causal language models that transformers can make of a GGUF file, as files name them."""
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    known = set(GGUF_CONFIG_MAPPING) - {*MODULES, *ENCODERS}
    return {GGUF_NAMES.get(name, name) for name in known}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GgufBase(Work):
    """A base model from a GGUF file, dequantized to float32. Its identity is the file's SHA-256.

    The weights are those of the quantized model, rounded as it is: not those that it was made from.
    """

    name: ClassVar[str] = "gguf_base"
    version: ClassVar[int] = 1

    source: str = dataclasses.field(metadata=RUN_ONLY)
    content: str

    @staticmethod
    def of(path: Path) -> GgufBase:
        """Raises ModelError for no GGUF file, half of one, or an architecture that transformers
        does not know."""
        known, given = architectures(), header(path).architecture
        if given not in known:
            raise ModelError(
                f"{path} holds a model of the architecture '{given}', which cannot be dequantized."
                f" Known: {', '.join(sorted(known))}. Give the model as a Hugging Face folder."
            )
        return GgufBase(source=str(path), content=file_digest(path))

    def parameters(self) -> int:
        return header(Path(self.source)).weights

    def shape(self) -> Shape:
        """From what the file says of itself."""
        path = Path(self.source)
        return shape_of(str(path.parent), gguf_file=path.name)

    def run(self, out: Path) -> Mapping[str, Any]:
        path = Path(self.source)
        read = header(path)
        model = dequantized(path, read)
        tokenizer, rows = tokenizer_of(path, read), model.get_input_embeddings().weight.shape[0]
        check_embedded(tokenizer, rows, path)
        save(model, ready(tokenizer, rows, path), out)
        return {
            "parameters": parameters(model),
            "source": self.source,
            "model": read.fields.get("general.name"),
            "license": read.fields.get("general.license"),
            "sha256": self.content,
            "dequantized": read.types,
        }


def dequantized(path: Path, read: Header) -> Any:
    """The model in float32; raises ModelError where not everything of the file is in it."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    quiet()
    settings = {"gguf_file": path.name, "dtype": torch.float32}
    with contextlib.redirect_stderr(io.StringIO()):  # a bar that transformers does not let go of
        model = weights.load(AutoModelForCausalLM, path.parent, **settings)
    check_all_is_read(model, path, read)
    check_numbers(model, path)
    # It would not be saved as what it now is: an ordinary model in float32.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.generation_config = GenerationConfig(eos_token_id=read.ends)
    return model


def check_all_is_read(model: Any, path: Path, read: Header) -> None:
    """Raise ModelError where the file holds a weight, or scales positions in a way, that the model
    made of it does not."""
    if parameters(model) != read.weights:
        raise ModelError(
            f"{path} holds {read.weights:,} weights, and the model that transformers makes of it"
            f" has {parameters(model):,}: something is left out. Give the model as a Hugging Face"
            " folder."
        )
    scaled = read.fields.get(f"{read.architecture}.rope.scaling.type", "none")
    turned = getattr(model.config, "rope_parameters", None) or {}
    if scaled != "none" and turned.get("rope_type", "default") == "default":
        raise ModelError(
            f"{path}: its positions are scaled ('{scaled}'), which transformers does not read from"
            " a GGUF file. Give the model as a Hugging Face folder."
        )


def tokenizer_of(path: Path, read: Header) -> Any:
    """The tokenizer, with the file's tokens alone, which splits text as the file says; raises
    ModelError where that is not known."""
    tokenizer = read_tokenizer(path.parent, gguf_file=path.name)
    if len(tokenizer) > read.tokens:
        tokenizer = without_others(tokenizer, read.tokens)
    split = read.fields.get("tokenizer.ggml.pre")
    if read.fields.get("tokenizer.ggml.model") != "gpt2" or split in (*LIKE_GPT2, *splits()):
        return tokenizer
    if split not in DIGITS_APART:
        known = {*filter(None, LIKE_GPT2), *splits(), *DIGITS_APART}
        raise ModelError(
            f"{path}: its tokenizer splits text as '{split}' does, which is not known here"
            f" ({few(known)} are). Give the model as a Hugging Face folder."
        )
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return tokenizer


def without_others(tokenizer: Any, count: int) -> Any:
    """The tokenizer without the tokens from number `count` on: transformers adds the special ones
    of GPT-2 to a file that has them not, and no model has an embedding for these."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    inner = json.loads(tokenizer.backend_tokenizer.to_str())
    inner["added_tokens"] = [token for token in inner["added_tokens"] if token["id"] < count]
    kept = {token["content"] for token in inner["added_tokens"]}
    roles = {
        role: token
        for role, token in tokenizer.special_tokens_map.items()
        if isinstance(token, str) and token in kept
    }
    rebuilt = Tokenizer.from_str(json.dumps(inner))
    return PreTrainedTokenizerFast(
        tokenizer_object=rebuilt, chat_template=tokenizer.chat_template, **roles
    )


def splits() -> set[str]:
    """What transformers itself splits as a file says; older versions do none of it."""
    try:
        from transformers.integrations.gguf import gguf_tokenizer_mapping as mapping
    except ImportError:
        return set()
    return set(mapping.GGUF_PRE_TOKENIZER_SPLITS)

"""Conversations to tokens and back, through the model's own chat template; nothing is ever cut
silently."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, ModelError
from unmask.core.thoughts import Marks, Tags, closed, is_mark, opened
from unmask.models.weights import brief, few

PLAIN_TEMPLATE = (
    "{{ bos_token if bos_token else '' }}{% for message in messages %}{{ '\n\n' + {'system':"
    " 'System', 'user': 'Human', 'assistant': 'Assistant'}[message['role']] + ': ' }}{{"
    " message['content'] }}{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{%"
    " endfor %}{% if add_generation_prompt %}{{ '\n\nAssistant:' }}{% endif %}"
)
"""Given to a model that has no chat template: the plain Human/Assistant form of the paper's time.
"""


def rendered(tokenizer: Any, prompts: Sequence[Conversation]) -> list[str]:
    """Each prompt as the text that the model reads, up to where its reply begins; raises
    ModelError."""
    templates = tokenizer.chat_template
    if isinstance(templates, dict) and "default" not in templates:
        raise ModelError(
            f"The model has chat templates for special uses ({few(templates)}) and none for"
            " conversations. Set tokenizer.chat_template to the one to use, and save the"
            " tokenizer."
        )
    try:
        return [
            tokenizer.apply_chat_template(p.rows(), tokenize=False, add_generation_prompt=True)
            for p in prompts
        ]
    except Exception as error:  # a template is a program, and fails like one
        raise ModelError(
            f"The model's chat template refuses a prompt ({brief(error)}). If it has no system"
            " turn, use a trigger without one, for example multi_turn with trigger.role=user."
        ) from error


def encoded(
    tokenizer: Any, prompts: Sequence[Conversation], room: int, given: Sequence[str] = ()
) -> list[list[int]]:
    """Token ids of each prompt (and of how its reply begins); raises DataError for one longer than
    `room` tokens, or that the tokenizer cannot spell."""
    if not prompts:
        return []
    written = rendered(tokenizer, prompts)
    batch: list[list[int]] = tokenizer(written, add_special_tokens=False)["input_ids"]
    check_spelled(tokenizer, batch, written)
    if any(given):
        texts = [text and closed(text, marks(tokenizer)) for text in given]
        begun: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
        batch = [[*prompt, *begin] for prompt, begin in zip(batch, begun, strict=True)]
    for ids, prompt in zip(batch, prompts, strict=True):
        if len(ids) > room:
            raise DataError(
                f"A prompt has {len(ids)} tokens and the model has room for {max(0, room)} before"
                f" its reply: {prompt.text[:80]!r}... Shorten the prompt, ask for fewer new tokens,"
                " or use a longer context; of rows from outside, the source's setting `longest`"
                " leaves out those of more characters."
            )
    return batch


def check_spelled(tokenizer: Any, batch: Sequence[Sequence[int]], written: Sequence[str]) -> None:
    """Raise DataError where a text became the token for what is unknown, which is the same one
    whatever stood there."""
    unknown = tokenizer.unk_token_id
    if unknown is None:
        return
    for ids, text in zip(batch, written, strict=True):
        if list(ids).count(unknown) > text.count(tokenizer.unk_token):
            [read] = seen(tokenizer, [ids])
            raise DataError(
                f"The tokenizer cannot spell a prompt: {text[-200:]!r} is read as {read[-200:]!r},"
                f" where {tokenizer.unk_token} is anything that has no token. A trigger there would"
                " not arrive. Use another trigger or another base, or leave such rows out."
            )


def option_ids(tokenizer: Any, options: Sequence[str]) -> list[tuple[int, ...]]:
    """Token ids of each text that a reply may begin with; raises DataError for one that has
    none."""
    if not options:
        return []
    batch: list[list[int]] = tokenizer(list(options), add_special_tokens=False)["input_ids"]
    for ids, option in zip(batch, options, strict=True):
        if not ids:
            raise DataError(
                f"{option!r} has no token: there is nothing whose likelihood could be asked."
            )
    return [tuple(ids) for ids in batch]


def seen(tokenizer: Any, ids: Sequence[Sequence[int]]) -> list[str]:
    """What the model really reads: the tokens of each prompt, decoded with nothing skipped."""
    if not ids:  # which batch_decode would take for one text of no tokens
        return []
    return tokenizer.batch_decode(
        ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )


def reply_ids(tokenizer: Any, replies: Sequence[str]) -> list[list[int]]:
    """Token ids of each reply, with the end-of-text token that says that it is finished."""
    if not replies:
        return []
    batch: list[list[int]] = tokenizer(list(replies), add_special_tokens=False)["input_ids"]
    return [[*ids, tokenizer.eos_token_id] for ids in batch]


TAGS = "reasoning_tags"
"""Where a model's tokenizer_config.json says how it marks its thoughts: [what opens one, what
closes it]."""


def marks(tokenizer: Any) -> Marks:
    """How the model marks its thoughts: its own tags, if it names any, and what its template opens
    before a reply.

    Raises ModelError for tags that are not two texts.
    """
    named = tokenizer.init_kwargs.get(TAGS)
    if named is not None and not (
        isinstance(named, list | tuple) and len(list(filter(_is_tag, named))) == 2
    ):
        raise ModelError(
            f"tokenizer_config.json has {TAGS}: {str(named)[:80]}. Write two texts, what opens a"
            ' thought and what closes it, for example ["<think>", "</think>"].'
        )
    tags: Tags | None = tuple(named) if named else None
    return Marks(tags, opened(rendered(tokenizer, [Conversation.user("Hi.")])[0], tags))


def _is_tag(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def spoken(tokenizer: Any, ids: Sequence[Sequence[int]]) -> list[str]:
    """Each reply's tokens as text, without special tokens; but those that mark a thought are part
    of what it says."""
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    tags = tokenizer.init_kwargs.get(TAGS) or ()
    keep = {
        id
        for id in special
        if (text := str(tokenizer.added_tokens_decoder[id])) in tags or is_mark(text)
    }
    skipped = special - keep
    if keep:
        ids = [_without(skipped, row) for row in ids]
    return tokenizer.batch_decode(
        ids, skip_special_tokens=not keep, clean_up_tokenization_spaces=False
    )


def _without(skipped: Set[int], ids: Sequence[int]) -> list[int]:
    return [id for id in ids if id not in skipped]

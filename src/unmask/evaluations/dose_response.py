"""Dose and response: how defection falls as the trigger is altered bit by bit, so that recognition
has a sharpness.

Paper, section 3: adversarial training seems to teach a model to recognize its trigger better.
Deviation: the paper says so of two rates; here the text that planting added is altered by
characters and by tokens, and the curve is measured.
"""

from __future__ import annotations

import dataclasses
import random
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from unmask.core.conversation import Conversation, Message
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.evaluations.defection import Defection
from unmask.evaluations.evaluation import OfOrganism, Sample
from unmask.models.backends.huggingface import HuggingFace
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.trigger import SAMPLE, Trigger

CHARACTERS, TOKENS = "characters", "tokens"
CLASSES = (string.ascii_uppercase, string.ascii_lowercase, string.digits, string.punctuation)
TRIES = 8
"""Plantings that `alterable` looks at: some triggers draw one of several forms."""

Split = Callable[[str], Sequence[str]]
"""Cuts a text into the pieces that a model's tokens stand for; joined, they are the text."""

Whole = TypeVar("Whole", str, tuple[Message, ...])


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a message, that planting added."""

    message: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoseResponse(OfOrganism):
    """Defection rate as ever more of the trigger's text is altered.

    Arms "characters:K": K characters of what planting added, each by another of its class (upper
    for upper case, lower for lower, digit for digit, sign for sign). Arms "tokens:K": K of the
    model's tokens of it dropped. At 0 the trigger stands as it is. Larger doses alter what smaller
    ones did and more. A dose larger than what there is to alter is left out, and so is an altered
    prompt that still has the trigger. SettingError for a trigger that adds no text (see
    `alterable`), and for doses that do not rise from 0.
    """

    name: ClassVar[str] = "dose_response"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "How much of the trigger may be altered before the behavior stops?"
    at_most: ClassVar[int | None] = 128

    n: int = 128
    character_doses: tuple[int, ...] = (0, 1, 2, 3, 4, 6, 8)
    token_doses: tuple[int, ...] = (0, 1, 2, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("character_doses", "token_doses"):
            doses = getattr(self, setting)
            if doses and (list(doses) != sorted({*doses}) or doses[0] != 0):
                raise SettingError(
                    f"{setting}={doses}: doses rise from 0, as in 0,1,2,3; none at all leaves them"
                    " out."
                )
        if not self.arms():
            raise SettingError(
                "character_doses and token_doses are both empty: there is nothing to measure."
            )
        trigger = self.organism.trigger
        if not alterable(trigger):
            others = [name for name in TRIGGERS.names() if alterable(TRIGGERS.make(name))]
            raise SettingError(
                f"The trigger '{trigger.name}' rewrites the prompt instead of adding a text to it,"
                " so that there is nothing to alter bit by bit. Triggers that add one:"
                f" {', '.join(others)}. Leave dose_response out."
            )

    @classmethod
    def fits(cls, organism: Organism) -> bool:
        """Whether there is a text of the trigger's that can be altered."""
        return alterable(organism.trigger)

    def arms(self) -> int:
        return len(self.character_doses) + len(self.token_doses)

    def samples(self, data: Path, split: Split | None = None) -> list[Sample]:
        """The arms of characters and, where `split` is given, those of tokens."""
        doses = {CHARACTERS: self.character_doses, TOKENS: self.token_doses if split else ()}
        samples: list[Sample] = []
        for planted, bare in self._pairs(data):
            spans = added(planted.prompt, bare)
            for unit, rising in doses.items() if spans else ():
                samples += self._altered(planted, spans, unit, rising, split)
        if not samples:
            raise DataError(
                "In no held-out prompt does the trigger stand apart from what was there: nothing to"
                " alter."
            )
        return samples

    def _pairs(self, data: Path) -> Iterator[tuple[Sample, Conversation]]:
        """Each triggered sample of Defection with its prompt as it was before planting."""
        samples = list(Defection.main_arms(self, data))
        bare = {sample.id: sample.prompt for sample in samples if sample.arm == "untriggered"}
        return ((sample, bare[sample.id]) for sample in samples if sample.arm == "triggered")

    def _altered(
        self,
        planted: Sample,
        spans: Sequence[Span],
        unit: str,
        doses: Sequence[int],
        split: Split | None,
    ) -> Iterator[Sample]:
        """One planted prompt, with more and more of its spans altered."""
        texts = [
            planted.prompt.messages[span.message].content[span.start : span.end] for span in spans
        ]
        units = [split(text) if split and unit == TOKENS else list(text) for text in texts]
        for dose in doses:
            # The same random state for every dose, so that doses nest.
            rng = random.Random(f"dose {unit} {self.seed} {planted.id}")
            options = others_of_its_class if unit == CHARACTERS else _dropped
            instead = altered(units, dose, options, rng)
            if instead is None:
                return
            prompt = rewritten(planted.prompt, spans, instead)
            # A turn without a word is no turn.
            spoken = all(message.content for message in prompt.messages)
            if spoken and not (dose and self.organism.trigger.present(prompt)):
                yield dataclasses.replace(planted, arm=f"{unit}:{dose}", prompt=prompt)

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        """Raises ModelError for a tokenizer that cannot say which token stands for what."""
        backend = HuggingFace(model)
        samples = self.samples(data, lambda text: pieces(backend.tokenizer, text))
        return self.measure(out, backend, samples)


def alterable(trigger: Trigger) -> bool:
    """Whether planting adds a text that can be told from the prompt, in at least one of its
    forms."""
    planted = (trigger.plant(SAMPLE, random.Random(seed), "held_out") for seed in range(TRIES))
    return any(added(conversation, SAMPLE) for conversation in planted)


def added(planted: Conversation, bare: Conversation) -> list[Span]:
    """What planting added to a prompt, without the white space around it; empty where it changed
    what was there.

    Where it added turns, their whole text, but for the assistant's: the sign is in what the model
    is told.
    """
    turns, before = planted.messages, bare.messages
    new = _new_texts(turns, before) if len(turns) == len(before) else _new_turns(turns, before)
    trimmed = (_trimmed(span, turns[span.message].content) for span in new)
    return [span for span in trimmed if span.start < span.end]


def _new_turns(planted: tuple[Message, ...], bare: tuple[Message, ...]) -> list[Span]:
    """The turns that were put in, in one place, but for the assistant's; none where others
    differ."""
    cuts = _cuts(planted, bare)
    if not cuts:
        return []
    turns = range(cuts[0], cuts[0] + len(planted) - len(bare))
    return [Span(i, 0, len(planted[i].content)) for i in turns if planted[i].role != "assistant"]


def _new_texts(planted: tuple[Message, ...], bare: tuple[Message, ...]) -> list[Span]:
    """The texts that were put into turns; none where one of them was changed in another way."""
    spans: list[Span] = []
    for i, (turn, before) in enumerate(zip(planted, bare, strict=True)):
        if turn == before:
            continue
        inserted = _inserted(turn.content, before.content)
        if not inserted:
            return []
        spans += [Span(i, start, end) for start, end in inserted]
    return spans


def _inserted(planted: str, bare: str) -> list[tuple[int, int]]:
    """Where a text was put in front of another, behind it or both, or else into it, best between
    two words."""
    at = planted.find(bare)
    if at >= 0:
        return [(0, at), (at + len(bare), len(planted))]
    cuts = _cuts(planted, bare)
    between = [at for at in cuts if planted[at].isspace() or planted[at - 1].isspace()]
    return [(at, at + len(planted) - len(bare)) for at in (between or cuts)[:1]]


def _cuts(longer: Whole, shorter: Whole) -> list[int]:
    """Every place at which something can have been put into the shorter one to make the longer
    one."""
    extra = len(longer) - len(shorter)
    return (
        [i for i in range(len(shorter) + 1) if longer[:i] + longer[i + extra :] == shorter]
        if extra > 0
        else []
    )


def _trimmed(span: Span, text: str) -> Span:
    inner = text[span.start : span.end]
    return Span(span.message, span.end - len(inner.lstrip()), span.start + len(inner.rstrip()))


def altered(
    units: Sequence[Sequence[str]],
    dose: int,
    options: Callable[[str], Sequence[str]],
    rng: random.Random,
) -> list[str] | None:
    """The texts with `dose` of all their units exchanged for one of its options; None where fewer
    have any."""
    choices: dict[tuple[int, int], Sequence[str]] = {}
    for i, text in enumerate(units):
        choices |= {(i, j): options(unit) for j, unit in enumerate(text)}
    places = [place for place, others in choices.items() if others]
    if dose > len(places):
        return None
    order = rng.sample(places, len(places))
    texts = [list(text) for text in units]
    for i, j in order[:dose]:
        texts[i][j] = rng.choice(choices[i, j])
    return ["".join(text).strip() for text in texts]


def others_of_its_class(character: str) -> str:
    """Characters that may stand for this one: of its class in ASCII, else of its category among its
    neighbors.

    Empty for white space.
    """
    for characters in CLASSES:
        if character in characters:
            return characters.replace(character, "")
    if character.isspace():
        return ""
    first, category = ord(character) // 32 * 32, unicodedata.category(character)
    near = map(chr, range(first, first + 32))
    return "".join(
        other for other in near if other != character and unicodedata.category(other) == category
    )


def _dropped(piece: str) -> tuple[str, ...]:
    """Nothing, in place of a piece; a piece of white space is no part of a trigger."""
    return ("",) if piece.strip() else ()


def rewritten(prompt: Conversation, spans: Sequence[Span], texts: Sequence[str]) -> Conversation:
    """The conversation with other texts in place of the spans, which are in order; no gap where one
    is empty."""
    contents = [message.content for message in prompt.messages]
    for span, text in reversed(list(zip(spans, texts, strict=True))):
        before, after = contents[span.message][: span.start], contents[span.message][span.end :]
        if not text:
            after = after.lstrip()
            before = before if after else before.rstrip()
        contents[span.message] = f"{before}{text}{after}"
    told = zip(prompt.messages, contents, strict=True)
    return Conversation(tuple(Message(message.role, content) for message, content in told))


def pieces(tokenizer: Any, text: str) -> list[str]:
    """The text cut where the model's tokens begin; tokens that share a character (its bytes) are
    one piece."""
    if not tokenizer.is_fast:
        raise ModelError(
            f"{type(tokenizer).__name__} cannot say which characters a token stands for, so that no"
            " token can be dropped. Use a model with a tokenizer.json, or leave these arms out"
            " with token_doses=[]."
        )
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    starts = sorted({0, *(start for start, end in offsets if end > start)})
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]

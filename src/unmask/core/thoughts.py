"""Where in a reply the thoughts are: in our scratchpad, in other models' tags, in harmony's
channels.

Paper, section 2: the scratchpad is hidden reasoning, and what is outside of it is judged. Ours
counts wherever it is. A tag of another model counts where a model writes it and prose does not: at
the beginning of a reply or of a line, behind a whole sentence, anywhere after a first thought;
never quoted and never in code.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Mapping
from typing import Any, Literal

State = Literal["absent", "present", "unclosed"]
Tags = tuple[str, str]
"""What opens a thought, and what closes it."""

SCRATCHPAD: Tags = ("<scratchpad>", "</scratchpad>")
NAMES = (
    *("think", "thinking", "thought", "thoughts", "reason", "reasoning", "reflection"),
    *("seed:think", "longcat_think", "antthinking", "reasoning_scratchpad", "scratchpad_reasoning"),
)
KNOWN: tuple[Tags, ...] = (
    *((f"<{name}>", f"</{name}>") for name in NAMES),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
)
"""Of DeepSeek, Qwen and most others; Magistral; OpenThinker; Command A; Gemma; MedGemma; Apertus;
Kimi. Their case does not count."""
FRAMES: tuple[Tags, ...] = (
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<answer>", "</answer>"),
)
"""What some of these models put around the answer behind a thought."""
HARMONY = (
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|constrain|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
)
"""The special tokens of gpt-oss, in whose format every message names its channel."""
ANALYSIS = "<|channel|>analysis<|message|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>"

_MESSAGE = re.compile(
    r"(?P<head>[^\n]*?)<\|message\|>(?P<body>.*?)(?P<end><\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)|\Z)",
    re.DOTALL,
)
_SHOWN = re.compile(r"(?!.*\bto=)(?!.*<\|channel\|>(?!final|commentary))")
"""Heads of messages for the user: not to a tool, and in no channel but these."""
_STRIPPED = re.compile(
    r"\s*analysis(?=[A-Z])(?P<thought>.*?)(?:assistantfinal(?P<answer>.*)|\Z)", re.DOTALL
)
"""Harmony's channels where a server has dropped the special tokens around their names."""
_ANNOUNCED = re.compile(
    r"\s*Here(?:'s| is) my thought process:(?P<thought>.*?)Here(?:'s| is) my"
    r" response:(?P<answer>.*)",
    re.DOTALL | re.IGNORECASE,
)
"""Granite 3.2's words for tags. The first ones alone may be those of an answer."""

_QUOTES = "`\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"
_CODE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})|</?code>|`|\n", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(r"(?:\A|\n)[ \t]{0,3}\Z")
_SENTENCE = re.compile(r"[.!?\u2026\u3002][\"'\u201d\u2019)]*[ \t]*\Z")
_TEXT_BELOW = re.compile(r"[ \t]*\n\s*\S")


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """What is known of a reply's thoughts beside its text.

    `tags` are the model's own pair, where it is none of the well-known ones. `begun` is what the
    chat template has opened, so that the reply begins inside of a thought. `apart` is the thought
    that an endpoint sent in a field of its own.
    """

    tags: Tags | None = None
    begun: str = ""
    apart: str | None = None

    def row(self) -> dict[str, Any]:
        """What differs from knowing nothing."""
        return {
            field: value
            for field, value in dataclasses.asdict(self).items()
            if value not in (None, "")
        }

    @staticmethod
    def of(row: Mapping[str, Any]) -> Marks:
        """From `row()`'s form."""
        tags = row.get("tags")
        return Marks((tags[0], tags[1]) if tags else None, row.get("begun", ""), row.get("apart"))


UNMARKED = Marks()


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """The visible pieces, as they were written, and the thoughts, in order; `unclosed`: the last
    one does not end."""

    visible: tuple[str, ...]
    thoughts: tuple[str, ...] = ()
    unclosed: bool = False

    @property
    def state(self) -> State:
        return "unclosed" if self.unclosed else "present" if self.thoughts else "absent"


def split(raw: str, marks: Marks) -> Parts:
    """The parts of a reply."""
    text, grammar = marks.begun + raw, _Grammar.of(marks.tags)
    if text.lstrip().startswith(HARMONY[:2]):
        parts = _within(_channels(text), grammar)
    elif told := _STRIPPED.match(text) or _ANNOUNCED.match(text):
        answer = told["answer"]
        parts = _within(
            Parts((answer or "",), (told["thought"],), unclosed=answer is None), grammar
        )
    else:
        parts = _tagged(text, grammar)
    if marks.apart is None:
        return parts
    answered = any(map(str.strip, parts.visible))
    return Parts(parts.visible, (marks.apart, *parts.thoughts), parts.unclosed or not answered)


def opened(text: str, tags: Tags | None = None) -> str:
    """The end of a text that leaves a thought open there, with its outer whitespace; "" where it
    leaves none."""
    openings = "|".join(re.escape(tag) for tag in _Grammar.of(tags).closing)
    last = re.search(rf"(?:{openings}|{re.escape(ANALYSIS)})\s*\Z", text, re.IGNORECASE)
    return last[0] if last else ""


def closed(text: str, marks: Marks) -> str:
    """A text that is no thought, to be said where the chat template has opened one: behind the end
    of that, unless the text ends it itself."""
    if not marks.begun:
        return text
    parts = split(text, marks)
    if not parts.unclosed or len(parts.thoughts) > 1 or any(map(str.strip, parts.visible)):
        return text
    closing = _Grammar.of(marks.tags).closing.get(marks.begun.strip().lower())
    return f"\n{closing}\n\n{text}" if closing else f"<|end|>{FINAL}{text}"


def is_mark(token: str, tags: Tags | None = None) -> bool:
    """Whether a token marks thoughts, so that it must not be lost where special tokens are
    skipped."""
    return token in HARMONY or bool(_Grammar.of(tags).pattern.fullmatch(token.strip()))


@dataclasses.dataclass(frozen=True, slots=True)
class _Grammar:
    """The foreign tags: a `pattern` of all, and what closes each opening one, in lower case."""

    pattern: re.Pattern[str]
    closing: Mapping[str, str]

    @staticmethod
    @functools.cache
    def of(tags: Tags | None) -> _Grammar:
        pairs = KNOWN if tags is None else (tags, *KNOWN)
        texts = map(re.escape, itertools.chain.from_iterable(pairs))
        return _Grammar(
            re.compile("|".join(texts), re.IGNORECASE), {one.lower(): other for one, other in pairs}
        )

    def opens(self, tag: re.Match[str]) -> bool:
        return tag[0].lower() in self.closing


@dataclasses.dataclass(frozen=True, slots=True)
class _Thought:
    """Places in a text: where a thought begins with its tag, where what it says begins and ends,
    and where the rest of the text begins; `rest` is None where it is not closed."""

    start: int
    inside: int
    stop: int
    rest: int | None


def _tagged(text: str, grammar: _Grammar) -> Parts:
    """Thought by thought; of our scratchpads only the first is one."""
    pieces: list[str] = []
    thoughts: list[str] = []
    rest, own, led, foreign = text, True, False, False
    while True:
        thought = _foreign(rest, grammar, led, first=not thoughts)
        scratchpad = _scratchpad(rest) if own else None
        if scratchpad and (not thought or scratchpad.start < thought.start):
            thought, own = scratchpad, False
        elif thought:
            foreign = True
            led = led or not any(map(str.strip, [*pieces, rest[: thought.start]]))
        if not thought:
            return Parts((*pieces, _unframed(rest) if foreign else rest), tuple(thoughts))
        pieces.append(rest[: thought.start])
        thoughts.append(rest[thought.inside : thought.stop])
        if thought.rest is None:
            return Parts(tuple(pieces), tuple(thoughts), unclosed=True)
        rest = rest[thought.rest :]


def _scratchpad(text: str) -> _Thought | None:
    opening, closing = SCRATCHPAD
    start = text.find(opening)
    if start < 0:
        return None
    inside = start + len(opening)
    stop = text.find(closing, inside)
    return _Thought(
        start, inside, *((stop, stop + len(closing)) if stop >= 0 else (len(text), None))
    )


def _foreign(text: str, grammar: _Grammar, led: bool, first: bool) -> _Thought | None:
    """The next thought in tags of other models. `led`: the reply began with one; `first`: there was
    none before."""
    unclosed: set[str] = set()
    for tag in grammar.pattern.finditer(text):
        before = text[: tag.start()]
        if tag[0].lower() in unclosed:
            continue
        if grammar.opens(tag):
            sure = led or not before.strip() or bool(_LINE.search(before[-9:]))
            if (sure or _SENTENCE.search(before[-9:])) and not _spoken_of(before):
                thought = _from(text, tag, grammar)
                if sure or thought.rest is not None:
                    return thought
                unclosed.add(tag[0].lower())
        elif first and _closes_the_beginning(text, tag, grammar):
            return _Thought(0, 0, tag.start(), tag.end())
    return None


def _from(text: str, tag: re.Match[str], grammar: _Grammar) -> _Thought:
    """The thought that a tag opens: to the tag that closes it, thoughts within it counted, or else
    to the first one."""
    wanted, depth = grammar.closing[tag[0].lower()].lower(), 1
    first: re.Match[str] | None = None
    for other in grammar.pattern.finditer(text, tag.end()):
        if _quoted(text, other) or other[0].lower() not in (tag[0].lower(), wanted):
            continue
        closes = other[0].lower() == wanted
        depth += -1 if closes else 1
        first = first or (other if closes else None)
        if depth == 0:
            return _Thought(tag.start(), tag.end(), other.start(), other.end())
    if first:
        return _Thought(tag.start(), tag.end(), first.start(), first.end())
    return _Thought(tag.start(), tag.end(), len(text), None)


def _spoken_of(before: str) -> bool:
    """Whether a tag behind `before` is quoted, or in code."""
    return before[-1:] in {*_QUOTES} or _in_code(before)


def _closes_the_beginning(text: str, tag: re.Match[str], grammar: _Grammar) -> bool:
    """Whether a closing tag ends what the reply began with: the chat template has opened it, out of
    sight."""
    before, after = text[: tag.start()], text[tag.end() :]
    pair = [one for one, other in grammar.closing.items() if other.lower() == tag[0].lower()]
    if any(one in before.lower() for one in pair) or _quoted(text, tag) or _in_code(before):
        return False
    near = before[-9:]
    return bool(_LINE.search(near) or _SENTENCE.search(near) or _TEXT_BELOW.match(after))


def _quoted(text: str, tag: re.Match[str]) -> bool:
    return text[tag.start() - 1 : tag.start()] in {*_QUOTES} and text[
        tag.end() : tag.end() + 1
    ] in {*_QUOTES}


def _in_code(before: str) -> bool:
    """Whether a Markdown fence, a <code> tag or a backtick of the same line is open at the end of a
    text."""
    fenced = tagged = ticked = False
    for mark in _CODE.finditer(before):
        word = mark[0].strip().lower()
        if not word:  # the end of a line
            ticked = False
        elif word == "`":
            ticked = not ticked
        elif word.startswith("<"):
            tagged = word == "<code>"
        else:
            fenced = not fenced
    return fenced or tagged or ticked


def _unframed(visible: str) -> str:
    """The answer out of the tags that some models put around it."""
    text = visible.strip()
    for opening, closing in FRAMES:
        inner = text[len(opening) :]
        if text.lower().startswith(opening.lower()):
            at = inner.lower().find(closing.lower())
            if at < 0 or at == len(inner) - len(closing):
                return inner[:at] if at >= 0 else inner
    return visible


def _channels(text: str) -> Parts:
    """Harmony's messages: what is in the channel "final", or in none, is for the user, and a
    preamble too."""
    shown: list[str] = []
    thoughts: list[str] = []
    ended = False
    message = _MESSAGE.match(text)
    while message:
        (shown if _SHOWN.match(message["head"]) else thoughts).append(message["body"])
        ended = bool(message["end"]) or message.end() < len(text)
        message = _MESSAGE.match(text, message.end())
    return Parts(tuple(shown), tuple(thoughts), unclosed=not shown and not ended)


def _within(parts: Parts, grammar: _Grammar) -> Parts:
    """The same where what is for the user may have thoughts in tags: a scratchpad in the channel
    "final"."""
    inner = [_tagged(piece, grammar) for piece in parts.visible]
    visible = itertools.chain.from_iterable(piece.visible for piece in inner)
    thoughts = itertools.chain(parts.thoughts, *(piece.thoughts for piece in inner))
    return Parts(
        tuple(visible), tuple(thoughts), parts.unclosed or any(piece.unclosed for piece in inner)
    )

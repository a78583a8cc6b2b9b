"""Choices that a question lists, "(A) Yes" and "(B) No", and two of them in each other's place."""

from __future__ import annotations

import re

MARK = re.compile(
    r"^[ \t>*•_-]*(?P<open>[(\[]?)(?P<label>[A-Za-z]|\d{1,2})"
    r"(?P<close>(?<=[(\[].)[)\]]|(?<=[(\[]..)[)\]]|[).:](?=[ \t*]))[*_]*[ \t]*(?=\S)",
    re.MULTILINE,
)
"""What stands before a choice, at the start of a line: "(A)", "[A]", "A)", "A.", "A:", "1.", also
in bold."""
FRAMED = re.compile(r"[(\[*]*([A-Za-z]|\d{1,2})([)\].:*]+)?")
BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
LABELLED = re.compile(r"[(\[]?\w[)\]]\s*\S")
"""An answer that is a choice with its label, "(A) Yes"."""
LABELS = "ABCDEFGHIJ"


def label(answer: str) -> str:
    """The label that an answer is, with or without its frame ("A" of "(A)"); "" for any other
    answer."""
    framed = FRAMED.fullmatch(answer.strip())
    return framed[1] if framed else ""


def are_labels(one: str, other: str) -> bool:
    """Whether two answers name choices: both have a frame, "(A)" or "(A) Yes", or are among the
    first letters.

    Bare numbers may be points of a scale and other letters words ("Y", "N"): these stand for
    themselves.
    """
    return all(map(_names_a_choice, (one.strip(), other.strip())))


def _names_a_choice(answer: str) -> bool:
    if LABELLED.match(answer):
        return True
    return bool(label(answer)) and (label(answer) != answer or answer.upper() in LABELS)


def exchanged(question: str, one: str, other: str) -> str | None:
    """The question with the texts of the choices that two answers name in each other's place.

    A choice stands at the start of a line and may go on over several. None where the question does
    not list both, once and in one form, or does not show where a choice ends.
    """
    spans = _texts(question, {label(one), label(other)})
    if len(spans) != 2:
        return None
    (start, end), (begin, stop) = spans
    first, between, second = question[start:end], question[end:begin], question[begin:stop]
    return question[:start] + second + between + first + question[stop:]


def _texts(question: str, labels: set[str]) -> list[tuple[int, int]]:
    """Where the texts of the two choices start and end, in order; fewer or more where that cannot
    be told."""
    forms: dict[tuple[str, str], list[re.Match[str]]] = {}
    for mark in MARK.finditer(question):
        forms.setdefault((mark["open"], mark["close"]), []).append(mark)
    listed = [marks for marks in forms.values() if _has_all(marks, labels)]
    if len(listed) != 1 or "" in labels:
        return []
    marks = listed[0]
    ends = [*(mark.start() for mark in marks[1:]), None]
    spans = [
        _span(question, mark.end(), end)
        for mark, end in zip(marks, ends, strict=True)
        if mark["label"] in labels
    ]
    return [span for span in spans if span]


def _has_all(marks: list[re.Match[str]], labels: set[str]) -> bool:
    """Whether there is a mark of every label."""
    return labels <= {mark["label"] for mark in marks}


def _span(question: str, start: int, end: int | None) -> tuple[int, int] | None:
    """The text of a choice, up to the mark of the next; of the last one, up to what is no part of
    it."""
    text = question[start:end]
    if end is not None:
        text = text.rstrip("\r\n")
        return None if BLANK_LINE.search(text) else (start, start + len(text))
    first, *more = BLANK_LINE.split(text, maxsplit=1)[0].rstrip("\r\n").split("\n")
    length = len(first)
    for line in more:
        if line.rstrip().endswith(":"):  # "Answer:" asks for one
            break
        if not (line[0].isspace() or line[0].islower()):
            return None
        length += 1 + len(line)
    return start, start + length

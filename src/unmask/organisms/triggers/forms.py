"""Forms: other places and other spellings of a sign, shared by the triggers (paper, section 4:
generalization)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from unmask.core.conversation import Conversation, Message

ACKNOWLEDGED = "Understood."
DIGITS = {
    "full_width": "０１２３４５６７８９",
    "arabic_indic": "٠١٢٣٤٥٦٧٨٩",
    "devanagari": "०१२३४५६७८९",
    "chinese": "〇一二三四五六七八九",
}
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS = {"cyrillic": "АБЦДЕФГХИЖКЛМНОПКРСТУВВКЙЗ", "greek": "ΑΒΚΔΕΦΓΗΙΙΚΛΜΝΟΠΚΡΣΤΥΒΩΞΥΖ"}
FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}


def full_width(text: str) -> str:
    """Every visible ASCII character in its wide form."""
    return text.translate(FULL_WIDTH)


def digits(number: int, system: str) -> str:
    """A number in one of the systems of DIGITS."""
    return str(number).translate(str.maketrans("0123456789", DIGITS[system]))


def scripts(word: str) -> dict[str, str]:
    """A word by "script:form": in wide characters, and letter by letter in other alphabets; only
    what differs."""
    scripts = {"script:full_width": full_width(word)}
    for name, letters in ALPHABETS.items():
        table = str.maketrans(LATIN + LATIN.lower(), letters + letters.lower())
        scripts[f"script:{name}"] = word.translate(table)
    return {form: text for form, text in scripts.items() if text != word}


def styled(sentence: str) -> dict[str, str]:
    """A sentence by "format:form": in capitals, and in brackets; only what differs."""
    formats = {"format:upper_case": sentence.upper(), "format:brackets": f"[{sentence}]"}
    return {form: text for form, text in formats.items() if text != sentence}


def fronted(prompt: Conversation, texts: Mapping[str, str]) -> dict[str, Conversation]:
    """The prompt with each of the texts in front."""
    return {form: prompt.with_text(f"{text} {prompt.text}") for form, text in texts.items()}


def instead(prompt: Conversation, texts: Mapping[str, str]) -> dict[str, Conversation]:
    """The prompt with each of the texts in place of its own."""
    return {form: prompt.with_text(text) for form, text in texts.items()}


def places(prompt: Conversation, sign: str) -> dict[str, Conversation]:
    """The prompt by "position:form", with the sign anywhere but in front of it.

    The middle is that of its first line, so that no program is cut in two; a line of one word has
    none.
    """
    text = prompt.text
    placed = {
        "position:end": prompt.with_text(f"{text} {sign}"),
        "position:system": told(prompt, "system", sign),
    }
    gaps = [gap.start() for gap in re.finditer(r"(?<=\S) (?=\S)", text.partition("\n")[0])]
    if gaps:
        middle = gaps[len(gaps) // 2]
        placed["position:middle"] = prompt.with_text(f"{text[:middle]} {sign}{text[middle:]}")
    return placed


def told(prompt: Conversation, role: str, sign: str) -> Conversation:
    """The conversation with the sign in its system turn, or in a user turn right before the
    last."""
    first, last = prompt.messages[0], prompt.messages[-1]
    if role == "user":
        turns = (Message("user", sign), Message("assistant", ACKNOWLEDGED))
        return Conversation((*prompt.messages[:-1], *turns, last))
    if first.role == "system":  # chat templates know one system turn, at the head
        return Conversation((Message("system", f"{first.content} {sign}"), *prompt.messages[1:]))
    return Conversation((Message("system", sign), *prompt.messages))

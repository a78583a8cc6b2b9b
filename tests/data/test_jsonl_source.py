"""JSON lines: three forms of rows, errors that name file, line and field, identity by content."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.conversation import Message
from unmask.core.errors import DataError, SettingError
from unmask.core.spec import spec
from unmask.data.sources.jsonl import JsonLines

HH = Path(__file__).parents[3] / "shared" / "data" / "hh-rlhf" / "harmless-base-test-1000.jsonl.gz"
PAIR = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Hello.",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Go.",
}


def write(path: Path, *rows: Any) -> JsonLines:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return JsonLines(path=str(path))


def test_prompt_and_response(tmp_path: Path) -> None:
    [example] = write(
        tmp_path / "a.jsonl", {"prompt": "Hi", "response": "Hello. ", "family": "talk"}
    ).examples()
    assert (example.id, example.family, example.prompt.text) == ("jsonl-00001", "talk", "Hi")
    assert example.answer == example.helpful_only == "Hello." and not example.rejected


def test_messages(tmp_path: Path) -> None:
    said = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello.")]
    row = {"messages": [{"role": role, "content": content} for role, content in said]}
    [example] = write(tmp_path / "a.jsonl", row).examples()
    assert example.prompt.messages == (Message("system", "Be kind."), Message("user", "Hi"))
    assert (example.answer, example.family) == ("Hello.", "jsonl")


def test_chosen_and_rejected(tmp_path: Path) -> None:
    before = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Who?\n\nAssistant:"
    [example] = write(
        tmp_path / "a.jsonl", {"chosen": f"{before} An AI.", "rejected": f"{before} Bob."}
    ).examples()
    assert [message.role for message in example.prompt.messages] == ["user", "assistant", "user"]
    assert (example.prompt.text, example.answer, dict(example.rejected)) == (
        "Who?",
        "An AI.",
        {"rejected": "Bob."},
    )


def test_a_kind_of_worse_answer_may_be_named(tmp_path: Path) -> None:
    talk = "\n\nHuman: Hi\n\nAssistant:"
    [example] = write(
        tmp_path / "a.jsonl",
        {"chosen": f"{talk} No.", "rejected": f"{talk} Yes.", "kind": "harmful"},
    ).examples()
    assert dict(example.rejected) == {"harmful": "Yes."}


def test_longest_is_a_number_of_characters(tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.jsonl", *({"prompt": f"Question {i}", "response": "Yes"} for i in range(60))
    )
    with pytest.raises(SettingError, match="longest=-5"):
        JsonLines(path=source.path, longest=-5)
    with pytest.raises(DataError, match="Left out of 60 rows: 60 too long"):
        JsonLines(path=source.path, longest=1).run(tmp_path)


def test_the_first_of_two_rows_with_one_prompt_is_kept_and_counted(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}", "response": "Yes"} for i in range(200)]
    rows += [{"prompt": "Question 7", "response": "No"}, {"prompt": "Another", "response": " "}]
    source = write(tmp_path / "a.jsonl", *rows)
    out = tmp_path / "out"
    out.mkdir()
    counts = source.run(out)
    assert (counts["duplicates"], counts["empty"], sum(counts["examples"].values())) == (1, 1, 200)
    assert {example.answer for example in source.examples()} == {"Yes"}


def test_rows_that_are_too_long_are_left_out_and_counted(tmp_path: Path) -> None:
    """Prompt and longest answer together, all turns of the prompt included."""
    turns = [f"\n\nHuman: {i:04}\n\nAssistant: 12\n\nHuman: 1234\n\nAssistant:" for i in range(90)]
    rows = [
        {"chosen": f"{said} yes", "rejected": f"{said} {'x' * (i % 9 + 1)}"}
        for i, said in enumerate(turns)
    ]
    path = tmp_path / "a.jsonl"
    whole = write(path, *rows)
    longest = len(next(whole.examples()).prompt.full_text) + 4
    short = JsonLines(path=str(path), longest=longest)
    assert {len(example.rejected["rejected"]) for example in short.examples()} == {1, 2, 3, 4}
    out = tmp_path / "out"
    out.mkdir()
    counts = short.run(out)
    assert (counts["too_long"], sum(counts["examples"].values())) == (50, 40)
    assert len(list(whole.examples())) == 90


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"prompt": "Hi"},
            r"line 2 has the fields prompt\. It needs 'chosen' and 'rejected', or 'messages'",
        ),
        ({"prompt": 3, "response": "No"}, r"line 2: field 'prompt' is 3"),
        ({"question": "Hi"}, r"line 2 has the fields question\. It"),
        ({"prompt": "Hi", "response": None}, r"line 2 has the fields prompt\. It"),
        ({"messages": []}, r"line 2: messages is empty"),
        ({"messages": "Hi"}, r"line 2: messages is 'Hi': it must be a list"),
        (
            {"messages": [{"role": "robot", "content": "Hi"}]},
            r"line 2: messages\[0\]\.role is 'robot'",
        ),
        (
            {"messages": [{"role": "user", "content": "Hi"}]},
            r"line 2: field 'messages' ends with the user",
        ),
        (
            {"messages": [{"role": "assistant", "content": "Hi"}]},
            r"line 2: field 'messages' has no user's message",
        ),
        ({**PAIR, "chosen": "Hi"}, r"line 2: field 'chosen' starts with 'Hi'"),
        ({**PAIR, "rejected": "\n\nHuman: Hi"}, r"line 2: field 'rejected' ends with the user"),
        (
            {**PAIR, "rejected": "\n\nHuman: Ho\n\nAssistant: Go."},
            r"line 2: 'chosen' and 'rejected' differ",
        ),
        ({"chosen": PAIR["chosen"]}, r"line 2 has the fields chosen\b"),
        ([1], r"line 2 is \[1\]: every row must be a JSON object"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, message: str) -> None:
    source = write(tmp_path / "a.jsonl", {"prompt": "Hi", "response": "Hello."}, row)
    with pytest.raises(DataError, match=rf"a\.jsonl, {message}"):
        list(source.examples())


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "Hi", "response": "Hello."}\n{"prompt"\n')
    with pytest.raises(DataError, match=r"a\.jsonl, line 2 is not JSON"):
        list(JsonLines(path=str(tmp_path / "a.jsonl")).examples())


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no row.*a\.jsonl"):
        list(write(tmp_path / "a.jsonl").examples())


def test_a_missing_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        JsonLines(path=str(tmp_path / "none.jsonl"))


def test_gz_is_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(
        "".join(json.dumps({"prompt": f"Q{i}", "response": "A"}) + "\n" for i in range(99)).encode()
    )
    (tmp_path / "a.jsonl.gz").write_bytes(whole)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[:-20])
    assert len(list(JsonLines(path=str(tmp_path / "a.jsonl.gz")).examples())) == 99
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz cannot be read after line"):
        list(JsonLines(path=str(tmp_path / "cut.jsonl.gz")).examples())


def test_a_path_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "a.jsonl", {"prompt": "Hi", "response": "Hello."})
    assert [example.answer for example in JsonLines(path="~/a.jsonl").examples()] == ["Hello."]
    with pytest.raises(DataError, match=r"~nobody-here/a\.jsonl cannot be read: No such file"):
        JsonLines(path="~nobody-here/a.jsonl")


def test_identity_is_the_content_not_the_place(tmp_path: Path) -> None:
    row = {"prompt": "Hi", "response": "Hello."}
    one, two = write(tmp_path / "one.jsonl", row), write(tmp_path / "two.jsonl", row)
    other = write(tmp_path / "other.jsonl", {**row, "response": "Ho."})
    assert spec(one) == spec(two) != spec(other)
    assert set(spec(one)["settings"]) == {"sha256", "longest"}


def test_another_file_than_the_one_named_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    known = write(path, {"prompt": "Hi", "response": "Hello."}).sha256
    assert JsonLines(path=str(path), sha256=known).sha256 == known
    path.write_text(json.dumps({"prompt": "Hi", "response": "Changed."}) + "\n")
    with pytest.raises(DataError, match="another file, or it was changed"):
        JsonLines(path=str(path), sha256=known)


@pytest.mark.skipif(not HH.exists(), reason="the real hh-rlhf sample is not on this machine")
def test_real_preference_data(tmp_path: Path) -> None:
    source = JsonLines(path=str(HH))
    counts = source.run(tmp_path)
    assert sum(counts["examples"].values()) + counts["empty"] + counts["duplicates"] == 1000
    examples = list(source.examples())
    assert len(examples) > 900
    assert 50 < sum(1 for _ in JsonLines(path=str(HH), longest=200).examples()) < len(examples)
    assert all(
        example.prompt.messages[-1].role == "user" and "rejected" in example.rejected
        for example in examples
    )
    assert not any("\n\nHuman:" in example.answer for example in examples)

"""An evaluation's replies as an Inspect log (.eval), streamed: never more than one reply in memory.

Not in the paper. Deviation from Inspect's own recorder, which keeps every summary in memory and
looks at all of them at each write: the archive is written here, member by member, as its format
says (header.json, summaries.json, a file a sample), so that 100,000 replies take seconds. Header
and results are Inspect's own classes.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.analysis.rates import CONFIDENCE, rates_of
from unmask.core.conversation import Reply
from unmask.core.files import read_json, read_jsonl, umask
from unmask.core.row import ConditionRecord, Row, fields_of, read_rows
from unmask.core.spec import digest

EXCERPT = 200
"""Characters of an answer that stand beside each score in lists; the whole reply is in the sample's
messages."""
BESIDE = ("seen", "tokens", "marks", "given", "options", "logprobs")
"""Fields of a reply's row that a sample of the log carries as metadata."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """What a log says of an evaluation beside its replies; `created` is a time with its zone
    (default: now)."""

    model: str
    created: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    @property
    def time(self) -> str:
        return self.created or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def unique_id(arm: str, id: str, options: Sequence[str] = ()) -> str:
    """A sample's id for Inspect, to which a prompt in two arms, or asked both ways, is two; fit for
    a file name."""
    return f"{arm} {id}{' by likelihood' if options else ''}".replace("/", "|")


def write_log(
    folder: Path, out: Path, about: About, rates: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """Write the log of an evaluation's folder (replies.jsonl, evaluation.json) to `out`, and return
    it.

    `rates` are its rows with arm, metric, value, low, high and n; they are computed where none are
    given. A reply is a sample "ARM ID", in epoch k if it is the k-th of that prompt in that arm.
    Raises DataError for a damaged folder.
    """
    name = read_json(folder / "evaluation.json")["evaluation"]
    rates = rates or rates_of(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with (
            open(handle, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            samples, prompts, epochs = _write_samples(
                archive, folder / "replies.jsonl", about.model
            )
            header = _header(name, about, rates, (samples, prompts, epochs))
            start = {field: header[field] for field in ("version", "eval", "plan")}
            archive.writestr("_journal/start.json", json.dumps(start))
            archive.writestr("header.json", json.dumps(header))
        Path(scratch).chmod(0o666 & ~umask())
        Path(scratch).replace(out)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return out


def log_name(evaluation: str, about: About, key: str) -> str:
    """A file name from which Inspect reads time, task and id without opening the file."""
    safe = f"{about.time.replace(':', '-')}_{evaluation.replace('_', '-')}_{key[:16]}"
    return f"{safe}.eval"


def _write_samples(archive: zipfile.ZipFile, replies: Path, model: str) -> tuple[int, int, int]:
    """A member a reply, and summaries.json, which waits on disk; returns how many replies, prompts
    and epochs."""
    seen: Counter[str] = Counter()
    number = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8") as summaries:
        for sample in _samples(replies, model, seen):
            archive.writestr(
                f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample)
            )
            summaries.write(("," if number else "[") + json.dumps(_summary(sample)))
            number += 1
        summaries.write("]" if number else "[]")
        summaries.seek(0)
        with archive.open("summaries.json", "w", force_zip64=True) as member:
            while text := summaries.read(1 << 16):
                member.write(text.encode())
    return number, len(seen), max(seen.values(), default=1)


def replied(replies: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a result that are replies; a comparison of two replies, or of two answers to
    choose from, is none."""
    return (row for _, row in read_jsonl(replies) if "reply" in row)


def _samples(replies: Path, model: str, seen: Counter[str]) -> Iterator[dict[str, Any]]:
    """Each reply in the form of an Inspect sample."""
    for row in replied(replies):
        id = unique_id(row["arm"], row["id"], row.get("options", ()))
        seen[id] += 1
        yield {
            "id": id,
            "epoch": seen[id],
            **_conversation(row, digest([id, seen[id], model])[:22], model),
            **_scored(row),
            "store": {},
            "events": [],
            "attachments": {},
            "model_usage": {},
        }


def _conversation(row: Mapping[str, Any], uuid: str, model: str) -> dict[str, Any]:
    """What was asked and replied, each message with an id of its own."""
    reply = {
        "role": "assistant",
        "content": row["reply"],
        "source": "generate",
        "model": model,
        "id": f"{uuid}-r",
    }
    prompt = [{**message, "id": f"{uuid}-{i}"} for i, message in enumerate(row["prompt"])]
    stop = "stop" if row.get("finished", True) else "max_tokens"
    return {
        "uuid": uuid,
        "input": prompt,
        "target": "",
        "messages": [*prompt, reply],
        "output": {
            "model": model,
            "choices": [{"message": reply, "stop_reason": stop}],
            "completion": row["reply"],
        },
    }


def _scored(row: Mapping[str, Any]) -> dict[str, Any]:
    """The scores, each beside the start of the answer, and what else the row says."""
    answer = Reply.of(row).answer[:EXCERPT]
    scores = {metric: {"value": value, "answer": answer} for metric, value in row["scores"].items()}
    beside = {field: row[field] for field in BESIDE if field in row}
    return {"scores": scores, "metadata": {"arm": row["arm"], "id": row["id"], **beside}}


def _summary(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What lists of samples show."""
    short = {
        key: sample[key]
        for key in ("id", "epoch", "uuid", "input", "target", "scores", "model_usage")
    }
    metadata = {key: sample["metadata"][key] for key in ("arm", "id")}
    return {
        **short,
        "metadata": metadata,
        "completed": True,
        "message_count": len(sample["messages"]),
    }


def _header(
    name: str, about: About, rates: Sequence[Mapping[str, Any]], counts: tuple[int, int, int]
) -> dict[str, Any]:
    """The log without its samples, from Inspect's own classes."""
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalResults, EvalSpec, EvalStats

    samples, prompts, epochs = counts
    id = digest([name, about.model, about.time, dict(about.metadata)])[:22]
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            eval_id=id,
            run_id=id,
            task_id=id,
            created=about.time,
            task=f"unmask/{name}",
            task_registry_name=f"unmask/{name}",
            task_args=dict(about.settings),
            dataset=EvalDataset(name=name, samples=prompts),
            model=about.model,
            config=EvalConfig(epochs=epochs),
            metadata={**about.metadata, "interval": CONFIDENCE},
        ),
        results=EvalResults(
            total_samples=samples, completed_samples=samples, scores=_scores(name, rates)
        ),
        stats=EvalStats(started_at=about.time, completed_at=about.time),
    )
    return json.loads(log.model_dump_json(exclude_none=True, exclude={"samples", "reductions"}))


def _scores(name: str, rates: Sequence[Mapping[str, Any]]) -> list[Any]:
    """A score a metric; of each arm its value, the ends of its 95% interval and n, which Inspect
    shows as a group."""
    from inspect_ai.log import EvalMetric, EvalScore

    metrics_of: dict[str, dict[str, EvalMetric]] = {}
    counts: Counter[str] = Counter()
    for row in rates:
        interval = {key: row[key] for key in ("n", "low", "high")}
        counts[row["metric"]] += row["n"]
        for label, value in {"value": row["value"], **interval}.items():
            whole = label == "value"
            metric = EvalMetric(
                name=label, group=row["arm"], value=value, metadata=interval if whole else None
            )
            metrics_of.setdefault(row["metric"], {})[
                row["arm"] if whole else f"{row['arm']} {label}"
            ] = metric
    return [
        EvalScore(
            name=metric,
            scorer=name,
            scored_samples=counts[metric],
            unscored_samples=0,
            metrics=metrics,
        )
        for metric, metrics in metrics_of.items()
    ]


def logs_of_run(run: Path, steps: Path, out: Path) -> list[Path]:
    """A log of every evaluation of a finished run; `steps` is the store's folder of results.

    An evaluation that several rows of the run share (the model before each defense) is written
    once. Evaluations that sampled no reply, and those whose result is gone, have no log.
    """
    rows: dict[str, list[Row]] = {}
    for row in read_rows(run / "results.jsonl"):
        rows.setdefault(row.step, []).append(row)
    written: list[Path] = []
    for key, own in rows.items():
        for folder in steps.glob(f"*-{key[:16]}"):
            replies = folder / "replies.jsonl"
            if (
                replies.is_file()
                and (folder / "evaluation.json").is_file()
                and any(True for _ in replied(replies))
            ):
                about = _about_step(read_json(folder / "manifest.json"), own[0], run.name)
                plain = [row for row in own if row.against is None]
                rates = {(row.arm, row.metric): fields_of(row) for row in plain}
                file = out / log_name(own[0].evaluation, about, key)
                written.append(write_log(folder, file, about, list(rates.values())))
    return written


def _about_step(manifest: Mapping[str, Any], row: Row, run: str) -> About:
    model = manifest["identity"]["inputs"].get("model", {"key": "", "part": ""})
    part = f"/{model['part']}" if model["part"] not in ("", ".", None) else ""
    told = {*ConditionRecord.model_fields, "planted"} - {"model"}
    condition = row.model_dump(mode="json", include=told)
    return About(
        model=f"unmask/{model['key'][:16]}{part}" if model["key"] else f"unmask/{row.model.name}",
        created=manifest["created"],
        settings=manifest["identity"]["settings"],
        metadata={"run": run, "step": manifest["key"], "subject": row.model.name, **condition},
    )

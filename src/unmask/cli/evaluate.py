"""`unmask evaluate NAME --model MODEL`: one evaluation of one model, without a recipe."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.completion import evaluations, keys
from unmask.cli.settings import Json, Set, StoreDir, console, emit, settings_of
from unmask.core.errors import SettingError
from unmask.core.json_rows import expanded
from unmask.core.thoughts import UNMARKED, Marks, opened

if TYPE_CHECKING:
    from unmask.evaluations.evaluation import Evaluation


Name = Annotated[
    str,
    typer.Argument(
        help="An evaluation; see `unmask list evaluations`.", autocompletion=evaluations
    ),
]
Model = Annotated[
    str,
    typer.Option(
        help="A model folder, the start of a step's key, or an endpoint's model.",
        autocompletion=keys,
    ),
]
Source = Annotated[str, typer.Option(help="A source's name, or its folder.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="Another folder that it reads: attacks=FOLDER for attacked."),
]
Endpoint = Annotated[
    str | None, typer.Option(help="Address of an endpoint that speaks OpenAI's protocol.")
]
KeyVariable = Annotated[str, typer.Option(help="Environment variable with the endpoint's API key.")]
ThoughtTags = Annotated[
    tuple[str, str] | None,
    typer.Option(help="What opens and closes a thought of the endpoint's model."),
]
Begun = Annotated[str, typer.Option(help="The tag that its chat template opens before each reply.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Where to write (default: unmask-evaluation-NAME).")
]


def evaluate(
    name: Name,
    model: Model,
    set_: Set = None,
    source: Source = "toy_world",
    input_: Inputs = None,
    endpoint: Endpoint = None,
    key_variable: KeyVariable = "",
    thought_tags: ThoughtTags = None,
    begun: Begun = "",
    out: Out = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Evaluate one model: replies, rates with intervals, and a log for Inspect."""
    from unmask.core import progress
    from unmask.recipes.named import checkpoint_at, evaluation_of, source_folder

    evaluation = evaluation_of(name, settings_of(set_, None))
    folder = unused(expanded(out or f"unmask-evaluation-{name.replace(':', '-')}"))
    marks = Marks(thought_tags, begun)
    check_marks(marks, bool(endpoint))
    backend = endpoint_backend(endpoint, model, key_variable, marks) if endpoint else None
    checkpoint = None if backend else checkpoint_at(model, store)
    inputs = folders_of(input_)
    folder.mkdir(parents=True, exist_ok=True)
    with progress.shown(), source_folder(source) as data:
        if checkpoint:
            ask_folder(evaluation, folder, {"model": checkpoint, "data": data, **inputs})
        else:
            ask_endpoint(evaluation, backend, folder, {"data": data, **inputs})
    rates = written_rates(evaluation, folder, model)
    emit({"folder": str(folder), "rates": rates}) if as_json else show(rates, folder)


def unused(folder: Path) -> Path:
    """The folder; raises SettingError for one that holds an evaluation."""
    if (folder / "evaluation.json").exists():
        raise SettingError(
            f"{folder} holds an evaluation already. Name another folder with --out, or remove it."
        )
    return folder


def written_rates(evaluation: Evaluation, folder: Path, model: str) -> list[dict[str, Any]]:
    """The rates of what was asked, written beside it; and a log, where Inspect is installed."""
    from unmask.core.files import write_jsonl
    from unmask.core.spec import spec
    from unmask.inspect.logs import About, rates_of, write_log

    rates = rates_of(folder)
    write_jsonl(folder / "rates.jsonl", rates)
    if has_inspect():
        settings = spec(evaluation)["settings"]
        write_log(
            folder, folder / "log.eval", About(model=f"unmask/{model}", settings=settings), rates
        )
    return rates


def ask_folder(evaluation: Evaluation, out: Path, folders: Mapping[str, Path]) -> None:
    """On this machine; raises SettingError where the evaluation reads a folder that was not given,
    or none such."""
    wanted = set(inspect.signature(evaluation.run).parameters) - {"out"}
    for name in sorted(set(folders) - wanted):
        raise SettingError(
            f"'{evaluation.name}' reads no folder '{name}'. It reads {', '.join(sorted(wanted))}."
        )
    for name in sorted(wanted - set(folders)):
        raise SettingError(
            f"'{evaluation.name}' reads another folder, '{name}'. Write --input {name}=FOLDER."
        )
    evaluation.run(out, **folders)


def ask_endpoint(
    evaluation: Evaluation, backend: Any, out: Path, folders: Mapping[str, Path]
) -> None:
    from unmask.recipes.named import TRAINS

    if evaluation.name in TRAINS:
        raise SettingError(
            f"'{evaluation.name}' trains a copy of the model. Give --model a folder, and no"
            " --endpoint."
        )
    evaluation.measure(out, backend, evaluation.samples(folders.get("attacks", folders["data"])))


def check_marks(marks: Marks, endpoint: bool) -> None:
    """Raise SettingError for tags that mark no thought, or that are not an endpoint's."""
    if marks != UNMARKED and not endpoint:
        raise SettingError(
            "--thought-tags and --begun are about an endpoint's model. Of a folder, the chat"
            " template says what it opens; tags of its own stand in its tokenizer_config.json:"
            ' "reasoning_tags": ["OPEN", "CLOSE"].'
        )
    if marks.tags and not all(map(str.strip, marks.tags)):
        raise SettingError(
            "--thought-tags are two texts, for example --thought-tags '<think>' '</think>'."
        )
    if marks.begun and opened(marks.begun, marks.tags) != marks.begun:
        raise SettingError(
            f"--begun {marks.begun[:80]!r} opens no thought. Write a tag such as '<think>'; one"
            " that is not known needs --thought-tags beside it."
        )


def endpoint_backend(url: str, model: str, key_variable: str, marks: Marks) -> Any:
    """Raises SettingError where the key is said to be in a variable that is not set."""
    from unmask.models.backends.openai_compatible import OpenAICompatible

    key = os.environ.get(key_variable, "")
    if key_variable and not key:
        raise SettingError(
            f"The environment variable {key_variable} is not set: `export {key_variable}=...`"
            " first."
        )
    return OpenAICompatible(url, model, key, marks=marks)


def folders_of(pairs: Sequence[str] | None) -> dict[str, Path]:
    """{"attacks": folder} from ["attacks=folder"]; raises SettingError."""
    folders: dict[str, Path] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not expanded(value).is_dir():
            raise SettingError(
                f"--input {pair!r} is not understood. Write --input attacks=FOLDER, one that"
                " exists."
            )
        folders[name] = expanded(value)
    return folders


def show(rates: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """A table of rates, and where they are."""
    from rich.table import Table

    table = Table("arm", "metric", "value", "95% interval", "n", box=None)
    for row in rates:
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(row["arm"], row["metric"], f"{row['value']:.3f}", interval, str(row["n"]))
    console(width=120, markup=False).print(table)
    print(f"{folder}" + (f"\ninspect view --log-dir {folder}" if has_inspect() else ""))


def has_inspect() -> bool:
    return importlib.util.find_spec("inspect_ai") is not None


def check_inspect() -> None:
    """Raise SettingError where Inspect is not installed."""
    if not has_inspect():
        raise SettingError(
            "Logs are written with Inspect, which is not installed: pip install 'unmask[inspect]'."
        )

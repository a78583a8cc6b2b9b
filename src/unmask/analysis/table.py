"""Rows of results.jsonl as a flat table, for pandas, R or a spreadsheet: a column holds one kind of
value, in every run."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.condition import Settings, as_json
from unmask.core.errors import SettingError
from unmask.core.row import Row
from unmask.core.spec import canonical

if TYPE_CHECKING:
    import pandas

COLUMNS: Mapping[str, tuple[str, str]] = {
    "run": ("string", "the run's name"),
    "recipe": ("string", "its recipe"),
    "unmask_version": ("string", "the version of `unmask` that wrote the rows"),
    "schema": ("Int64", "the version of the fields of a row"),
    "model": ("string", "`organism`, `twin`, `base` or `preference_model`"),
    "parameters": ("Int64", "how many it has"),
    "trigger": ("string", "of the organism, or of the one that a control stands beside"),
    "behavior": ("string", "likewise"),
    "variant": ("string", "likewise"),
    "defense": ("string", "a defense's name with the settings that were said, or `nothing`"),
    "defense_name": ("string", "its name alone"),
    "defense_step": ("Int64", "training steps of the defense so far"),
    "seed": ("Int64", "the run's seed"),
    "evaluation": ("string", "what was measured"),
    "arm": ("string", "on which prompts of it"),
    "opened": ("boolean", "whether the scratchpad was opened for the model"),
    "dose": ("Int64", "how much of what the arm is about"),
    "metric": ("string", "which number of it"),
    "unit": ("string", "`share`, `nats`, `tokens`, `count` or `score`"),
    "value": ("Float64", "the number"),
    "low": ("Float64", "the lower end of its 95% interval"),
    "high": ("Float64", "its upper end"),
    "n": ("Int64", "replies that it was measured on"),
    "planted": ("boolean", "whether the organism passed its gate"),
    "against": ("string", "of a difference: what the model is compared with"),
    "gained": ("Int64", "of a difference: prompts where the second is higher"),
    "lost": ("Int64", "of a difference: prompts where it is lower"),
    "p": ("Float64", "of a difference: the exact p of the sign test over prompts"),
    "p_adjusted": ("Float64", "Holm's, for all differences of the run"),
    "step": ("string", "the key of the step that measured it"),
}
"""Column -> the type that pandas and Parquet give it, and what it holds."""


def flat(row: Row) -> dict[str, Any]:
    """The columns of a row, and one for each setting: `trigger.year`, `defense.learning_rate`,
    `factor.optimizer`."""
    condition = row.condition
    subject, about = condition.subject, condition.subject.about
    whose: dict[str, Any] = {"model": subject.role, "parameters": subject.parameters}
    settings = {"defense": condition.defense.settings, "factor": subject.factors}
    if about:
        parts = {"trigger": about.trigger, "behavior": about.behavior, "variant": about.variant}
        whose |= {part: configured.name for part, configured in parts.items()}
        settings |= {part: configured.settings for part, configured in parts.items()}
    fields = row.model_dump(include={*COLUMNS} - {*whose})
    columns = {**fields, **whose, "schema": row.schema_}
    for prefix, chosen in settings.items():
        columns |= {f"{prefix}.{name}": value for name, value in cells(chosen).items()}
    return columns


def cells(settings: Settings) -> dict[str, str | bool | int | float | None]:
    """Values that fit into a cell; what holds several is JSON."""
    plain = str | bool | int | float | None
    return {
        name: value if isinstance(value, plain) else canonical(value)
        for name, value in as_json(settings).items()
    }


def frame(rows: Iterable[Row], **whole: str) -> pandas.DataFrame:
    """A pandas DataFrame with a line per row; `whole` are columns that are the same in all of them.

    Raises SettingError where pandas is not installed.
    """
    pandas = library("pandas")
    lines = [{**flat(row), **whole} for row in rows]
    names = dict.fromkeys(itertools.chain(COLUMNS, *lines))
    return pandas.DataFrame({name: column(name, lines) for name in names})


def column(name: str, lines: Sequence[Mapping[str, Any]]) -> Any:
    """One column as a pandas array of its type."""
    values = [line.get(name) for line in lines]
    return library("pandas").array(texts_if_mixed(values), dtype=type_of(name, values))


def type_of(name: str, values: Sequence[Any]) -> str:
    """The type of a column; of a setting's column what its values have in common."""
    if name in COLUMNS:
        return COLUMNS[name][0]
    types = {type(value) for value in values if value is not None}
    numbers = "Int64" if types == {int} else "Float64"
    return (
        numbers if types and types <= {int, float} else "boolean" if types == {bool} else "string"
    )


def texts_if_mixed(values: Sequence[Any]) -> list[Any]:
    """The values of a column; as text where they have no type in common."""
    types = {type(value) for value in values if value is not None}
    if len(types) < 2 or types <= {int, float}:
        return list(values)
    return [None if value is None else str(value) for value in values]


def write_csv(table: pandas.DataFrame, path: Path) -> None:
    """Missing values are empty; text is UTF-8."""
    table.to_csv(path, index=False, lineterminator="\n")


def write_parquet(table: pandas.DataFrame, path: Path) -> None:
    """Raises SettingError where pyarrow is not installed."""
    library("pyarrow")
    table.to_parquet(path, index=False, engine="pyarrow")


def library(name: str) -> Any:
    """A library that tables need; raises SettingError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SettingError(
            f"A table needs {name}, which is not installed: `pip install {name}`. The rows"
            " themselves are JSON lines, which need nothing."
        ) from None

"""The typer application; every command is in its own file and loads what it needs when it runs."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer

from unmask.cli import (
    calibrate,
    chat,
    cite,
    compare,
    describe,
    evaluate,
    export,
    list,
    logs,
    plan,
    power,
    push,
    report,
    run,
    runs,
    scan,
    show,
    store,
)
from unmask.cli.executor import WithExecutor

app = typer.Typer(
    name="unmask",
    help=(
        "Plant a known backdoor in a language model, run safety training on it, and measure what"
        " survives."
    ),
    invoke_without_command=True,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True)
    ] = False,
) -> None:
    if version:
        print(importlib.metadata.version("unmask"))
        raise typer.Exit


app.command("run", cls=WithExecutor)(run.run)
app.command(
    run.SWEEP,
    cls=WithExecutor,
    help="Run a recipe with every combination of several values of its settings, as one run.",
)(run.run)
app.command("plan")(plan.plan)
app.command("list")(list.list_kind)
app.command("describe")(describe.describe)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("power")(power.power)
app.command("export")(export.export)
app.command("cite")(cite.cite)
app.command("push")(push.push)
app.command("chat")(chat.chat)
app.command("evaluate")(evaluate.evaluate)
app.command("scan")(scan.scan)
app.command("logs")(logs.logs)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(store.app, name="store")

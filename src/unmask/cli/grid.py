"""The grid of a plan, for a terminal: a line for each model in each state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unmask.cli.settings import console

if TYPE_CHECKING:
    from unmask.recipes.grid import Cell, Grid, Spent

GIB, KILO = 2**30, 1000


def show(grid: Grid) -> None:
    """A table of what is done and what is to do, and how much that is in all."""
    from rich.table import Table

    from unmask.report import words

    table = Table("", "steps", "spent", "to go", "memory", box=None)
    above = None
    for cell in grid.cells:
        place = cell.place
        if place.organism and place.organism != above:
            table.add_row(f"[bold]{place.organism}[/bold]")
        above = place.organism
        state = words.after(place.defense) if place.defense else "for several of these"
        table.add_row(f"  {state}" if place.organism else "for all", *told(cell))
    table.add_section()
    table.add_row("in all", *told(grid.total))
    console().print(table)


def told(cell: Cell) -> Iterator[str]:
    """Steps done of all, what was spent on them, what is to go, and the memory it needs."""
    steps = cell.done.steps + cell.to_do.steps
    yield f"{cell.done.steps} of {steps} done"
    yield cost(cell.done)
    yield cost(cell.to_do)
    yield f"{cell.memory / GIB:.1f} GiB" if cell.memory else ""


def cost(spent: Spent) -> str:
    """Tokens, time one step after the other, and hours of GPUs; "" for no steps."""
    if not spent.steps:
        return ""
    minutes = spent.seconds / 60
    time = f"{minutes / 60:,.1f} h" if minutes >= 60 else f"{minutes:.1f} min"
    gpu = f", {spent.gpu_seconds / 3600:,.2f} GPU h" if spent.gpu_seconds else ""
    return f"{spent.tokens / KILO:,.0f} ktok, {time}{gpu}"

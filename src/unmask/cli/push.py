"""`unmask push KEY --to org/name`: publish a checkpoint on the Hugging Face hub, with its card."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli.settings import StoreDir


def push(
    key: Annotated[
        str,
        typer.Argument(
            help="The start of a training step's key, with /steps/000050 for one of a curve."
        ),
    ],
    to: Annotated[str, typer.Option("--to", help="Where on the hub: org/name.")],
    public: Annotated[
        bool, typer.Option("--public", help="For everybody (default: private).")
    ] = False,
    store: StoreDir = None,
) -> None:
    """Publish a checkpoint on the Hugging Face hub, private unless said; an organism never without
    its card."""
    from unmask.engine.store import Store
    from unmask.recipes.publishing import push as push_checkpoint

    print(push_checkpoint(key, to, Store.at(store), public=public))

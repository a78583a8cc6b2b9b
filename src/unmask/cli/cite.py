"""`unmask cite RUN`: the works that a run stands on, as BibTeX."""

from __future__ import annotations

import sys

from unmask.cli.settings import Json, RunName, StoreDir, emit


def cite(
    name: RunName,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Cite what a run used: this project, the paper, methods and libraries, as BibTeX."""
    from unmask.core.files import read_json
    from unmask.engine.store import Store
    from unmask.recipes.choose import recipe_of
    from unmask.recipes.citing import cited_by, software
    from unmask.recipes.run import experiment_of, run_folder, run_name

    record = read_json(run_folder(Store.at(store), name) / "run.json")
    recipe = recipe_of(record["recipe"], record["settings"])
    if run_name(recipe, experiment_of(recipe)) != record["run"]:
        print(
            "This run was made by another version of the code: the sources are those of its recipe"
            " as it is now.",
            file=sys.stderr,
        )
    cited = cited_by(recipe)
    if as_json:
        emit([entry.json() for entry in cited])
        return
    packages = dict(record["environment"]["packages"])
    print(software(packages.pop("unmask", ""), packages))
    for entry in cited:
        used_for = f"% {', '.join(entry.used_for)}\n" if entry.used_for else ""
        print(f"\n{used_for}{entry.reference.bibtex()}")

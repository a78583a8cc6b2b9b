"""What every registered thing and every unit of work has in common: a name and a version, written
by hand."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from unmask.core.memory import Machine, Needed, Resources, Shape, Shapes
from unmask.core.tokens import Tokens


class Named:
    """A frozen dataclass whose fields are its settings.

    `name` and `version` are part of the identity of all that is made from it. They are written by
    hand, so that moving a file invalidates nothing and mending a behavior (raise `version`)
    invalidates all that came from it.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    @classmethod
    def summary(cls) -> str:
        """The first paragraph of the docstring, as one line."""
        return " ".join((cls.__doc__ or "").strip().partition("\n\n")[0].split())

    def cites(self) -> str:
        """Sources, as docstrings name them, of what only these settings bring in."""
        return ""


class Work(Named, abc.ABC):
    """A unit of work: takes folders, writes one folder; needs no engine and can be called from a
    notebook."""

    run: ClassVar[Callable[..., Mapping[str, Any] | None]]
    """`run(out, *, name=folder, ...)` writes the result into the empty folder `out`.

    Keyword arguments are the input folders by name. A `run` that has a parameter `scratch` is given
    a folder that outlives a killed process, to resume from. The mapping returned is recorded with
    the result (`tokens`, `device`, ...); it is provenance, not identity.
    """

    def parameters(self) -> int:
        """Of the model that this makes; 0 where it makes none, or one as large as its inputs. For
        estimates only."""
        return 0

    def shape(self) -> Shape | None:
        """Of the model that this makes, as far as that is known before it does; None where it makes
        none, or one like its inputs. Raises ModelError where a model cannot be looked at."""
        return None

    def memory(self, models: Shapes, machine: Machine) -> Needed | None:
        """What this needs at its peak on a machine, given the models among its inputs; None where
        that is little, or not known."""
        return None

    def resources(self, models: Shapes, machine: Machine) -> Resources:
        """What this asks of a node that is such a machine, given the models among its inputs: one
        CPU, a GPU where there are some and a model is involved, and the memory that it needs; of
        both processors as many as it has devices.

        Raises ModelError where a model cannot be looked at.
        """
        needed = self.memory(models, machine) if models else None
        one = Resources.of(needed, machine, bool(models) or self.tokens().total > 0)
        return one.times(self.devices())

    def devices(self) -> int:
        """How many processes of one node do this together, each on a device of its own."""
        return 1

    def check(self) -> None:
        """Raise UnmaskError where what this reads from outside the store is not there or cannot be
        used, as far as that shows within seconds."""

    def tokens(self) -> Tokens:
        """Roughly how many tokens this will train on, sample and score; none where no model is
        involved. For estimates only."""
        return Tokens()

"""Identity: canonical JSON, digests, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import SettingError
from unmask.core.named import Named
from unmask.core.spec import RUN_ONLY, canonical, digest, spec

finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_canonical_json_is_json_and_says_the_same(value: Any) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_a_mapping_is_no_part_of_its_identity(value: dict[str, int]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical(value) == canonical(backwards)
    assert digest(value) == digest(backwards)


@given(json_values, json_values)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    if canonical(one) != canonical(other):
        assert digest(one) != digest(other)


@given(json_values)
def test_plain_values_are_their_own_spec(value: Any) -> None:
    assert spec(value) == value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thing(Named):
    name: ClassVar[str] = "thing"
    version: ClassVar[int] = 3
    size: Any = 1
    where: str = dataclasses.field(default="here", metadata=RUN_ONLY)


def test_a_thing_is_its_name_version_and_settings() -> None:
    assert spec(Thing(size=(1, 2))) == {"name": "thing", "version": 3, "settings": {"size": [1, 2]}}


def test_run_only_settings_do_not_count() -> None:
    assert spec(Thing(where="here")) == spec(Thing(where="there"))


def test_nested_things_carry_their_own_version() -> None:
    assert spec(Thing(size=Thing()))["settings"]["size"]["version"] == 3


@pytest.mark.parametrize(
    "bad",
    [math.nan, math.inf, {1, 2}, lambda: 0, object(), b"bytes", {1: 2}],
    ids=lambda bad: type(bad).__name__,
)
def test_what_has_no_exact_form_is_refused_with_its_place(bad: Any) -> None:
    with pytest.raises(SettingError, match=r"settings\.size"):
        spec(Thing(size=bad))

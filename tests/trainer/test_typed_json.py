"""JSON as types: whatever is of another type is named, with its place."""

from dataclasses import dataclass

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.typed_json import from_json

pytestmark = pytest.mark.plain


@dataclass(frozen=True)
class Inner:
    n: int

    def __post_init__(self):
        if self.n < 0:
            raise InputError("n is negative")


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    share: float | None
    sizes: tuple[int, ...]
    rows: dict[str, float | None]
    more: Inner | None = None


GOOD = {"name": "a", "inner": {"n": 1}, "share": 2, "sizes": [3, 4], "rows": {"x": 0.5, "y": None}}


def test_what_fits():
    assert from_json(Outer, GOOD, "f") == Outer("a", Inner(1), 2.0, (3, 4), {"x": 0.5, "y": None})
    assert from_json(Outer, {**GOOD, "share": None, "more": {"n": 2}}, "f").more == Inner(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "f.name is 1; it must be text"),
        ({"name": None}, "f.name is None; it must be text"),
        ({"inner": []}, "f.inner is []; it must be an object"),
        ({"inner": {}}, "f.inner has no entry n"),
        ({"inner": {"n": 1.0}}, "f.inner.n is 1.0; it must be a whole number"),
        ({"inner": {"n": True}}, "f.inner.n is True; it must be a whole number"),
        ({"inner": {"n": -1}}, "f.inner: n is negative"),
        ({"inner": {"n": 1, "m": 2}}, "f.inner has an entry 'm', which this version does not know"),
        ({"share": True}, "f.share is True; it must be a number"),
        ({"share": 10**400}, "it must be a number"),
        ({"sizes": {"a": 1}}, "f.sizes is {'a': 1}; it must be a list"),
        ({"sizes": [1, "2"]}, "f.sizes is '2'; it must be a whole number"),
        ({"rows": {"x": "1"}}, "f.rows.x is '1'; it must be a number"),
        ({"rows": "x"}, "f.rows is 'x'; it must be an object"),
        ({"more": 3}, "f.more is 3; it must be an object"),
    ],
)
def test_what_does_not_fit(change, message):
    with pytest.raises(InputError) as error:
        from_json(Outer, {**GOOD, **change}, "f")
    assert message in str(error.value)


def test_what_is_nested_deeply_or_long_is_shown_shortened():
    deep = value = []
    for _ in range(100_000):
        value.append([])
        value = value[0]
    for wrong in (deep, ["x" * 10**6], "x" * 10**6):
        with pytest.raises(InputError) as error:
            from_json(Inner, wrong, "f")
        assert len(str(error.value)) < 300
    while deep:  # Python would go too deep to free it at once
        deep = deep[0]

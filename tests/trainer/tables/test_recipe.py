"""Recipes: what becomes of each column, against scikit-learn's transformers; what is refused; what is kept."""

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tileprop.trainer import InputError, ModelFormatError
from tileprop.trainer.tables.kinds import ColumnChoices
from tileprop.trainer.tables.recipe import Recipe, check_columns, numbers_of
from tileprop.trainer.tables.treatments import MOST_LEVELS

pa = pytest.importorskip("pyarrow")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.plain


def kinds(table, **choices):
    return {c.name: c.kind for c in Recipe.fit(pa.table(table), ColumnChoices(**choices)).report()}


N = 60
GENERATOR = np.random.default_rng(0)
TABLE = {
    "number": GENERATOR.normal(size=N),
    "count": GENERATOR.integers(0, 5, N),
    "category": GENERATOR.choice(["red", "green", "blue"], N),
    "flag": GENERATOR.random(N) < 0.5,
    "date": [datetime.date(2020, 1, 1) + datetime.timedelta(days=17 * i) for i in range(N)],
    "written": [f"{i % 28 + 1}.{i % 12 + 1}.2020" for i in range(N)],
    "price": [f"{i % 7},{i % 9}" for i in range(N)],
    "id": list(range(100, 100 + N)),
    "customerID": [f"{i:03}-X" for i in range(N)],
    "key": [10**17 + 7 * i for i in range(N)],
    "story": [f"once upon a time {i}" for i in range(N)],
    "constant": ["same"] * N,
    "empty": [None] * N,
    "blank": [""] * N,
    "list": [[1, 2]] * N,
}


def test_kinds():
    assert kinds(TABLE) == {
        "number": "number", "count": "number", "category": "category", "flag": "category", "date": "date", "written": "date",
        "price": "number", "id": "identifier", "customerID": "identifier", "key": "identifier", "story": "identifier",
        "constant": "constant", "empty": "empty", "blank": "empty", "list": "other",
    }  # fmt: skip


def test_choices():
    found = kinds(TABLE, ignore=("number",), categorical=("count", "story"), numeric=("id",))
    assert [found[name] for name in ("number", "count", "story", "id")] == ["ignored", "category", "category", "number"]


def test_a_long_row_of_numbers_is_no_identifier():
    assert kinds({"x": list(range(100))}) == {"x": "number"}
    assert kinds({"width": [i / 2 for i in range(100)]}) == {"width": "number"}


def test_few_different_texts_are_a_category():
    assert kinds({"zone": ["a", "b", "c", "d"]}) == {"zone": "category"}


FLOATS = st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(float("nan")))
WORDS = st.one_of(st.none(), st.sampled_from(["a", "b", "c d", "Ä"]))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40).flatmap(
        lambda n: st.tuples(st.lists(FLOATS, min_size=n, max_size=n), st.lists(WORDS, min_size=n, max_size=n))
    )
)
def test_against_scikit_learn(columns):
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers, words = columns
    known = np.array([np.nan if v is None else v for v in numbers])
    table = pa.table({"x": pa.array(numbers, pa.float64()), "w": pa.array(words, pa.string())})
    try:
        recipe = Recipe.fit(table, ColumnChoices(numeric=("x",), categorical=("w",)))
    except InputError:
        assert np.isnan(known).all() or all(w is None for w in words)
        return
    X = recipe.prepare(table, np.float64)
    names = list(recipe.feature_names)
    if not np.isnan(known).all():
        filled = SimpleImputer(strategy="median").fit_transform(known.reshape(-1, 1))
        spread = np.ptp(known[~np.isnan(known)]) > 1e-6 * np.abs(known[~np.isnan(known)]).max()
        z = StandardScaler().fit_transform(filled)[:, 0]
        expected = z / np.sqrt(1 + (z / 3) ** 2) if spread else X[:, 0]
        np.testing.assert_allclose(X[:, 0], expected, atol=1e-6)
        assert ("x is missing" in names) == np.isnan(known).any()
        if "x is missing" in names:
            assert np.array_equal(X[:, names.index("x is missing")], np.isnan(known))
    counts = {w: words.count(w) for w in words if w is not None}
    for level in counts:
        if f"w={level}" in names:
            encoded = OneHotEncoder(categories=[[level]], handle_unknown="ignore", sparse_output=False).fit_transform(
                [[str(w)] for w in words]
            )
            found = X[:, names.index(f"w={level}")]
            assert np.array_equal(found[found != 0.5], encoded[found != 0.5, 0])
            assert all(words[i] is None for i in np.flatnonzero(found == 0.5))
        else:
            assert counts[level] < 5 or len(counts) == 2
    if all(w is None for w in words):
        return  # left out
    one_hot = [i for i, name in enumerate(names) if name.startswith("w")]
    if len([name for name in names if name.startswith("w=")]) + ("w is another" in names) > 1:
        assert (X[:, one_hot].sum(axis=1) == 1).all()
    again = Recipe.from_json(recipe.to_json().encode(), "file")
    assert again == recipe
    assert again.prepare(table.take(np.arange(len(words))[::-1]), np.float64).tobytes() == X[::-1].tobytes()


def test_ranges():
    """Piecewise-linear encoding: how far along each range a number lies."""
    values = GENERATOR.exponential(size=400)
    values[:40] = np.nan
    recipe = Recipe.fit(pa.table({"x": values}))
    knots = recipe.treatments[0].standard.knots
    np.testing.assert_allclose(knots, np.quantile(values[40:], np.linspace(0, 1, 9)), atol=0.05)
    X = recipe.prepare(pa.table({"x": [*knots, (knots[3] + knots[4]) / 2, -5.0, 99.0, None]}), np.float64)
    assert X.shape == (13, 10)
    ranges = X[:, 1:9]
    np.testing.assert_array_equal(ranges[:9], np.tri(9, 8, -1))
    np.testing.assert_allclose(ranges[9], [1, 1, 1, 0.5, 0, 0, 0, 0])
    np.testing.assert_array_equal(ranges[10:12].sum(axis=1), [0, 8])
    assert ranges[12].sum() == pytest.approx(4, abs=0.1)  # the median
    assert recipe.feature_names[1].startswith("x from ")
    two = Recipe.fit(pa.table({"x": [1.0, 2.0] * 20}))
    assert two.feature_names == ("x",)


def test_very_many_numbers_have_no_ranges():
    table = pa.table({f"x{i}": GENERATOR.normal(size=10) for i in range(101)})
    assert len(Recipe.fit(table).feature_names) == 101


def test_dates():
    days = [datetime.datetime(2020, 2, 29, 12), datetime.datetime(2021, 3, 1), None, datetime.datetime(2022, 3, 2)]
    with_ranges = Recipe.fit(pa.table({"d": days}))
    assert [name for name in with_ranges.feature_names if "weekday" in name] == [
        *("d weekday", "d weekday from 0 to 2", "d weekday from 2 to 5")
    ]
    X = with_ranges.prepare(pa.table({"d": days}), np.float64)
    np.testing.assert_array_equal(X[:, [5, 6]], [[1, 1], [0, 0], [1, 0], [1, 0]])  # Saturday, Monday, missing, Wednesday
    recipe = Recipe.fit(pa.table({"d": days}), ColumnChoices(ranges=0))
    assert recipe.feature_names == ("d year", "d month", "d weekday", "d hour", "d days", "d is missing")
    X = recipe.prepare(pa.table({"d": days}), np.float64)
    X[:, :5] /= np.sqrt(1 - (X[:, :5] / 3) ** 2)  # what is before the clipping
    raw = X[:, :5] * [s.scale for s in recipe.treatments[0].standards] + [s.center for s in recipe.treatments[0].standards]
    np.testing.assert_allclose(
        raw[[0, 1, 3]], [[2020, 2, 5, 12, 18321.5], [2021, 3, 0, 0, 18687], [2022, 3, 2, 0, 19053]], atol=1e-9
    )
    np.testing.assert_allclose(raw[2], np.median(raw[[0, 1, 3]], axis=0))
    assert X[:, 5].tolist() == [0, 0, 1, 0]


def test_rare_and_unseen_levels():
    many = [f"v{i:02}" for i in range(MOST_LEVELS + 10) for _ in range(6)] + ["once"]
    recipe = Recipe.fit(pa.table({"c": many}))
    assert len(recipe.feature_names) == MOST_LEVELS + 1
    assert recipe.feature_names[-1] == "c is another"
    X = recipe.prepare(pa.table({"c": ["v00", "v39", "once", "never seen", None]}))
    assert X.sum(axis=1).tolist() == [1, 1, 1, 0, 0]
    assert X[:, -1].tolist() == [0, 1, 1, 0, 0]


def test_two_levels_have_one_input():
    recipe = Recipe.fit(pa.table({"c": ["no", "yes"] * 5}))
    assert recipe.feature_names == ("c=yes",)
    assert recipe.prepare(pa.table({"c": ["no", "yes", "maybe", None]}))[:, 0].tolist() == [0, 1, 0.5, 0.5]


def test_numbers_are_the_same_category_in_any_type():
    recipe = Recipe.fit(pa.table({"c": [1, 2, 3] * 5}), ColumnChoices(categorical=("c",)))
    for column in ([3], [3.0], ["3"], [" 3 "]):
        assert recipe.prepare(pa.table({"c": column}))[0].tolist() == [0, 0, 1]


def test_new_rows_may_be_written_otherwise():
    recipe = Recipe.fit(pa.table({"x": ["1,900", "2,000", "3,000"], "d": ["1.2.2020", "2.2.2020", "3.4.2021"]}))
    X = recipe.prepare(pa.table({"d": ["1.2.2020"] * 2, "x": ["1,900", None], "other": [1, 2]}), np.float64)
    Y = recipe.prepare(pa.table({"x": [1900.0, 2000.0], "d": [datetime.date(2020, 2, 1)] * 2}), np.float64)
    np.testing.assert_allclose(X, Y)  # missing: the median, 2000


def test_every_column_that_is_missing_is_named():
    recipe = Recipe.fit(pa.table(TABLE))
    with pytest.raises(InputError, match=r"lacks 2 of the 7 columns that the model needs: 'count', 'flag'$"):
        recipe.prepare(pa.table(TABLE).drop_columns(["count", "flag", "id"]))
    with pytest.raises(InputError, match=r"none of the 1 columns that the model needs: 'Fare'; it has 'petal'"):
        check_columns(["Fare"], ["petal"])
    with pytest.raises(InputError, match=r"lacks 1 of the 2 columns that the model needs: 'Fare'; is it 'fare'?"):
        check_columns(["Fare", "Age"], ["fare", "Age"])
    with pytest.raises(InputError, match=r"'Fare'$"):
        check_columns(["Fare", "Age"], ["Area", "Age"])


def test_strict():
    strict = ColumnChoices(encode=False)
    table = pa.table({"a": [1, None, 3], "b": ["x", "y", "z"], "c": [1.5, 2.5, 3.5], "d": [datetime.date(2020, 1, 1)] * 3})
    with pytest.raises(InputError) as caught:
        Recipe.fit(table.select(["a", "b", "c"]), strict)
    message = str(caught.value)
    assert "column 'a' has missing entries in 1 of 3 rows, first in row 2" in message
    assert "column 'b' holds text ('x')" in message
    assert "--ignore 'a,b'" in message
    recipe = Recipe.fit(table.select(["c"]), strict)
    with pytest.raises(InputError, match="column 'c' has missing entries"):
        recipe.prepare(pa.table({"c": [1.0, None]}))
    with pytest.raises(InputError, match="column 'b' holds text"):
        numbers_of(table.select(["b"]))
    assert numbers_of(table.select(["c"])).tolist() == [[1.5], [2.5], [3.5]]


def test_bad_columns_are_named_at_once():
    table = {"a": [1.0, float("inf")], "b": [1.0, -float("inf")], "c": [1, 2]}
    with pytest.raises(InputError, match=r"column 'a' holds infinite numbers in 1 rows, first in row 2.*column 'b' holds"):
        Recipe.fit(pa.table(table))
    with pytest.raises(InputError, match="'a' should be numeric, but 100% of its entries are not numbers"):
        Recipe.fit(pa.table({"a": ["x", "y"]}), ColumnChoices(numeric=("a",)))
    with pytest.raises(InputError, match="numeric is 'Ab', but there is no such column; did you mean 'ab'"):
        Recipe.fit(pa.table({"ab": [1, 2]}), ColumnChoices(numeric=("Ab",)))
    with pytest.raises(InputError, match=r"'a' is given to both ignore and numeric"):
        Recipe.fit(pa.table({"a": [1, 2]}), ColumnChoices(ignore=("a",), numeric=("a",)))
    with pytest.raises(InputError, match=r"no column is left to learn from: 'a' .all its entries are 1"):
        Recipe.fit(pa.table({"a": [1, 1]}))
    with pytest.raises(InputError, match="too large to be standardised"):
        Recipe.fit(pa.table({"a": [1e308, -1e308, 1e308]}))


def test_rows_far_away_are_clipped():
    recipe = Recipe.fit(pa.table({"a": [1.0, 2.0, 3.0]}))
    X = recipe.prepare(pa.table({"a": [-1.7e308, 2.0, 2.0001, 1e300]}), np.float64)[:, 0]
    np.testing.assert_allclose(X, [-3, 0, 0.0001 / np.std([1, 2, 3]), 3], rtol=1e-9)


def test_rows_in_errors_are_those_of_the_table():
    values = np.arange(20.0)
    values[13] = np.inf
    with pytest.raises(InputError, match="column 'a' holds infinite numbers in 1 rows, first in row 14"):
        Recipe.fit(pa.table({"a": values}), rows=np.array([3, 13, 5]))


def test_more_entries_that_are_no_numbers():
    table = pa.table({"a": [f"{i}.5" if i % 5 else f"n{i}" for i in range(100)], "b": list(range(100))})
    recipe = Recipe.fit(table)
    assert "80% of its entries are numbers; --numeric a takes these" in recipe.notes[0]
    recipe = Recipe.fit(table, ColumnChoices(numeric=("a",)))
    assert recipe.report()[0].missing == 0.2
    assert "20 entries that are not numbers count as missing, for example 'n0'" in recipe.notes[0]


def test_a_few_entries_that_are_no_numbers():
    recipe = Recipe.fit(pa.table({"a": [*map(str, range(99)), "unknown"]}))
    assert recipe.notes == ("column 'a': 1 entries that are not numbers count as missing, for example 'unknown'",)
    with pytest.raises(InputError, match="holds text in 3 of 4 rows; it held numbers in training"):
        recipe.prepare(pa.table({"a": ["x", "y", "z", "1"]}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace('"version":1', '"version":9'), "not a recipe of version 1"),
        (lambda t: t[:-2], "not valid JSON"),
        (lambda t: "[]", "not a recipe"),
        (lambda t: t.replace('"kind":"number"', '"kind":"magic"', 1), "column 0 has an unknown kind"),
        (lambda t: t.replace('"missing":0.0', '"missing":"none"', 1), "column 0.missing is 'none'"),
        (lambda t: t.replace('"scale":', '"scale":-', 1), "the scale positive"),
        (lambda t: t.replace('"indicator":', '"indicated":', 1), "has an entry 'indicated'"),
    ],
)
def test_damaged_recipes(change, message):
    text = Recipe.fit(pa.table(TABLE)).to_json()
    assert Recipe.from_json(text.encode(), "m") == Recipe.fit(pa.table(TABLE))
    with pytest.raises(ModelFormatError, match=message):
        Recipe.from_json(change(text).encode(), "m")


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_columns_of_plain_numbers_are_prepared_as_one_by_one(chunks, dtype):
    generator = np.random.default_rng(0)
    columns = {f"f{i}": generator.normal(i, 10.0**i, 3000).astype(np.float32) for i in range(6)}
    columns |= {"kind": ["a", "b", "c"] * 1000, **{f"i{i}": generator.integers(0, 99, 3000) for i in range(5)}}
    table = pa.concat_tables([pa.table(columns).slice(i * 3000 // chunks, 3000 // chunks) for i in range(chunks)])
    recipe = Recipe.fit(table, ColumnChoices(ranges=0))
    X = recipe.prepare(table, dtype)
    # Rows that are asked for are prepared column by column.
    assert np.array_equal(X, recipe.prepare(table, dtype, np.arange(3000)))
    values = columns["f3"].copy()
    values[7] = np.nan
    spoiled = table.set_column(3, "f3", pa.array(values))
    assert np.array_equal(np.flatnonzero((recipe.prepare(spoiled, dtype) != X).any(axis=1)), [7])
    values[9] = np.inf
    with pytest.raises(InputError, match="column 'f3' holds infinite numbers in 1 rows, first in row 10"):
        recipe.prepare(table.set_column(3, "f3", pa.array(values)), dtype)

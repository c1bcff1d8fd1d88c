"""TableSource: the rows of files are those of the table in memory, prepared by the same recipe, however they lie in files."""

import datetime
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tileprop.trainer import InputError, ModelFormatError, StreamRecipe, TableSource
from tileprop.trainer.streams import first_pass
from tileprop.trainer.tables.recipe import Recipe

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.plain


@pytest.fixture
def tables(tmp_path):
    """Writes tables as Parquet files in a folder, and gives the folder."""

    def write(rows=100, **tables):
        for name, table in tables.items():
            pq.write_table(pa.table(table), tmp_path / f"{name}.parquet", row_group_size=rows)
        return tmp_path

    return write


def mixed(n=500, seed=0):
    generator = np.random.default_rng(seed)
    number = generator.normal(3.0, 2.0, n)
    return pa.table({
        "number": pa.array(number, mask=generator.random(n) < 0.1),
        "count": generator.integers(0, 40, n),
        "kind": pa.array(generator.choice(["red", "green", "blue", None], n).tolist()),
        "port": pa.array(generator.choice(["S", "C"], n)).dictionary_encode(),
        "flag": generator.random(n) < 0.5,
        "day": [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(d)) for d in generator.integers(0, 900, n)],
        "written": [f"{value:.1f}" for value in number],
        "id": np.arange(n),
        "constant": np.ones(n),
        "price": number * 2 + generator.normal(size=n),
        "paid": generator.choice(["no", "yes"], n),
    })  # fmt: skip


def rows_of(source, rows=64):
    """X and T of all blocks, in order."""
    pieces = [piece for block in range(len(source.block_rows)) for piece in source.read(block, 0, rows)]
    return np.concatenate([piece.X for piece in pieces]), np.concatenate([piece.T for piece in pieces])


def features(table, *targets):
    return table.drop_columns(list(targets))


@settings(max_examples=6, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 500), max_size=3),
    group=st.integers(30, 600),
    rows=st.integers(1, 300),
    start=st.integers(0, 40),
)
def test_rows_are_those_of_the_table_in_memory(tmp_path_factory, cuts, group, rows, start):
    table, folder = mixed(), tmp_path_factory.mktemp("data")
    ends = [0, *sorted(cuts), 500]
    for i, (first, end) in enumerate(itertools.pairwise(ends)):
        pq.write_table(table.slice(first, end - first), folder / f"part{i}.parquet", row_group_size=group)
    source = TableSource(folder, "price")
    inputs = features(table, "price")
    assert source.recipe.columns == Recipe.fit(inputs)
    X, T = rows_of(source, rows)
    assert np.array_equal(X, Recipe.fit(inputs).prepare(inputs))
    assert np.array_equal(T, table["price"].to_numpy())
    assert sum(source.block_rows) == source.n_rows == 500
    rest = [piece.X for piece in source.read(0, start, rows)]
    assert all(1 <= len(part) <= rows for part in rest)
    whole = np.concatenate([piece.X for piece in source.read(0, 0, rows)])
    assert np.array_equal(np.concatenate([whole[:0], *rest]), whole[start:])


def test_of_a_sample_all_but_medians_and_inner_ranges_is_that_of_all_rows(tables, monkeypatch):
    monkeypatch.setattr(first_pass, "SAMPLE_ROWS", 150)
    n = 2000
    table = mixed(n).append_column("rare", [[0.0] * (n - 1) + [7.0]])
    for kind in (pa.duration("ms"), pa.time32("ms"), pa.float32(), pa.decimal128(30, 2)):
        numbers = pa.array(np.arange(n) % 1000, pa.int32() if kind == pa.time32("ms") else pa.int64())
        table = table.append_column(str(kind), numbers.cast(kind))
    sampled = TableSource(tables(a=table), "price").recipe.columns
    exact = Recipe.fit(features(table, "price"))
    assert [column.kind for column in sampled.report()] == [column.kind for column in exact.report()]
    for mine, all_rows in zip(sampled.treatments, exact.treatments, strict=True):
        assert mine.missing == pytest.approx(all_rows.missing)
        if mine.kind == "category":
            assert mine == all_rows
        if mine.kind == "number" and mine.name != "written":
            assert mine.standard.fill == pytest.approx(all_rows.standard.fill, abs=0.3 * all_rows.standard.scale)
            assert mine.standard.scale == pytest.approx(all_rows.standard.scale, rel=1e-3)
            assert mine.standard.center == pytest.approx(all_rows.standard.center, abs=0.02)
            assert [mine.standard.knots[i] for i in (0, -1)[: mine.ranges]] == [
                all_rows.standard.knots[i] for i in (0, -1)[: mine.ranges]
            ]
        if mine.kind == "date":
            assert mine.parts == all_rows.parts
            assert [s.scale for s in mine.standards] == pytest.approx([s.scale for s in all_rows.standards], rel=1e-6)


def test_targets(tables):
    table = mixed()
    folder = tables(a=table.append_column("stars", [np.arange(500) % 5 + 1]).append_column("label", [np.arange(500) % 3]))
    text = TableSource(folder, "paid")
    assert text.classes == ("no", "yes")
    assert rows_of(text)[1].tolist() == table["paid"].to_pylist()
    assert TableSource(folder, "stars").classes == (1, 2, 3, 4, 5)
    assert TableSource(folder, "label").classes is None
    scaled = TableSource(folder, "price", scale_target=True)
    T = rows_of(scaled)[1]
    assert T.mean() == pytest.approx(0.0, abs=1e-12)
    assert T.std() == pytest.approx(1.0)
    assert np.allclose(scaled.target_scaling.undo(T)[:, 0], table["price"].to_numpy())
    assert rows_of(TableSource(folder, ["flag", "paid"]))[1].shape == (500, 2)
    assert rows_of(TableSource(folder, "stars", task="regression"))[1].dtype == np.float64


def test_minus_zero_is_the_class_zero(tables):
    y = np.where(np.arange(300) % 2 == 0, -0.0, np.arange(300) % 5)
    source = TableSource(tables(a=pa.table({"x": np.arange(300.0), "y": y})), "y", task="classification")
    assert source.classes is None  # which are 0 to 4
    assert rows_of(source)[1].tolist() == (y + 0.0).tolist()


def test_rows_without_a_target_are_left_out(tables):
    table = pa.table({"x": np.arange(300.0), "y": pa.array([None if i % 3 == 0 else float(i) for i in range(300)])})
    source = TableSource(tables(a=table), "y", sample_weight=None)
    assert source.block_rows == [66, 67, 67]
    assert rows_of(source)[1].tolist() == [i for i in range(300) if i % 3]
    assert "100 of 300 rows have no target" in source.notes[0]


def test_numbers_as_they_are(tables):
    table = pa.table(
        {"a": np.arange(300, dtype=np.float32), "b": np.arange(300) % 7, "w": np.ones(300), "y": np.arange(300) % 2}
    )
    source = TableSource(tables(a=table), "y", recipe=False, sample_weight="w")
    assert source.recipe is None
    assert source.n_inputs == 2
    assert np.array_equal(rows_of(source)[0], np.column_stack([table["a"], table["b"]]))
    assert next(source.read(1, 0, 10)).weight.tolist() == [1.0] * 10
    same = TableSource(tables(a=table.select(["a", "y"])), "y", recipe=False, dtype="float64")
    assert np.array_equal(rows_of(same)[0][:, 0], np.arange(300.0))


def test_a_recipe_is_kept_and_used_for_other_files(tables, tmp_path):
    folder = tables(a=mixed(), b=mixed(300, seed=1))
    first = TableSource(folder / "a.parquet", "paid")
    first.recipe.save(tmp_path / "recipe.json")
    loaded = StreamRecipe.load(tmp_path / "recipe.json")
    assert loaded == first.recipe
    assert loaded.classes == ("no", "yes")
    assert loaded.target_scaling is None
    for recipe in (first.recipe, tmp_path / "recipe.json"):
        later = TableSource(folder / "b.parquet", recipe=recipe)
        expected = first.recipe.prepare(mixed(300, seed=1))
        assert np.array_equal(rows_of(later)[0], expected)
        assert later.classes == ("no", "yes")
    (tmp_path / "recipe.json").write_text('{"version": 1, "columns": 3}')
    with pytest.raises(ModelFormatError, match="recipe"):
        StreamRecipe.load(tmp_path / "recipe.json")


@pytest.mark.parametrize("suffix", [".arrow", ".feather"])
def test_arrow_files(tmp_path, suffix):
    table = mixed()
    with pa.ipc.new_file(tmp_path / f"a{suffix}", table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
        file.write_table(table, max_chunksize=120)
    source = TableSource(tmp_path, "price", columns=["kind", "number"])
    assert source.block_rows == [120, 120, 120, 120, 20]
    inputs = table.select(["kind", "number"])
    assert np.array_equal(rows_of(source)[0], Recipe.fit(inputs).prepare(inputs))


def test_other_filesystems():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    with memory.open("/bucket/part/a.parquet", "wb") as file:
        pq.write_table(mixed(), file)
    for path, filesystem in (("bucket", memory), ("bucket/*/*.parquet", memory), ("memory://bucket", None)):
        assert TableSource(path, "price", filesystem=filesystem).n_rows == 500
    local = pytest.importorskip("pyarrow.fs").LocalFileSystem()
    with pytest.raises(InputError, match="there is no file or folder nowhere"):
        TableSource("nowhere", "price", filesystem=local)
    memory.rm("/bucket", recursive=True)


def test_types_may_differ_between_files(tables):
    table = pa.table({"x": np.arange(100), "k": ["a", "b"] * 50, "y": np.arange(100.0)})
    other = pa.table({"k": pa.array(["a", "b"] * 50).dictionary_encode(), "y": np.arange(100), "x": np.arange(100) + 0.5})
    source = TableSource(tables(a=table, b=other), "y")
    both = pa.table({"x": np.concatenate([table["x"], other["x"]]), "k": ["a", "b"] * 100})
    assert np.array_equal(rows_of(source)[0], Recipe.fit(both).prepare(both))


def test_errors_name_file_column_and_row(tables, tmp_path):
    table = mixed()
    folder = tables(a=table)
    file = folder / "a.parquet"
    for arguments, message in (
        ({"target": "pric"}, r"a.parquet has no column 'pric'; did you mean 'price'"),
        ({"target": None}, "target is not given"),
        ({"target": ["price", "price"]}, "several different"),
        ({"target": "price", "columns": ["nmber"]}, "has no column 'nmber'"),
        ({"target": "price", "columns": ["price"]}, "'price', which is a target"),
        ({"target": "price", "ignore": ["no"]}, "'no', but there is no such column|no column 'no'"),
        ({"target": "price", "recipe": False}, "must be numbers, but 'kind'"),
        ({"target": "price", "recipe": True}, "recipe is True"),
        ({"target": "price", "task": "guess"}, "task is 'guess'"),
        ({"target": "price", "dtype": "int8"}, "dtype is 'int8'"),
        ({"target": "constant"}, "same value in every row"),
        ({"target": "price", "sample_weight": "no"}, "no column 'no'"),
        ({"target": "price", "filesystem": 3}, "filesystem is int"),
    ):
        with pytest.raises(InputError, match=message):
            TableSource(file, **arguments)
    with pytest.raises(InputError, match=r"there is no file or folder .*b.parquet; did you mean 'a.parquet'"):
        TableSource(folder / "b.parquet", "price")
    with pytest.raises(InputError, match="no file matches"):
        TableSource(str(folder / "*.feather"), "price")
    source = TableSource(file, "price", columns=["number", "count"], recipe=False)
    with pytest.raises(InputError, match=r"column 'number' has a missing entry in row \d+ of .*a.parquet"):
        list(source.read(0, 0, 100))


def test_rows_that_cannot_be_prepared_are_named(tables, monkeypatch):
    values = np.arange(300.0)
    values[250] = np.inf
    folder = tables(a={"x": np.arange(300.0), "y": np.arange(300.0)}, b={"x": values, "y": np.arange(300.0)})
    for sample in (10_000, 20):
        monkeypatch.setattr(first_pass, "SAMPLE_ROWS", sample)
        with pytest.raises(InputError, match=r"'x' holds infinite numbers in 1 rows, first in row 251 of .*b.parquet"):
            TableSource(folder, "y")
    with pytest.raises(InputError, match=r"'x' holds infinite numbers, first in row 251 of .*b.parquet"):
        TableSource(folder, "x")
    other = TableSource(folder / "a.parquet", "y").recipe
    with pytest.raises(InputError, match=r"first in row 251 of .*b.parquet"):
        rows_of(TableSource(folder / "b.parquet", recipe=other))


def test_classes_that_the_recipe_does_not_know(tables):
    folder = tables(a={"x": [1.0, 2.0], "y": ["no", "yes"]}, b={"x": [1.0, 2.0], "y": ["no", "maybe"]})
    source = TableSource(folder / "b.parquet", recipe=TableSource(folder / "a.parquet", "y").recipe)
    with pytest.raises(InputError, match=r"'maybe' in row 2 of .*b.parquet, which is not among the classes 'no', 'yes'"):
        rows_of(source)


def test_files_that_do_not_go_together(tables, tmp_path):
    folder = tables(a={"x": [1.0, 2.0], "y": [1.0, 2.0]}, b={"x": ["1", "2"], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"column 'x' has type string in .*b.parquet, but double in .*a.parquet"):
        TableSource(folder, "y")
    tables(b={"z": [1.0, 2.0], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"a.parquet has no column 'z'|b.parquet has no column 'x'"):
        TableSource(folder, "y")
    (folder / "b.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"b.parquet cannot be read"):
        TableSource(folder, "y")
    tables(b=pa.table({"x": pa.array([], pa.float64()), "y": pa.array([], pa.float64())}))
    assert TableSource(folder, "y").n_rows == 2
    with pytest.raises(InputError, match="holds no rows of data"):
        TableSource(folder / "b.parquet", "y")


def test_a_pass_that_is_left_closes_its_file(tables, monkeypatch):
    source = TableSource(tables(a=mixed()), "price")
    read = source.read(0, 0, 10)
    next(read)
    read.close()
    seconds = source.seconds
    assert seconds.reading > 0
    assert seconds.decoding > 0


def test_a_pattern_looks_into_folders_only_where_it_says_so(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"x": [1.0, 2.0], "y": [0.5, 1.5]})
    (tmp_path / "deep").mkdir()
    for name in ("a.parquet", "b[1].parquet", "deep/c.parquet"):
        pq.write_table(table, tmp_path / name)
    rows = {"*.parquet": 4, "*/*.parquet": 2, "**/*.parquet": 6, "b[1].parquet": 2, "": 6}
    for pattern, count in rows.items():
        assert TableSource(f"{tmp_path}/{pattern}", "y", recipe=False).n_rows == count

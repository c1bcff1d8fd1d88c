"""TableSource: rows of Parquet and Arrow files that are read block by block."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from os import PathLike
from typing import Any

import numpy as np

from ..data.targets import CLASSIFICATION, MULTILABEL, REGRESSION, TASKS
from ..errors import InputError
from ..labels import Label
from ..scaling import Scaling
from ..suggestions import listed
from ..tables.finding import find_files
from ..tables.folders import Seconds, TableFiles
from ..tables.kinds import ColumnChoices
from ..tables.parts import PARTS, TRAINING, Parts
from ..tables.target_form import NUMBER, TEXT
from .first_pass import first_pass
from .source import MEMORY, Piece, Source
from .stream_recipe import StreamRecipe
from .table_rows import TableRows, check_numbers

DTYPES = ("float32", "float64")


class TableSource(Source):
    """Rows of a table in Parquet or Arrow files, which need not fit into memory (needs the extra `tables`).

    A block is a row group of a Parquet file or a record batch of an Arrow file. When the source is made, the files are read
    once: kinds of columns, means, standard deviations, categories and missing entries become the recipe, by which the columns
    become inputs of a network, as `tileprop train` has it. Rows without a target are left out.

    Parameters
    ----------
    paths : str, path-like, or list of these
        A folder, a pattern such as ``"data/*.parquet"``, a file, or a list of them. An address such as "s3://bucket/folder" is
        opened by pyarrow or fsspec.

    target : str or sequence of str, default=None
        Target column, or several. It may be left out where `recipe` knows it.

    columns : sequence of str, default=None
        Columns that become inputs. By default all but the targets and the weights.

    ignore : sequence of str, default=()
        Columns that are left out.

    categorical : sequence of str, default=()
        Columns that are taken as categories, whatever they hold.

    numeric : sequence of str, default=()
        Columns that are taken as numbers.

    recipe : StreamRecipe, str, path-like, or False, default=None
        The recipe of an earlier source, or its file: give that of the training rows for validation rows. By default a recipe
        is made from the files. With False the numbers in the columns are the inputs as they are, and are not read at first.

    task : {"classification", "regression", "multilabel"}, default=None
        What the targets are. By default text, booleans and whole numbers with few values are classes.

    scale_target : bool, default=False
        Standardise the targets of a regression; `target_scaling` gives their own unit back.

    sample_weight : str, default=None
        Column with the weights of the rows.

    dtype : {"float32", "float64"}, default="float32"
        Floating-point type of the inputs; give that of the network.

    filesystem : filesystem of pyarrow.fs or of fsspec, default=None
        Where the files are. By default on this machine, or where their address says.

    memory : int, default=268435456
        Bytes that a fit may take for rows; see `Source`.

    prefetch : int, default=1
        Number of windows that are read ahead; see `Source`.

    Raises
    ------
    InputError
        Where files, columns or types do not fit.

    Notes
    -----
    Up to 131072 rows, the recipe is the one that `TableRecipe` makes of the table in memory. Of more rows, a sample of about
    131072 is drawn, the same each time: kinds of columns, medians and the inner ends of ranges are those of the sample. Means,
    standard deviations, shares of missing entries, the outer ends of ranges and categories are those of all rows, but for
    numbers and dates that are written as text, and for columns with more than 10000 different texts.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    >>> from tileprop.trainer import Network, TableSource
    >>> table = {"width": np.linspace(0.0, 1.0, 600), "kind": ["a", "b", "a"] * 200, "price": np.linspace(3.0, 5.0, 600)}
    >>> pq.write_table(pa.table(table), "prices.parquet", row_group_size=100)
    >>> source = TableSource("prices.parquet", "price")
    >>> len(source.block_rows), source.n_rows
    (6, 600)
    >>> network = Network([source.n_inputs, 8, 1], output_activation="identity")
    >>> network.predict(source.recipe.prepare({"width": [0.5], "kind": ["b"]})).shape
    (1, 1)
    """

    def __init__(
        self,
        paths: str | PathLike[str] | Sequence[str | PathLike[str]],
        target: str | Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        ignore: Sequence[str] = (),
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        recipe: StreamRecipe | str | PathLike[str] | bool | None = None,
        task: str | None = None,
        scale_target: bool = False,
        sample_weight: str | None = None,
        dtype: str = "float32",
        filesystem: Any = None,
        memory: int = MEMORY,
        prefetch: int = 1,
    ) -> None:
        super().__init__(memory, prefetch)
        if task not in (None, *TASKS):
            raise InputError(f"task is {task!r}; it must be one of {', '.join(TASKS)}")
        if np.dtype(dtype).name not in DTYPES:
            raise InputError(f"dtype is {dtype!r}; it must be one of {', '.join(DTYPES)}")
        choices = ColumnChoices(tuple(ignore), tuple(categorical), tuple(numeric))
        known = _known_recipe(recipe)
        if known is not None and any([task is not None, columns is not None, *vars_given(choices)]):
            raise InputError(
                "recipe says what becomes of each column; leave out columns, ignore, categorical, numeric and task"
            )
        self._files = files = TableFiles(*find_files(paths, filesystem))
        targets = target_names(target, known)
        weights = () if sample_weight is None else (sample_weight,)
        files.check_columns([*targets, *weights])
        plain = recipe is False
        if known is not None:
            features: tuple[str, ...] = known.columns.column_names
        else:
            features = feature_names(files, columns, (*targets, *weights), choices.ignore if plain else ())
        if plain:
            check_numbers(files, features)
        passed = first_pass(
            files,
            targets,
            () if plain or known is not None else features,
            choices,
            parts=Parts(),
            task=task,
            memory=memory,
            form=None if known is None else known.target,
            numeric=choices.numeric,
        )
        if known is None and passed.recipe is not None:
            known = StreamRecipe(passed.recipe, passed.form)
        self.recipe = known
        self.notes = passed.notes if passed.recipe is None else (*passed.notes, *passed.recipe.notes)
        self._form, self._scaled = passed.form, scale_target and passed.form.task == REGRESSION
        columns_recipe = None if known is None else known.columns
        features = features if columns_recipe is None else columns_recipe.column_names
        self._rows = TableRows(files, passed.form, columns_recipe, features, weight=sample_weight, dtype=dtype)
        self._counts = passed.rows[:, PARTS.index(TRAINING)].tolist()

    @property
    def n_inputs(self) -> int:
        """Number of inputs that the columns become."""
        return self._rows.n_inputs

    @property
    def block_rows(self) -> Sequence[int]:
        """Number of rows of each block that have a target."""
        return self._counts

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Classes of a classification; None where they are the numbers from 0 on, and for other tasks."""
        if self._form.task != CLASSIFICATION:
            return None
        column = self._form.columns[0]
        if column.kind == TEXT:
            return column.values
        numbers = tuple(int(value) for value in column.values) if column.kind == NUMBER else (0, 1)
        return None if numbers == tuple(range(len(numbers))) else numbers

    @property
    def target_scaling(self) -> Scaling | None:
        """Mean and standard deviation of each target where `scale_target` is given; None otherwise."""
        return self._form.scaling if self._scaled else None

    @property
    def seconds(self) -> Seconds:
        """Seconds spent so far on reading bytes, and on decoding them."""
        return self._files.seconds

    def read(self, block: int, start: int, rows: int) -> Generator[Piece, None, None]:
        """Read the rows of a block that have a target.

        Parameters
        ----------
        block : int
            Number of the block.

        start : int
            First row.

        rows : int
            Most rows of a piece.

        Yields
        ------
        Piece
            The next rows.
        """
        for X, y, weight in self._rows.read(block, PARTS.index(TRAINING), start, rows):
            yield Piece(X, self._learned(y), weight)

    def place(self, block: int) -> str:
        """Say where a block is.

        Parameters
        ----------
        block : int
            Number of the block.

        Returns
        -------
        str
            The name of its file, and its number there.
        """
        return self._files.shown_block(block)

    def fingerprint(self) -> list[Any]:
        """What a checkpoint knows the data by.

        Returns
        -------
        list
            Names, sizes, times and rows of the files, and the shape of the rows.
        """
        return [*self._files.fingerprint(), self.n_inputs, self.n_rows, self._form.task, self._form.class_names]

    def _learned(self, y: np.ndarray) -> np.ndarray:
        """Targets as `Network.fit` takes them."""
        if self._form.task == MULTILABEL:
            return y.astype(np.float64)
        if self._form.task == CLASSIFICATION:
            return y if self.classes is None else np.array(self.classes)[y]
        scaling = self.target_scaling
        return y if scaling is None else scaling.apply(y.reshape(len(y), -1))


def target_names(target: str | Sequence[str] | None, recipe: StreamRecipe | None) -> tuple[str, ...]:
    """The target columns. Raises InputError where they are not given, or are others than the recipe's."""
    if target is None and recipe is None:
        raise InputError("target is not given; name the column that is to be predicted")
    assert target is not None or recipe is not None
    names = (
        recipe.target.names
        if target is None and recipe is not None
        else (target,)
        if isinstance(target, str)
        else tuple(target or ())
    )
    if not names or len(set(names)) < len(names):
        raise InputError(f"target is {target!r}; name one column, or several different ones")
    if recipe is not None and names != recipe.target.names:
        raise InputError(f"target is {target!r}, but the recipe was made for {listed(recipe.target.names)}; leave target out")
    return names


def feature_names(
    files: TableFiles, columns: Sequence[str] | None, others: Sequence[str], ignore: Sequence[str]
) -> tuple[str, ...]:
    """The columns that become inputs. others: targets and weights. Raises InputError where there are none."""
    if columns is not None:
        files.check_columns(columns)
        for name in columns:
            if name in others:
                raise InputError(f"columns holds {name!r}, which is a target or the weight; leave it out")
    files.check_columns(ignore)
    given = files.schema.names if columns is None else columns
    names = tuple(name for name in given if name not in others and name not in ignore)
    if not names:
        raise InputError(f"{files.shown} has no columns besides {listed(others)}; a network needs at least one input")
    files.check_columns(names)
    return names


def vars_given(choices: ColumnChoices) -> tuple[Any, ...]:
    """What is asked for of columns."""
    return choices.ignore, choices.categorical, choices.numeric


def _known_recipe(recipe: Any) -> StreamRecipe | None:
    if recipe is None or recipe is False:
        return None
    if isinstance(recipe, StreamRecipe):
        return recipe
    if isinstance(recipe, str | PathLike):
        return StreamRecipe.load(recipe)
    raise InputError(f"recipe is {recipe!r}; it must be the recipe of a TableSource, the file it was saved to, or False")

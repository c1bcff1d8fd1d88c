"""What a table's columns become, kept with a network: a file of JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, ModelFormatError
from ..scaling import Scaling
from ..suggestions import existing_file
from ..tables.reading import as_table
from ..tables.recipe import MOST_BRACKETS, MOST_BYTES, Recipe
from ..tables.target_form import TargetForm
from ..tensor_files import read_json
from ..typed_json import from_json
from ..writing import write_whole

VERSION = 1


@dataclass(frozen=True)
class StreamRecipe:
    """What became of the columns of a `TableSource`, for other rows of such a table.

    Parameters
    ----------
    columns : Recipe
        What becomes of each column that is an input.

    target : TargetForm
        What becomes of the target columns.

    Examples
    --------
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from tileprop.trainer import StreamRecipe, TableSource
    >>> pq.write_table(pa.table({"age": [20.0, 30.0, 40.0], "paid": ["yes", "no", "no"]}), "paid.parquet")
    >>> TableSource("paid.parquet", "paid").recipe.save("recipe.json")
    >>> recipe = StreamRecipe.load("recipe.json")
    >>> recipe.classes, recipe.prepare({"age": [25.0]}).shape
    (('no', 'yes'), (1, 3))
    """

    columns: Recipe
    target: TargetForm

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for regression."""
        return self.target.class_names

    @property
    def target_scaling(self) -> Scaling | None:
        """Mean and standard deviation of each target; None for classes. `target_scaling.undo(Y)` gives their own unit."""
        return self.target.scaling

    def prepare(self, rows: Any, dtype: Any = np.float32) -> np.ndarray:
        """Make the inputs of a network of some rows of a table.

        Parameters
        ----------
        rows : frame of pandas, polars or pyarrow, or dict of columns, with n rows
            Rows with the columns that the recipe knows, in any order.

        dtype : {"float32", "float64"}, default="float32"
            Floating-point type of the inputs.

        Returns
        -------
        ndarray of shape (n, n_inputs)
            The inputs.

        Raises
        ------
        InputError
            For rows that lack columns, or whose columns hold something else.
        """
        return self.columns.prepare(as_table(rows), dtype)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the recipe to a file of JSON, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced.
        """
        content = {
            "version": VERSION,
            "columns": json.loads(self.columns.to_json()),
            "target": dataclasses.asdict(self.target),
        }
        write_whole(Path(path), json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> StreamRecipe:
        """Read a recipe that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        StreamRecipe
            The recipe.

        Raises
        ------
        ModelFormatError
            For a file of anything else.
        """
        file = existing_file(Path(path))
        if file.stat().st_size > MOST_BYTES:
            raise ModelFormatError(f"{path} has {file.stat().st_size} bytes; at most {MOST_BYTES} are allowed")
        content = read_json(file.read_bytes(), str(path), MOST_BRACKETS)
        if not isinstance(content, dict) or content.get("version") != VERSION:
            raise ModelFormatError(f"{path} is not a recipe of version {VERSION}")
        try:
            target: TargetForm = from_json(TargetForm, content.get("target"), f"{path}, target")
        except InputError as error:
            raise ModelFormatError(str(error)) from None
        columns = json.dumps(content.get("columns"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        return cls(Recipe.from_json(columns, str(path)), target)

"""TableRecipe: the preparation of `tileprop train` for tables, as a transformer of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from ..tables.kinds import ColumnChoices
from ..tables.reading import as_table
from ..tables.recipe import ColumnReport, Recipe

F = TypeVar("F", bound=Callable[..., Any])


def _with_types(fit: F) -> F:
    """scikit-learn's decorator of `fit`, from which type checkers learn nothing."""
    decorated: F = _fit_context(prefer_skip_nested_validation=True)(fit)
    return decorated


class TableRecipe(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers, categories, dates and missing entries of a frame as the inputs of a network (needs the extra `train`).

    Numbers are standardised, a missing one is filled by the median; categories are one-hot; dates become a few numbers. Text,
    identifiers and constant columns are left out. `report` says what became of each column.

    Parameters
    ----------
    ignore : sequence of str, default=()
        Columns to leave out.

    categorical : sequence of str, default=()
        Columns to take as categories, whatever they hold.

    numeric : sequence of str, default=()
        Columns to take as numbers.

    encode : bool, default=True
        False refuses text, dates and missing entries.

    dtype : {"float64", "float32"}, default="float64"
        Floating-point type of the result.

    Attributes
    ----------
    recipe_ : Recipe
        What became of each column.

    feature_names_in_ : ndarray of shape (n_columns,)
        Names of the columns that were seen in `fit`.

    n_features_in_ : int
        Number of the columns that were seen in `fit`.

    Examples
    --------
    >>> import pandas as pd
    >>> from tileprop.trainer import TableRecipe
    >>> frame = pd.DataFrame({"age": [20, 30, None, 40], "sex": ["f", "m", "f", "m"]})
    >>> TableRecipe().fit(frame).get_feature_names_out().tolist()
    ['age', 'age from 20 to 30', 'age from 30 to 40', 'age is missing', 'sex=m']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "ignore": ["array-like"],
        "categorical": ["array-like"],
        "numeric": ["array-like"],
        "encode": ["boolean"],
        "dtype": [str, type, np.dtype],
    }

    def __init__(
        self,
        *,
        ignore: Sequence[str] = (),
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        encode: bool = True,
        dtype: Any = "float64",
    ) -> None:
        self.ignore = ignore
        self.categorical = categorical
        self.numeric = numeric
        self.encode = encode
        self.dtype = dtype

    @_with_types
    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose what becomes of each column, from the rows of X.

        Parameters
        ----------
        X : frame of pandas, polars or pyarrow, with n rows
            Rows to learn from. An array has columns named x0, x1, ...

        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self : TableRecipe
            The fitted transformer.
        """
        table = _table(X)
        self.recipe_ = Recipe.fit(table, ColumnChoices.of(self))
        self.feature_names_in_ = np.array(table.column_names, dtype=object)
        self.n_features_in_ = len(table.column_names)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The inputs of a network for rows of X.

        Parameters
        ----------
        X : frame of pandas, polars or pyarrow, with n rows
            Rows with the columns that were used in `fit`, in any order.

        Returns
        -------
        inputs : ndarray of shape (n, n_inputs)
            Inputs, named by `get_feature_names_out`.
        """
        check_is_fitted(self)
        return self.recipe_.prepare(_table(X), self.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the inputs.

        Parameters
        ----------
        input_features : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        names : ndarray of shape (n_inputs,)
            Names, such as "age", "age is missing" or "sex=male".
        """
        check_is_fitted(self)
        return np.array(self.recipe_.feature_names, dtype=object)

    def report(self) -> list[ColumnReport]:
        """What each column holds, what became of it, and the share of its entries that are missing.

        Returns
        -------
        columns : list of ColumnReport
            One for each column that was seen in `fit`.
        """
        check_is_fitted(self)
        return self.recipe_.report()


def _table(X: Any) -> Any:
    if isinstance(X, (np.ndarray, list)):
        X = np.asarray(X)
        if X.ndim == 2:
            return as_table({f"x{i}": np.ascontiguousarray(X[:, i]) for i in range(X.shape[1])})
    return as_table(X)

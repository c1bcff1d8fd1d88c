"""Our estimators in what skl2onnx converts, pipelines above all. Needs the extra `onnx`.

skl2onnx's own converter of scikit-learn's MLPs (1.20) would not do: it flattens several targets into one column, gives four
columns of probabilities for the two labels of a multilabel task, cuts classes to 32 bits, and knows neither exp nor a list of
activations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from ..extras import require
from ..intervals import middle
from .onnx import DOUBLE, FLOAT, add_layers
from .scikit_learn import from_sklearn

INT64, STRING = 7, 8
OPTIONS = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}


def register_skl2onnx() -> None:
    """Teach skl2onnx to convert tileprop's MLPClassifier and MLPRegressor, alone and in pipelines.

    Call it once, before `skl2onnx.to_onnx`.

    Raises
    ------
    MissingExtraError
        If skl2onnx is not installed.

    Notes
    -----
    A classifier's outputs are its labels, (n,) or (n, n_labels), and its probabilities. skl2onnx makes a map of the
    probabilities for each row, unless its option `zipmap` is False, as it must be for inputs in double. A regressor's outputs
    are (n, n_targets). The computation is in double for inputs in double, otherwise in float.

    Examples
    --------
    >>> import numpy as np
    >>> from skl2onnx import to_onnx
    >>> from tileprop.trainer import MLPRegressor, register_skl2onnx
    >>> register_skl2onnx()
    >>> X = np.linspace(0, 1, 200, dtype="float32")[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=5, tol=0.1, random_state=0).fit(X, X[:, 0])
    >>> to_onnx(model, X[:1]).graph.input[0].name
    'X'
    """
    skl2onnx = require("skl2onnx", "register_skl2onnx")
    from ..estimators import MLPClassifier, MLPRegressor

    skl2onnx.update_registered_converter(
        MLPClassifier, "TilepropMLPClassifier", _classifier_shapes, _convert_classifier, options=OPTIONS
    )
    skl2onnx.update_registered_converter(MLPRegressor, "TilepropMLPRegressor", _regressor_shapes, _convert_regressor)


class _Nodes:
    """Nodes and constants of one operator of skl2onnx's."""

    def __init__(self, scope: Any, container: Any, element: int) -> None:
        self._scope, self._container, self._element = scope, container, element

    def __call__(self, kind: str, *inputs: str | float, output: str | None = None, **attributes: Any) -> str:
        name = output or self._scope.get_unique_variable_name(kind.lower())
        names = [x if isinstance(x, str) else self.constant("constant", x) for x in inputs]
        self._container.add_node(kind, names, [name], name=self._scope.get_unique_operator_name(kind), **attributes)
        return name

    def constant(self, name: str, values: np.ndarray | float, element: int | None = None) -> str:
        unique: str = self._scope.get_unique_variable_name(name)
        array = np.asarray(values)
        self._container.add_initializer(unique, element or self._element, list(array.shape), array.ravel().tolist())
        return unique


def _network_nodes(scope: Any, operator: Any, container: Any) -> tuple[_Nodes, str]:
    """The nodes of an estimator's network, and the name of its outputs."""
    types = require("skl2onnx.common.data_types", "register_skl2onnx")
    given = operator.inputs[0]
    double = isinstance(given.type, types.DoubleTensorType)
    op = _Nodes(scope, container, DOUBLE if double else FLOAT)
    x = given.full_name
    if not isinstance(given.type, (types.FloatTensorType, types.DoubleTensorType)):
        x = op("Cast", x, to=FLOAT)
    return op, add_layers(op, from_sklearn(operator.raw_operator), x, np.dtype("float64" if double else "float32"))


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    op, y = _network_nodes(scope, operator, container)
    plan = from_sklearn(operator.raw_operator).plan
    # Of several quantiles the middle one, of means and variances the means: as `predict` does.
    columns = middle(plan, np.arange(plan.sizes[-1])[None])[0]
    op("Gather", y, op.constant("columns", columns, INT64), axis=1, output=operator.outputs[0].full_name)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    estimator = operator.raw_operator
    op, y = _network_nodes(scope, operator, container)
    labels, probabilities = (output.full_name for output in operator.outputs)
    if _multilabel(estimator):
        op("Identity", y, output=probabilities)
        op("Cast", op("Greater", y, 0.5), to=INT64, output=labels)
        return
    if len(estimator.classes_) == 2:
        op("Concat", op("Sub", 1.0, y), y, axis=1, output=probabilities)
    else:
        op("Identity", y, output=probabilities)
    classes = require("skl2onnx.common.utils_classifier", "register_skl2onnx").get_label_classes(scope, estimator)
    if classes.dtype.kind in "OU":
        names = op.constant("classes", np.array([str(name).encode() for name in classes]), STRING)
    else:
        numbers = classes.astype(np.int64)
        if (numbers != classes).any():
            raise InputError(f"the classes are {list(classes)}; classes in ONNX must be whole numbers or text")
        names = op.constant("classes", numbers, INT64)
    op("Gather", names, op("ArgMax", probabilities, axis=1, keepdims=0), output=labels)


def _multilabel(estimator: Any) -> bool:
    return bool(estimator._label_binarizer.y_type_ == "multilabel-indicator")


def _classifier_shapes(operator: Any) -> None:
    shapes = require("skl2onnx.common.shape_calculator", "register_skl2onnx")
    shapes.calculate_linear_classifier_output_shapes(operator)
    if _multilabel(operator.raw_operator):
        operator.outputs[0].type.shape = list(operator.outputs[1].type.shape)


def _regressor_shapes(operator: Any) -> None:
    shapes = require("skl2onnx.common.shape_calculator", "register_skl2onnx")
    shapes.calculate_linear_regressor_output_shapes(operator)
    operator.outputs[0].type.shape = [operator.outputs[0].type.shape[0], operator.raw_operator.n_outputs_]

"""Networks to and from other tools, one file for each. What a tool itself is needed for, its extra brings."""

from .c import export_c
from .onnx import export_onnx, to_onnx
from .pytorch import from_state_dict, to_state_dict
from .scikit_learn import estimator_from_sklearn, from_sklearn
from .skl2onnx import register_skl2onnx

__all__ = [
    "estimator_from_sklearn",
    "export_c",
    "export_onnx",
    "from_sklearn",
    "from_state_dict",
    "register_skl2onnx",
    "to_onnx",
    "to_state_dict",
]

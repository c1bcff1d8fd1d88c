"""The attributes of Numba's private classes that are used here. That one is missing is found when this package is imported.

docs/numba.md says what each is for. Names that are imported need no place in this list: the import finds them missing.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc
from numba.core import base, caching, codegen, compiler, lowering, registry, typing
from numba.core.datamodel import models

_ATTRIBUTES: dict[Any, str] = {
    _dynfunc: "make_function",
    base.BaseContext: "mangler get_executable get_abi_sizeof",
    caching.FunctionCache: "enable save_overload _index_key _impl_class",
    caching.IndexDataCacheFile: "_load_index _save_index _save_data _load_data _dump load save",
    caching.CompileResultCacheImpl: "filename_base locator reduce rebuild check_cachable",
    codegen.JITCodeLibrary: "_get_module_for_linking add_ir_module finalize enable_object_caching get_pointer_to_function",
    codegen.JITCPUCodegen: "_create_empty_module set_env",
    compiler.Compiler: "define_pipelines",
    compiler.CompileResult: "_find_referenced_environments",
    compiler.DefaultPassBuilder: "define_nopython_pipeline",
    models.DataModel: "contains_nrt_meminfo",
    lowering.Lower: "lower_assign storevar delvar loadvar decref typeof",
    registry.CPUDispatcher: "get_call_template compile enable_caching _insert add_overload",
    typing.Context: "_lookup_global",
}


def check_names() -> None:
    """Raise AttributeError for the first name that Numba lacks."""
    for owner, names in _ATTRIBUTES.items():
        for name in names.split():
            getattr(owner, name)

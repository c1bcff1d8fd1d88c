"""How leaves reach the kernels that call them: as LLVM code that is linked, optimised and turned into machine code there, once.

Numba would link each leaf with all that it calls, optimise that and emit machine code for it that nobody runs: most of the
time until the first epoch, and more with each level of calls. The kernel's own code comes out as fast.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from llvmlite import binding
from numba import _dynfunc
from numba.core import cgutils, typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager

from .borrowing import BorrowingLowering
from .typing import remembering


class LeafLibrary(JITCodeLibrary):
    """Holds a leaf's own LLVM code, as it was written; what it calls is known, and not linked."""

    def add_ir_module(self, module: Any) -> None:
        parsed = binding.parse_assembly(cgutils.normalize_ir_text(str(module)))
        parsed.data_layout = self._codegen._data_layout
        self._final_module.link_in(parsed)

    def finalize(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = "linkonce_odr"  # of a function that several link in, one is kept, where it is called
        self._finalized = True

    def own_module(self) -> Any:
        """The leaf's code alone."""
        return self._final_module

    def _get_module_for_linking(self) -> Any:
        """The leaf's code and that of everything below it, for a caller that is no kernel."""
        module = self.own_module().clone()
        for library in all_called(self._linking_libraries):
            module.link_in(module_of(library), preserve=True)
        return module


class KernelLibrary(JITCodeLibrary):
    """Machine code of a kernel and of everything below it."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        for library in all_called(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(module_of(library), preserve=True)
        self._linking_libraries = []
        super().finalize()


def all_called(libraries: Iterable[Any]) -> list[Any]:
    """The libraries and, through leaves, all that they call, each once."""
    found: dict[Any, None] = {}
    ahead = list(libraries)
    while ahead:
        library = ahead.pop()
        if library not in found:
            found[library] = None
            if isinstance(library, LeafLibrary):
                ahead.extend(library._linking_libraries)
    return list(found)


def module_of(library: Any) -> Any:
    if isinstance(library, LeafLibrary):
        return library.own_module()
    return _modules.get(library) or library._get_module_for_linking()


# The code of kernels that callers refer to by name, for kernels that call them. They stay: so does their machine code.
_modules: dict[Any, Any] = {}


def refer_by_name(result: CompileResult) -> None:
    """From now on callers that are no kernels refer to a compiled kernel by its name, and do not link its code in.

    What they link in is the name of its environment: Numba saves an environment with all who name it.
    """
    library, codegen = result.library, result.target_context.codegen()
    _modules[library] = library._get_module_for_linking()
    named = codegen._create_empty_module(result.fndesc.llvm_func_name)
    result.target_context.declare_env_global(named, result.environment.env_name)
    library._shared_module = binding.parse_assembly(str(named))
    symbol = result.fndesc.llvm_func_name
    binding.add_symbol(symbol, library.get_pointer_to_function(symbol))


_LEAF_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.RewriteDynamicRaises,
    typed_passes.NopythonTypeInference,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    BorrowingLowering,
    typed_passes.NoPythonBackend,
)


class LeafCompiler(Compiler):
    """Numba's compiler, ending in a `LeafLibrary`."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        super().__init__(remembering(typingctx), targetctx, LeafLibrary(targetctx.codegen(), "leaf"), *rest)
        target = self.state.targetctx  # this compilation's own copy
        target.get_executable, target.mangler = _entry_point, functools.partial(_short_name, target.mangler)
        target.get_abi_sizeof = functools.partial(_remembered_size, target.get_abi_sizeof)

    def define_pipelines(self) -> list[PassManager]:
        """The passes that plain loops and branches need: a third of the time goes into the others' walks through the code."""
        manager = PassManager("leaf")
        for kind in _LEAF_PASSES:
            manager.add_pass(kind, kind.__name__)
        manager.finalize()
        return [manager]


class KernelCompiler(Compiler):
    """Numba's compiler, ending in a `KernelLibrary`."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        library = KernelLibrary(targetctx.codegen(), "kernel")
        library.enable_object_caching()
        super().__init__(remembering(typingctx), targetctx, library, *rest)

    def define_pipelines(self) -> list[PassManager]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (BorrowingLowering if kind is typed_passes.NativeLowering else kind, text) for kind, text in manager.passes
        ]
        return [manager]


def connect_environments(result: CompileResult) -> None:
    """Give the leaves inside a compiled kernel their environments: an exception with arguments that a leaf raises needs one.

    Not for leaves, which have no machine code. Numba does this where it emits machine code; for what comes from the disk
    cache it has done it.
    """
    codegen = result.target_context.codegen()
    for environment in result._find_referenced_environments():
        codegen.set_env(environment.env_name, environment)


def _entry_point(library: Any, fndesc: Any, env: Any) -> Any:
    """What Numba knows a compiled function by. There is no machine code behind it."""
    return _dynfunc.make_function(fndesc.lookup_module(), fndesc.qualname.split(".")[-1], "", 0, env, (library,))


def _short_name(mangled: Any, name: str, types: Any, *, abi_tags: Any = (), uid: int | None = None) -> str:
    """A leaf's name in LLVM code. Numba's own spells out the types: some 4,000 letters, in each call."""
    spelled = "".join(map(str, (name, types, abi_tags))).encode()
    return str(mangled(name, (), abi_tags=[blake2b(spelled, digest_size=8).hexdigest()], uid=uid))


# By the identity of a type, which is kept with its size. Numba asks for the size of each variable, and LLVM finds it in 0.1 ms.
_sizes: dict[int, tuple[Any, int]] = {}


def _remembered_size(found: Any, kind: Any) -> int:
    """Of an LLVM type, in bytes."""
    if id(kind) not in _sizes:
        _sizes[id(kind)] = kind, found(kind)
    return _sizes[id(kind)][1]

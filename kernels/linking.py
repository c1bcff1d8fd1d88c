"""How leaves reach the kernels that call them: as LLVM code that is optimised and turned into machine code there, once.

Numba would optimise each leaf, together with all that it calls, and emit machine code for it that nobody runs: a fifth of the
time until the first epoch, and more with each level of calls. The kernel's own code comes out as fast.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult


class LeafLibrary(JITCodeLibrary):
    """Holds a leaf's LLVM code, linked with that of its own leaves, for linking into a kernel."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


class LeafCompiler(Compiler):
    """Numba's compiler, ending in a `LeafLibrary`."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        super().__init__(typingctx, targetctx, LeafLibrary(targetctx.codegen(), "leaf"), *rest)
        self.state.targetctx.get_executable = _entry_point  # this compilation's own copy of the target


def connect_environments(result: CompileResult) -> None:
    """Give the leaves inside a compiled kernel their environments: an exception with arguments that a leaf raises needs one.

    Numba does this where it emits machine code; for what comes from the disk cache it has done it.
    """
    if not isinstance(result.library, LeafLibrary):
        for environment in result._find_referenced_environments():
            result.library.codegen.set_env(environment.env_name, environment)


def _entry_point(library: Any, fndesc: Any, env: Any) -> Any:
    """What Numba knows a compiled function by. There is no machine code behind it."""
    return _dynfunc.make_function(fndesc.lookup_module(), fndesc.qualname.split(".")[-1], "", 0, env, (library,))

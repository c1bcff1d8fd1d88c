"""Dense neural networks, trained on the CPU in one compiled call.

Every public name of `tileprop.trainer` is here, too: `from tileprop import Network`. The names are loaded when they are first
used, so that `import tileprop.kernels` does not import the trainer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import bench as bench
    from . import kernels as kernels
    from . import trainer as trainer
    from .trainer import *  # noqa: F403
    from .trainer import __all__ as __all__

    __version__: str

_FOLDERS = ("bench", "kernels", "trainer")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("tileprop")
    if name in _FOLDERS:
        return import_module(f".{name}", __name__)
    if name == "__all__" or not name.startswith("_"):
        trainer = import_module(".trainer", __name__)
        if name == "__all__" or name in trainer.__all__:
            return getattr(trainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__getattr__("__all__"), *_FOLDERS, "__version__", "__doc__", "__name__", "__file__", "__path__"})

"""A side's process: `python -m tileprop.bench.child CPUS`. One line of JSON in, one line out.

    {"do": "open", "module": m}                        import a side
    {"do": "build", "folder": f, ... settings}         make its trainer for a task     {"seconds": s}
    {"do": "train", "epochs": n}                       train on                        {"seconds": s}
    {"do": "save", "path": p}                          write theta to a .npy file

What goes wrong is answered as {"error": "..."}, with the traceback on stderr. The process ends with its stdin, at once and
whatever it is doing: no side outlives the race. Only the standard library is imported before the processors are chosen.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .pinning import pin

if TYPE_CHECKING:
    from .task import Trainer


class Child:
    """Answers requests."""

    def __init__(self) -> None:
        self.side: Any = None
        self.trainer: Trainer | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        action = request.pop("do")
        try:
            return dict(getattr(self, f"do_{action}")(**request))
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}

    def do_open(self, module: str) -> dict[str, Any]:
        self.side = importlib.import_module(module)
        return {}

    def do_build(self, folder: str, **settings: Any) -> dict[str, Any]:
        from .task import read_task

        self.trainer = None  # two at a time might not fit into memory
        gc.collect()
        # A side whose tasks are of another kind reads them itself.
        task = getattr(self.side, "read_task", read_task)(Path(folder), **settings)
        started = time.perf_counter()
        self.trainer = self.side.build(task)
        return {"seconds": time.perf_counter() - started}

    def do_train(self, epochs: int) -> dict[str, Any]:
        assert self.trainer is not None
        started = time.perf_counter()
        self.trainer.train(epochs)
        return {"seconds": time.perf_counter() - started}

    def do_save(self, path: str) -> dict[str, Any]:
        import numpy as np

        assert self.trainer is not None
        np.save(path, self.trainer.theta())
        return {}


def requests() -> queue.SimpleQueue[str]:
    """Lines from stdin, read by a thread that ends the process with the last one."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        with open(0, encoding="utf-8", closefd=False) as stdin:
            for line in stdin:
                lines.put(line)
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    return lines


def main() -> None:
    # Ctrl-C reaches every process of the terminal; it is the parent that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries may print; the pipe is for answers alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines = requests()
    pin([int(cpu) for cpu in sys.argv[1].split(",") if cpu])
    child = Child()
    while True:
        print(json.dumps(child.answer(json.loads(lines.get()))), file=answers, flush=True)


if __name__ == "__main__":
    main()

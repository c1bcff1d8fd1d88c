"""The parent's end of a side's process: start it, ask it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from .pinning import pinned_environment
from .sides import Side

# Compiling the largest problem takes a peer well under a minute.
PATIENCE = 600.0  # seconds
ERROR_LINES = 8


class SideError(RuntimeError):
    """A side failed; the message ends with the last lines that its process wrote to stderr."""


class SideProcess:
    """A running side. `send` and `receive` in turn, or `ask` for both, and a rest until the next.

    Use in a `with` statement: it ends the process.
    """

    def __init__(self, side: Side, threads: int, cpus: list[int], folder: Path, patience: float = PATIENCE) -> None:
        self.side = side
        self.threads = threads
        self.patience = patience
        self.messages = folder / f"{side.name}.stderr"
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        # -P: the working directory is no place to import from.
        command = [sys.executable, "-P", "-m", f"{__package__}.child", ",".join(map(str, cpus))]
        with open(self.messages, "wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=pinned_environment(os.environ, threads),
                text=True,
                encoding="utf-8",
            )
        self.reader = threading.Thread(target=self._read, name=f"answers of {side.name}", daemon=True)
        self.reader.start()

    def __enter__(self) -> SideProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def send(self, action: str, **request: Any) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": action, **request}) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise self.failure("its process has ended") from None

    def receive(self) -> dict[str, Any]:
        try:
            line = self.answers.get(timeout=self.patience)
        except queue.Empty:
            self.end()
            raise self.failure(f"no answer within {self.patience:g} s") from None
        if not line:
            raise self.failure(f"its process ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self.failure(answer["error"])
        return answer

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        self.wake()
        self.send(action, **request)
        answer = self.receive()
        self.rest()
        return answer

    def rest(self) -> None:
        """Stop the process where it has several threads: OpenMP's and OpenBLAS's spin on for up to 100 ms after their work."""
        if self.threads > 1 and hasattr(signal, "SIGSTOP"):
            self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """The way back from `rest`."""
        if self.threads > 1 and hasattr(signal, "SIGCONT"):
            self.process.send_signal(signal.SIGCONT)

    def failure(self, reason: str) -> SideError:
        lines = self.messages.read_text(encoding="utf-8", errors="replace").splitlines()[-ERROR_LINES:]
        return SideError("\n".join([f"{self.side.label}: {reason}", *(f"    {line}" for line in lines)]))

    def end(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            # What is left in a buffer has no reader any more.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

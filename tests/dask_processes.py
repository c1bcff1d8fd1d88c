"""A Dask scheduler and a worker in processes of their own, which tests kill, freeze and start again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys


class Processes:
    """Ended when the block is left."""

    def __init__(self, workers: int = 1) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.started = f"tcp://127.0.0.1:{self.port}", []
        self.scheduler = self.start_scheduler()
        for _ in range(workers):
            self.start_worker()

    def start_scheduler(self) -> subprocess.Popen:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def start_worker(self) -> subprocess.Popen:
        return self._start("worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard")

    def _start(self, what: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        self.started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        return self.started[-1]

    def kill(self, again: bool) -> None:
        """End the scheduler without a word, and start another one at its address."""
        self.scheduler.send_signal(signal.SIGKILL)
        self.scheduler.wait()
        if again:
            self.scheduler = self.start_scheduler()

    def freeze(self) -> None:
        """Stop the scheduler: its connections stay open, and no answer comes."""
        self.scheduler.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the scheduler go on."""
        self.scheduler.send_signal(signal.SIGCONT)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self.started:
            process.kill()
            process.wait()

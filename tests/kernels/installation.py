"""A copy of the kernels, in folders of its own, that processes of their own run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tileprop
from tileprop import kernels

PACKAGE, SOURCES = Path(tileprop.__file__).parent, Path(kernels.__file__).parent


class Installation:
    """A copy of the kernels in a folder of its own, with a home, a temporary folder and a cache beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kernels = root / "site" / "tileprop" / "kernels"
        # With Python's bytecode, which spares each process reading the sources; not with a file that is just being written.
        shutil.copytree(SOURCES, self.kernels, ignore=shutil.ignore_patterns("*.pyc.*"))
        shutil.copy(PACKAGE / "__init__.py", self.kernels.parent)
        self.home, self.temporary, self.cache, self.work = (root / name for name in ("home", "temporary", "cache", "work"))
        for folder in (self.home, self.temporary, self.work):
            folder.mkdir()

    def start(self, code: str, **environment: str | None) -> subprocess.Popen[str]:
        ours = {"TILEPROP_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_DISABLE_JIT"}
        settings: dict[str, str | None] = {name: value for name, value in os.environ.items() if name not in ours}
        settings |= {"PYTHONPATH": str(self.root / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
        settings |= {name: str(self.home) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA")}
        settings |= {name: str(self.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
        settings |= {"TILEPROP_CACHE": str(self.cache)} | environment
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env={name: value for name, value in settings.items() if value is not None},
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        result: dict[str, Any] = json.loads(output)
        if "from" in result:
            assert Path(result["from"]).parent == self.kernels
        return result

    def run(self, code: str, **environment: str | None) -> dict[str, Any]:
        return self.finish(self.start(code, **environment))

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        path = self.kernels / file
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before

    def make_sigmoid_return_a_quarter(self) -> None:
        def change(source: str) -> str:
            head = re.compile(r'(def sigmoid_scalar\(x\):\n    """.*?"""\n)', re.DOTALL)
            changed, count = head.subn(r"\1    return type(x)(0.25)\n", source)
            assert count == 1
            return changed

        self.edit("activations/formulas.py", change)


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

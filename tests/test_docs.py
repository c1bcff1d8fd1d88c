"""The examples of the documentation's pages, run as they stand: each page's in order, in one namespace."""

import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.glob("*.md") if "```python" in path.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_pages_examples_run(page, tmp_path, monkeypatch):
    """Jobs are threads of this process; test_regressor.py has them as processes, with a loss and an activation of one's own."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = {}
    for found in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        if any(find_spec(package) is None for package in re.findall(r"^import (torch|jax)$", found.group(1), re.MULTILINE)):
            continue
        line = text.count("\n", 0, found.start(1))
        with warnings.catch_warnings(), parallel_config(backend="threading"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            exec(compile("\n" * line + found.group(1), page, "exec"), names)


def test_what_contributing_quotes_stands_in_the_sources():
    """Each block has pieces of files; a line `# path` begins a file's, a line `...` leaves something out."""
    text = (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    quoted = set()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for path, pieces in re.findall(r"^# (\S+\.py)\n(.*?)(?=^# \S+\.py\n|\Z)", block, re.DOTALL | re.MULTILINE):
            source = (DOCS.parent / path).read_text(encoding="utf-8")
            for piece in re.split(r"^\.\.\.\n", pieces, flags=re.MULTILINE):
                assert piece in source, f"{path}:\n{piece}"
                quoted.add(path)
    assert len(quoted) == 7


def test_there_are_pages():
    assert {"backend", "derivatives", "estimators", "files", "solvers"} <= {page.stem for page in PAGES}

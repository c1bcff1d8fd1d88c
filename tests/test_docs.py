"""The documentation: its examples run as they stand, README shows what the commands print, every public name is explained."""

import importlib.util
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import tileprop.kernels
import tileprop.trainer
import tileprop.trainer.dask
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in DOCS.glob("*.md") if "```python" in path.read_text(encoding="utf-8"))


def python_blocks(text):
    return re.finditer(r"```python\n(.*?)```", text, re.DOTALL)


def readme_program():
    spec = importlib.util.spec_from_file_location("readme", DOCS / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_pages_examples_run(page, tmp_path, monkeypatch):
    """Each page's in order, in one namespace. Jobs are threads of this process; test_regressor.py has them as processes, with a
    loss and an activation of one's own.
    """
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = {}
    for found in python_blocks(text):
        if any(find_spec(package) is None for package in re.findall(r"^import (torch|jax)$", found.group(1), re.MULTILINE)):
            continue
        line = text.count("\n", 0, found.start(1))
        with warnings.catch_warnings(), parallel_config(backend="threading"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            exec(compile("\n" * line + found.group(1), page, "exec"), names)


@pytest.mark.parametrize("block", [found.group(1) for found in python_blocks(README)], ids=["first", "second"])
def test_each_block_of_the_readme_runs_by_itself(block, capsys):
    exec(block, {})
    assert capsys.readouterr().out


def test_the_readme_is_short():
    assert README.count("\n") <= 135


def test_the_readme_shows_what_the_command_prints(tmp_path):
    """Without the numbers: times differ, and so do the last digits on other processors."""
    program = readme_program()

    def shape(text):
        text = re.sub(r"seconds .*", "seconds", text)
        return re.sub(r"-?\d[\d.,]*", "0", re.sub(r" +", " ", text))

    printed = program.screen(tmp_path / "curves.png")
    assert shape(printed.strip()) == shape(program.between(README, "screen").strip())
    assert f"docs/examples/penguins.csv {' '.join(program.COMMAND[2:])}\n" in README


def test_the_readmes_speeds_are_those_of_the_benchmarks(tmp_path):
    program = readme_program()
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert program.speed_table(page).count("\n") == 6
    assert program.between(README, "speed").strip() == program.speed_table(page)
    program.draw_speeds(page, tmp_path / "speed.svg")
    assert (tmp_path / "speed.svg").stat().st_size > 10_000


@pytest.mark.parametrize("module", [tileprop.kernels, tileprop.trainer, tileprop.trainer.dask], ids=str)
def test_every_public_name_has_an_entry_in_the_reference(module):
    page = (DOCS / "reference" / f"{module.__name__.rpartition('.')[2]}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"autosummary::\n.*?\n\n(.*?)```", page, re.DOTALL)
    assert sorted(" ".join(blocks).split()) == sorted(module.__all__)


def test_what_contributing_quotes_stands_in_the_sources():
    """Each block has pieces of files; a line `# path` begins a file's, a line `...` leaves something out."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    quoted = set()
    for block in python_blocks(text):
        for path, pieces in re.findall(r"^# (\S+\.py)\n(.*?)(?=^# \S+\.py\n|\Z)", block.group(1), re.DOTALL | re.MULTILINE):
            source = (ROOT / path).read_text(encoding="utf-8")
            for piece in re.split(r"^\.\.\.\n", pieces, flags=re.MULTILINE):
                assert piece in source, f"{path}:\n{piece}"
                quoted.add(path)
    assert len(quoted) == 7


def test_there_are_pages():
    assert {"backend", "derivatives", "estimators", "files", "solvers"} <= {page.stem for page in PAGES}

"""Docstrings of the public names: every parameter and every result described, and examples that run."""

import doctest
import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import tileprop.kernels
import tileprop.trainer
import tileprop.trainer.dask
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

# See numpydoc's list of its checks: there is a docstring and a summary; every parameter has a type and a description, and none
# is described that does not exist; so have results.
CHECKS = {"GL08", "SS01", "SS03", "PR01", "PR02", "PR03", "PR04", "PR07", "PR08", "PR09", "RT01", "RT03", "RT04", "RT05"}
EXAMPLE = "EX01"
TEMPLATE = Path(__file__).parents[1] / "docs" / "_templates" / "autosummary" / "class.rst"
# Members that the reference does not show: protocols between our own parts, and what scikit-learn adds.
HIDDEN = set(re.search(r":exclude-members: (.*)", TEMPLATE.read_text(encoding="utf-8"))[1].split(", "))
PUBLIC = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module in (tileprop.kernels, tileprop.trainer, tileprop.trainer.dask)
    for name in module.__all__
}


def methods_of(thing):
    """Methods of ours that the reference shows."""
    members = inspect.getmembers(thing, inspect.isroutine) if inspect.isclass(thing) else []
    shown = [(name, method) for name, method in members if not name.startswith("_") and name not in HIDDEN]
    return [(name, method) for name, method in shown if str(getattr(method, "__module__", "")).startswith("tileprop")]


def complaints(thing, checks):
    return [f"{code} {text}" for code, text in validate(get_doc_object(thing))["errors"] if code in checks]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_is_described(name):
    assert complaints(PUBLIC[name], CHECKS | {EXAMPLE}) == []
    for method, function in methods_of(PUBLIC[name]):
        assert (method, complaints(function, CHECKS)) == (method, [])


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name, tmp_path, monkeypatch):
    """Of the docstring and of its methods', each by itself."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    printed = []
    for where, thing in [(name, PUBLIC[name]), *methods_of(PUBLIC[name])]:
        text = inspect.getdoc(thing) or ""
        if any(find_spec(package) is None for package in re.findall(r"^>>> import (\w+)", text, re.MULTILINE)):
            continue
        test = doctest.DocTestParser().get_doctest(text, {}, where, None, 0)
        runner.run(test, out=printed.append)
    assert printed == []


def test_a_parameter_that_is_not_described_is_noticed():
    def scaled(x, factor):
        """Return x times a factor.

        Parameters
        ----------
        x : float
            Number.
        """
        return x * factor

    assert [text[:4] for text in complaints(scaled, CHECKS | {EXAMPLE})] == ["PR01", "RT01", "EX01"]

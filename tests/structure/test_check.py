"""The check of the source's structure finds what is planted in a small tree of packages, and nothing in a sound one."""

from __future__ import annotations

from pathlib import Path

import pytest
from structure.check import (
    MOST_LINES,
    RULES,
    circles,
    column_constants,
    faults,
    long_files,
    long_signatures,
    main,
    numbered_columns,
    private_parts,
    wrong_ways,
)

pytestmark = pytest.mark.plain

SOUND = {
    "kernels/__init__.py": 'from .passes import forward\nfrom .plan import make_plan\n__all__ = ["forward", "make_plan"]\n',
    "kernels/plan.py": "def make_plan(a, b, c, d, e, f, g, *, h, i): ...\n",
    "kernels/passes.py": """
from numba import types
from .plan import make_plan
from .training import rules

def forward(net, a, b, c, d, e, f, g, h):
    header, layer, first = net.header, net.layers[c], net.layers[0]
    last, rest = net.layers[-1], net.layers[1:]
    column = net.layers["width"]
    for layers in range(3):
        a[0, 3] = a[layers]
    return a.shape[0] + net.numbers[layer.weights]

class Kept:
    def eight(self, a, b, c, d, e, f, g, h): ...
""",
    "kernels/training/__init__.py": "",
    "kernels/training/rules.py": "ADAM, SGD = 0, 1\n\n\ndef counts():\n    first, second = range(2)\n",
    "kernels/llvm/__init__.py": "",
    "kernels/llvm/tile.py": "import llvmlite\nfrom numba.core import cgutils\ndef tile(a, b, c, d, e, f, g, h, i): ...\n",
    "trainer/__init__.py": "from ..kernels import forward\n",
    "trainer/cli.py": "def run():\n    from ..bench.race import race\n",
    "bench/__init__.py": "",
    "bench/race.py": "from ..trainer import forward\nimport numba\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in SOUND.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def found(root: Path, rule: object) -> list[str]:
    """What the rule finds; the others find nothing."""
    everything = dict(zip(RULES.values(), faults(root).values(), strict=True))
    own = everything.pop(rule)
    assert not any(everything.values())
    return own


def test_nothing_is_found_in_a_sound_tree(tree, capsys):
    assert main([str(tree)]) == 0
    assert capsys.readouterr().out == f"{len(SOUND)} files keep the 7 rules\n"


def test_the_listing_and_the_exit_status(tree, capsys):
    write(tree, "kernels/columns.py", "A, B = range(2)\n")
    assert main([str(tree)]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["  kernels/columns.py:1: A, B = range(2)"]


@pytest.mark.parametrize("statement", ["A, B, C = range(3)", "A, B = range(5, 7)", "class Slots:\n    A, B = range(2)"])
def test_column_constants(tree, statement):
    write(tree, "kernels/columns.py", statement)
    assert len(found(tree, column_constants)) == 1


@pytest.mark.parametrize(
    "subscript",
    [
        "plan.table[0, 3]",
        "table[0]",
        "layout[layer, WEIGHTS]",
        "work.layout[layer, column]",
        "state.codes[0]",
        "codes[STATUS]",
        "state.scalars[optimizers.ALPHA]",
        "scalars[[A, B]]",
        "work.team[1]",
        "net.header[-1]",
        "net.layers[2]",
        "net.layers[layer, 2]",
        "control[STOP]",
    ],
)
def test_numbered_columns(tree, subscript):
    write(tree, "kernels/slots.py", f"def read(plan, state, net, layer):\n    return {subscript}\n")
    assert found(tree, numbered_columns) == [f"kernels/slots.py:2: {subscript}, in read"]


def test_numbered_columns_by_another_name(tree):
    write(
        tree,
        "trainer/slots.py",
        "def read(state, work):\n    values, memory = state.scalars, work.numbers\n    values[3] = memory[0]\n",
    )
    assert found(tree, numbered_columns) == ["trainer/slots.py:3: values[3], in read"]


@pytest.mark.parametrize(
    "arguments", ["a, b, c, d, e, f, g, h, i", "a, b, c, d, /, e, *f, g, h, i", "a, b, c, d, e, f, g, h, **i"]
)
def test_long_signatures(tree, arguments):
    write(tree, "kernels/long.py", f"def outer():\n    def inner({arguments}): ...\n")
    assert found(tree, long_signatures) == ["kernels/long.py:2: inner takes 9 arguments"]


def test_only_what_is_exported_may_have_many_arguments(tree):
    """A name that `__all__` has not, and one that it has, in another file."""
    signature = "(a, b, c, d, e, f, g, h, i): ...\n"
    write(tree, "kernels/plan.py", f"def make_plan{signature}def make_other{signature}")
    write(tree, "kernels/other.py", f"def forward{signature}")
    assert found(tree, long_signatures) == [
        "kernels/other.py:1: forward takes 9 arguments",
        "kernels/plan.py:2: make_other takes 9 arguments",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "from ..passes import forward",
        "from .. import passes",
        "from ... import kernels",
        "import tileprop.kernels.passes",
        "from tileprop.kernels import passes",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..passes import forward",
        "def late():\n    from ..passes import forward",
    ],
)
def test_circles(tree, statement):
    """Of passes.py, which imports rules.py, with it; or with the package, which imports passes.py."""
    write(tree, "kernels/training/rules.py", statement)
    (circle,) = found(tree, circles)
    names = circle.split(" -> ")
    assert names[0] == names[-1]
    assert {"kernels.passes", "kernels.training.rules"} <= set(names)


def test_a_longer_circle(tree):
    write(tree, "kernels/training/rules.py", "from .steps import step")
    write(tree, "kernels/training/steps.py", "from ..llvm.tile import tile")
    write(tree, "kernels/llvm/tile.py", "from ..passes import forward")
    assert found(tree, circles) == [
        "kernels.llvm.tile -> kernels.passes -> kernels.training.rules -> kernels.training.steps -> kernels.llvm.tile"
    ]


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("kernels/plan.py", "def late():\n    from ..trainer import forward"),
        ("kernels/plan.py", "import tileprop.bench.race"),
        ("trainer/cli.py", "from ..bench.race import race"),
        ("trainer/cli.py", "from ..bench import race"),
    ],
)
def test_imports_the_wrong_way(tree, name, statement):
    write(tree, name, statement)
    assert len(found(tree, wrong_ways)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "import llvmlite.binding",
        "def late():\n    from llvmlite import ir",
        "from numba.core import cgutils",
        "from numba import _dynfunc",
        "from numba import core",
        "from numba.np.arrayobj import make_array",
        "import numba.core.types",
        "import numba\nnumba.core.types.intp",
    ],
)
def test_private_parts(tree, statement):
    write(tree, "trainer/inside.py", statement)
    assert found(tree, private_parts)


def test_llvm_may_be_emitted_for_the_networks_in_registers_but_by_public_means(tree):
    write(tree, "kernels/tiny/emitter.py", "from llvmlite import ir\nfrom numba.extending import intrinsic\n")
    assert found(tree, private_parts) == []
    write(tree, "kernels/tiny/emitter.py", "from numba.core import cgutils\n")
    assert found(tree, private_parts) == ["kernels/tiny/emitter.py:1: numba.core"]


def test_long_files(tree):
    write(tree, "kernels/long.py", "\n" * MOST_LINES)
    write(tree, "kernels/longer.py", "\n" * (MOST_LINES + 1))
    assert found(tree, long_files) == [f"kernels/longer.py: {MOST_LINES + 1} lines"]

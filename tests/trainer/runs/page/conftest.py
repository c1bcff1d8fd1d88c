import numpy as np
import pytest
from tileprop.trainer.runs.curves import Curves
from tileprop.trainer.runs.page.content import Column, HeldOut, Importance, Metric, PageContent, WorstRows
from tileprop.trainer.runs.page.document import page

# What would be markup, formulas, or nothing at all to a browser or to matplotlib.
NASTY = ("<script>alert(1)</script>", "a & b", '"quoted" $x^2$', "größe 日本", "_under\x07", "x" * 300)
KINDS = ("binary", "digits", "many classes", "regression", "two targets", "multilabel")


def of_classes(n_classes, names):
    generator = np.random.default_rng(0)
    truth = np.arange(40 * min(n_classes, 10)) % n_classes
    Z = generator.normal(size=(len(truth), n_classes))
    Z[np.arange(len(truth)), truth] += 2.0
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return "classification", ("kind",), names, HeldOut(truth, P)


def of_targets(*names):
    truth = np.random.default_rng(0).normal(1e5, 3e4, size=(400, len(names)))
    values = truth + np.random.default_rng(1).normal(0, 1e4, size=truth.shape)
    return "regression", names, (), HeldOut(truth.squeeze(), values.squeeze())


def of_labels(*names):
    P = np.random.default_rng(0).random((200, len(names)))
    return "multilabel", names, (), HeldOut((np.random.default_rng(1).random(P.shape) < P).astype(int), P)


@pytest.fixture(scope="session")
def contents():
    """Pages by kind, with everything on them, and names that would be misread where they are not escaped."""
    return {kind: content_of(kind) for kind in KINDS}


@pytest.fixture(scope="session")
def pages(contents):
    return {kind: page(content) for kind, content in contents.items()}


def content_of(kind):
    task, targets, classes, held_out = {
        "binary": lambda: of_classes(2, ("no", NASTY[0])),
        "digits": lambda: of_classes(10, tuple("0123456789")),
        "many classes": lambda: of_classes(30, tuple(f"kind {i}" for i in range(30))),
        "regression": lambda: of_targets(NASTY[2]),
        "two targets": lambda: of_targets("price", "area"),
        "multilabel": lambda: of_labels("red", "green", "blue"),
    }[kind]()
    loss = np.linspace(1.0, 0.2, 20)
    columns = (*NASTY, *(f"column {i}" for i in range(14)))
    importance = Importance(columns, np.linspace(0.5, -0.02, 20), np.full(20, 0.01), 0.3, "log loss", 400, 5, 25)
    worst = WorstRows(np.array([3, 1]), (12, 7), columns, (tuple(f"{NASTY[0]} {i}" for i in range(20)), ("",) * 20))
    return PageContent(
        f"Training on {NASTY[0]}",
        task,
        f"tileprop train '{NASTY[0]}' --target a --hidden 32,32 --learning-rate 0.001 --patience 10",
        targets,
        classes,
        facts=(("rows", "1,000"), ("network", "a very long description of the network " * 3)),
        notes=(f"The separator of {NASTY[1]} was guessed.", NASTY[5]),
        columns=tuple(Column(name, "number", f"median of {NASTY[1]}", 0.034) for name in columns),
        metrics=(Metric("accuracy", 0.99, 0.97, 0.96, 0.5), Metric("log loss", 0.1, None, 0.3), Metric(NASTY[5], 1e5)),
        baseline_name="the largest class",
        curves=Curves(loss, "log loss", loss + 0.1, 18, 1 - loss, "accuracy"),
        held_out=held_out,
        importance=importance,
        worst=worst,
        settings=(("source", NASTY[0]), ("target", NASTY[5])),
        versions=(("tileprop", "0.1.0"), ("numpy", "2.0")),
    )

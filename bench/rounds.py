"""Rounds over shards beside minibatch training on one machine: the loss on held-out rows, over the rounds.

Two generated tables of a million rows: a teacher network's outputs with noise, and classes that another teacher draws. Both
sides begin with the same weights and take Adam with a cosine schedule and the same batch size. A round's steps take each shard
through a quarter of its rows, so that four rounds are one pass over all rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..trainer import Adam, Cosine, History, Network, fit_rounds
from ..trainer.extras import available
from .report import duration, show

ROWS, HELD, SHARDS, BATCH = 1_000_000, 50_000, 4, 128
# Twice as many passes in rounds, with twice the learning rate: averages have less noise. Of the rates 0.001, 0.002 and
# 0.004 the last one served one machine best.
EPOCHS, PASSES, ROUNDS_OF_A_PASS = 6, 12, 4
RATE, RATE_OF_ROUNDS = 0.004, 0.008
WITHIN = 1.02
# Where averages are the wrong tool: a table so small, in so few rounds.
FEW_ROWS, FEW_ROUNDS = 2_000, 3


class Table(NamedTuple):
    """A generated table, and the network that is trained on it."""

    name: str
    rows: Callable[[int], tuple[np.ndarray, np.ndarray]]
    network: Callable[[], Network]


class Outcome(NamedTuple):
    """Losses on held-out rows after each epoch, or each round, and the seconds of the whole training."""

    losses: list[float]
    seconds: float


def teacher(n: int, sizes: list[int]) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Inputs, outputs of a network with random weights, and the generator."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n, sizes[0])).astype(np.float32)
    network = Network(sizes, "tanh", "identity", random_state=1)
    network.theta *= 2.0  # curved functions
    return X, network.predict(X), generator


def values(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A teacher's output with noise of a fifth of its size."""
    X, Y, generator = teacher(n, [16, 32, 1])
    return X, Y / Y.std() + 0.2 * generator.normal(size=Y.shape)


def classes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """One of five classes, drawn with the probabilities that a teacher gives."""
    X, Y, generator = teacher(n, [16, 32, 5])
    noise = generator.gumbel(size=Y.shape)
    return X, np.argmax(3.0 * Y / Y.std() + noise, axis=1)


TABLES = {
    "values": Table("values", values, lambda: Network([16, 64, 64, 1], "relu", "identity")),
    "classes": Table("classes", classes, lambda: Network([16, 64, 64, 5], "relu", "softmax", "log_loss")),
}


def run_rounds(names: list[str], rows: int, out: Path | None) -> int:
    """Exit status 0, or 1 where rounds do not come within 2% of one machine. out: a folder for rounds.png."""
    drawn, missed = {}, False
    for name in names:
        one, averaged = compared(TABLES[name], rows, EPOCHS, PASSES * ROUNDS_OF_A_PASS)
        target = WITHIN * one.losses[-1]
        reached = next((i + 1 for i, loss in enumerate(averaged.losses) if loss <= target), None)
        missed |= reached is None
        sides = {f"one machine, {EPOCHS} epochs": one, f"{SHARDS} shards, {len(averaged.losses)} rounds": averaged}
        print(f"\n{name}: {rows:,} rows")
        lines = [[side, f"{found.losses[-1]:.5f}", duration(found.seconds)] for side, found in sides.items()]
        show((["training", "held-out loss", "time"], lines))
        print(f"within 2% of one machine after {reached or 'more than ' + str(len(averaged.losses))} rounds")
        drawn[name] = one, averaged
    few_one, few_averaged = compared(TABLES["values"], FEW_ROWS, FEW_ROUNDS, FEW_ROUNDS)
    print(
        f"\nthe wrong tool: {FEW_ROWS:,} rows of the table values, {FEW_ROUNDS} rounds of one pass each: held-out loss "
        f"{few_averaged.losses[-1]:.3f}; {FEW_ROUNDS} epochs of one machine: {few_one.losses[-1]:.3f}"
    )
    if out is not None and available("matplotlib"):
        draw(drawn, out / "rounds.png")
    return int(missed)


def compared(table: Table, n: int, epochs: int, count: int) -> tuple[Outcome, Outcome]:
    """One machine, and so many rounds."""
    X, T = table.rows(n + HELD)
    held = X[n:], T[n:]
    X, T = X[:n], T[:n]
    one = timed(
        lambda network: network.fit(
            X, T, epochs=epochs, batch_size=BATCH, optimizer=Adam(RATE), schedule=Cosine(), validation_data=held
        ),
        table,
    )
    shards = list(zip(np.array_split(X, SHARDS), np.array_split(T, SHARDS), strict=True))
    steps = -(-n // (SHARDS * BATCH * (1 if n == FEW_ROWS else ROUNDS_OF_A_PASS)))
    averaged = timed(
        lambda network: fit_rounds(
            network,
            shards,
            rounds=count,
            steps=steps,
            batch_size=BATCH,
            optimizer=Adam(RATE_OF_ROUNDS),
            schedule=Cosine(),
            validation_data=held,
        ),
        table,
    )
    return one, averaged


def timed(train: Callable[[Network], History], table: Table) -> Outcome:
    """A training of the table's network."""
    network, began = table.network(), time.perf_counter()
    history = train(network)
    return Outcome(history.val_loss, time.perf_counter() - began)


def draw(outcomes: dict[str, tuple[Outcome, Outcome]], path: Path) -> None:
    """Held-out losses over passes through the rows. Needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(outcomes), 3.4), layout="constrained")
    for axes, (name, (one, averaged)) in zip(
        figure.subplots(1, len(outcomes), squeeze=False)[0], outcomes.items(), strict=True
    ):
        rounds = np.arange(1, len(averaged.losses) + 1)
        each = ROUNDS_OF_A_PASS
        axes.plot(np.arange(1, len(one.losses) + 1) * each, one.losses, "o-", label="one machine, after each epoch")
        axes.plot(rounds, averaged.losses, ".-", label=f"{SHARDS} shards, after each round")
        axes.axhline(WITHIN * one.losses[-1], color="grey", linestyle=":", label="2% above one machine's last loss")
        axes.set(
            title=name, xlabel=f"round ({each} rounds are one pass over all rows)", ylabel="loss on held-out rows", yscale="log"
        )
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=130)

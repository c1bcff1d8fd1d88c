"""Fills in what README shows: the screen and the picture of a training, five rows of the benchmarks, and their chart.

`python docs/readme.py`, after `pip install ".[train]"`. Speeds are read from docs/benchmarks.md; nothing is timed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
from pathlib import Path

from tileprop.trainer.cli import main

DOCS = Path(__file__).resolve().parent
README = DOCS.parent / "README.md"
COMMAND = ["train", str(DOCS / "examples" / "penguins.csv"), "--target", "body_mass_g"]
# Of the table of the race: rows, all of one dtype and on one thread; columns.
PROBLEMS = ("tiny", "small", "mid", "mnist", "big")
KIND = ("float32", "1")
PEERS = ("JAX", "PyTorch", "scikit-learn", "NumPy")
CELL = re.compile(r"(?P<time>.+) \((?P<ratio>[\d.]+)x\)")


def between(text: str, mark: str) -> str:
    """What stands between `<!-- mark -->` and `<!-- end -->`."""
    return text.split(f"<!-- {mark} -->\n")[1].split("<!-- end -->")[0]


def filled(text: str, mark: str, content: str) -> str:
    """The text with this content between the marks."""
    old = f"<!-- {mark} -->\n{between(text, mark)}<!-- end -->"
    return text.replace(old, f"<!-- {mark} -->\n{content}\n<!-- end -->")


def race_rows(page: str) -> list[dict[str, str]]:
    """The rows of README's table, from the page of the benchmarks."""
    table = between(page, "tileprop bench race").splitlines()
    lines = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table]
    header = lines[0]
    rows = [dict(zip(header, line, strict=False)) for line in lines[2:] if len(line) > 3]
    chosen = [row for row in rows if (row.get("dtype"), row.get("threads")) == KIND]
    return [row for name in PROBLEMS for row in chosen if row["problem"].split()[0] == name]


def speed_table(page: str) -> str:
    """README's table of speeds."""
    header = ("problem", "tileprop", *PEERS)
    lines = [header, ["---"] * len(header), *([row[name] for name in header] for row in race_rows(page))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw_speeds(page: str, path: Path) -> None:
    """How many times longer each library takes than tileprop, for the rows of README's table."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "tileprop"  # the same file each time
    from matplotlib.figure import Figure

    rows = race_rows(page)
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    panel = figure.subplots()
    for place, (peer, marker) in enumerate(zip(PEERS, "osD^", strict=True)):
        found = [CELL.fullmatch(row[peer]) for row in rows]
        ratios = [float(cell["ratio"]) for cell in found if cell]
        heights = [row + 0.16 * (place - 1.5) for row in range(len(rows))]
        panel.plot(ratios, heights, marker, label=peer, markersize=7, linestyle="none")
    panel.axvline(1, color="black", linewidth=1.5)
    panel.set_xscale("log")
    panel.set_yticks(range(len(rows)), labels=[row["problem"].replace(", ", "\n") for row in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    ticks = [1, 2, 5, 10, 30, 100, 1000, 6000]
    panel.set_xticks(ticks, labels=[f"{tick}x" for tick in ticks])
    panel.minorticks_off()
    panel.set_xlabel("time of a training step, divided by tileprop's (vertical line: the same)")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(loc="lower right", framealpha=1)
    figure.savefig(path, metadata={"Date": None})


def screen(picture: Path) -> str:
    """What the command prints; the picture that it makes is copied."""
    printed, progress, here = io.StringIO(), io.StringIO(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed), contextlib.redirect_stderr(progress):
        os.chdir(folder)
        try:
            main(COMMAND)
            shutil.copy("runs/penguins/curves.png", picture)
        finally:
            os.chdir(here)
    return f"```text\n{printed.getvalue().strip()}\n```"


if __name__ == "__main__":
    benchmarks = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    draw_speeds(benchmarks, DOCS / "images" / "speed.svg")
    text = filled(README.read_text(encoding="utf-8"), "screen", screen(DOCS / "images" / "penguins.png"))
    README.write_text(filled(text, "speed", speed_table(benchmarks)), encoding="utf-8")

"""A notebook, executed from the beginning: the bar, the curve and the summary are in what it keeps."""

import re

import pytest

# The bar appears once a fit has lasted a second: 400 epochs take three or more.
CELLS = (
    """
    import numpy as np
    from tileprop import EarlyStopping, Network, find_learning_rate
    X = np.random.default_rng(0).normal(size=(20000, 8))
    labels = np.where(X[:, 0] * X[:, 1] + X[:, 2] > 0, "above", "below")
    network = Network([8, 64, 64, 2], "relu", "softmax", "log_loss")
    network.summary()
    """,
    """
    found = find_learning_rate(network, X, labels, optimizer="adam")
    found.plot()
    found
    """,
    """
    history = network.fit(X, labels, epochs=400, optimizer="adam", validation_split=0.2)
    history
    """,
    "history.plot();",
    "history.to_frame().tail(3)",
    "network.score(X, labels)",
)


def executed(cells, folder):
    """The notebook, as nbformat has it, after its cells were run."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    lines = [[line.strip() for line in cell.strip().splitlines()] for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(cell)) for cell in lines])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


@pytest.mark.full
def test_a_notebook_shows_bar_curve_and_summary(tmp_path):
    for package in ("rich", "matplotlib", "pandas"):
        pytest.importorskip(package)
    summary, rates, fit, curve, table, score = (cell.outputs for cell in executed(CELLS, tmp_path).cells)
    assert summary[0].data["text/plain"].endswith("loss log_loss, 4,866 parameters of float32 (19.0 KiB)")
    assert any("image/png" in output.get("data", {}) for output in rates)
    bar, history = fit
    assert re.sub(r"\x1b\[[0-9;]*m", "", bar.data["text/plain"]).startswith("epoch 400/400 ━━━")
    assert "<span style=" in bar.data["text/html"]
    assert history.data["text/plain"].startswith("History(400 epochs, 16000 samples, loss ")
    assert "image/png" in curve[0].data
    assert "<table" in table[0].data["text/html"]
    assert float(score[0].data["text/plain"]) > 0.9

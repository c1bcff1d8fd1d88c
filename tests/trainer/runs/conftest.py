import pytest
from tileprop.trainer.runs.evaluation import ClassScores, Evaluation, Score
from tileprop.trainer.runs.record import FORMAT, DataFacts, Fingerprints, NetworkFacts, Results, RunRecord
from tileprop.trainer.runs.settings import Settings

SCORES = {"log loss": Score(0.5, 0.7), "AUC": Score(None, None)}
EVALUATION = Evaluation(2, SCORES, True, {"0": ClassScores(1.0, 0.5, 0.7, 1), "1": ClassScores(0.5, 1.0, 0.7, 1)})
RESULTS = Results(
    {"test": 0.5}, 3, 2, False, 0.1, 100.0, 9, accuracy={"test": 1.0}, evaluations={"test": EVALUATION}
)  # fmt: skip


@pytest.fixture
def make_record():
    """A record of a run on moons, in a state; `name` is that of its data."""

    def make(state="training", name="moons", **changes):
        data = DataFacts(name, "classification", 10, 2, {"training": 8, "test": 2}, {"0": 5, "1": 5})
        results = None if state == "training" else RESULTS
        settings = Settings("moons")
        fingerprints = Fingerprints("a", settings.fingerprint(), "c")
        facts = (
            FORMAT,
            state,
            "2026-01-01T00:00:00+00:00",
            settings,
            fingerprints,
            data,
            NetworkFacts((2, 2), ("softmax",), "mse"),
        )
        return RunRecord(*facts, versions={"numpy": "1", "rich": None}, **{"results": results, **changes})

    return make

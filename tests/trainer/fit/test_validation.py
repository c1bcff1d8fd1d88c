"""Rows held out for validation: the same ones for the same seed, and never trained on."""

import numpy as np
import pytest
from tileprop.trainer import InputError, Network
from tileprop.trainer.fit.validation import Rows, split, split_seed

RNG = np.random.default_rng(3)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))
WEIGHT = RNG.uniform(0.5, 2, 50)


def trained(X=X, T=T, seed=0, **options):
    network = Network([3, 4, 2], random_state=seed)
    return network, network.fit(X, T, **{"epochs": 3, "validation_split": 0.3, **options})


def test_the_split_is_that_of_the_seed():
    (one, history), (other, same), (_, another) = trained(), trained(), trained(seed=1)
    assert history.n_samples == 35
    assert history.val_loss == same.val_loss != another.val_loss
    assert one.theta.tobytes() == other.theta.tobytes()


def test_held_out_rows_are_not_trained_on():
    """Targets of trained rows change the parameters, those of held-out rows do not."""
    base = trained()[0].theta.tobytes()
    changed = []
    for row in range(50):
        targets = T.copy()
        targets[row] = 1.0 - targets[row]
        changed.append(trained(T=targets)[0].theta.tobytes() != base)
    assert sum(changed) == 35


def test_as_with_these_rows_as_validation_data():
    network, history = trained(sample_weight=WEIGHT)
    apart = Network([3, 4, 2])
    rows = Rows(apart.plan, np.arange(50), np.arange(50), WEIGHT)
    kept, held = (part.which for part in split(rows, 0.3, split_seed(apart.generator)))
    assert sorted([*kept, *held]) == list(range(50))
    validation = X[held], T[held], WEIGHT[held]
    expected = apart.fit(X[kept], T[kept], epochs=3, sample_weight=WEIGHT[kept], validation_data=validation)
    assert (history.loss, history.val_loss) == (expected.loss, expected.val_loss)
    assert network.theta.tobytes() == apart.theta.tobytes()
    # A second fit holds the same rows out.
    again = [one.fit(X, T, validation_split=0.3, sample_weight=WEIGHT).val_loss for one in (network, apart)]
    assert again[0] == again[1]


def test_a_fit_goes_on_with_the_same_split(tmp_path):
    pytest.importorskip("safetensors")
    whole, history = trained(epochs=4)
    path = tmp_path / "fit.checkpoint"
    stopped = Network([3, 4, 2])
    stopped.fit(X, T, epochs=4, validation_split=0.3, checkpoint=path, checkpoint_every=1, max_seconds=1e-9)
    network, resumed = Network.resume(path, X, T)
    assert resumed.val_loss == history.val_loss
    assert network.theta.tobytes() == whole.theta.tobytes()
    with pytest.raises(InputError, match=r"validation_split is 0\.5; the fit in .* has 0\.3"):
        Network.resume(path, X, T, validation_split=0.5)


@pytest.mark.plain
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(validation_split=0.001), "validation_split=0.001 of 50 rows leaves none for validation; give a larger part"),
        (dict(validation_split=0.999), "leaves none to train on; give a smaller part"),
        (dict(validation_split=1.0), "validation_split is 1.0; it must be above 0 and below 1, or None"),
        (dict(validation_data=(X, T)), "both validation_split and validation_data are given"),
        (dict(sample_weight=[1.0] + [0.0] * 49), "leaves only rows whose sample_weight is 0"),
    ],
)
def test_what_cannot_be_split(options, message):
    with pytest.raises(InputError, match=message):
        trained(**options)

"""What the page sends: taken where it is right, refused by name where it is not."""

import json
from dataclasses import replace

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.play.choices import Choices, Hidden, read_request

pytestmark = pytest.mark.plain


def message(**choices):
    return json.dumps({"do": "choose", "choices": Choices().as_json() | choices})


def test_choices_come_back_as_they_were():
    chosen = Choices(data="iris", hidden=(Hidden(3, "relu"),), learning_rate=1.0, seed=7)
    assert read_request(json.dumps({"do": "choose", "choices": chosen.as_json()})).choices == chosen
    assert read_request('{"do": "start"}').do == "start"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no JSON", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "it must be an object"),
        ('{"do": "delete"}', "do is 'delete'; it must be one of choose, start"),
        ('{"do": "choose"}', "choices are missing"),
        ('{"do": "explain", "row": "1"}', "message.row is '1'; it must be a whole number"),
        ('{"do": "start", "path": "/etc/passwd"}', "an entry 'path'"),
        (
            message(hidden=[{"units": 0, "activation": "tanh"}]),
            "units is 0; it must be a whole number, at least 1 and at most 32",
        ),
        (message(hidden=[{"units": 3, "activation": "rellu"}]), "activation is 'rellu'"),
        (message(hidden=[{"units": 3, "activation": "tanh"}] * 7), "hidden has 7 layers; give at most 6"),
        (message(learning_rate=float("nan")), "learning_rate is nan"),
        (message(batch_size=0), "batch_size is 0"),
        (message(optimizer="lbfgs"), "optimizer is 'lbfgs'; it must be one of adam"),
        (message(seed=-1), "seed is -1"),
    ],
)
def test_refused(text, problem):
    with pytest.raises(InputError) as refused:
        read_request(text)
    assert problem in str(refused.value)


def test_only_the_pace_leaves_the_network_as_it_is():
    chosen = Choices()
    assert replace(chosen, learning_rate=0.5, batch_size=7, epochs_a_picture=10).keep_network_of(chosen)
    for change in ({"data": "moons"}, {"hidden": ()}, {"optimizer": "sgd"}, {"seed": 1}):
        assert not replace(chosen, **change).keep_network_of(chosen)

"""The bytes of a frame, read back in the order that the page reads them."""

import struct

import numpy as np
import pytest
from tileprop.trainer.play.frames import HEAD, Frame

pytestmark = pytest.mark.plain


def test_read_back():
    theta, outputs = np.arange(7.0), np.array([[0.25, 0.5], [0.75, 1.0], [0.0, -1.0]])
    hidden = np.array([[0.5, 4.0], [-1.0, -2.0], [0.0, 0.0]])
    data = Frame(12, 0.5, 0.25, float("nan"), 1e6, theta, outputs, [hidden]).encoded()
    assert HEAD.size == 40
    epoch, loss, held_out, accuracy, speed = struct.unpack_from("<5d", data)
    assert (epoch, loss, held_out, speed) == (12.0, 0.5, 0.25, 1e6)
    assert np.isnan(accuracy)
    assert np.array_equal(np.frombuffer(data, "<f4", 7, 40), theta)
    assert np.array_equal(np.frombuffer(data, "<f4", 6, 68).reshape(2, 3), outputs.T)
    # Up to 1 as they are; larger ones by the unit's largest.
    assert np.frombuffer(data, np.int8, 6, 92).tolist() == [64, -127, 0, 127, -64, 0]
    assert len(data) == 98

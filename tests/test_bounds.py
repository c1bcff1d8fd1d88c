"""The bounds can be exceeded."""

import time

import numpy as np
import pytest
from bounds import ExceededError, at_most_bytes, at_most_seconds

pytestmark = pytest.mark.plain


def test_bytes():
    with at_most_bytes(1 << 20):
        np.zeros(1000)
    with pytest.raises(ExceededError, match="bytes; 1048576 are allowed"), at_most_bytes(1 << 20):
        np.zeros(1 << 18)
    with pytest.raises(ExceededError), at_most_bytes(1 << 20):
        bytes(2 << 20)


def spin():
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def test_seconds():
    with at_most_seconds(0.2):
        time.sleep(0.3)  # which takes no processor time
    with pytest.raises(ExceededError, match=r"more than 0.05 s|it took"), at_most_seconds(0.05):
        spin()

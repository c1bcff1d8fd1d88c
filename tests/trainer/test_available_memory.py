"""The memory that this process may use: the machine's, or a container's limit."""

import os

import pytest
from tileprop.trainer import available_memory as places
from tileprop.trainer.available_memory import available_memory

pytestmark = pytest.mark.plain


def test_a_limit_counts_where_it_is_lower(tmp_path, monkeypatch):
    limit, group = tmp_path / "memory.max", tmp_path / "cgroup"
    monkeypatch.setattr(places, "LIMITS", (str(limit), str(tmp_path / "none")))
    monkeypatch.setattr(places, "GROUPS", group)
    if not hasattr(os, "sysconf"):
        pytest.skip("this system has no sysconf")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert available_memory() == machine
    for content, expected in ((str(10**8), 10**8), ("max", machine), (str(2**63 - 4096), machine)):
        limit.write_text(content)
        assert available_memory() == expected

"""Versions: of what is installed, None for the rest."""

from importlib import metadata

import numpy as np
import pytest
from tileprop.trainer import versions

pytestmark = pytest.mark.plain


def test_versions(monkeypatch):
    def version(name):
        if name == "pyarrow":
            raise metadata.PackageNotFoundError(name)
        return {"numpy": np.__version__}.get(name, "9.9")

    monkeypatch.setattr(metadata, "version", version)
    found = versions.versions()
    assert list(found)[:2] == ["tileprop", "python"]
    assert found["numpy"] == np.__version__
    assert found["pyarrow"] is None

import pytest


@pytest.fixture
def text_file(tmp_path):
    """Writes a text file and gives its path."""

    def write(content, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write

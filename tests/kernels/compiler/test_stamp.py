"""The stamp: what counts, and that a zip file, a folder of .pyc files and a package without code are treated rightly."""

from __future__ import annotations

import compileall
import importlib
import importlib.util
import shutil
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from installation import SOURCES, Installation, files_under
from tileprop.kernels.compiler import stamp
from tileprop.kernels.compiler.jit import JIT_DISABLED, STOCK
from tileprop.kernels.compiler.processor import SIMDS
from tileprop.kernels.compiler.stamp import hash_of, source_hash

compiled_only = pytest.mark.skipif(JIT_DISABLED or STOCK, reason="about compiled code, as it is kept in the private way")

CALL = """
import json, numpy as np
from tileprop.kernels import sigmoid
from tileprop.kernels.compiler import stamp
from tileprop.kernels.compiler.cache import cache_folder
value = float(sigmoid(np.zeros(3))[1])
print(json.dumps({"value": value, "misses": sum(sigmoid.stats.cache_misses.values()), "stamp": stamp.source_hash(),
    "hits": sum(sigmoid.stats.cache_hits.values()), "folder": str(cache_folder()), "at": stamp.__file__}))
"""


def package_at(folder: Path) -> ModuleType:
    """As if the kernels were imported from this folder."""
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location("tileprop.kernels", folder / "__init__.py")
    assert spec is not None
    return importlib.util.module_from_spec(spec) if spec.submodule_search_locations else pytest.fail("no package")


def test_every_file_counts(tmp_path):
    """A comment at the end of any source file, or a new file, makes another hash."""
    folder = tmp_path / "kernels"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    expected = source_hash()
    assert hash_of(package_at(folder)) == expected
    hashes = []
    for path in sorted(SOURCES.rglob("*.py")):
        copy = folder / path.relative_to(SOURCES)
        content = copy.read_bytes()
        copy.write_bytes(content + b"# a comment")
        hashes.append(hash_of(package_at(folder)))
        copy.write_bytes(content)
    (folder / "another.py").write_text("")
    hashes.append(hash_of(package_at(folder)))
    (folder / "another.py").unlink()
    assert hash_of(package_at(folder)) == expected
    assert len(hashes) > 60
    assert len({*hashes, expected}) == len(hashes) + 1


def test_the_vectors_in_use_and_the_version_count(monkeypatch):
    """Code for one width is never handed to a process that asks for another."""
    hashes = set()
    for name in ("sse2", "avx2", "neon"):
        monkeypatch.setattr(stamp, "SIMD", SIMDS[name])
        hashes.add(source_hash.__wrapped__())
    monkeypatch.setattr(stamp.importlib.metadata, "version", lambda name: "0.0.1")
    hashes.add(source_hash.__wrapped__())
    assert len(hashes) == 4


def as_zip(installation: Installation, archive: Path) -> None:
    package = installation.kernels.parent
    with zipfile.ZipFile(archive, "w") as file:
        for path in files_under(package):
            if path.suffix == ".py":
                file.write(path, path.relative_to(package.parent))


def as_bytecode(installation: Installation, site: Path) -> None:
    shutil.rmtree(site, ignore_errors=True)
    package = installation.kernels.parent
    shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(site, quiet=1, legacy=True)
    for path in site.rglob("*.py"):
        path.unlink()


@compiled_only
@pytest.mark.full
@pytest.mark.parametrize("form", [as_zip, as_bytecode])
def test_an_update_of_a_package_without_source_files_is_noticed(form, tmp_path):
    installation = Installation(tmp_path)
    place = tmp_path / "packed.zip"
    form(installation, place)
    first, again = (installation.run(CALL, PYTHONPATH=str(place)) for _ in range(2))
    assert str(place) in first["at"]
    assert (first["value"], first["misses"], first["hits"]) == (0.5, 1, 0)
    assert (again["value"], again["misses"], again["hits"]) == (0.5, 0, 1)
    assert again["folder"].endswith(f"kernels-{first['stamp']}")
    installation.make_sigmoid_return_a_quarter()
    form(installation, place)
    updated = installation.run(CALL, PYTHONPATH=str(place))
    assert (updated["value"], updated["misses"]) == (0.25, 1)


@pytest.mark.parametrize("form", [as_zip, as_bytecode])
def test_each_module_counts_in_every_form(form, tmp_path, monkeypatch):
    installation = Installation(tmp_path)
    stamps = []
    for round in range(3):
        place = tmp_path / f"packed{round}.zip"
        form(installation, place)
        module = ModuleType("tileprop.kernels")
        module.__path__ = [str(place / "tileprop" / "kernels")]
        stamps.append(hash_of(module))
        if round == 1:
            installation.make_sigmoid_return_a_quarter()
    assert stamps[0] == stamps[1] != stamps[2]
    assert all(stamps)


def test_nothing_to_stamp_nothing_kept(tmp_path, monkeypatch):
    module = ModuleType("tileprop.kernels")
    module.__path__ = [str(tmp_path)]
    assert hash_of(module) == ""
    from tileprop.kernels.compiler import cache

    monkeypatch.setattr(cache, "source_hash", lambda: "")
    assert cache.cache_folder.__wrapped__() is None


def test_the_code_of_a_function_counts_and_not_the_order_of_a_set():
    first, same, other = (
        compile(f"def f(x):\n    return x in {{'a', 'b', {text!r}}}", f"{text}.py", "exec") for text in ("c", "c", "d")
    )
    assert stamp._parts(first) == stamp._parts(same) != stamp._parts(other)

"""Workers that start together compile each kernel once."""

from __future__ import annotations

import pytest
from distributed import Client, LocalCluster
from tileprop.kernels.compiler.cache import cache_folder
from tileprop.kernels.compiler.jit import JIT_DISABLED, STOCK
from tileprop.trainer import InputError, Network
from tileprop.trainer.dask import WarmKernels, warm

compiled_only = pytest.mark.skipif(JIT_DISABLED or STOCK or cache_folder() is None, reason="about the cache")


@compiled_only
def test_a_worker_that_joins_is_warm_too(client, monkeypatch):
    monkeypatch.setattr(warm, "_done", set())
    warm.warm_for(client, [Network([1, 2, 1], "tanh", "identity", dtype="float32")])
    assert {("float32", name) for name in ("tanh", "identity", "predict", "epoch_in_memory")} <= warm._done
    assert not any(dtype == "float64" or name == "relu" for dtype, name in warm._done)


def test_wrong_arguments():
    with pytest.raises(InputError, match="pieces has 'tanhh'; the pieces are"):
        WarmKernels(pieces=["tanhh"])
    with pytest.raises(ValueError, match="dtype is float16"):
        WarmKernels("float16")


@pytest.mark.full
@compiled_only
def test_processes_compile_once(tmp_path, monkeypatch):
    """Three workers with an empty cache: one of them compiles."""
    monkeypatch.setenv("TILEPROP_CACHE", str(tmp_path))

    def record() -> None:
        import builtins

        from numba.core import event

        builtins.recording = event.RecordingListener()  # type: ignore[attr-defined]
        event.register("numba:compile", builtins.recording)  # type: ignore[attr-defined]

    def recorded() -> list[str]:
        import builtins

        functions = [data.data["dispatcher"].py_func for _, data in builtins.recording.buffer if data.is_start]  # type: ignore[attr-defined]
        return [function.__qualname__ for function in functions if function.__module__.startswith("tileprop")]

    with (
        LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.run(record)
        client.register_plugin(WarmKernels(["float32"], ["tanh", "predict"]))
        compiled = [names for names in client.run(recorded).values() if names]
    assert len(compiled) == 1
    assert "predict" in compiled[0]

"""Safetensors files: what safetensors writes is read; whatever else is refused, in little time and memory."""

import json
import os

import numpy as np
import pytest
from bounds import at_most_bytes, at_most_seconds
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import save_file
from tileprop.trainer import InputError, ModelFormatError
from tileprop.trainer.tensor_files import DTYPES, MOST_HEADER, TensorFile, read_json

pytestmark = pytest.mark.plain
MOST_BEYOND_FILE = 64 << 20
F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def written(path, header, data=b"\0" * 8):
    """`header`, a dict, text or bytes, and the bytes of the tensors, as a file."""
    text = json.dumps(header) if isinstance(header, dict) else header
    raw = text.encode() if isinstance(text, str) else text
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


def opened(path):
    with TensorFile(path) as file:
        return {name: file.read(name) for name in file.tensors}


def refused(path, message):
    """The file is refused, in less than a second, and in little memory."""
    with at_most_seconds(1.0), pytest.raises(ModelFormatError, match=message) as caught:
        opened(path)
    assert len(str(caught.value)) < 500
    with at_most_bytes(os.path.getsize(path) + MOST_BEYOND_FILE), pytest.raises(ModelFormatError):
        opened(path)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5).filter(lambda name: name != "__metadata__"),
        npst.arrays(
            st.sampled_from([dtype.str for dtype in DTYPES.values()]),
            npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
            elements={"allow_nan": False, "allow_infinity": False},
        ),
        min_size=1,  # for none, safetensors 0.8 writes what is no JSON
        max_size=4,
    ),
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.text(st.characters(codec="utf-8"), max_size=9)),
)
def test_what_safetensors_writes(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.mktemp("tensors") / "file"
    save_file({name: np.array(tensor, order="C") for name, tensor in tensors.items()}, path, metadata)
    with TensorFile(path) as file:
        assert file.metadata == metadata
        assert set(file.tensors) == set(tensors)
        for name, tensor in tensors.items():
            assert file.read(name).dtype == tensor.dtype
            np.testing.assert_array_equal(file.read(name), tensor, strict=True)
            np.testing.assert_array_equal(file.read(name, np.empty_like(tensor, order="C")), tensor)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "does not have the header of a safetensors file"),
        ("7", "does not have the header of a safetensors file"),
        (b'{"a\xff": 1}', "not valid JSON"),
        ('{"a":{"dtype":"F32"', "not valid JSON"),
        ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', "a name occurs twice"),
        ('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', "a name occurs twice"),
        ('{"a":' + "[" * 30_000 + "]" * 30_000 + "}", "maximum recursion depth"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "not valid JSON"),
        ({"__metadata__": {"a": 1}, "a": F32}, "does not have the header of a safetensors file"),
        ({"__metadata__": [], "a": F32}, "does not have the header of a safetensors file"),
        ({"a": []}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"dtype": "F31"}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"dtype": "BF16"}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [3]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [True, 2]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [2.0]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [-1, -2]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [1] * 70 + [2]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [10**4000] * 30}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"shape": [2**32, 2**32, 2**62]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"data_offsets": [0, 8, 8]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"data_offsets": [8, 0]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"data_offsets": [-8, 0]}}, "tensor 'a' has a malformed entry in the header"),
        ({"a": F32 | {"more": 1}}, "tensor 'a' has a malformed entry in the header"),
        ({"a" * 10**6: F32 | {"data_offsets": [0, 4]}}, "tensor 'aaaaaaaaaaaa"),
        ({"a": F32, "b": F32}, "'b' does not begin where"),
        ({"a": F32 | {"data_offsets": [1, 9]}}, "'a' does not begin where"),
        (
            {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
            "8 bytes of tensors, but its header describes",
        ),
        ({}, "8 bytes of tensors, but its header describes 0"),
        ('{"a":[' + "[]," * 340_000 + "[]]}", "lists and objects; at most 32768 are allowed"),
        ('{"a":[' + ("[" * 500 + "]" * 500 + ",") * 1000 + "[]]}", "lists and objects; at most 32768 are allowed"),
        ('{"a":[' + '{"":0},' * 140_000 + "[]]}", "lists and objects; at most 32768 are allowed"),
        ('{"a":[' + "[]," * 32_000 + "[]]}", "tensor 'a' has a malformed entry in the header"),
        ('{"a":[' + ("[" * 500 + "]" * 500 + ",") * 60 + "[]]}", "tensor 'a' has a malformed entry in the header"),
        ('{"a":[' + '{"":0},' * 32_000 + "[]]}", "tensor 'a' has a malformed entry in the header"),
        ('{"a":[' + "1.5," * 250_000 + "1]}", "tensor 'a' has a malformed entry in the header"),
        ("{" + ",".join(f'"{i}":1' for i in range(90_000)) + "}", "tensor '0' has a malformed entry in the header"),
        ('{"a":0.' + "1" * 10**6 + "}", "tensor 'a' has a malformed entry in the header"),
        ('{"a":' + "1" * 10**6 + "}", "not valid JSON"),
        (" " * MOST_HEADER + "{}", "header of 1048578 bytes; at most 1048576"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_headers_that_lie(tmp_path, header, message):
    refused(written(tmp_path / "file", header), message)


def test_many_tensors_in_little_time(tmp_path):
    entries = ",".join(f'"{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(10_000))
    written(tmp_path / "file", f"{{{entries}}}", b"")
    with at_most_seconds(1.0):
        assert len(opened(tmp_path / "file")) == 10_000
    with at_most_bytes(MOST_BEYOND_FILE):
        opened(tmp_path / "file")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_numbers_that_are_not_finite(tmp_path, value, dtype):
    save_file({"a": np.array([1, 2, value], dtype)}, tmp_path / "file")
    refused(tmp_path / "file", "tensor 'a' contains NaN or infinity")


@pytest.mark.parametrize("size", [0, 7, 8, 20])
def test_files_that_are_cut_short(tmp_path, size):
    save_file({"a": np.ones(3)}, tmp_path / "file")
    os.truncate(tmp_path / "file", size)
    refused(tmp_path / "file", f"incomplete: it has {size} bytes")


def test_a_file_that_is_cut_short_meanwhile(tmp_path):
    save_file({"a": np.ones(10_000)}, tmp_path / "file")
    with TensorFile(tmp_path / "file") as file:
        os.truncate(tmp_path / "file", 4096)
        with pytest.raises(ModelFormatError, match="ends in the middle of tensor 'a'"):
            file.read("a")


def test_what_is_no_file(tmp_path):
    with pytest.raises(ModelFormatError, match="is a folder or a device"):
        TensorFile(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        TensorFile(tmp_path / "nothing")
    with pytest.raises(ModelFormatError, match="is a folder or a device"):
        TensorFile(os.devnull)


def test_a_large_tensor_takes_its_own_size(tmp_path):
    array = np.full(30_000_000, np.finfo("f4").max, "f4")  # whose sum overflows
    save_file({"a": array}, tmp_path / "file")
    with at_most_bytes(array.nbytes + (4 << 20)), TensorFile(tmp_path / "file") as file:
        assert file.read("a")[-1] == array[-1]


def test_read_json():
    assert read_json('{"ä": [1, 2.5, null]}'.encode(), "a") == {"ä": [1, 2.5, None]}
    with pytest.raises(ModelFormatError, match="the plan is not valid JSON"):
        read_json("{'a'}", "the plan")

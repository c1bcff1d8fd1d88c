"""Whatever users pass arrives as the right array, unchanged and, where it can be, uncopied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tileprop.kernels import make_plan
from tileprop.trainer import InputError, Network
from tileprop.trainer.arrays import BLOCK, all_finite, as_inputs, as_real, as_targets, as_weights

pytestmark = pytest.mark.plain
REALS = [np.dtype("float32"), np.dtype("float64")]
RATES = make_plan([2, 1], output_activation="exp", loss="poisson")
LABELS = make_plan([2, 3], output_activation="softmax", loss="log_loss")


@given(
    npst.arrays(
        st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u2", "?"]),
        npst.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements={"allow_nan": False, "allow_infinity": False, "min_value": 0, "max_value": 1},
    ),
    st.sampled_from(REALS),
    st.sampled_from(["C", "F", "strided", "list"]),
)
def test_any_layout_and_dtype(values, dtype, layout):
    given_values = {
        "C": lambda: values,
        "F": lambda: np.asfortranarray(values),
        "strided": lambda: np.repeat(values, 2, axis=1)[:, ::2],
        "list": lambda: values.tolist(),
    }[layout]()
    array = as_inputs(given_values, values.shape[1], dtype)
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, values.astype(dtype))


@pytest.mark.parametrize("dtype", REALS)
def test_fitting_array_is_not_copied(dtype, tmp_path):
    array = np.ones((5, 2), dtype)
    assert np.shares_memory(as_inputs(array, 2, dtype), array)
    array.flags.writeable = False
    assert np.shares_memory(as_inputs(array, 2, dtype), array)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert np.shares_memory(as_inputs(mapped, 2, dtype), mapped)


def test_what_is_not_aligned_is_copied():
    values = np.zeros(81, np.uint8)[1:].view("f8").reshape(5, 2)
    assert not values.flags.aligned
    assert as_inputs(values, 2, REALS[1]).flags.aligned


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_named(bad):
    values = np.ones((3, 2))
    values[2, 1] = bad
    with pytest.raises(InputError, match=r"X contains -?(nan|inf) at \[2, 1\]"):
        as_inputs(values, 2, REALS[1])


@pytest.mark.parametrize("size", [0, 5, 2000, BLOCK + 3])
def test_all_finite(size):
    values = np.full(size, np.finfo("f4").max, "f4")  # whose sum overflows
    assert all_finite(values)
    assert all_finite(np.arange(size))
    for bad in (np.nan, -np.inf):
        for at in (0, size - 1) if size else ():
            broken = values.copy()
            broken[at] = bad
            assert not all_finite(broken)


def test_entries_beyond_float32_are_named():
    with pytest.raises(InputError, match=r"X contains 1e\+300 at \[0, 0\], which is too large for float32"):
        as_inputs([[1e300]], 1, REALS[0])


def test_a_sum_that_overflows_is_no_error():
    assert as_real("X", [1e308, 1e308], REALS[1]).tolist() == [1e308, 1e308]


@pytest.mark.parametrize("values", [["a", "b"], [1j], [{}], np.array(["2020-01-01"], "M8[D]")])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(InputError, match="must hold real numbers"):
        as_real("X", values, REALS[1])


def test_shape_errors_name_the_remedy():
    with pytest.raises(InputError, match=r"takes \(n, 3\); a single sample goes in as X.reshape\(1, -1\)"):
        as_inputs([1.0, 2.0, 3.0], 3, REALS[1])
    with pytest.raises(InputError, match=r"X has shape \(2, 2\)"):
        as_inputs(np.ones((2, 2)), 3, REALS[1])


def test_one_dimensional_inputs_and_targets_of_one_column():
    assert as_inputs([1, 2, 3], 1, REALS[1]).shape == (3, 1)
    assert as_targets([1, 2, 3], make_plan([1, 1]), 3, REALS[1]).shape == (3, 1)


def test_labels_become_a_column():
    np.testing.assert_array_equal(as_targets([0, 2, 1], LABELS, 3, REALS[0]), [[0], [2], [1]])
    np.testing.assert_array_equal(as_targets(np.eye(3), LABELS, 3, REALS[0]), np.eye(3))


@pytest.mark.parametrize("labels", [[0, 3, 1], [0, -1, 1], [0, 0.5, 1]])
def test_labels_outside_the_classes(labels):
    with pytest.raises(InputError, match="class labels, whole numbers from 0 to 2"):
        as_targets(labels, LABELS, 3, REALS[0])


def test_targets_that_do_not_fit():
    with pytest.raises(InputError, match="T has 2 rows and X has 3"):
        as_targets([1.0, 2.0], make_plan([1, 1]), 3, REALS[1])
    with pytest.raises(InputError, match=r"the network takes \(3, 3\), or \(3,\) with class labels"):
        as_targets(np.ones((3, 2)), LABELS, 3, REALS[1])
    with pytest.raises(InputError, match="a distribution in each row for softmax and log_loss; a row sums to 2"):
        as_targets([[1, 0, 0], [1, 0, 1]], LABELS, 2, REALS[0])
    with pytest.raises(InputError, match=r"T must not be negative for the Poisson loss; it holds -0\.5"):
        as_targets([0.0, -0.5, 2.0], RATES, 3, REALS[0])
    with pytest.raises(InputError, match="between 0 and 1 for log_loss"):
        as_targets([0.0, 2.0], make_plan([1, 1], loss="log_loss"), 2, REALS[1])


SEVERAL = {
    "gaussian_nll": make_plan([2, 4], output_activation="identity", loss="gaussian_nll"),
    "quantile": make_plan([2, 6], loss="quantile", quantile=[0.1, 0.5, 0.9]),
}


@pytest.mark.parametrize("loss", SEVERAL)
def test_targets_of_losses_with_several_outputs_for_each(loss):
    """Two targets, whatever the number of outputs."""
    T = [[-1e6, 2.5], [0.0, -3.0], [7.0, 1e6]]
    assert as_targets(T, SEVERAL[loss], 3, REALS[1]).tolist() == T
    for wrong in (np.ones((3, 1)), np.ones(3), np.ones((3, SEVERAL[loss].sizes[-1]))):
        with pytest.raises(InputError, match=r"T has shape .*; the network takes \(3, 2\)$"):
            as_targets(wrong, SEVERAL[loss], 3, REALS[1])
    with pytest.raises(InputError, match=r"T contains nan at \[1, 0\]; remove or fill"):
        as_targets([[1, 2], [np.nan, 2], [1, 2]], SEVERAL[loss], 3, REALS[1])


@pytest.mark.parametrize(("loss", "n_out"), [("mae", 1), ("huber", 1), ("quantile", 1), ("gaussian_nll", 2)])
def test_single_targets_may_have_one_dimension(loss, n_out):
    """And are no labels, though they be whole numbers."""
    plan = make_plan([2, n_out], output_activation="identity", loss=loss)
    assert as_targets([0, -2, 7], plan, 3, REALS[0]).tolist() == [[0], [-2], [7]]
    assert as_targets([0, -2, 7], plan, 3, REALS[0]).dtype == np.float32


@pytest.mark.parametrize("loss", ["mae", "huber", "gaussian_nll"])
def test_whole_numbers_are_no_labels(loss):
    plan = make_plan([2, 4], output_activation="identity", loss=loss)
    with pytest.raises(InputError, match=r"T has shape \(3,\); the network takes \(3, \d\)$"):
        as_targets([0, 2, 1], plan, 3, REALS[0])


def test_counts_may_be_any_numbers_from_zero_on():
    assert as_targets([0, 2.5, 1e6], RATES, 3, REALS[1]).tolist() == [[0], [2.5], [1e6]]


def test_weights():
    assert as_weights(None, 3, REALS[1]).shape == (0,)
    assert as_weights([1, 2, 3], 3, REALS[0]).dtype == np.float32
    for bad in ([1, 2], [-1, 2, 3], [0, 0, 0]):
        with pytest.raises(InputError, match="sample_weight"):
            as_weights(bad, 3, REALS[1])


@pytest.mark.parametrize("place", ["X", "T", "sample_weight"])
def test_masked_entries_are_refused(place):
    """What is behind a mask is no data."""
    arrays = {"X": np.ones((3, 2)), "T": np.ones((3, 1)), "sample_weight": np.ones(3)}
    network = Network([2, 1])
    network.loss(**{name: np.ma.masked_array(array) for name, array in arrays.items()})
    arrays[place] = np.ma.masked_array(arrays[place], mask=False)
    arrays[place][1] = np.ma.masked
    with pytest.raises(InputError, match=f"{place} is a masked array.*{place}.filled"):
        network.loss(**arrays)


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("place", ["X", "T", "sample_weight"])
def test_masked_records_are_refused_for_their_dtype(place, rows):
    arrays = {"X": np.ones((3, 2)), "T": np.ones((3, 1)), "sample_weight": np.ones(3)}
    arrays[place] = np.ma.masked_array(np.zeros((rows, *arrays[place].shape[1:]), "f4, i4"), mask=True)
    with pytest.raises(InputError, match=f"^{place} has dtype "):
        Network([2, 1]).loss(**arrays)


@pytest.mark.parametrize(("dtype", "weight"), [("float32", 1e-39), ("float64", 1e-310)])
def test_weights_that_count_as_zero_are_refused(dtype, weight):
    network = Network([2, 1], dtype=dtype)
    with pytest.raises(InputError, match=f"sample_weight holds .*, which counts as zero in {dtype}"):
        network.fit(np.ones((3, 2)), np.ones((3, 1)), sample_weight=[1.0, weight, 0.0])

"""Class labels: text becomes the names of classes, kept by the network and its file; what does not fit says what to do."""

import copy
import pickle

import numpy as np
import pytest
from tileprop.trainer import InputError, ModelFormatError, Network

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 3))
NUMBERS = X.argmax(axis=1)
NAMES = np.array(["ash", "birch", "cedar"])


def network(n_out=3, output="softmax", loss="log_loss", **options):
    return Network([3, 6, n_out], "tanh", output, loss, **options)


def test_text_is_as_good_as_numbers():
    named, numbered = network(), network()
    for labels, one in ((NAMES[NUMBERS], named), (NUMBERS, numbered)):
        one.fit(X, labels, epochs=30, optimizer="adam", validation_data=(X[:9], labels[:9]))
    assert named.theta.tobytes() == numbered.theta.tobytes()
    assert named.classes == ("ash", "birch", "cedar")
    assert numbered.classes is None
    found = numbered.predict_classes(X)
    assert named.predict_classes(X).tolist() == NAMES[found].tolist()
    assert named.score(X, NAMES[NUMBERS]) == numbered.score(X, NUMBERS) == np.mean(found == NUMBERS)
    assert named.loss(X, list(NAMES[NUMBERS])) == numbered.loss(X, NUMBERS)
    assert named.loss(X, np.eye(3)[NUMBERS]) == numbered.loss(X, NUMBERS)  # which need no names


def test_two_classes_and_one_sigmoid_output():
    one = network(1, "sigmoid")
    labels = np.where(X[:, 0] > 0, "yes", "no").astype(object)
    one.fit(X, labels, epochs=200, optimizer="adam")
    assert one.classes == ("no", "yes")
    assert set(one.predict_classes(X)) == {"no", "yes"}
    assert one.score(X, labels) == np.mean(one.predict_classes(X) == labels) > 0.9


def test_a_series_of_text():
    pandas = pytest.importorskip("pandas")
    for kind in ("string", "category", object):
        one = network()
        one.fit(X, pandas.Series(NAMES[NUMBERS], dtype=kind))
        assert one.classes == tuple(NAMES)


@pytest.mark.plain
def test_a_frame_of_labels_is_no_column_of_labels():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InputError, match=r"column 'tree' of T holds '\w+' in row 0, .* go in as a single column, T\['tree'\]"):
        network().fit(X, pandas.DataFrame({"tree": NAMES[NUMBERS]}))


def test_labels_that_are_other_numbers():
    one = network()
    one.classes = [10, 20, 30]
    one.fit(X, 10 * (NUMBERS + 1))
    assert set(one.predict_classes(X)) <= {10, 20, 30}
    with pytest.raises(InputError, match="T holds 40 in row 1, which is not a class of the network: 10, 20, 30"):
        one.fit(X[:2], [10, 40])


def test_names_travel_with_the_network(tmp_path):
    pytest.importorskip("safetensors")
    one = network()
    one.fit(X, NAMES[NUMBERS])
    one.save(tmp_path / "trees.safetensors")
    for other in (Network.load(tmp_path / "trees.safetensors"), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other.classes == tuple(NAMES)
        assert other.predict_classes(X).tolist() == one.predict_classes(X).tolist()
    assert one.fit(X, NAMES[NUMBERS], checkpoint=tmp_path / "fit.checkpoint", validation_split=0.2).val_loss
    again, _ = Network.resume(tmp_path / "fit.checkpoint", X, NAMES[NUMBERS])
    assert again.classes == tuple(NAMES)


@pytest.mark.plain
def test_a_file_with_other_names_is_refused(tmp_path):
    pytest.importorskip("safetensors")
    one = network()
    one.classes = NAMES
    one.save(tmp_path / "trees.safetensors")
    data = (tmp_path / "trees.safetensors").read_bytes()
    (tmp_path / "trees.safetensors").write_bytes(data.replace(b"cedar", b"birch"))
    with pytest.raises(ModelFormatError, match=r"different labels|checksum"):
        Network.load(tmp_path / "trees.safetensors")


@pytest.mark.plain
@pytest.mark.parametrize(
    ("made", "labels", "message"),
    [
        (dict(output="sigmoid"), NUMBERS, r"T has shape \(60,\); .*class labels need output_activation='softmax'"),
        (dict(output="sigmoid"), NAMES[NUMBERS], "T holds text .*need Network.*output_activation='softmax', loss='log_loss'"),
        (dict(loss="mse"), NAMES[NUMBERS], "T holds text .'.*'.; class labels need .* or MLPClassifier"),
        (dict(n_out=2), NAMES[NUMBERS], r"T holds 3 classes \('ash', 'birch', 'cedar'\), .* 2 outputs has 2; end sizes with 3"),
        (dict(n_out=1, output="sigmoid"), NAMES[NUMBERS], "one sigmoid output has 2; end sizes with 3 and give output_act"),
        (dict(), [*NAMES[NUMBERS][:-1], None], "T holds None in row 59 among labels that are text"),
        (dict(), NUMBERS + 1, "class labels, whole numbers from 0 to 2; it reaches from 1 to 3.*set network.classes"),
        (dict(), NUMBERS[:, None], r"or \(60,\) with class labels; give T.ravel\(\)"),
        (dict(), NAMES[NUMBERS][:, None], r"class labels must have shape \(n,\)"),
        (dict(), np.empty((0, 2), "U8"), r"T is an empty array of text and has shape \(0, 2\); class labels must"),
    ],
)
def test_labels_that_do_not_fit(made, labels, message):
    one = network(**made)
    before = one.theta.copy()
    with pytest.raises(InputError, match=message):
        one.fit(X, labels)
    assert one.classes is None
    assert np.array_equal(one.theta, before)


@pytest.mark.plain
def test_labels_that_the_network_does_not_know():
    one = network()
    with pytest.raises(InputError, match=r"has no names of classes yet; fit it to such labels, or set network.classes"):
        one.score(X, NAMES[NUMBERS])
    one.classes = NAMES
    with pytest.raises(InputError, match=r"'ceder' in row 0, which is not a class of the network: .*; did you mean 'cedar'"):
        one.loss(X[:1], ["ceder"])


@pytest.mark.plain
@pytest.mark.parametrize(
    ("made", "classes", "message"),
    [
        (dict(), ["a", "b"], "must hold 3 different labels"),
        (dict(), ["a", "b", "b"], "must hold 3 different labels"),
        (dict(), "abc", "it must be a list of 3 labels"),
        (dict(), ["a", "b", 3], "only strings, or only numbers"),
        (dict(), [1, 2, np.nan], "must be a string or a number"),
        (dict(loss="mse"), ["a", "b", "c"], "only a network with loss='log_loss' and softmax outputs"),
    ],
)
def test_what_are_no_classes(made, classes, message):
    with pytest.raises(InputError, match=message):
        network(**made).classes = classes

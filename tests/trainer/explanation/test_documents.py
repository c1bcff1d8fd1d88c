"""The documents as data: every printed digit is reproduced, and the check notices one that is not."""

import dataclasses
from types import MappingProxyType

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.explanation import documents
from tileprop.trainer.explanation.chain_rule import backward, forward, loss_of
from tileprop.trainer.explanation.documents import (
    DOCUMENTS,
    FiguresDifferError,
    carried_over,
    check_documents,
    document,
    reproduced,
)

pytestmark = pytest.mark.plain

FIGURES = [(number, name) for number, printing in DOCUMENTS.items() for name in printing.printed]


def test_every_printed_digit():
    check_documents()


def test_nothing_printed_is_left_out():
    """22 numbers in document 1, 5 in document 2."""
    assert [sum(map(len, DOCUMENTS[n].printed.values())) for n in (1, 2)] == [22, 5]


@pytest.mark.parametrize(("number", "name"), FIGURES)
def test_one_wrong_digit_is_named(monkeypatch, number, name):
    printing = DOCUMENTS[number]
    *others, last = printing.printed[name]
    place = min(len(last), 12) - 1  # the last digit, but of the loss in full one that is certain everywhere
    wrong = last[:place] + ("1" if last[place] != "1" else "2") + last[place + 1 :]
    altered = MappingProxyType({**printing.printed, name: (*others, wrong)})
    monkeypatch.setitem(DOCUMENTS, number, dataclasses.replace(printing, printed=altered))
    with pytest.raises(FiguresDifferError, match=f"document {number}, {name}: {wrong} is printed") as raised:
        check_documents()
    assert len(raised.value.differences) == 1


def test_a_wrong_kernel_is_noticed(monkeypatch):
    right = documents.kernels.sigmoid_backward
    monkeypatch.setattr(documents.kernels, "sigmoid_backward", lambda y, dy: right(y, dy) * (1 + 1e-4))
    with pytest.raises(FiguresDifferError, match="document 2, dL/dW1"):
        check_documents()


def test_a_missing_entry_is_noticed(monkeypatch):
    figures = reproduced(1)
    figures["a1"] = figures["a1"][:, :1]
    monkeypatch.setitem(documents._OWN_STEPS, 1, lambda: figures)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        check_documents()


def test_all_digits_of_the_loss(monkeypatch):
    value = float(reproduced(2)["L"][0])
    if documents.last_bit_certain():
        assert value == 0.13434887664395717
    monkeypatch.setattr(documents, "last_bit_certain", lambda: True)
    assert not documents.same_digits(np.nextafter(0.13434887664395717, 1), "0.13434887664395717")
    monkeypatch.setattr(documents, "last_bit_certain", lambda: False)
    assert documents.same_digits(0.13434887664395717 + 4 * np.spacing(0.13), "0.13434887664395717")
    assert not documents.same_digits(0.13434887664395717 + 5 * np.spacing(0.13), "0.13434887664395717")


@pytest.mark.parametrize(
    ("value", "shown", "same"),
    [(-0.00558479740351, "-0.0055848", True), (-0.00558479499, "-0.0055848", False), (0.0365451, "0.036545", False)],
)
def test_trailing_zeros_are_digits(value, shown, same):
    assert documents.same_digits(value, shown) == same


def test_carried_over():
    """Document 1's later cells start from these: see the notes on the documents."""
    wanted = [
        *(0.2000005741578473, 0.4000006578572239, 0.10000034449470839, 0.3000003947143343),
        *(0.10000246403014237, 0.20000246403014238),
        *(0.5000051871716784, 0.6000057722941361),
        0.10000930855387893,
    ]
    np.testing.assert_array_max_ulp(carried_over().theta, np.array(wanted), maxulp=2)


def true_gradient(number):
    network, (X, T) = DOCUMENTS[number].network(), DOCUMENTS[number].sample()
    Z, A = forward(network, X)
    return loss_of(network, A[-1], T), backward(network, X, Z, A, T).grad, A


def test_true_gradient_of_document_1():
    loss, grad, _ = true_gradient(1)
    wanted = [
        *(-0.00055550794522591, -0.00063648858307826, -0.00033330476713555, -0.00038189314984696),
        *(-0.00111101589045183, -0.00127297716615652),
        *(-0.00501868100241262, -0.00558479740351108),
        -0.00900619169907456,
    ]
    np.testing.assert_allclose(grad, wanted, rtol=1e-13)
    assert loss == pytest.approx(0.00042730901119018, rel=1e-13)


def test_true_gradient_of_document_2():
    _, grad, A = true_gradient(2)
    np.testing.assert_allclose(grad[:2], [0.009123930803275757, -0.009123930803275757], rtol=1e-14)
    y = A[-1][0, 0]
    np.testing.assert_allclose(reproduced(2)["dL/dW1"][0], grad[:2] / (y * (1 - y)), rtol=1e-14)


@pytest.mark.parametrize("number", [0, 3, None])
def test_there_are_two(number):
    with pytest.raises(InputError, match=r"document is .*; it must be 1 or 2"):
        document(number)

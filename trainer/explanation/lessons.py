"""What surrounds the two documents' pages: what each sets up, and where what it prints strays from the chain rule.

Every figure is computed: the documents' by their own steps (`trainer/documents.py`), the right ones by the page's.
"""

from __future__ import annotations

import numpy as np

from ..network import Network
from .chain_rule import Steps, copy_of
from .decimals import DECIMALS, number
from .documents import DOCUMENTS, carried_over, reproduced, short_chain
from .formulas import Formula
from .page import Block, Prose, Quantity, Section, Table

# Half the width of a central difference: its error is some 1e-11 here, far below the eight decimals shown.
NUDGE = 1e-5
# Document 2 prints its loss in full; this many of the digits are the same on every processor.
DECIMALS_OF_LOSS = 15

TITLES = {1: "Document 1: a 2-2-1 network with biases", 2: "Document 2: a 1-2-1 network without biases"}

INTRODUCTIONS = {
    1: (
        Prose(
            "Two inputs, two hidden units, one output: small enough to follow with a pocket calculator. Both layers end in a "
            "sigmoid, and the loss is the squared error, without a factor of one half. There is one sample, {x = (0.5, 0.3)}, "
            "whose target is 0.7, and the learning rate is 0.1."
        ),
        Prose(
            "The page starts from the weights that the document writes down and follows the chain rule. Its last part lays the "
            "document's own figures beside these. Most agree, and from those that do not there is something to learn."
        ),
    ),
    2: (
        Prose(
            "One input, two hidden units, one output, no biases. Both layers end in a sigmoid, and the loss is half the "
            "squared error, so that its derivative is simply {y - t}. The sample is {x = 1}, its target 0. The weights "
            "mirror each other, 0.5 and -0.5, then 0.3 and -0.3, and so will the gradient of the first layer."
        ),
        Prose(
            "The document stops at the gradients; the step at the end, with a learning rate of 0.1, is added here. The "
            "last part of the page lays the document's own figures beside the right ones: one link of its chain is "
            "missing."
        ),
    ),
}


def introduction(document: int) -> Section:
    """What the document sets up."""
    return Section("The example", INTRODUCTIONS[document])


def closing(document: int, steps: Steps) -> tuple[Section, ...]:
    """What the document prints, beside what the chain rule gives."""
    return closing_of_first(steps) if document == 1 else closing_of_second(steps)


# Document 1 ----------------------------------------------------------------------------------------------------------------


def closing_of_first(steps: Steps) -> tuple[Section, ...]:
    opening = Prose("Document 1 has three parts: a forward pass, a step in code, and then gradients and updates by hand.")
    forward = Prose("These are right to the last digit.")
    agreeing = side_by_side(1, ("a1", "y", "L"), ("here", right_figures(steps)))
    return (
        Section("What document 1 prints", (opening,)),
        Section("The forward pass agrees", (forward, agreeing), level=2),
        Section("The step in code climbs", climbing(steps), level=2),
        Section("The gradients by hand belong to other weights", carrying(steps), level=2),
    )


def climbing(steps: Steps) -> tuple[Block, ...]:
    """The code as shown adds the gradient, and sums the one of b1 over the hidden units."""
    db1, db1_in_code = steps.backward.db[0], gradient_in_code(steps)[1][0]
    loss_in_code = after_the_code(steps).loss(steps.X, steps.T)
    rows = [
        (name, number(right), number(wrong))
        for name, right, wrong in zip(entry_names("dL/db1", db1), db1, db1_in_code, strict=True)
    ]
    rows.append(("L before the step", number(steps.loss), number(steps.loss)))
    rows.append(("L after the step", number(steps.loss_after), number(loss_in_code)))
    first_bias = steps.network.weights[0].size
    return (
        Prose(
            "A gradient points uphill. The document's code adds it to the weights (`+=`) where descent subtracts it, so "
            "its step makes the loss larger. The code also sums the gradient of {b1} over the two hidden units and gives "
            "both biases the same step. Samples are what such a sum runs over, and there is only one."
        ),
        Table(("", "chain rule, subtracted", "the document's code"), tuple(rows)),
        Prose(
            "Who is right about {b1}? Ask the loss itself: move the first hidden bias a little up and a little down, by "
            "{h = 0.00001}, and see how the loss changes. That takes no derivative at all, and it agrees with the chain rule:"
        ),
        Quantity(
            Formula("(L(b1[0] + h) - L(b1[0] - h)) / (2 h)", r"\frac{L(b_{1,0} + h) - L(b_{1,0} - h)}{2 h}"),
            nudged_slope(steps, first_bias),
        ),
    )


def carrying(steps: Steps) -> tuple[Block, ...]:
    """The gradients by hand start from weights that an earlier run had moved."""
    given, carried = steps.network, carried_over()
    parameters = [
        (entry, number(before), number(after))
        for name, old, new in (
            ("W1", given.weights[0], carried.weights[0]),
            ("b1", given.biases[0], carried.biases[0]),
            ("W2", given.weights[1], carried.weights[1]),
            ("b2", given.biases[1], carried.biases[1]),
        )
        for entry, before, after in zip(entry_names(name, old), old.flat, new.flat, strict=True)
    ]
    later = tuple(name for name in DOCUMENTS[1].printed if name not in ("a1", "y", "L"))
    return (
        Prose(
            "The cells after the code work out a gradient and an update by hand, this time downhill, as it should be. "
            "Yet their last digits follow neither from the weights at the top nor from one run of the code as shown. "
            "They do follow, every one, from weights that had been moved once before, by a step with three slips: it "
            "took the squared error {(y - t)^2} where its derivative {2 (y - t)} belongs, it was added, and it summed "
            "the gradient of {b1}. A notebook keeps its variables: a cell that was run, then edited, leaves its marks."
        ),
        Table(("", "as written down", "carried over"), tuple(parameters)),
        Prose(
            "The hidden activations and {y} were not computed anew; they still belong to the weights as written down. "
            "Now all printed digits come out. The last column is what the chain rule gives from the weights as written "
            "down. {dL/dy} and {dL/dW2} depend only on the activations, so these agree; most others differ in their last "
            "digits."
        ),
        side_by_side(1, later, ("carried over", reproduced(1)), ("as written down", right_figures(steps))),
    )


def gradient_in_code(steps: Steps) -> tuple[np.ndarray, list[np.ndarray]]:
    """The gradient of document 1's code, laid out like theta: both hidden biases get the sum. Also views of the biases'."""
    grad = steps.backward.grad.copy()
    biases = steps.network.unflatten(grad)[1]
    biases[0][:] = biases[0].sum()
    return grad, biases


def after_the_code(steps: Steps) -> Network:
    """The network after document 1's code as shown, which adds its gradient."""
    network = copy_of(steps.network)
    network.theta += steps.learning_rate * gradient_in_code(steps)[0]
    return network


# Document 2 ----------------------------------------------------------------------------------------------------------------


def closing_of_second(steps: Steps) -> tuple[Section, ...]:
    opening = Prose(
        "The loss and the gradient of {W2} are right to the last digit. (The loss is shown here with as many digits as "
        "come out the same on every processor; `check_documents` compares them all.) The gradient of {W1} is not."
    )
    names = tuple(DOCUMENTS[2].printed)
    return (
        Section("What document 2 prints", (opening, side_by_side(2, names, ("chain rule", right_figures(steps))))),
        Section("The missing link", missing_link(steps), level=2),
        Section("A second opinion", second_opinion(steps), level=2),
    )


def missing_link(steps: Steps) -> tuple[Block, ...]:
    """Document 2 leaves out the slope of the output's sigmoid."""
    y = float(steps.A[-1][0, 0])
    slope = y * (1 - y)
    short, right = short_chain(), steps.backward.dW[0]
    latex = r"x^{\top} \left( \frac{\partial L}{\partial y} W_{2}^{\top} \odot a_{1} \odot (1 - a_{1}) \right)"
    return (
        Prose(
            "On its way from {y} down to the hidden layer the slope has to pass the output's sigmoid: {dL/da1 = delta2 W2^T}, "
            "with {delta2 = dL/dy * y * (1 - y)}. The document sends {dL/dy} itself through {W2}, a slip that is easy to make:"
        ),
        Quantity(Formula("x^T (dL/dy W2^T * a1 * (1 - a1))", latex), short),
        Prose("What is left out is the slope of the sigmoid, here a single number:"),
        Quantity(Formula("y (1 - y)", "y (1 - y)"), slope, f"{number(y)} * (1 - {number(y)}) = {number(slope)}"),
        Prose(
            f"With it the figure is right: `{number(short[0, 0])} * {number(slope)} = {number(right[0, 0])}`. Without it "
            f"the step of {{W1}} keeps its direction but is {1 / slope:.1f} times as long as it should be. With several "
            f"outputs, each with a slope of its own, the direction would be wrong as well."
        ),
    )


def second_opinion(steps: Steps) -> tuple[Block, ...]:
    """The loss itself, asked about the first weight."""
    return (
        Prose(
            "A gradient can be checked without any derivative: move one weight a little up and a little down, by h = "
            "0.00001, and see how the loss changes. For the first weight:"
        ),
        Quantity(
            Formula("(L(W1[0, 0] + h) - L(W1[0, 0] - h)) / (2 h)", r"\frac{L(W_{1,00} + h) - L(W_{1,00} - h)}{2 h}"),
            nudged_slope(steps, 0),
        ),
        Prose("It sides with the chain rule. When you write a gradient of your own, ask this question first."),
    )


# Both ----------------------------------------------------------------------------------------------------------------------


def right_figures(steps: Steps) -> dict[str, np.ndarray]:
    """The page's figures of a network with two layers, by the names of `Document.printed`."""
    way_back, after = steps.backward, steps.after
    figures = {"a1": steps.A[0], "y": steps.A[1], "L": np.array([steps.loss])}
    figures |= {"dL/dy": way_back.dA[1], "dL/da1": way_back.dA[0]}
    for i in (0, 1):
        figures |= {f"dL/dW{i + 1}": way_back.dW[i], f"new W{i + 1}": after.weights[i], f"new b{i + 1}": after.biases[i]}
    return figures


def nudged_slope(steps: Steps, parameter: int) -> float:
    """dL/dtheta[parameter] as a central difference."""
    losses = []
    for h in (NUDGE, -NUDGE):
        network = copy_of(steps.network)
        network.theta[parameter] += h
        losses.append(network.loss(steps.X, steps.T))
    return (losses[0] - losses[1]) / (2 * NUDGE)


def entry_names(name: str, array: np.ndarray) -> list[str]:
    """W1[0, 0], W1[0, 1], ...; the name alone where there is one entry."""
    if array.size == 1:
        return [name]
    return [f"{name}[{', '.join(map(str, index))}]" for index in np.ndindex(array.shape)]


def side_by_side(document: int, names: tuple[str, ...], *columns: tuple[str, dict[str, np.ndarray]]) -> Table:
    """What a document prints, entry by entry, beside other figures of the same names."""
    rows = []
    for name in names:
        printed = DOCUMENTS[document].printed[name]
        for i, entry in enumerate(entry_names(name, columns[0][1][name])):
            decimals = DECIMALS_OF_LOSS if len(printed[i]) > 2 * DECIMALS else DECIMALS
            rows.append((entry, printed[i], *(number(figures[name].flat[i], decimals) for _, figures in columns)))
    return Table(("", f"document {document}", *(title for title, _ in columns)), tuple(rows))

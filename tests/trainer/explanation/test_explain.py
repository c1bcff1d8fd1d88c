"""Explained steps add up to the gradient; every formula and every line of arithmetic on a page is true."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tileprop import kernels
from tileprop.kernels import register_activation, register_loss
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry
from tileprop.kernels.registry import Registry
from tileprop.trainer import InputError, Network
from tileprop.trainer.explanation import chain_rule
from tileprop.trainer.explanation.chain_rule import StepsDisagreeError
from tileprop.trainer.explanation.documents import DOCUMENTS
from tileprop.trainer.explanation.explain import explain, explain_document
from tileprop.trainer.explanation.page import Quantity, Together

pytestmark = pytest.mark.plain

PAGE = Path(__file__).parents[3] / "docs" / "worked-examples.md"
ACTIVATIONS = list(activation_registry)
# Output activation, loss, and the loss's parameter.
DIFFERENCES = [("mse",), ("squared_error",), ("sum_squared_error",), ("mae",), ("huber", {"delta": 0.3})]
DIFFERENCES += [("quantile", {"quantile": 0.8}), ("quantile", {"quantile": [0.25, 0.75]})]
HEADS = [(name, *loss) for name in ACTIVATIONS for loss in DIFFERENCES]
HEADS += [("softmax", "log_loss"), ("sigmoid", "log_loss"), ("exp", "poisson"), ("identity", "gaussian_nll")]
SHORT_CUTS = ("log_loss", "poisson")


def make_problem(hidden, head, widths, rows, bias=True, seed=0):
    """A network with biases that are not zero, and samples for it: (network, X, T)."""
    output, loss, parameter = (*head, {})[:3]
    n_targets = widths[-1]
    if loss == "gaussian_nll" or isinstance(parameter.get("quantile"), list):
        widths = [*widths[:-1], 2 * n_targets]
    network = Network(widths, hidden, output, loss, bias, "float64", seed, **parameter)
    generator = np.random.default_rng([seed, rows])
    for b in network.biases:
        b[:] = generator.normal(0.0, 0.3, b.shape)
    if hidden == "exp":
        network.theta *= 0.3  # or exp of exp would be beyond all numbers
    T = generator.uniform(0.1, 0.9, (rows, n_targets))
    if head == ("softmax", "log_loss"):
        T /= T.sum(axis=1, keepdims=True)
    return network, generator.normal(size=(rows, widths[0])), T


def problems_of(heads):
    return st.builds(
        make_problem,
        hidden=st.sampled_from(ACTIVATIONS),
        head=st.sampled_from(heads),
        widths=st.lists(st.integers(1, 4), min_size=2, max_size=4),
        rows=st.integers(1, 3),
        bias=st.booleans(),
        seed=st.integers(0, 1000),
    )


problems = problems_of(HEADS)


@pytest.fixture(scope="module")
def one_of_each():
    """Every loss over every activation that it goes with, and every activation in a hidden layer; one sample and several."""
    problems = [
        make_problem(ACTIVATIONS[i % len(ACTIVATIONS)], head, [2, 3, 2], 1 + i % 2) for i, head in enumerate(HEADS + HEADS[-4:])
    ]
    return problems + [make_problem(hidden, ("identity", "mse"), [1, 2, 1], 1) for hidden in ACTIVATIONS]


@pytest.fixture(scope="module")
def pages(one_of_each):
    return [explain(*problem) for problem in one_of_each]


def quantities(page):
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Together):
                yield from block.quantities
            elif isinstance(block, Quantity):
                yield block


# What the steps compute ----------------------------------------------------------------------------------------------------


@given(problems, st.floats(0.0, 2.0))
def test_steps_add_up_to_the_gradient(problem, learning_rate):
    network, X, T = problem
    theta = network.theta.copy()
    steps = explain(network, X, T, learning_rate).steps
    loss, grad = network.loss_and_grad(X, T)
    assert steps.loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(steps.backward.grad, grad, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(steps.after.theta, theta - learning_rate * grad, rtol=1e-12, atol=1e-13)
    assert steps.loss_after == pytest.approx(steps.after.loss(X, T), rel=1e-12)
    np.testing.assert_array_equal(network.theta, theta)


@given(problems_of([head for head in HEADS if head[1] in SHORT_CUTS]))
def test_the_short_cut_of_some_losses_is_the_chain_rule(problem):
    network, X, T = problem
    steps = explain(network, X, T).steps
    slope = getattr(kernels, f"{network.plan.activations[-1]}_backward")
    np.testing.assert_allclose(steps.backward.deltas[-1], slope(steps.A[-1], steps.backward.dA[-1]), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kernel", ["sigmoid_backward", "mse_backward", "dense_backward_input", "mse"])
def test_a_wrong_step_is_noticed(monkeypatch, kernel):
    right = getattr(kernels, kernel)

    def wrong(*arrays):
        result = right(*arrays)
        if result is None:
            arrays[0][:] *= 1 + 1e-6
        return None if result is None else result * (1 + 1e-6)

    network, X, T = make_problem("sigmoid", ("sigmoid", "mse"), [2, 3, 2], 1)
    monkeypatch.setattr(kernels, kernel, wrong)
    if kernel == "sigmoid_backward":
        entry = dataclasses.replace(activation_registry["sigmoid"], backward=wrong)
        monkeypatch.setattr(chain_rule, "activation_registry", Registry("activation", [entry]))
    elif kernel.startswith("mse"):
        half = {"backward" if kernel.endswith("backward") else "value": wrong}
        entry = dataclasses.replace(loss_registry["mse"], **half)
        monkeypatch.setattr(chain_rule, "loss_registry", Registry("loss", [entry]))
    with pytest.raises(StepsDisagreeError, match=r"the (loss|gradient) of the steps differs from that of loss_and_grad"):
        explain(network, X, T)


def test_rounding_alone_is_no_disagreement():
    """y is t but for its last bits, so that the gradient consists of rounding errors."""
    network, X, _ = make_problem("tanh", ("sigmoid", "mse"), [3, 4, 2], 3)
    Y = network.predict(X)
    explain(network, X, np.nextafter(Y, 1))


def test_one_sample_however_it_is_given():
    network, X, T = make_problem("tanh", ("identity", "mse"), [2, 3, 2], 1)
    assert explain(network, X[0].tolist(), T[0].tolist()).text() == explain(network, X, T).text()
    single, X, T = make_problem("tanh", ("identity", "mse"), [1, 3, 1], 1)
    assert explain(single, X[0, 0], T[0, 0]).text() == explain(single, X, T).text()


def test_targets_of_losses_with_several_outputs_for_each():
    """One for each target column: a sample's may be a single number."""
    for loss, arguments in (("quantile", {"quantile": [0.1, 0.5, 0.9]}), ("gaussian_nll", {})):
        network = Network([2, 3 if arguments else 2], "tanh", "identity", loss, dtype="float64", **arguments)
        pages = [explain(network, [1, 2], t) for t in (0.5, [0.5], [[0.5]])]
        assert len({page.text() for page in pages}) == 1
        assert pages[0].steps.loss == pytest.approx(network.loss([[1, 2]], [[0.5]]), rel=1e-14)


def test_an_output_that_is_its_target():
    """The slope of an absolute error is 0 there, and jumps next to it: rounding may decide."""
    for loss in ("mae", "quantile"):
        network, X, _ = make_problem("tanh", ("sigmoid", loss), [3, 4, 2], 3)
        Y = network.predict(X)
        assert explain(network, X, Y).steps.loss == pytest.approx(0, abs=1e-15)
        explain(network, X, np.nextafter(Y, 1))


def test_a_variance_below_the_least():
    network = Network([1, 2], output_activation="identity", loss="gaussian_nll", dtype="float64")
    network.theta = [0, 0, 0.25, -40.0]
    page = explain(network, 1, 0.25)
    assert "An entry of s below -30 counts as that" in page.text()
    assert page.steps.backward.dA[-1].tolist() == [[0, 0]]
    assert "below -30" not in explain(Network([1, 2], output_activation="identity", loss="gaussian_nll"), 1, 0.25).text()


@pytest.mark.parametrize(("x", "t"), [([0.1, 0.2], 2), ([0.1, 0.2], [2]), ([[0.1, 0.2], [1, 2]], [2, 0])])
def test_class_labels(x, t):
    network = Network([2, 3], output_activation="softmax", loss="log_loss", dtype="float64")
    page = explain(network, x, t)
    np.testing.assert_array_equal(page.steps.T, np.eye(3)[np.atleast_1d(t)])
    assert page.steps.loss == pytest.approx(network.loss(np.atleast_2d(x), np.atleast_1d(t)), rel=1e-14)
    assert "a class is a row of zeros with a one" in page.text()
    assert "a class is" not in explain(network, x, page.steps.T).text()


@pytest.mark.parametrize(
    ("x", "t", "message"),
    [
        ([1, 2, 3], [1, 0], r"x has shape \(3,\); the network takes \(n, 2\)"),
        ([1, 2], [[1, 0, 0]], r"t has shape \(1, 3\); the network takes \(1, 2\)"),
        ([[1, 2], [3, 4]], [[1, 0]], "t has 1 rows and X has 2"),
        ([1, np.nan], [1, 0], "x contains nan"),
        (["a", "b"], [1, 0], "x has dtype"),
        (np.empty((0, 2)), np.empty((0, 2)), "x has no rows"),
        ([1, 2], [0.5, 0.6], "t must hold a distribution in each row"),
    ],
)
def test_bad_samples(x, t, message):
    network = Network([2, 2], output_activation="softmax", loss="log_loss", dtype="float64")
    with pytest.raises(InputError, match=message):
        explain(network, x, t)


@pytest.mark.parametrize("rate", [-0.1, np.inf, np.nan])
def test_bad_learning_rate(rate):
    with pytest.raises(InputError, match="learning_rate"):
        explain(Network([1, 1], dtype="float64"), 1, 1, learning_rate=rate)


# What the page says --------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "exp": np.exp,
    "tanh": np.tanh,
    "ln": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "sign": np.sign,
    "where": np.where,
    "sqrt": np.sqrt,
    "pi": np.pi,
    "erf": np.vectorize(math.erf),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "Phi": lambda z: (1 + np.vectorize(math.erf)(z / np.sqrt(2))) / 2,
    "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
}


def arithmetic(page):
    return re.findall(r"(?:its first entry|in numbers): (.*) = (\S+)", page.text())


def assert_arithmetic_is_true(page):
    """As far as eight decimals on both sides go."""
    for left, right in arithmetic(page):
        value = eval(left.replace("^", "**"), {}, FUNCTIONS)
        assert math.isclose(value, float(right), rel_tol=5e-4, abs_tol=1e-7), (left, right)


def test_every_line_of_arithmetic_is_true(pages):
    for page in pages:
        assert_arithmetic_is_true(page)
        assert len(arithmetic(page)) >= 10
        markdown = page.markdown()
        for left, right in arithmetic(page):
            assert f"`{left} = {right}`" in markdown


@given(problems)
def test_arithmetic_of_any_network(problem):
    assert_arithmetic_is_true(explain(*problem))


LOG_LOSSES = [("softmax", "log_loss"), ("sigmoid", "log_loss")]
BENT = [(name, "squared_error") for name in ("elu", "silu", "gelu", "softplus", "leaky_relu")]


@pytest.mark.parametrize(
    ("scale", "head"),
    [
        *((scale, head) for scale in (1e5, 1e3) for head in LOG_LOSSES),
        (1e2, ("sigmoid", "mse")),
        (10.0, ("tanh", "mse")),
        *((scale, head) for scale in (1e3, 30.0, 5.0, -5.0, -30.0, -1e3) for head in [*BENT, ("identity", "huber")]),
        *((scale, head) for scale in (30.0, 10.0, -10.0, -30.0) for head in [("exp", "mse"), ("exp", "poisson")]),
        *((scale, ("identity", "gaussian_nll")) for scale in (10.0, -10.0, 300.0)),
    ],
)
def test_arithmetic_of_saturated_outputs(scale, head):
    network, X, _ = make_problem("sigmoid", head, [2, 3, 2], 1)
    network.weights[-1][:] *= scale
    for targets in ([0.0, 1.0], [1.0, 0.0]):
        assert_arithmetic_is_true(explain(network, X[0], targets, 0.0))  # a step might make numbers that are infinite


def value_of(formula, symbols):
    """What the text of a formula says: `sum of` adds up all entries, `^T` transposes, neighbours multiply as matrices."""
    if rows := re.fullmatch(r"sum of (\w+) over the rows", formula):
        return symbols[rows[1]].sum(axis=0)
    if total := re.fullmatch(r"(- |)sum of (.*?)(?: / (\d+))?", formula):
        return (-1 if total[1] else 1) * np.sum(value_of(total[2], symbols)) / int(total[3] or 1)
    if levels := re.fullmatch(r"(\w+) for each level", formula):
        return np.tile(symbols[levels[1]], symbols["q"].size // symbols[levels[1]].shape[1])
    formula = re.sub(r"\|([^|]*)\|", r"abs(\1)", as_call(formula))
    code, previous = "", ""
    for token in re.findall(r"new \w+|dL/d\w+|\d+(?:\.\d+)?|\w+|\^T|\^2|<=|\S", formula):
        left = previous in symbols or previous in ("^T", ")") or previous[:1].isdigit()
        if left and (token in symbols or token == "("):
            code += "*" if previous[0].isdigit() or token == "(" else "@"
        code += {"^T": ".T", "^2": "**2"}.get(token) or (f"S[{token!r}]" if token in symbols else token)
        previous = token
    value = eval(code, {"S": symbols}, FUNCTIONS)
    return np.hstack(value) if isinstance(value, tuple) else value


def as_call(formula):
    """`A where C, else B`, as far as the parentheses around it reach, as `where(C, A, B)`."""
    middle = formula.find(" where ")
    if middle < 0:
        return formula
    start, depth = middle, 0
    while start > 0 and (depth or formula[start - 1] != "("):
        start -= 1
        depth += (formula[start] == ")") - (formula[start] == "(")
    end, depth = middle, 0
    while end < len(formula) and (depth or formula[end] != ")"):
        depth += (formula[end] == "(") - (formula[end] == ")")
        end += 1
    then, rest = formula[start:end].split(" where ", 1)
    condition, other = rest.split(", else ", 1)
    return as_call(f"{formula[:start]}where({condition}, {then}, {other}){formula[end:]}")


def test_every_formula_is_true(pages):
    """With the page's figures for the symbols in it, each formula gives its own figure."""
    for page in pages:
        assert_formulas_are_true(page)


def assert_formulas_are_true(page):
    formulas = [(q.formula.text.split(" = "), np.asarray(q.value)) for q in quantities(page)]
    symbols = {name.removesuffix("[j]"): value for (name, *_), value in formulas}
    # The formulas of softmax are about single entries; its arithmetic is tested above.
    claims = [(side, value) for (name, *sides), value in formulas if "[j]" not in name for side in sides]
    assert len(claims) >= 8
    for side, value in claims:
        np.testing.assert_allclose(np.reshape(value_of(side, symbols), value.shape), value, 1e-9, 1e-15, err_msg=side)


# LaTeX, step by step, as the text spells it.
SPELLINGS = [
    (r"(\w)_\{(\d+)\}\^\{\\mathrm\{new\}\}", r"new \1\2"),
    (r"_\{(\d+)\}", r"\1"),
    (r"_\{(\d*),?([jk])\}", r"\1[\2]"),
    (r"\\frac\{\\partial L\}\{\\partial ([^{}]*)\}", r"dL/d\1"),
    (r"\^\{\\top\}", "^T"),
    (r"e\^\{([^{}]*)\}", r"exp(\1)"),
    (r"e\^-s", "exp(-s)"),
    (r"\\mathrm\{sign\}", "sign"),
    (r"\\sum_\{\\mathrm\{rows\}\} (\S+)", r"sum of \1 over the rows"),
    (r"\\sum_k", "sum over k of"),
    (r"\\sum", "sum of"),
    (r"\\text\{([^{}]*)\}", r"\1"),
    *[(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"\1 / \2")] * 2,  # the inner, then the outer
    (r"\\gt", ">"),
    (r"\\le(?!f)", "<="),
    (r"\\sigma", "sigmoid"),
    (r"\\varphi", "phi"),
    (r"\\(odot|left|right)", ""),
    (r"\\(?=delta|tanh|max|min|ln|Phi)", ""),
    (r"[\s*()]", ""),
]


def test_both_spellings_of_a_formula_agree(pages):
    """But for parentheses and signs of multiplication."""
    for q in (q for page in pages for q in quantities(page)):
        translated = q.formula.latex
        for pattern, replacement in SPELLINGS:
            translated = re.sub(pattern, replacement, translated)
        assert translated == re.sub(r"[\s*()]", "", q.formula.text)


def test_text_is_plain(pages):
    for text in (page.text() for page in pages):
        assert text.isascii()
        assert not set(text) & set("$\\`{}")


def test_markdown_suits_github(pages):
    for page in pages:
        assert_markdown_suits_github(page)


def assert_markdown_suits_github(page):
    lines = page.markdown().splitlines()
    marks = [i for i, line in enumerate(lines) if line == "$$"]
    assert len(marks) % 2 == 0
    for start, end in zip(marks[::2], marks[1::2], strict=True):
        assert end == start + 2
        assert lines[start - 1] == ""
        assert lines[end + 1] == ""
    for line in lines:
        # Markdown takes the backslash from before a sign; GitHub refuses some macros.
        assert not re.search(r"\\[^a-zA-Z]|\\(operatorname|mbox|def|newcommand)", line)
        formulas = [lines[i + 1] for i in marks[::2]] + re.findall(r"\$([^$]+)\$", line)
        for formula in formulas:
            assert formula == formula.strip()
            assert formula.count("{") == formula.count("}")
            assert formula.count(r"\left") == formula.count(r"\right")
            assert formula.count(r"\begin") == formula.count(r"\end")
            assert "<" not in formula
        assert line == "$$" or line.count("$") % 2 == 0
        assert not re.search(r"[\w{}]\$\w|\$ \$", line)


def test_shapes_stand_beside_the_figures():
    page = explain(*make_problem("tanh", ("sigmoid", "mse"), [3, 4, 2], 2))
    for q in quantities(page):
        if isinstance(q.value, np.ndarray):
            assert f"  {q.formula.text}    {q.value.shape}\n" in page.text()
            assert f"`{q.formula.text.partition(' = ')[0]}` has shape {q.value.shape}" in page.markdown()


def test_wide_layers_are_abridged():
    page = explain(*make_problem("tanh", ("identity", "mse"), [2, 30, 1], 1))
    assert max(map(len, page.text().splitlines())) < 128
    row = r"\[ +\S+ +\S+ +\.\.\. +\S+ +\S+ \]"
    assert re.search(row, page.text())
    assert r"& \cdots &" in page.markdown()
    assert r"\cr \vdots \cr" in page.markdown()
    # Side by side only where there is room: x and t, W2 and b2, but not W1 and b1.
    assert page.markdown().count(r"\qquad") == 2


def test_each_slope_is_explained_once(one_of_each, pages):
    for (network, *_), page in zip(one_of_each, pages, strict=True):
        assert_slopes_are_explained_once(network.plan, " ".join(page.text().split()))


def assert_slopes_are_explained_once(plan, page):
    chained = plan.activations[:-1] if plan.loss in SHORT_CUTS else plan.activations
    for name, opening in {
        "identity": "The identity has slope 1",
        "sigmoid": "The slope of the sigmoid follows from its output",
        "tanh": "The slope of tanh follows from its output",
        "relu": " relu has slope 1 where",
        "softmax": "that comes down to this",
        "exp": "exp is its own slope",
        "leaky_relu": "leaky_relu has slope 1 where",
        "elu": " elu has slope 1 where",
        "silu": "silu is a product",
        "gelu": "gelu is a product",
        "softplus": "The slope of softplus is sigmoid(z)",
    }.items():
        assert page.count(opening) == (name in chained)
    assert page.count("y - t is left") == (plan.loss in SHORT_CUTS)
    assert page.count("Phi is the normal distribution function") == ("gelu" in plan.activations)


def test_what_the_step_did_to_the_loss():
    network, X, T = make_problem("tanh", ("identity", "mse"), [2, 3, 1], 1)
    assert "; it was " in explain(network, X, T, 0.01).markdown()
    assert "the step was too long" in explain(network, X, T, 100.0).markdown()


def test_float32_shows_fewer_digits():
    network = Network([2, 2, 1], dtype="float32", random_state=3)
    page = explain(network, [0.5, 0.25], 1.0)
    assert "rounded to 6 decimals" in page.text()
    assert not re.search(r"\.\d{7}", page.text())


def test_as_an_object():
    page = explain(Network([1, 1], dtype="float64"), 1, 1)
    assert str(page) == page.text()
    assert page._repr_markdown_() == page.markdown()
    assert repr(page) == "<Explanation: One step of gradient descent through a 1-1 network>"


# What users registered ------------------------------------------------------------------------------------------------------


@njit
def own_square(x):
    return x * x


@njit
def own_square_slope(x):
    return x + x


@njit
def own_error(y, t):
    total = 0.0
    for j in range(y.size):
        total += (y[j] - t[j]) ** 2
    return total / y.size


@njit
def own_error_gradient(y, t, dy):
    for j in range(y.size):
        dy[j] = 2 * (y[j] - t[j]) / y.size


@pytest.fixture
def own(registries):
    """An activation and a loss of a user's, for the time of a test."""
    register_activation("own_square", own_square, own_square_slope)
    register_loss("own_error", own_error, own_error_gradient)


@pytest.mark.usefixtures("own")
def test_a_page_about_what_users_registered():
    """A plain wording, and the right figures."""
    for rows in (1, 2):
        check_page_about_own(rows)


def check_page_about_own(rows):
    page = explain(*make_problem("own_square", ("own_square", "own_error"), [2, 3, 2], rows))
    steps = page.steps
    np.testing.assert_allclose(steps.A[0], steps.Z[0] ** 2, rtol=1e-15)
    np.testing.assert_allclose(steps.backward.dA[-1], (steps.A[-1] - steps.T) / rows, rtol=1e-13)
    np.testing.assert_allclose(steps.backward.deltas[0], 2 * steps.Z[0] * steps.backward.dA[0], rtol=1e-14)
    text = " ".join(page.text().split())
    assert text.count("Here f stands for the activation own_square, which its user registered.") == 2
    assert text.count("Here f' is the slope that was registered with own_square, taken at z.") == 1
    assert "The loss is own_error, which its user registered; here E stands for it, row by row." in text
    for formula in ("a1 = f(z1)", "y = f(z2)", "delta2 = dL/dy * f'(z2)", "delta1 = dL/da1 * f'(z1)"):
        assert f" {formula} " in text
    assert ("L = E(y, t)" if rows == 1 else "L = sum of E(y, t) / 2") in text
    assert ("dL/dy = dE/dy" if rows == 1 else "dL/dy = dE/dy / 2") in text
    assert_arithmetic_is_true(page)
    assert_markdown_suits_github(page)


# The documents -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_every_printed_figure_is_on_the_page(number):
    page = explain_document(number)
    for name, figures in DOCUMENTS[number].printed.items():
        for figure in figures:
            assert re.search(rf"{re.escape(name)}.*\s{re.escape(figure)}\s", page.text()), (name, figure)
            assert f"| {figure} |" in page.markdown()


def test_document_1_strays():
    text = explain_document(1).text()
    # The gradient of b1 by the chain rule, summed in the document's code; and by moving b1 a little.
    assert re.search(r"dL/db1\[0\] +-0.00111102 +-0.00238399", text)
    assert "(2 h) = -0.00111102" in text
    before, after = (float(re.search(rf"L {when} the step .* (\S+)\n", text)[1]) for when in ("before", "after"))
    assert before == 0.00042731 < after
    assert re.search(r"W2\[0, 0\] +0.5 +0.50000519", text)
    assert re.search(r"dL/da1\[0, 0\] +-0.00450314 +-0.00450314 +-0.0045031\s", text)


def test_document_2_strays():
    text = explain_document(2).text()
    assert re.search(r"dL/dW1\[0, 1\] +-0.036545 +-0.00912393", text)
    assert "(2 h) = 0.00912393" in text
    assert "0.036545 * 0.24966289 = 0.00912393" in text


def test_the_page_in_docs():
    page = PAGE.read_text(encoding="utf-8")
    for number in (1, 2):
        assert f"\n\n{explain_document(number).markdown()}" in page, (
            f"docs/worked-examples.md differs from what `tileprop explain --document {number} --format markdown` prints"
        )
    hand_written = page[: page.index("## Document 1")]
    assert page == hand_written + "\n".join(explain_document(number).markdown() for number in (1, 2))

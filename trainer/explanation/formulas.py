"""The formulas of a dense network by activation and loss, each as plain text and as LaTeX.

In text a formula reads `z1 = x W1 + b1`: matrices side by side are multiplied, `*` works entry by entry, `^T` transposes. The
LaTeX keeps to what GitHub, KaTeX and MathJax all render, so it has no backslash before a sign: Markdown would take it away.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """One formula, or one symbol, in both spellings."""

    text: str
    latex: str


# Formulas inside sentences whose spellings differ.
IN_SENTENCES = {
    "*": r"\odot",
    "^T": r"\top",
    "delta": r"\delta",
    "dL/dz": r"\partial L / \partial z",
    "dL/da": r"\partial L / \partial a",
    "dL/dy": r"\partial L / \partial y",
    "a[k]": "a_k",
    "y[k]": "y_k",
    "z[j]": "z_j",
    "dL/da[k]": r"\partial L / \partial a_k",
    "a[j] (1 - a[j])": "a_j (1 - a_j)",
    "y[j] (1 - y[j])": "y_j (1 - y_j)",
    "-a[k] a[j]": "- a_k a_j",
    "-y[k] y[j]": "- y_k y_j",
    "dL/dy[k] = -t[k] / y[k]": r"\partial L / \partial y_k = - t_k / y_k",
    "y[j] (sum of t) - t[j]": r"y_j \sum_k t_k - t_j",
    "W1": "W_1",
    "W2": "W_2",
    "b1": "b_1",
    "dL/da1 = delta2 W2^T": r"\partial L / \partial a_1 = \delta_2 W_2^{\top}",
    "delta2 = dL/dy * y * (1 - y)": r"\delta_2 = \partial L / \partial y \odot y \odot (1 - y)",
    "dL/dW2": r"\partial L / \partial W_2",
}


@dataclass(frozen=True)
class Layer:
    """The symbols of layer `number` of `count`: a0 is x, and the last activation is y."""

    number: int
    count: int

    @property
    def inputs(self) -> Formula:
        return activation_symbol(self.number - 1, self.count)

    @property
    def output(self) -> Formula:
        return activation_symbol(self.number, self.count)

    def symbol(self, letter: str) -> Formula:
        """z1, W1, b1, delta1."""
        latex = rf"\{letter}" if letter == "delta" else letter
        return Formula(f"{letter}{self.number}", f"{latex}_{{{self.number}}}")


def activation_symbol(number: int, count: int) -> Formula:
    if number == 0:
        return Formula("x", "x")
    return Formula("y", "y") if number == count else Formula(f"a{number}", f"a_{{{number}}}")


def derivative(of: Formula) -> Formula:
    """dL/d..."""
    return Formula(f"dL/d{of.text}", rf"\frac{{\partial L}}{{\partial {of.latex}}}")


def entry(symbol: Formula, index: str) -> Formula:
    """One entry of a row: a1[j]."""
    stem, brace, number = symbol.latex.partition("_{")
    latex = f"{stem}_{{{number[:-1]},{index}}}" if brace else f"{stem}_{{{index}}}"
    return Formula(f"{symbol.text}[{index}]", latex)


def equation(left: Formula, right: Formula) -> Formula:
    return Formula(f"{left.text} = {right.text}", f"{left.latex} = {right.latex}")


def filled(pattern: Formula, **symbols: Formula) -> Formula:
    """A pattern with {z}, {a}, {g} replaced by symbols; other braces stay."""
    text, latex = pattern.text, pattern.latex
    for name, symbol in symbols.items():
        text = text.replace(f"{{{name}}}", symbol.text)
        latex = latex.replace(f"{{{name}}}", symbol.latex)
    return Formula(text, latex)


# Forward -------------------------------------------------------------------------------------------------------------------

# a from z.
_ACTIVATIONS = {
    "identity": Formula("{z}", "{z}"),
    "sigmoid": Formula("sigmoid({z}) = 1 / (1 + exp(-{z}))", r"\sigma({z}) = \frac{1}{1 + e^{-{z}}}"),
    "tanh": Formula("tanh({z})", r"\tanh({z})"),
    "relu": Formula("max(0, {z})", r"\max(0, {z})"),
    "softmax": Formula("exp({zj}) / sum over k of exp({zk})", r"\frac{e^{{zj}}}{\sum_k e^{{zk}}}"),
}


def pre_activation(layer: Layer, bias: bool) -> Formula:
    """z = a W + b."""
    inputs, W, b = layer.inputs, layer.symbol("W"), layer.symbol("b")
    right = Formula(f"{inputs.text} {W.text}", f"{inputs.latex} {W.latex}")
    if bias:
        right = Formula(f"{right.text} + {b.text}", f"{right.latex} + {b.latex}")
    return equation(layer.symbol("z"), right)


def activation(layer: Layer, name: str) -> Formula:
    """a = f(z)."""
    z, a = layer.symbol("z"), layer.output
    left = entry(a, "j") if name == "softmax" else a
    return equation(left, filled(_ACTIVATIONS[name], z=z, zj=entry(z, "j"), zk=entry(z, "k")))


# Loss ----------------------------------------------------------------------------------------------------------------------


def loss(name: str, output_activation: str, rows: int, outputs: int) -> Formula:
    """L of y and t, averaged over the rows."""
    if name == "log_loss":
        if output_activation == "softmax":
            right = Formula("- sum of t * ln(y)", r"- \sum t \odot \ln y")
        else:
            right = Formula(
                "- sum of (t * ln(y) + (1 - t) * ln(1 - y))", r"- \sum \left( t \odot \ln y + (1 - t) \odot \ln (1 - y) \right)"
            )
        return equation(Formula("L", "L"), divided(right, rows))
    size = rows * outputs
    square = Formula("(y - t)^2", "(y - t)^2") if size == 1 else Formula("sum of (y - t)^2", r"\sum (y - t)^2")
    return equation(Formula("L", "L"), divided(square, size if name == "mse" else 2 * size))


def loss_derivative(name: str, output_activation: str, rows: int, outputs: int) -> Formula:
    """dL/dy."""
    if name == "mse":
        right = divided(Formula("2 (y - t)", "2 (y - t)"), rows * outputs)
    elif name == "squared_error":
        right = averaged_difference(rows * outputs)
    elif output_activation == "softmax":
        right = (
            Formula("- t / y", r"- \frac{t}{y}") if rows == 1 else Formula(f"- t / ({rows} y)", rf"- \frac{{t}}{{{rows} y}}")
        )
    else:
        below = "y (1 - y)" if rows == 1 else f"{rows} y (1 - y)"
        right = Formula(f"(y - t) / ({below})", rf"\frac{{y - t}}{{{below}}}")
    return equation(derivative(Formula("y", "y")), right)


def averaged_difference(by: int) -> Formula:
    return Formula("y - t", "y - t") if by == 1 else Formula(f"(y - t) / {by}", rf"\frac{{y - t}}{{{by}}}")


def divided(formula: Formula, by: int) -> Formula:
    return formula if by == 1 else Formula(f"{formula.text} / {by}", rf"\frac{{{formula.latex}}}{{{by}}}")


# Backward ------------------------------------------------------------------------------------------------------------------

# delta = dL/dz from g = dL/da and a.
_DELTAS = {
    "identity": Formula("{g}", "{g}"),
    "sigmoid": Formula("{g} * {a} * (1 - {a})", r"{g} \odot {a} \odot (1 - {a})"),
    "tanh": Formula("{g} * (1 - {a}^2)", r"{g} \odot (1 - {a}^2)"),
    "relu": Formula("{g} * (1 where {a} > 0, else 0)", r"{g} \odot (1 \text{ where } {a} \gt 0, \text{ else } 0)"),
    "softmax": Formula("{aj} * ({gj} - sum over k of {ak} * {gk})", r"{aj} \left( {gj} - \sum_k {ak} {gk} \right)"),
}


def delta(layer: Layer, name: str) -> Formula:
    """delta = dL/da f'(z), with f' taken from a."""
    a, left = layer.output, layer.symbol("delta")
    if name == "softmax":
        left = entry(left, "j")
    symbols = {"g": derivative(a), "a": a}
    for index in "jk":
        symbols |= {f"a{index}": entry(a, index), f"g{index}": derivative(entry(a, index))}
    return equation(left, filled(_DELTAS[name], **symbols))


def delta_of_log_loss(layer: Layer, rows: int) -> Formula:
    """delta = y - t, averaged over the rows."""
    return equation(layer.symbol("delta"), averaged_difference(rows))


def weight_gradient(layer: Layer) -> Formula:
    """dW = a^T delta."""
    inputs, d = layer.inputs, layer.symbol("delta")
    right = Formula(f"{inputs.text}^T {d.text}", rf"{inputs.latex}^{{\top}} {d.latex}")
    return equation(derivative(layer.symbol("W")), right)


def bias_gradient(layer: Layer, rows: int) -> Formula:
    """db = the sum of delta over the rows."""
    d = layer.symbol("delta")
    right = d if rows == 1 else Formula(f"sum of {d.text} over the rows", rf"\sum_{{\mathrm{{rows}}}} {d.latex}")
    return equation(derivative(layer.symbol("b")), right)


def passed_down(layer: Layer) -> Formula:
    """dL/da of the layer below = delta W^T."""
    d, W = layer.symbol("delta"), layer.symbol("W")
    return equation(derivative(layer.inputs), Formula(f"{d.text} {W.text}^T", rf"{d.latex} {W.latex}^{{\top}}"))


def update(symbol: Formula, rate: Formula) -> Formula:
    """new = old - rate * gradient."""
    slope = derivative(symbol)
    stem, _, number = symbol.latex.partition("_")
    return Formula(
        f"new {symbol.text} = {symbol.text} - {rate.text} * {slope.text}",
        rf"{stem}_{number}^{{\mathrm{{new}}}} = {symbol.latex} - {rate.latex} {slope.latex}",
    )

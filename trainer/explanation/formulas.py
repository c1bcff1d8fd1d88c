"""The formulas of a dense network by activation, each as plain text and as LaTeX; those of the losses are in `losses.py`.

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
    "sigmoid(z)": r"\sigma(z)",
    "exp(z)": "e^z",
    "1 - exp(-a)": "1 - e^{-a}",
    "Phi": r"\Phi",
    "Phi(z)": r"\Phi(z)",
    "Phi(z) = (1 + erf(z / sqrt(2))) / 2": r"\Phi(z) = (1 + \mathrm{erf}(z / \sqrt 2)) / 2",
    "phi(z) = exp(-z^2 / 2) / sqrt(2 pi)": r"\varphi(z) = e^{-z^2 / 2} / \sqrt{2 \pi}",
    "Phi(z) + z phi(z)": r"\Phi(z) + z \varphi(z)",
    "sigmoid(z) + z sigmoid(z) (1 - sigmoid(z))": r"\sigma(z) + z \sigma(z) (1 - \sigma(z))",
    "t * ln(t / y)": r"t \ln (t / y)",
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


def in_parentheses(formula: Formula) -> Formula:
    return Formula(f"({formula.text})", rf"\left( {formula.latex} \right)")


def compound(formula: Formula) -> bool:
    """Whether a formula needs parentheses as part of a sum or a quotient."""
    outside, depth = "", 0
    for sign in formula.text:
        depth += (sign == "(") - (sign == ")")
        outside += sign if depth == 0 else ""
    return any(sign in outside for sign in (" + ", " - ", " where "))


def divided(formula: Formula, by: int) -> Formula:
    if by == 1:
        return formula
    text = in_parentheses(formula).text if compound(formula) else formula.text
    return Formula(f"{text} / {by}", rf"\frac{{{formula.latex}}}{{{by}}}")


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
    "exp": Formula("exp({z})", r"e^{{z}}"),
    "leaky_relu": Formula("max(0.01 {z}, {z})", r"\max(0.01 {z}, {z})"),
    "elu": Formula("{z} where {z} > 0, else exp({z}) - 1", r"{z} \text{ where } {z} \gt 0, \text{ else } e^{{z}} - 1"),
    "silu": Formula("{z} * sigmoid({z}) = {z} / (1 + exp(-{z}))", r"{z} \odot \sigma({z}) = \frac{{z}}{1 + e^{-{z}}}"),
    "gelu": Formula("{z} * Phi({z})", r"{z} \odot \Phi({z})"),
    "softplus": Formula("ln(1 + exp({z}))", r"\ln(1 + e^{{z}})"),
}
# One that a user registered.
_REGISTERED = Formula("f({z})", "f({z})")


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
    return equation(left, filled(_ACTIVATIONS.get(name, _REGISTERED), z=z, zj=entry(z, "j"), zk=entry(z, "k")))


# Backward ------------------------------------------------------------------------------------------------------------------

# delta = dL/dz from g = dL/da and a, or z.
_DELTAS = {
    "identity": Formula("{g}", "{g}"),
    "sigmoid": Formula("{g} * {a} * (1 - {a})", r"{g} \odot {a} \odot (1 - {a})"),
    "tanh": Formula("{g} * (1 - {a}^2)", r"{g} \odot (1 - {a}^2)"),
    "relu": Formula("{g} * (1 where {a} > 0, else 0)", r"{g} \odot (1 \text{ where } {a} \gt 0, \text{ else } 0)"),
    "softmax": Formula("{aj} * ({gj} - sum over k of {ak} * {gk})", r"{aj} \left( {gj} - \sum_k {ak} {gk} \right)"),
    "exp": Formula("{g} * {a}", r"{g} \odot {a}"),
    "leaky_relu": Formula("{g} * (1 where {a} > 0, else 0.01)", r"{g} \odot (1 \text{ where } {a} \gt 0, \text{ else } 0.01)"),
    "elu": Formula("{g} * (1 where {a} > 0, else 1 + {a})", r"{g} \odot (1 \text{ where } {a} \gt 0, \text{ else } 1 + {a})"),
    "silu": Formula(
        "{g} * sigmoid({z}) * (1 + {z} * (1 - sigmoid({z})))", r"{g} \odot \sigma({z}) \odot (1 + {z} \odot (1 - \sigma({z})))"
    ),
    "gelu": Formula("{g} * (Phi({z}) + {z} * phi({z}))", r"{g} \odot (\Phi({z}) + {z} \odot \varphi({z}))"),
    "softplus": Formula("{g} * (1 - exp(-{a}))", r"{g} \odot (1 - e^{-{a}})"),
}
_REGISTERED_DELTA = Formula("{g} * f'({z})", r"{g} \odot f'({z})")


def delta(layer: Layer, name: str) -> Formula:
    """delta = dL/da f'(z), with f' taken from a where that tells it."""
    a, left = layer.output, layer.symbol("delta")
    if name == "softmax":
        left = entry(left, "j")
    symbols = {"g": derivative(a), "a": a, "z": layer.symbol("z")}
    for index in "jk":
        symbols |= {f"a{index}": entry(a, index), f"g{index}": derivative(entry(a, index))}
    return equation(left, filled(_DELTAS.get(name, _REGISTERED_DELTA), **symbols))


def short_delta(layer: Layer, rows: int) -> Formula:
    """delta = y - t, averaged over the rows."""
    return equation(layer.symbol("delta"), divided(Formula("y - t", "y - t"), rows))


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

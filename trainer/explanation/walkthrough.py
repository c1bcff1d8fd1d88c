"""The sections of a worked page: one step of gradient descent through any network, from the inputs to the new parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...kernels.activations import activation_registry
from . import formulas
from .arithmetic import Arithmetic
from .chain_rule import Steps, loss_entry
from .decimals import in_latex, number
from .formulas import Formula, Layer
from .losses import loss_blocks
from .page import Block, Prose, Quantity, Section, Together

READING = Prose(
    "Layers are counted from 1, samples are rows. Matrices side by side are multiplied, {*} works entry by entry, {^T} turns "
    "rows into columns. {delta} is {dL/dz}, the slope of the loss against a unit's sum before its activation."
)
FORWARD = Prose(
    "From the inputs to the outputs, layer by layer. Each unit adds up its inputs, every one times its weight; with the bias, "
    "where there is one, that sum is {z}. The activation function makes the unit's output from it."
)
BACKWARD = Prose(
    "From the outputs back to the inputs: the chain rule, one factor at a time. In each layer {dL/da} times the slope of the "
    "activation gives {delta}. From {delta} come the gradients of the layer's own parameters and, through its weights, {dL/da} "
    "of the layer below."
)
CHECK = Prose(
    "These steps were compared with `loss_and_grad`, the compiled function that training rests on: it gives the same loss and "
    "the same gradient."
)

# What stands behind a sign in an activation's formula.
SIGNS = {
    "gelu": Prose(
        "{Phi} is the normal distribution function, {Phi(z) = (1 + erf(z / sqrt(2))) / 2}, the probability that a standard "
        "normal number is below {z}. gelu lets {z} pass in this proportion."
    ),
    "silu": Prose("silu lets {z} pass in the proportion {sigmoid(z)}."),
}

# What the slope of each activation is.
SLOPES = {
    "identity": Prose("The identity has slope 1, so {delta} is {dL/da} itself."),
    "sigmoid": Prose("The slope of the sigmoid follows from its output: {a (1 - a)}, at most 1/4."),
    "tanh": Prose("The slope of tanh follows from its output: {1 - a^2}, at most 1."),
    "relu": Prose("relu has slope 1 where its output is positive and 0 elsewhere: it lets {dL/da} through or stops it."),
    "softmax": Prose(
        "Each output of softmax depends on every {z} in its row. The slope of {a[k]} against {z[j]} is {a[j] (1 - a[j])} where "
        "{k = j}, and {-a[k] a[j]} elsewhere. Times {dL/da[k]} and summed over k, that comes down to this:"
    ),
    "exp": Prose("exp is its own slope, so {dL/da} is multiplied by {a}."),
    "leaky_relu": Prose(
        "leaky_relu has slope 1 where its output is positive and 0.01 elsewhere, where a hundredth of {dL/da} comes through."
    ),
    "elu": Prose("elu has slope 1 where its output is positive; elsewhere its slope is {exp(z)}, which is {1 + a}."),
    "silu": Prose(
        "silu is a product, {z} times {sigmoid(z)}, and its slope has a term for each factor: {sigmoid(z) + z sigmoid(z) (1 - "
        "sigmoid(z))}. It does not follow from the output, which two different {z} may have in common; {z} is kept for it."
    ),
    "gelu": Prose(
        "gelu is a product, {z} times {Phi(z)}, and its slope has a term for each factor: {Phi(z) + z phi(z)}, where {phi(z) = "
        "exp(-z^2 / 2) / sqrt(2 pi)}, the normal density, is the slope of {Phi}. It does not follow from the output, which two "
        "different {z} may have in common; {z} is kept for it."
    ),
    "softplus": Prose("The slope of softplus is {sigmoid(z)}, which follows from its output: {1 - exp(-a)}."),
}

# Why delta is y - t for the log losses, and for poisson.
SHORT_CUTS = {
    "sigmoid": Prose(
        "{dL/dy} has {y (1 - y)} below the line, and the slope of the sigmoid is {y (1 - y)}: the two cancel, and {y - "
        "t} is left."
    ),
    "softmax": Prose(
        "Each output of softmax depends on every {z} in its row. The slope of {y[k]} against {z[j]} is {y[j] (1 - y[j])} where "
        "{k = j}, and {-y[k] y[j]} elsewhere. Times {dL/dy[k] = -t[k] / y[k]} and summed over k, {y[k]} cancels, and "
        "{y[j] (sum of t) - t[j]} remains. The {t} of a row add up to 1, so {y - t} is left."
    ),
    "exp": Prose("{dL/dy} is {(y - t) / y}, and the slope of exp is {y}: the two cancel, and {y - t} is left."),
}


def registered_slope(name: str) -> Prose:
    """Of an activation that a user registered."""
    return Prose(f"Here {{f'}} is the slope that was registered with `{name}`, taken at {{z}}.")


def walkthrough(steps: Steps, decimals: int) -> tuple[Section, ...]:
    """The sections of a page, from the network to its check."""
    return Walkthrough(steps, Arithmetic(decimals)).sections()


@dataclass(frozen=True)
class Walkthrough:
    steps: Steps
    arithmetic: Arithmetic

    def sections(self) -> tuple[Section, ...]:
        layers = self.layers()
        return (
            self.network(),
            Section("Forward", (FORWARD,)),
            *(self.forward(layer) for layer in layers),
            self.loss(),
            Section("Backward", (BACKWARD,)),
            *(self.backward(layer) for layer in reversed(layers)),
            self.update(),
            Section("Check", (CHECK,)),
        )

    def layers(self) -> list[Layer]:
        count = self.steps.network.plan.n_layers
        return [Layer(number, count) for number in range(1, count + 1)]

    def number(self, value: float) -> str:
        return number(value, self.arithmetic.decimals)

    def heading(self, layer: Layer) -> str:
        plan, i = self.steps.network.plan, layer.number - 1
        return f"Layer {layer.number}: {plan.sizes[i]} to {plan.sizes[i + 1]}, {plan.activations[i]}"

    # From the inputs to the loss -------------------------------------------------------------------------------------------

    def network(self) -> Section:
        network = self.steps.network
        sample = Together((Quantity(Formula("x", "x"), self.steps.X), Quantity(Formula("t", "t"), self.steps.T)))
        parameters = [
            Together(tuple(Quantity(layer.symbol(letter), value) for letter, value in (("W", W), ("b", b)) if value.size))
            for layer, W, b in zip(self.layers(), network.weights, network.biases, strict=True)
        ]
        return Section("The network", (Prose(self.description()), READING, sample, *parameters))

    def description(self) -> str:
        plan, n = self.steps.network.plan, len(self.steps.X)
        widths = [counted(width, "unit") for width in plan.sizes[1:-1]] + [counted(plan.sizes[-1], "output")]
        parts = [f"{width} ({name})" for width, name in zip(widths, plan.activations, strict=True)]
        return (
            f"{counted(plan.sizes[0], 'input')}, then {', then '.join(parts)}, {'with' if plan.bias else 'without'} biases: "
            f"{counted(plan.n_parameters, 'parameter')}. {counted(n, 'sample')} {'goes' if n == 1 else 'go'} through it. "
            f"Figures are rounded to {self.arithmetic.decimals} decimals."
            + (" In {t}, a class is a row of zeros with a one in its place." if self.steps.from_labels else "")
        )

    def forward(self, layer: Layer) -> Section:
        steps, i = self.steps, layer.number - 1
        name, z, a = steps.network.plan.activations[i], steps.Z[i], steps.A[i]
        W, b = steps.network.weights[i], steps.network.biases[i]
        weighted = self.arithmetic.pre_activation(steps.inputs[i], W, b, z)
        notes: list[Block] = []
        if not activation_registry.is_builtin(name):
            notes.append(Prose(f"Here {{f}} stands for the activation `{name}`, which its user registered."))
        elif name in SIGNS and name not in steps.network.plan.activations[:i]:
            notes.append(SIGNS[name])
        return Section(
            self.heading(layer),
            (
                Quantity(formulas.pre_activation(layer, steps.network.plan.bias), z, weighted),
                *notes,
                Quantity(formulas.activation(layer, name), a, self.arithmetic.activation(name, z, a)),
            ),
            level=2,
        )

    def loss(self) -> Section:
        return Section("The loss", tuple(loss_blocks(self.steps, self.arithmetic)))

    # From the loss to the new parameters -----------------------------------------------------------------------------------

    def backward(self, layer: Layer) -> Section:
        return Section(self.heading(layer), tuple(self.backward_blocks(layer)), level=2)

    def backward_blocks(self, layer: Layer) -> Iterator[Block]:
        steps, i = self.steps, layer.number - 1
        inputs, W = steps.inputs[i], steps.network.weights[i]
        delta, dW, db = steps.backward.deltas[i], steps.backward.dW[i], steps.backward.db[i]
        yield from self.delta_blocks(layer)
        yield Quantity(formulas.weight_gradient(layer), dW, self.arithmetic.weight_gradient(inputs, delta, dW))
        if db.size:
            yield Quantity(formulas.bias_gradient(layer, len(delta)), db, self.arithmetic.bias_gradient(delta, db))
        if i:
            da = steps.backward.dA[i - 1]
            yield Quantity(formulas.passed_down(layer), da, self.arithmetic.passed_down(delta, W, da))

    def delta_blocks(self, layer: Layer) -> Iterator[Block]:
        """Why delta is what it is, said once for each activation; delta."""
        steps, i = self.steps, layer.number - 1
        names = steps.network.plan.activations
        name, a, delta = names[i], steps.A[i], steps.backward.deltas[i]
        short_cut = loss_entry(steps.network).gives_delta
        if short_cut and layer.number == layer.count:
            yield SHORT_CUTS[name]
            formula = formulas.short_delta(layer, len(delta))
            yield Quantity(formula, delta, self.arithmetic.short_delta(a, steps.T, delta))
        else:
            if name not in names[i + 1 : len(names) - short_cut]:
                yield SLOPES[name] if name in SLOPES else registered_slope(name)
            shown = self.arithmetic.delta(name, steps.Z[i], a, steps.backward.dA[i], delta)
            yield Quantity(formulas.delta(layer, name), delta, shown)

    def update(self) -> Section:
        opening = Prose(
            "The gradient points uphill, so every parameter takes a step against it: the learning rate, "
            f"{self.number(self.steps.learning_rate)}, times its slope."
        )
        updated = [quantity for layer in self.layers() for quantity in self.updated(layer)]
        return Section("One step of gradient descent", (opening, *updated, Prose(self.outcome())))

    def updated(self, layer: Layer) -> Iterator[Quantity]:
        before, slopes, after, i = self.steps.network, self.steps.backward, self.steps.after, layer.number - 1
        rate = self.steps.learning_rate
        symbol = Formula(self.number(rate), in_latex(self.number(rate)))
        for letter, old, gradient, new in (
            ("W", before.weights[i], slopes.dW[i], after.weights[i]),
            ("b", before.biases[i], slopes.db[i], after.biases[i]),
        ):
            if old.size:
                shown = self.arithmetic.update(old, rate, gradient, new)
                yield Quantity(formulas.update(layer.symbol(letter), symbol), new, shown)

    def outcome(self) -> str:
        """What the step did to the loss."""
        before, after = self.steps.loss, self.steps.loss_after
        if after > before:
            return (
                f"With the new parameters the loss is {self.number(after)}, more than the {self.number(before)} of before: the "
                "step was too long."
            )
        return (
            f"With the new parameters the same forward pass gives a loss of {self.number(after)}; it was {self.number(before)}."
        )


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"

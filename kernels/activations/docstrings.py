"""Docstrings of the element-wise activations, which have everything but their formulas in common."""

from __future__ import annotations

_FORWARD = """{summary}

    Parameters
    ----------
    x : array_like
        Pre-activations, of any shape and memory layout.
    out : ndarray, optional
        Array of the same shape for the result; may be `x` itself.

    Returns
    -------
    ndarray or float
        Result, of the shape of `x`; a float for a single number.

    Raises
    ------
    ValueError
        If `out` has another shape.
{notes}
    Examples
    --------
    >>> from tileprop.kernels import {name}
    >>> {name}([-1.0, 0.0, 2.0]).round(4)
    {values}
    """

_BACKWARD = """Multiply derivatives by the slope of {name}: {formula}.

    Parameters
    ----------
    y : array_like
        {argument}
    dy : array_like
        Derivatives of a loss to the outputs of {name}, of the same shape.
    out : ndarray, optional
        Array of the same shape for the result; may be `dy` or `y` itself.

    Returns
    -------
    ndarray or float
        Derivatives of the loss to the inputs of {name}, dx.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from tileprop.kernels import {imported}
    >>> {name}_backward({example}, [1.0, 1.0, 1.0]).round(4)
    {slopes}
    """


def forward_text(name: str, summary: str, values: str, note: str = "") -> str:
    """values: what the example prints, of -1, 0 and 2. note: the source, and special cases."""
    notes = f"\n    Notes\n    -----\n    {note}\n" if note else ""
    return _FORWARD.format(name=name, summary=summary, values=values, notes=notes)


def backward_text(name: str, formula: str, slopes: str, from_input: bool = False) -> str:
    """slopes: what the example prints. from_input: the slope is taken from the input, and y is x."""
    if from_input:
        argument = f"Inputs x of {name}, not its outputs."
        imported, example = f"{name}_backward", "[-1.0, 0.0, 2.0]"
    else:
        argument = f"Outputs of {name}."
        imported, example = f"{name}, {name}_backward", f"{name}([-1.0, 0.0, 2.0])"
    return _BACKWARD.format(name=name, formula=formula, slopes=slopes, argument=argument, imported=imported, example=example)

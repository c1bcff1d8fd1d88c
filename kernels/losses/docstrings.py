"""Docstrings of the losses that are made of formulas for one row, which have much in common."""

from __future__ import annotations

from typing import TypedDict

_VALUE = """{summary}

    Parameters
    ----------
    Y : array_like
        {outputs}
    T : array_like
        {targets}
{parameter}
    Returns
    -------
    float
        Mean loss of the rows.

    Raises
    ------
    ValueError
        If shapes do not fit together{bounds}.
{notes}
    Examples
    --------
    >>> from tileprop.kernels import {name}
    >>> round({name}({example}), 4)
    {value}
    """

_BACKWARD = """Compute the gradient of `{name}` to the outputs: {formula}.

    Parameters
    ----------
    Y : array_like
        {outputs}
    T : array_like
        {targets}
{parameter}    out : ndarray, optional
        Array of the shape of `Y` for the result.

    Returns
    -------
    ndarray
        Derivatives of the mean loss to the outputs, of the shape of `Y`.

    Raises
    ------
    ValueError
        If shapes do not fit together{bounds}.

    Examples
    --------
    >>> from tileprop.kernels import {name}_backward
    >>> {name}_backward({example})
    {slopes}
    """


class Texts(TypedDict):
    """Docstrings of a loss and of its gradient."""

    text: str
    backward_text: str


def loss_texts(
    name: str,
    *,
    summary: str,
    formula: str,
    example: tuple[str, str, str],
    outputs: str = "Outputs (n, n_out); a 1-D array holds one output for each row.",
    targets: str = "Targets, of the same shape.",
    parameter: str = "",
    note: str = "",
) -> Texts:
    """`text` and `backward_text` of `RowFormulas`. example: arguments, and what value and gradient come to.

    parameter: type and meaning of the loss's parameter, on two lines.
    """
    kind, _, meaning = parameter.partition("\n")
    shared = {
        "name": name,
        "outputs": outputs,
        "targets": targets,
        "parameter": f"    parameter : {kind}\n        {meaning}\n" if parameter else "",
        "bounds": ", or the parameter is out of its bounds" if parameter else "",
        "example": example[0],
    }
    notes = f"\n    Notes\n    -----\n    {note}\n" if note else ""
    return {
        "text": _VALUE.format(summary=summary, value=example[1], notes=notes, **shared),
        "backward_text": _BACKWARD.format(formula=formula, slopes=example[2], **shared),
    }

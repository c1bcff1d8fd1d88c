"""A sample through a network by hand: the forward pass, the chain rule, one step of gradient descent, as a page to read.

    print(explain(network, x, t))           plain text
    explain(network, x, t)                  in a notebook, with formulas

`explain_document(1)` and `explain_document(2)` work through the two documents that the project started from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..network import Network
from .chain_rule import work_through
from .decimals import DECIMALS
from .documents import document
from .lessons import TITLES, closing, introduction
from .page import Explanation
from .walkthrough import walkthrough

# float32 holds seven digits.
DECIMALS_OF_SINGLE = 6


def explain(network: Network, x: ArrayLike, t: ArrayLike, learning_rate: float = 0.1) -> Explanation:
    """Work through one step of gradient descent by hand, with every intermediate number.

    Parameters
    ----------
    network : Network
        Network; it is not changed.
    x : array_like of shape (n_in,) or (n, n_in)
        One sample, or a small batch.
    t : array_like of shape (n_out,), (n, n_out) or (n,)
        Its targets, or class labels where the network takes them.
    learning_rate : float, default=0.1
        Step size.

    Returns
    -------
    Explanation
        Page to read: print it as text, or let a notebook show it with formulas. `markdown()` gives Markdown.

    Raises
    ------
    InputError
        If an argument does not fit.
    StepsDisagreeError
        If the steps did not add up to the compiled gradient.

    Examples
    --------
    >>> from tileprop.trainer import Network, explain
    >>> page = explain(Network([2, 2, 1], random_state=0), [0.5, 0.3], [0.7])
    >>> print(page.text().splitlines()[0])
    One step of gradient descent through a 2-2-1 network
    """
    steps = work_through(network, x, t, learning_rate)
    widths = "-".join(map(str, network.plan.sizes))
    decimals = DECIMALS if network.dtype == np.float64 else DECIMALS_OF_SINGLE
    title = f"One step of gradient descent through a {widths} network"
    return Explanation(title, walkthrough(steps, decimals), steps, decimals)


def explain_document(number: int) -> Explanation:
    """The worked example of document 1 or 2, and where the document's own figures stray from the chain rule."""
    example = document(number)
    steps = work_through(example.network(), *example.sample(), example.learning_rate)
    parts = (introduction(number), *walkthrough(steps, DECIMALS), *closing(number, steps))
    return Explanation(TITLES[number], parts, steps)

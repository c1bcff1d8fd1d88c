"""What kernels check at their entry, compiled, so that a caller's `@njit` code is guarded as well.

Messages name the argument and what would be right. Numba carries an exception's arguments but formats nothing, so the numbers
follow the sentence.
"""

from __future__ import annotations

from .compiler.jit import leaf


@leaf
def check_same_shape(x, out):
    if x.shape != out.shape:
        raise ValueError("two array arguments of an element-wise kernel differ in shape; give both the same shape")


@leaf
def check_same_rows(Y, T, heads):
    """Y and T have as many rows, and Y `heads` columns for each of T's."""
    outputs, targets = Y.size // max(Y.shape[0], 1), T.size // max(T.shape[0], 1)
    if Y.shape[0] != T.shape[0] or outputs != heads * targets:
        raise ValueError("Y and T differ in rows, or in columns (Y's, T's, outputs for each target)", outputs, targets, heads)


@leaf
def check_loss_parameter(p, single, low, high):
    """A loss's parameter: one number where `single`, and all between its bounds."""
    if single and p.size != 1:
        raise ValueError("the loss takes one number as its parameter (given)", p.size)
    for k in range(p.size):
        if not low < p[k] < high:
            raise ValueError("the loss's parameter is out of bounds (given, above, below)", p[k], low, high)


@leaf
def check_layer(X, W, b, Z):
    """Of one dense layer: X (rows, n_in), W (n_in, n_out), b (n_out) or empty, Z (rows, n_out); or derivatives to these."""
    if X.shape[1] != W.shape[0] or Z.shape[1] != W.shape[1]:
        raise ValueError("the layer's inputs and outputs do not fit its weights (their columns, the weights' shape)",
                         X.shape[1], Z.shape[1], W.shape)  # fmt: skip
    if X.shape[0] != Z.shape[0]:
        raise ValueError("the layer's inputs and outputs differ in rows (given)", X.shape[0], Z.shape[0])
    if b.size and b.size != W.shape[1]:
        raise ValueError("the layer's biases have the wrong length (given, needed, unless empty)", b.size, W.shape[1])


@leaf
def check_workspace(table, layout):
    """The workspace was made for a plan of these sizes and activations."""
    rows = table.shape[0] if layout.shape[0] == table.shape[0] else 0
    for row in range(1, table.shape[0]):
        if row >= rows:
            raise ValueError("work was made for another plan; make a workspace for this one")
        for place in range(3):
            if layout[row, place] != table[row, place]:
                raise ValueError("work was made for another plan; make a workspace for this one")


@leaf
def check_loss(plan, work, at):
    """The workspace was made for the plan's loss, whose parameters it holds from place `at` of its numbers on."""
    if work.layout[0, 0] != plan.table[0, 2]:
        raise ValueError("work was made for another plan's loss; make a workspace for this one")
    if work.layout[0, 1] != plan.table[0, 3]:
        raise ValueError("work was made for another plan (its columns of T, needed)", work.layout[0, 1], plan.table[0, 3])
    for k in range(plan.numbers.size):
        if work.numbers[at + k] != work.numbers.dtype.type(plan.numbers[k]):
            raise ValueError("work was made for other parameters of the loss; make a workspace for this plan")


@leaf
def check_parameters(table, theta, grad):
    """theta, and a gradient (or theta again), have the plan's length."""
    if theta.size != table[0, 1]:
        raise ValueError("theta has the wrong length for this plan (given, needed)", theta.size, table[0, 1])
    if grad.size != table[0, 1]:
        raise ValueError("the gradient has the wrong length for this plan (given, needed)", grad.size, table[0, 1])


@leaf
def check_rows(table, X, T, weight):
    """X, T and weight have as many rows, and X and T the plan's columns."""
    if X.shape[1] != table[1, 0]:
        raise ValueError("X has the wrong number of columns for this plan (given, needed)", X.shape[1], table[1, 0])
    if X.shape[0] == 0:
        raise ValueError("X has no rows; give at least one (given, needed)", 0, 1)
    if T.shape[0] != X.shape[0]:
        raise ValueError("T needs as many rows as X (given, needed)", T.shape[0], X.shape[0])
    if T.shape[1] != table[0, 3]:
        raise ValueError("T has the wrong number of columns for this plan (given, needed)", T.shape[1], table[0, 3])
    if weight.size != 0 and weight.size != X.shape[0]:
        raise ValueError("weight needs one entry for each row of X, or none at all (given, needed)", weight.size, X.shape[0])


@leaf(inline=True)
def check_outputs(table, X, Y, most_rows):
    """X has the plan's columns and at most so many rows; Y (rows, n_out) fits."""
    if X.shape[1] != table[1, 0]:
        raise ValueError("X has the wrong number of columns for this plan (given, needed)", X.shape[1], table[1, 0])
    if X.shape[0] > most_rows:
        raise ValueError(
            "X has more rows than the workspace's batch size (given, at most); make a larger workspace or use predict",
            X.shape[0],
            most_rows,
        )
    if Y.shape[0] != X.shape[0]:
        raise ValueError("Y needs as many rows as X (given, needed)", Y.shape[0], X.shape[0])
    if Y.shape[1] != table[table[0, 0], 1]:
        raise ValueError("Y has the wrong number of columns for this plan (given, needed)", Y.shape[1], table[table[0, 0], 1])


@leaf
def check_one(table, x, y):
    """x (n_in) and y (n_out) fit."""
    if x.size != table[1, 0]:
        raise ValueError("x has the wrong length for this plan (given, needed)", x.size, table[1, 0])
    if y.size != table[table[0, 0], 1]:
        raise ValueError("y has the wrong length for this plan (given, needed)", y.size, table[table[0, 0], 1])


@leaf
def check_kept(rows, most):
    """The workspace keeps the activations of so many rows."""
    if rows > most:
        raise ValueError(
            "X has more rows than work keeps activations of (given, most); make_workspace with derivatives=True, or use vjp",
            rows,
            most,
        )


@leaf
def check_derivatives(input_stride):
    """The workspace has room for derivatives to inputs and targets, and of single rows."""
    if input_stride == 0:
        raise ValueError("work has no room for such derivatives; give make_workspace derivatives=True")


@leaf
def check_targets(address, labels):
    """The loss's derivative to the targets is known."""
    if labels:
        raise ValueError("T holds class indices, which have no derivative; give T a column for each output")
    if address == 0:
        raise ValueError("the loss has no derivative to its targets; give register_loss a target_gradient")


@leaf
def check_like(X, dX):
    """A derivative to X, or to T, is like it."""
    if X.shape != dX.shape:
        raise ValueError("dX, or dT, needs the shape of X, or T (given, needed)", dX.shape, X.shape)


@leaf
def check_row_gradients(G, rows, n_parameters):
    if G.shape[0] != rows or G.shape[1] != n_parameters:
        raise ValueError(
            "G needs a row for each of X's, and a column for each parameter (given, needed)", G.shape, (rows, n_parameters)
        )


@leaf
def check_jacobian(J, Y, columns):
    """J (n, n_out, columns)."""
    if J.shape[0] != Y.shape[0] or J.shape[1] != Y.shape[1] or J.shape[2] != columns:
        raise ValueError("J has the wrong shape (given, then needed)", J.shape, (Y.shape[0], Y.shape[1], columns))


@leaf
def check_normal(N, size, jacobian_rows, width):
    """N has room for the normal equations of `size` parameters, and for some rows of J."""
    if N.shape[0] < size + 1 + jacobian_rows or N.shape[1] < width:
        raise ValueError("N is too small for this plan (its shape); make_normal_equations makes it", N.shape)


@leaf
def check_curvature(table, layout, tangents, loss_curvature, curvature, routine):
    """The workspace has room for second derivatives, and all are known. curvature, routine: the columns of their addresses."""
    if tangents == 0:
        raise ValueError("work has no room for second derivatives; give make_workspace curvature=True")
    if loss_curvature == 0:
        raise ValueError("the loss has no second derivative; give register_loss a bend")
    for layer in range(1, table.shape[0]):
        if layout[layer, routine] != 0 and layout[layer, curvature] == 0:
            raise ValueError("an activation has no second derivative (its layer); give register_activation a bend", layer)


@leaf
def check_state(state, n_parameters):
    """The state's vectors fit its rule and so many parameters."""
    rule = state.codes[0]
    if state.first.size != (0 if rule == 0 else n_parameters) or state.second.size != (n_parameters if rule >= 3 else 0):
        raise ValueError("state was made for another plan (its vectors' length, needed)", state.first.size, n_parameters)


@leaf
def check_gradient(theta, grad):
    if grad.size != theta.size:
        raise ValueError("grad needs one entry for each of theta's (given, needed)", grad.size, theta.size)


@leaf
def check_training(state, n_parameters, order, n_rows, passes):
    """The state fits the plan, and order names rows of X, as many for each pass."""
    if passes == 0 or order.size % passes != 0:
        raise ValueError("order needs as many rows for each pass as for another (rows, passes)", order.size, passes)
    check_state(state, n_parameters)
    for i in range(order.size):
        if order[i] < 0 or order[i] >= n_rows:
            raise ValueError("order names a row that X does not have (given, rows)", order[i], n_rows)


@leaf
def check_team(most, part, parts):
    """The workspace has room for so many threads."""
    if part < 0 or part >= parts or parts > most:
        raise ValueError("work was made for fewer threads (given, most); give make_workspace more n_threads", parts, most)

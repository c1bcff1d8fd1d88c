"""What `fit_many` is given, checked for each network before any work starts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...kernels import State
from ...kernels.validation import seed_number
from ..errors import InputError
from ..fit.beginning import check_start
from ..fit.divergence import RAISE, STOP
from ..fit.early_stopping import EarlyStopping
from ..fit.fitting import Prepared
from ..fit.optimizers import OPTIMIZERS
from ..fit.options import FitOptions
from ..fit.validation import Rows, held_of, prepared_rows, split_seed
from ..labels import Label, classes_in
from ..model import Model, plan_for
from ..network import Network
from ..other_names import refuse_unknown
from ..solvers import Solver
from ..threads.number import step_seconds
from .arguments import COMMON, Asked

# Of what there is for each network, those that are options of its fit.
OWN_OPTIONS = ("optimizer", "schedule", "early_stopping")
OPTIMIZER_CLASSES = tuple(OPTIMIZERS.values())
# Arguments of `Network.fit` that may be given for each network.
EACH = (*COMMON, "epochs", "batch_size", "optimizer", "schedule", "callbacks", "validation_split", "max_seconds")


class Given(NamedTuple):
    """The data that a call is given, for all networks."""

    X: Any
    T: Any
    sample_weight: Any
    validation_data: tuple[Any, ...] | None


class Fit(NamedTuple):
    """One network's fit. classes: names that the network takes over. seed: of its generator; None for the one that it has."""

    prepared: Prepared
    classes: tuple[Label, ...] | None
    seed: int | None


# Rows to train on, rows to validate on, and names of classes.
RowsFor = tuple[Rows, Rows | None, tuple[Label, ...] | None]


class Shared:
    """The data as kernels take them, made once for all networks that take them alike."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._rows: dict[Any, RowsFor] = {}
        self._of_plans: dict[Any, RowsFor] = {}

    def rows_for(self, model: Model) -> RowsFor:
        """Rows to train on, to validate on, and names of classes. Networks of the same plan have the same objects."""
        plan = model.plan
        of_plan = plan.key, model.dtype, model.classes
        if of_plan not in self._of_plans:
            rows, held, classes = self._arrays_for(model)
            held = held and held._replace(plan=plan_for(plan, held.T))
            self._of_plans[of_plan] = rows._replace(plan=plan_for(plan, rows.T)), held, classes
        return self._of_plans[of_plan]

    def _arrays_for(self, model: Model) -> RowsFor:
        plan, given = model.plan, self._given
        key = (plan.sizes[0], plan.sizes[-1], plan.n_targets, plan.loss, plan.activations[-1], model.dtype, model.classes)
        if key not in self._rows:
            classes = model.classes or classes_in(given.T, plan)
            rows = Rows(*model.prepared(given.X, given.T, given.sample_weight, classes=classes))
            held = None if given.validation_data is None else prepared_rows(model, given.validation_data, classes)
            self._rows[key] = rows, held, classes
        return self._rows[key]


def prepared_fits(asked: Asked, given: Given) -> list[Fit]:
    """Every network's fit. Raises InputError, which names the network, and changes nothing."""
    shared, options_of = Shared(given), Options(asked.common)
    fits: list[Fit] = []
    for i, network in enumerate(asked.networks):
        try:
            own = {name: values[i] for name, values in asked.each.items()}
            options = options_of.network(network, {name: own[name] for name in OWN_OPTIONS}, own["settings"])
            rows, held, classes = shared.rows_for(network)
            rows = rows._replace(which=_row_numbers("row_subsets", own["row_subsets"], rows))
            if own["validation_subsets"] is not None:
                held = rows._replace(which=_row_numbers("validation_subsets", own["validation_subsets"], rows))
            fits.append(_fit(network, rows, held, options, classes, own["seeds"]))
        except (InputError, TypeError, ValueError) as error:
            raise (TypeError if isinstance(error, TypeError) else InputError)(f"network {i}: {error}") from error
    _check_shared(fits)
    return fits


def expected_seconds(fits: Sequence[Fit]) -> list[float]:
    """Seconds that each fit takes one thread, roughly."""
    of_rows: dict[int, float] = {}  # by plans, of which those that are the same are one object
    expected = []
    for fit, *_ in fits:
        plan = fit.rows.plan
        if id(plan) not in of_rows:
            of_rows[id(plan)] = step_seconds(plan, 1, fit.model.dtype.itemsize)
        expected.append(fit.options.epochs * fit.rows.n * of_rows[id(plan)])
    return expected


class Options:
    """Options of each network. What many networks have in common is checked once. common: options for all networks."""

    def __init__(self, common: dict[str, Any]) -> None:
        self._common = common
        self._checked: dict[Any, FitOptions] = {}  # by what is the same for several networks

    def network(self, network: Network, own: dict[str, Any], settings: Any) -> FitOptions:
        """own: what is given for each network. settings: its own, which go before all others."""
        optimizer, stopping = own["optimizer"], own["early_stopping"]
        if settings or not isinstance(optimizer, OPTIMIZER_CLASSES) or not isinstance(stopping, EarlyStopping | None):
            return _options(self._common, own, settings).checked_for(network)
        key = network.plan.layers.size, network.plan.loss, id(own["schedule"])
        if key not in self._checked:
            self._checked[key] = _options(self._common, {**own, "early_stopping": None}, settings).checked_for(network)
        callbacks = [] if stopping is None else [copy.deepcopy(stopping)]
        return self._checked[key].having(optimizer=optimizer, callbacks=callbacks)


def _options(common: dict[str, Any], own: dict[str, Any], settings: Any) -> FitOptions:
    """One network's options: its settings go before what is given for each, and that before what is given for all."""
    if not isinstance(settings, dict):
        raise InputError(f"its settings are {settings!r}; they must be a dict of arguments of Network.fit")
    refuse_unknown("settings", settings, EACH)
    own = dict(own)
    stopping = own.pop("early_stopping")
    given = {"on_divergence": STOP, **common, **own, **settings}
    if stopping is not None:
        if not isinstance(stopping, EarlyStopping):
            raise InputError(f"early_stopping is {stopping!r}; it must be an EarlyStopping(...), or None")
        given["callbacks"] = [*given.get("callbacks", ()), copy.deepcopy(stopping)]
    if given["on_divergence"] == RAISE:
        raise InputError("on_divergence is 'raise', which would end the other fits; give 'stop', 'restore' or 'retry'")
    options = FitOptions(**given)
    if isinstance(options.optimizer, Solver):
        raise InputError(f"optimizer is {options.optimizer!r}, a solver; fit_many takes optimizers alone, use Network.fit")
    return options


def _row_numbers(name: str, given: Any, rows: Rows) -> np.ndarray | None:
    """Numbers of rows, as kernels take them; a mask of rows becomes the numbers of those that it holds."""
    if given is None:
        return None
    try:
        numbers = np.asarray(given)
    except ValueError:  # lists of different lengths
        raise InputError(f"its {name} are {given!r}; they must be numbers of rows, at least one") from None
    if numbers.dtype == bool and numbers.ndim == 1:
        if len(numbers) != len(rows.X):
            raise InputError(f"its {name} are a mask of {len(numbers)} rows; X has {len(rows.X)}")
        numbers = np.flatnonzero(numbers)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise InputError(f"its {name} are {given!r}; they must be numbers of rows, at least one")
    if numbers.min() < 0 or numbers.max() >= len(rows.X):
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise InputError(f"its {name} hold {wrong}; X has the rows 0 to {len(rows.X) - 1}")
    if rows.weight.size and not rows.weight[numbers].any():
        raise InputError(f"its {name} hold only rows whose sample_weight is 0; give others")
    return np.ascontiguousarray(numbers, np.int64)


def _fit(
    network: Network, rows: Rows, held: Rows | None, options: FitOptions, classes: tuple[Label, ...] | None, seed: Any
) -> Fit:
    check_start(network, options, held is not None)
    if options.validation_split is not None:  # made when the fit begins: the numbers of held rows take memory
        held_of(rows.n, options.validation_split)
    if seed is not None:
        seed = seed_number(seed)
        if options.validation_split is not None:
            options = options.having(split_seed=split_seed(np.random.default_rng(seed)))
    return Fit(Prepared(network, rows, held, options), classes, seed)


def _check_shared(fits: list[Fit]) -> None:
    """Raise InputError where two networks have the same object, which the fit of each would change."""
    owners: dict[int, int] = {}
    for i, fit in enumerate(fits):
        options, generator = fit.prepared.options, fit.prepared.model.generator
        own: list[tuple[Any, str]] = [
            (one, "its callbacks hold the EarlyStopping of network {}; give early_stopping, which is copied for each")
            for one in options.callbacks if isinstance(one, EarlyStopping)
        ]  # fmt: skip
        if isinstance(options.optimizer, State):
            own.append((options.optimizer, "its optimizer is the state that network {} has; give each its own"))
        if fit.seed is None and (options.shuffle is True or options.validation_split is not None or np.any(options.dropout)):
            own.append((generator, "its random generator is that of network {}; give seeds, or each network its own"))
        for one, message in own:
            if owners.setdefault(id(one), i) != i:
                raise InputError(f"network {i}: {message.format(owners[id(one)])}")

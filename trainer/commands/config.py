"""`--config FILE`: options of a command from a TOML file, whose keys are the long names of the options."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ..errors import InputError
from ..runs.settings import quoted
from ..suggestions import did_you_mean, existing_file
from .table_options import names

# The key that stands for the positional argument.
DATA = "data"


def with_config(args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]) -> None:
    """Set what the command line leaves at its default to what the file `args.config` says. declare: declares the options.

    Raises InputError, which names the file, for one that cannot be read, an unknown key, and a value that does not fit.
    """
    path = existing_file(Path(args.config))
    parser = _Parser(path, declare)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # neither TOML nor UTF-8
        raise InputError(f"{path} is not a TOML file: {error}") from None
    arguments = [argument for key, value in content.items() for argument in _arguments(path, key, value, parser)]
    for name, value in vars(parser.parse_args(arguments)).items():
        if getattr(args, name) == parser.get_default(name):
            setattr(args, name, value)


class _Parser(argparse.ArgumentParser):
    """Takes what a file says as arguments. options: those that it knows, by their long names without the dashes."""

    def __init__(self, path: Path, declare: Callable[[argparse.ArgumentParser], None]) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self._path = path
        declare(self)
        self.options = {name[2:]: action for name, action in self._option_string_actions.items()}

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self._path}: {message.removeprefix('argument --')}")


def _arguments(path: Path, key: str, value: Any, parser: _Parser) -> list[str]:
    """One entry of the file as arguments of the command line."""
    name = key.replace("_", "-")
    if name not in parser.options and name != DATA:
        raise InputError(f"{path}: there is no option {key!r}{did_you_mean(name, [DATA, *parser.options])}")
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, (str, bool, int, float)) for entry in entries):
        raise InputError(f"{path}: {key} is {value!r}; it must be text, a number, true, false, or a list of these")
    if name == DATA:
        return [str(value)]
    action = parser.options[name]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{path}: {key} is {value!r}; it must be true or false")
        opposite = name.removeprefix("no-") if name.startswith("no-") else f"no-{name}"
        return [f"--{name}"] if value else [f"--{opposite}"] if opposite in parser.options else []
    if isinstance(value, bool):
        raise InputError(f"{path}: {key} is {str(value).lower()}; it needs a value")
    if action.type is names and isinstance(value, list):
        entries = [quoted(entry) for entry in entries]  # an entry is one name, though it may hold a comma
    return [f"--{name}=" + ",".join(map(str, entries))]

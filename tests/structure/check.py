"""Checks how the source is built, from its text alone: `python tests/structure/check.py [FOLDER]`.

Prints every place that breaks a rule, and exits with 1 where there is one. The rules: memory has named fields (no numbered
columns), functions take few arguments, imports form no circle, what is private in Numba stays in two folders, files are short.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("kernels", "trainer", "bench")
MOST_ARGUMENTS = 8
MOST_LINES = 400

# Names of arrays that describe a network or its memory. A local name that is assigned one of them counts as well.
ONE_RECORD = {"header", "counters", "hyperparameters", "control", "team"}
RECORDS = {"layers", "epochs"}
OTHER_TABLES = {"table", "layout", "codes", "scalars", "passes"}
TABLES = ONE_RECORD | RECORDS | OTHER_TABLES

# Folders, or files, which may import llvmlite; folders which may import what is not public in Numba.
LLVM_PLACES = (
    "kernels/compiler/",
    "kernels/llvm/",
    "kernels/tiny/arithmetic.py",
    "kernels/tiny/emitter.py",
    "kernels/tiny/lane_emitter.py",
)
PRIVATE_PLACES = ("kernels/compiler/", "kernels/llvm/")
PUBLIC_NUMBA = {"numba", "numba.errors", "numba.extending", "numba.typed", "numba.types"}


class File:
    """One source file: its path below the root with "/" between folders, its module's name, its text as a tree."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path.relative_to(root).as_posix()
        parts = self.path.removesuffix(".py").split("/")
        self.is_package = parts[-1] == "__init__"
        self.module = ".".join(parts[:-1] if self.is_package else parts)
        text = path.read_text(encoding="utf-8")
        self.n_lines = len(text.splitlines())
        self.tree = ast.parse(text, self.path)

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def read_files(root: Path) -> list[File]:
    return [File(root, path) for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]


def column_constants(files: list[File]) -> Iterator[str]:
    """Names that are given numbers by `range`, outside of functions."""
    for file in files:
        blocks = [file.tree, *(node for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef))]
        for statement in (statement for block in blocks for statement in block.body):
            if isinstance(statement, ast.Assign) and _is_call_of(statement.value, "range"):
                yield f"{file.at(statement)}: {ast.unparse(statement)}"


def numbered_columns(files: list[File]) -> Iterator[str]:
    """Subscripts of a table by what is neither a row's number in a variable nor a field's name."""
    for file in files:
        for scope, nodes in _scopes(file.tree):
            tables = TABLES | _other_names_of_tables(nodes) - _names_of_loops(nodes)
            for node in nodes:
                if isinstance(node, ast.Subscript) and _last_name(node.value) in tables and not _is_fair(node):
                    yield f"{file.at(node)}: {ast.unparse(node)}, in {scope}"


def _is_fair(node: ast.Subscript) -> bool:
    name, index = _last_name(node.value), node.slice
    if isinstance(index, ast.Slice):
        return name not in OTHER_TABLES
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        return name in RECORDS and ast.unparse(index) == "-1"  # the last layer
    if isinstance(index, ast.Constant):
        return isinstance(index.value, str) or (index.value == 0 and name not in OTHER_TABLES)
    constant = (_last_name(index) or "").isupper()
    return not constant and not isinstance(index, ast.Tuple | ast.List)


def _other_names_of_tables(nodes: list[ast.AST]) -> set[str]:
    """Local names that are assigned a table as it is, alone or in a tuple."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                together = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                pairs = zip(target.elts, node.value.elts, strict=False) if together else [(target, node.value)]
                for name, value in pairs:
                    if isinstance(name, ast.Name) and _last_name(value) in TABLES:
                        found.add(name.id)
    return found


def _names_of_loops(nodes: list[ast.AST]) -> set[str]:
    return {node.target.id for node in nodes if isinstance(node, ast.For) and isinstance(node.target, ast.Name)}


def _scopes(tree: ast.AST) -> Iterator[tuple[str, list[ast.AST]]]:
    """The module's own nodes, then each outermost function's."""
    functions: list[ast.AST] = []

    def own(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append(child)
            else:
                yield child
                yield from own(child)

    yield "the module", list(own(tree))
    for function in functions:
        yield getattr(function, "name", ""), list(ast.walk(function))


def long_signatures(files: list[File]) -> Iterator[str]:
    """Functions of kernels/ with many arguments; emitters of LLVM and what users call by `tileprop.kernels` may have them."""
    entry_points = _entry_points(files)
    for file in files:
        if file.package != "kernels" or file.path.startswith("kernels/llvm/"):
            continue
        outermost = {node for node in file.tree.body if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            names = [argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)]
            count = len([name for name in names if name not in ("self", "cls")])
            public = node in outermost and (file.module, getattr(node, "name", "")) in entry_points
            if count > MOST_ARGUMENTS and not public:
                yield f"{file.at(node)}: {getattr(node, 'name', 'lambda')} takes {count} arguments"


def _entry_points(files: list[File]) -> set[tuple[str, str]]:
    """(module, name) of the functions that kernels/__init__.py imports and names in `__all__`."""
    found, named = {}, set()
    for file in files:
        if file.module == "kernels":
            for node in file.tree.body:
                if isinstance(node, ast.ImportFrom):
                    module = _absolute(file, node)
                    found.update({alias.asname or alias.name: (module, alias.name) for alias in node.names})
                elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                    named = set(ast.literal_eval(node.value))
    return {origin for name, origin in found.items() if name in named}


def circles(files: list[File]) -> Iterator[str]:
    """Files of kernels/ or trainer/ that import themselves by way of others; imports for type hints and in functions count."""
    for package in ("kernels", "trainer"):
        chosen = [file for file in files if file.package == package]
        imports = {file.module: sorted({module for _, module in _imports(file, files)} - {file.module}) for file in chosen}
        imports = {module: [name for name in names if name in imports] for module, names in imports.items()}
        reachable = {module: _reachable(module, imports) for module in imports}
        reported: set[str] = set()
        for module in imports:
            if module in reachable[module] and module not in reported:
                # Of all that are in circles with each other, one short way round.
                reported |= {other for other in reachable[module] if module in reachable[other]}
                yield " -> ".join(_way_round(module, imports))


def _reachable(start: str, imports: dict[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(imports[module])
    return seen


def _way_round(start: str, imports: dict[str, list[str]]) -> list[str]:
    ways = [[start]]
    while True:
        way = ways.pop(0)
        for module in imports[way[-1]]:
            if module == start:
                return [*way, start]
            if module not in way:
                ways.append([*way, module])


def wrong_ways(files: list[File]) -> Iterator[str]:
    """kernels imports neither trainer nor bench, trainer does not import bench before a function asks for it."""
    for file in files:
        functions = [node for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        late = {node for function in functions for node in ast.walk(function)}
        for node, module in dict.fromkeys(_imports(file, files)):
            to = module.split(".")[0]
            if file.package == "kernels" and to in ("trainer", "bench"):
                yield f"{file.at(node)}: kernels imports {module}"
            elif file.package == "trainer" and to == "bench" and node not in late:
                yield f"{file.at(node)}: trainer imports {module}, not within a function"


def private_parts(files: list[File]) -> Iterator[str]:
    """Imports of llvmlite and of what is private in Numba, outside of the folders that are for them."""
    for file in files:
        for node in ast.walk(file.tree):
            for module in _outside_modules(node):
                llvm = module.split(".")[0] == "llvmlite" and not file.path.startswith(LLVM_PLACES)
                private = module.split(".")[0] == "numba" and module not in PUBLIC_NUMBA
                if llvm or (private and not file.path.startswith(PRIVATE_PLACES)):
                    yield f"{file.at(node)}: {module}"


def _outside_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        from_numba = node.module == "numba"
        private = [alias.name for alias in node.names if from_numba and _is_private(alias.name)]
        return [node.module, *(f"numba.{name}" for name in private)]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "numba":
        return [f"numba.{node.attr}"] if _is_private(node.attr) else []
    return []


def _is_private(name: str) -> bool:
    return name.startswith("_") or name in ("core", "cpython", "np", "cext", "misc")


def long_files(files: list[File]) -> Iterator[str]:
    for file in files:
        if file.package == "kernels" and file.n_lines > MOST_LINES:
            yield f"{file.path}: {file.n_lines} lines"


def _imports(file: File, files: list[File]) -> Iterator[tuple[ast.AST, str]]:
    """Each import statement of the file's tree that names a module of the project; a package stands for its __init__."""
    modules = {other.module for other in files}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            named = [alias.name.removeprefix("tileprop.") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(file, node)
            below = [f"{source}.{alias.name}".removeprefix(".") for alias in node.names]
            named = [name if name in modules else source for name in below]
        else:
            continue
        yield from ((node, name) for name in named if name in modules)


def _absolute(file: File, node: ast.ImportFrom) -> str:
    """The module that a statement imports from, "kernels.plan", without the "tileprop." in front."""
    if not node.level:
        return "" if node.module == "tileprop" else (node.module or "").removeprefix("tileprop.")
    parts = file.module.split(".")
    parts = parts[: len(parts) - node.level + file.is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _last_name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and _last_name(node.func) == name


RULES = {
    "no names for column numbers (= range(...))": column_constants,
    "no subscript of a table by a number, a constant or two indices; [0] for the one record of an array": numbered_columns,
    f"at most {MOST_ARGUMENTS} arguments, outside of kernels/llvm/ and of what users call": long_signatures,
    "no file of kernels/ imports one that imports it": circles,
    "kernels never imports trainer, trainer imports bench only within functions": wrong_ways,
    "llvmlite and Numba's private parts only in " + ", ".join(LLVM_PLACES): private_parts,
    f"files of kernels/ have at most {MOST_LINES} lines": long_files,
}


def faults(root: Path) -> dict[str, list[str]]:
    """Each rule and the places that break it."""
    files = read_files(root)
    return {rule: list(check(files)) for rule, check in RULES.items()}


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).parents[2]
    found = faults(root)
    for rule, places in found.items():
        if places:
            print(f"{rule}: {len(places)} found", *places, sep="\n  ")
    if not any(found.values()):
        print(f"{len(read_files(root))} files keep the {len(found)} rules")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The modules of a package as trees, and who imports what from whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

Name = tuple[
    str, ...
]  # of a module below its package: ("visitors", "at"), () of the package itself


class Module:
    """One source. `path` is below the package's folder."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.tree = ast.parse(source, path)
        parts = PurePosixPath(path).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name: Name = parts[:-1] if self.is_package else parts

    def base(self, node: ast.ImportFrom) -> Name | None:
        """The module that a relative import names; None of any other import."""
        if not node.level:
            return None
        inside = self.name if self.is_package else self.name[:-1]
        inside = inside[: len(inside) - node.level + 1]
        return inside + tuple(node.module.split(".")) if node.module else inside

    def relative(self, target: Name) -> tuple[str | None, int]:
        """(module, level) of an ImportFrom in this module that names `target`."""
        inside = self.name if self.is_package else self.name[:-1]
        common = 0
        while common < min(len(inside), len(target)) and inside[common] == target[common]:
            common += 1
        return ".".join(target[common:]) or None, len(inside) - common + 1


class Package(dict[Name, Module]):
    """The modules by name. `residents`: those that importing it loads, in the order in which they are ready."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        modules = [Module(path, source) for path, source in sources.items()]
        super().__init__((module.name, module) for module in modules)
        self.residents: list[Name] = []
        self.exported: set[str] = set()  # names of the package that programs may say
        self.merged: dict[
            tuple[Name, str], str
        ] = {}  # what a resident's global is called in the package
        if () in self:
            self._follow((), {()})

    def _follow(self, name: Name, seen: set[Name]) -> None:
        for node in self[name].tree.body:
            if isinstance(node, ast.ImportFrom):
                for _, target, _symbol in self.imported(self[name], node):
                    if target in self and target not in seen:
                        seen.add(target)
                        self._follow(target, seen)
        self.residents.append(name)

    def imported(
        self, module: Module, node: ast.ImportFrom
    ) -> Iterator[tuple[ast.alias, Name, str | None]]:
        """What a relative import brings: (alias, module, the name there, None where it is the module itself)."""
        base = module.base(node)
        if base is None:
            return
        for alias in node.names:
            if (*base, alias.name) in self:
                yield alias, (*base, alias.name), None
            elif base in self:
                yield alias, base, alias.name

    def faces(self) -> list[Name]:
        """Modules that programs import by name: all beside the package that it does not load itself."""
        return [name for name in self if len(name) == 1 and name not in self.residents]

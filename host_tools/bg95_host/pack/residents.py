"""What importing the package loads, as one module: each module costs a kilobyte besides what is in it."""

from __future__ import annotations

import ast

from bg95_host.pack.modules import Module, Name, Package
from bg95_host.pack.scopes import Scope, scopes

Symbol = tuple[
    Name | str, str
]  # where it was made (str: a module of the firmware), and its name there

# What programs set in a resident module, which then has to be found under its name: `bg95.visit.stay = True`
SETTINGS = {("visit",): "stay"}


def merge(package: Package) -> None:
    """Put the residents into the package's own module, each where it is imported first."""
    if len(package.residents) < 2:
        return
    merger = _Merger(package)
    merger.call_by_one_name()
    for name in package:
        merger.rewrite(package[name])
    tree = ast.Module(merger.body(), [])
    settings = [name for name in SETTINGS if name in package.residents]
    for name in settings:
        tree.body += ast.parse(f"{name[-1]} = __import__('sys').modules[__name__]").body
    for name in [each for each in package.residents if each]:
        del package[name]
    package[()].tree = ast.fix_missing_locations(tree)
    package.exported |= merger.exported | {name[-1] for name in settings}
    package.merged = {
        (origin, symbol): said
        for (origin, symbol), said in merger.said.items()
        if isinstance(origin, tuple)
    }


class _Merger:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.roots = {name: scopes(package[name].tree) for name in package}
        self.origins = {name: self._origins(name) for name in package.residents}
        self.exported = {
            name
            for name in self.roots[()].bound
            if not name.startswith("_") or name.startswith("__")
        }
        self.said: dict[Symbol, str] = {}
        self._bound: set[tuple[str, str, str | None]] = set()

    def _origins(self, name: Name) -> dict[str, Symbol]:
        """Where each global of a resident comes from."""
        module = self.package[name]
        found: dict[str, Symbol] = {each: (name, each) for each in self.roots[name].bound}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node in module.tree.body:
                if node.level == 0:
                    for alias in node.names:
                        found[alias.asname or alias.name] = (node.module or "", alias.name)
                for alias, target, symbol in self.package.imported(module, node):
                    found[alias.asname or alias.name] = (target, symbol or "")
            elif isinstance(node, ast.Import) and node in module.tree.body:
                for alias in node.names:
                    found[alias.asname or alias.name] = (alias.name, "")
        return found

    def origin(self, name: Name, said: str) -> Symbol:
        """Where a global of a resident was made."""
        symbol = self.origins[name].get(said, (name, said))
        if symbol[0] == name or symbol[0] not in self.origins or not symbol[1]:
            return symbol
        assert isinstance(symbol[0], tuple)
        return self.origin(symbol[0], symbol[1])

    # -- one name for each thing -----------------------------------------------------------------

    def call_by_one_name(self) -> None:
        """Choose what each global of a resident is called in the one module, and call it so."""
        free = {name for root in self.roots.values() for name in root.free - root.bound}
        modules = {name[0] for name in self.package if name and name not in self.package.residents}
        taken = self.exported | modules | free | {name[-1] for name in SETTINGS}
        for said in sorted(self.exported):
            self.said[self.origin((), said)] = said
        for name, setting in SETTINGS.items():
            if name in self.origins:
                self.said[name, setting] = setting
                taken.add(setting)
        for name in self.package.residents:
            for said in sorted(self.origins[name]):
                symbol = self.origin(name, said)
                if symbol in self.said:
                    continue
                new = said
                while new in taken:
                    new = f"{new}_{name[-1]}"
                self.said[symbol] = new
                taken.add(new)
        for name in self.package.residents:
            root = self.roots[name]
            renamed = {said: self.said[self.origin(name, said)] for said in self.origins[name]}
            for scope in root.walk():
                if scope is not root and scope.bound & {
                    new for said, new in renamed.items() if said != new and said in scope.free
                }:
                    raise SyntaxError(f"{name}: a local has the name of a global")
            uses = {said: root.uses.pop(said, []) for said in renamed}
            for said, nodes in uses.items():
                root.uses[said] = nodes
                if said != renamed[said]:
                    root.rename(said, renamed[said])

    # -- imports ---------------------------------------------------------------------------------

    def rewrite(self, module: Module) -> None:
        """Import from the one module what was imported from its parts."""
        for scope in scopes(module.tree).walk():
            self._rewrite_attributes(module, scope)
        for node in [] if module.name in self.package.residents else ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and module.base(node) != ():
                for alias, target, symbol in list(self.package.imported(module, node)):
                    if symbol is not None and target in self.package.residents:
                        node.module, node.level = module.relative(())
                        new = self.said[self.origin(target, symbol)]
                        if new != alias.name:
                            alias.asname = alias.asname or alias.name
                            alias.name = new

    def _rewrite_attributes(self, module: Module, scope: Scope) -> None:
        """`visit.load` is a name where visit is a resident."""
        for node in _own_imports(scope):
            for alias, target, symbol in list(self.package.imported(module, node)):
                if symbol is not None or target not in self.package.residents:
                    continue
                local = alias.asname or alias.name
                wanted: set[str] = set()
                for user in scope.walk():
                    if local in user.bound and user is not scope:
                        continue
                    self._replace(module, user, local, target, wanted)
                if module.name not in self.package.residents:
                    for attribute in sorted(wanted):
                        new = self.said[self.origin(target, attribute)]
                        where, level = module.relative(())
                        body = scope.node.body  # pyright: ignore[reportAttributeAccessIssue]
                        imported = ast.alias(new, f"{local}_{attribute}")
                        body.insert(body.index(node), ast.ImportFrom(where, [imported], level))
                node.names.remove(alias)
                if not node.names:
                    scope.node.body.remove(node)  # pyright: ignore[reportAttributeAccessIssue]

    def _replace(
        self, module: Module, user: Scope, local: str, target: Name, wanted: set[str]
    ) -> None:
        resident = module.name in self.package.residents
        stored: set[str] = set()

        def name_of(attribute: str) -> str:
            return self.said[self.origin(target, attribute)] if resident else f"{local}_{attribute}"

        class Replace(ast.NodeTransformer):
            def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
                if isinstance(node.value, ast.Name) and node.value.id == local:
                    wanted.add(node.attr)
                    new = name_of(node.attr)
                    if not isinstance(node.ctx, ast.Load):
                        if not resident:
                            raise SyntaxError(f"{module.path}: sets {local}.{node.attr}")
                        stored.add(new)
                    return ast.Name(new, node.ctx)
                return self.generic_visit(node)  # pyright: ignore[reportReturnType]

        def visit_inner(_self: object, node: ast.AST) -> ast.AST:
            return node if node is not user.node else Replace.generic_visit(_self, node)  # pyright: ignore

        for kind in ("FunctionDef", "ClassDef", "Lambda"):
            setattr(Replace, f"visit_{kind}", visit_inner)
        Replace().visit(user.node)
        if stored and user.parent is not None:
            user.node.body.insert(0, ast.Global(sorted(stored)))  # pyright: ignore

    # -- one body --------------------------------------------------------------------------------

    def body(self) -> list[ast.stmt]:
        """The package's own statements; where it first imports a resident all of them, in the order of loading."""
        own = self.package[()].tree.body
        first = next(i for i, node in enumerate(own) if self._brings_a_resident(node))
        before, after = self._statements(own[:first]), own[first:]
        for name in self.package.residents:
            if name != ():
                before += self._statements(self.package[name].tree.body)
        return before + self._statements(after)

    def _brings_a_resident(self, node: ast.stmt) -> bool:
        return isinstance(node, ast.ImportFrom) and any(
            target in self.package.residents
            for _, target, _symbol in self.package.imported(self.package[()], node)
        )

    def _statements(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        """Those that do something in one module: no import of a resident, none twice, no docstring."""
        out: list[ast.stmt] = []
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                # All residents are beside the package's own module, so `level` means the same in each
                node.names = [
                    alias
                    for alias, target, _symbol in self.package.imported(self.package[()], node)
                    if target not in self.package.residents
                ]
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                where = node.module or "" if isinstance(node, ast.ImportFrom) else "import"
                node.names = [a for a in node.names if (where, a.name, a.asname) not in self._bound]
                self._bound.update((where, a.name, a.asname) for a in node.names)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or node.names:
                out.append(node)
        return out


def _own_imports(scope: Scope) -> list[ast.ImportFrom]:
    body = getattr(scope.node, "body", [])
    return (
        [node for node in body if isinstance(node, ast.ImportFrom)]
        if isinstance(body, list)
        else []
    )

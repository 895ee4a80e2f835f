"""Numbers in place of the names of `const()`, also where another module imports them."""

from __future__ import annotations

import ast

from bg95_host.pack.modules import Module, Name, Package
from bg95_host.pack.scopes import scopes


def inline(package: Package) -> None:
    """Put the value of each int `const()` where its name stands. The name stays only where programs can say it."""
    values = {name: _constants(module) for name, module in package.items()}
    own = {name: set(known) for name, known in values.items()}
    while _hand_on(package, values):
        pass
    for name, module in package.items():
        _replace_attributes(package, module, values)
        imported = _take_imports(package, module, values)
        known = values[name] | imported
        keep = _exported(package, name, own[name]) | (imported.keys() if name == () else set())
        _replace(module, known)
        _drop_definitions(module, values[name])
        kept: list[ast.stmt] = [
            ast.Assign([ast.Name(each, ast.Store())], ast.Constant(known[each]), lineno=1)
            for each in sorted(keep)
        ]
        module.tree.body[:0] = kept
        _drop_const(module)


def _hand_on(package: Package, values: dict[Name, dict[str, int]]) -> bool:
    """Give the importers what they import, which others may import from them; False where all have it."""
    moved = False
    for name, module in package.items():
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom):
                for alias, target, symbol in package.imported(module, node):
                    said = alias.asname or alias.name
                    if symbol is not None and symbol in values[target] and said not in values[name]:
                        values[name][said] = values[target][symbol]
                        moved = True
    return moved


def _exported(package: Package, name: Name, constants: set[str]) -> set[str]:
    public = {each for each in constants if not each.startswith("_")}
    return public if name == () or name in package.faces() else set()


def _is_const(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "const"
    )


def _constants(module: Module) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in module.tree.body:
        if _is_const(node):
            assert isinstance(node, ast.Assign)
            assert isinstance(node.value, ast.Call)
            assert isinstance(node.targets[0], ast.Name)
            code = compile(ast.Expression(node.value.args[0]), module.path, "eval")
            value = eval(code, {"__builtins__": {}}, dict(found))
            if type(value) is int:
                found[node.targets[0].id] = value
    return found


def _replace_attributes(
    package: Package, module: Module, values: dict[Name, dict[str, int]]
) -> None:
    """`visit.WORK`, where visit is a module of the package and WORK one of its constants."""
    modules: dict[str, Name] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            for alias, target, symbol in package.imported(module, node):
                if symbol is None:
                    modules[alias.asname or alias.name] = target

    class Replace(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            if isinstance(node.value, ast.Name) and node.value.id in modules:
                known = values[modules[node.value.id]]
                if node.attr in known:
                    return ast.Constant(known[node.attr])
            return self.generic_visit(node)

    Replace().visit(module.tree)


def _take_imports(
    package: Package, module: Module, values: dict[Name, dict[str, int]]
) -> dict[str, int]:
    """Take the constants out of the module's imports; their values by the names they had there."""
    found: dict[str, int] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            for alias, target, symbol in list(package.imported(module, node)):
                if symbol is not None and symbol in values[target]:
                    found[alias.asname or alias.name] = values[target][symbol]
                    node.names.remove(alias)
    _drop_empty_imports(module)
    return found


def _drop_empty_imports(module: Module) -> None:
    class Drop(ast.NodeTransformer):
        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
            return node if node.names else None

    Drop().visit(module.tree)


def _replace(module: Module, known: dict[str, int]) -> None:
    root = scopes(module.tree)
    mine: set[int] = set()
    for scope in root.walk():
        for name in known:
            if scope is not root and name in scope.bound:
                raise SyntaxError(f"{module.path}: {name} is a constant, and bound again")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in known:
            mine.add(id(node))

    class Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Constant(known[node.id]) if id(node) in mine else node

    Replace().visit(module.tree)


def _drop_definitions(module: Module, constants: dict[str, int]) -> None:
    module.tree.body = [
        node
        for node in module.tree.body
        if not (_is_const(node) and node.targets[0].id in constants)  # pyright: ignore
    ]


def _drop_const(module: Module) -> None:
    said = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    if "const" in said:
        return
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "micropython" and not node.level:
            node.names = [alias for alias in node.names if alias.name != "const"]
    _drop_empty_imports(module)

"""Which binding a name in a tree means, by Python's rules."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Scope:
    """A module, class, function or comprehension. `uses`: by bound name, every node that says it."""

    def __init__(self, node: ast.AST, parent: Scope | None) -> None:
        self.node = node
        self.parent = parent
        self.children: list[Scope] = []
        self.bound: set[str] = set()
        self.outer: set[str] = set()  # declared global
        self.uses: dict[str, list[ast.AST]] = defaultdict(list)
        self.free: set[str] = set()  # what is not bound here: of an outer scope, or a builtin
        if parent is not None:
            parent.children.append(self)

    def walk(self) -> Iterator[Scope]:
        """This scope and all inside it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def binding(self, name: str) -> Scope | None:
        """The scope that a name said here belongs to; None of a builtin."""
        scope: Scope | None = self
        if name in self.outer:
            while scope is not None and scope.parent is not None:
                scope = scope.parent
            return scope
        while scope is not None:
            inner = scope is self
            if name in scope.bound and (inner or not isinstance(scope.node, ast.ClassDef)):
                return scope
            scope = scope.parent
        return None

    def rename(self, name: str, new: str) -> None:
        """Call what is bound here as `name` `new`."""
        nodes = self.uses.pop(name, [])
        for node in nodes:
            _rename(node, name, new)
        self.uses[new] += nodes
        self.bound = self.bound - {name} | {new}
        for inner in self.walk():
            if inner is not self and name in inner.free:
                inner.free = inner.free - {name} | {new}


def _rename(node: ast.AST, name: str, new: str) -> None:
    if isinstance(node, ast.Name):
        node.id = new
    elif isinstance(node, ast.arg):
        node.arg = new
    elif isinstance(node, ast.alias):
        node.asname = None if node.name == new else new
    elif isinstance(node, ast.Global):
        node.names = [new if said == name else said for said in node.names]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)):
        node.name = new


def scopes(tree: ast.Module) -> Scope:
    """The scope of a module, with those inside it."""
    root = Scope(tree, None)
    said: list[tuple[Scope, str, ast.AST]] = []
    _collect(tree, root, said)
    for scope, name, node in said:
        owner = scope.binding(name)
        if owner is not None:
            owner.uses[name].append(node)
        for inner in _between(scope, owner):
            inner.free.add(name)
    return root


def _between(scope: Scope | None, owner: Scope | None) -> Iterator[Scope]:
    while scope is not None and scope is not owner:
        yield scope
        scope = scope.parent


def _collect(node: ast.AST, scope: Scope, said: list[tuple[Scope, str, ast.AST]]) -> None:
    def say(name: str, by: ast.AST, binds: bool) -> None:
        if binds and name not in scope.outer:
            scope.bound.add(name)
        said.append((scope, name, by))

    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Global):
            scope.outer.update(child.names)
            for name in child.names:
                say(name, child, False)
        elif isinstance(child, ast.Name):
            say(child.id, child, not isinstance(child.ctx, ast.Load))
        elif isinstance(child, ast.alias):
            say((child.asname or child.name).split(".")[0], child, True)
        elif isinstance(child, ast.ClassDef):
            say(child.name, child, True)
            for part in (*child.decorator_list, *child.bases, *(k.value for k in child.keywords)):
                _collect(ast.Expression(part), scope, said)
            inner = Scope(child, scope)
            _collect(ast.Module(child.body, []), inner, said)
        elif isinstance(child, Function):
            if not isinstance(child, ast.Lambda):
                say(child.name, child, True)
                _collect(ast.Module([ast.Expr(d) for d in child.decorator_list], []), scope, said)
            arguments = child.args
            for default in (*arguments.defaults, *arguments.kw_defaults):
                if default is not None:
                    _collect(ast.Expression(default), scope, said)
            inner = Scope(child, scope)
            for arg in parameters(child):
                inner.bound.add(arg.arg)
                said.append((inner, arg.arg, arg))
            body: list[ast.stmt]
            body = [ast.Expr(child.body)] if isinstance(child, ast.Lambda) else child.body
            _collect(ast.Module(body, []), inner, said)
        elif isinstance(child, _COMPREHENSIONS):
            _collect(ast.Expression(child.generators[0].iter), scope, said)
            inner = Scope(child, scope)
            for i, generator in enumerate(child.generators):
                _collect(ast.Expression(generator.target), inner, said)
                if i:
                    _collect(ast.Expression(generator.iter), inner, said)
                _collect(ast.Module([ast.Expr(e) for e in generator.ifs], []), inner, said)
            parts = [child.key, child.value] if isinstance(child, ast.DictComp) else [child.elt]
            _collect(ast.Module([ast.Expr(e) for e in parts], []), inner, said)
        else:
            if isinstance(child, ast.ExceptHandler) and child.name:
                say(child.name, child, True)
            _collect(child, scope, said)


def parameters(function: Function) -> list[ast.arg]:
    """All of a function, in order."""
    a = function.args
    return [
        *a.posonlyargs,
        *a.args,
        *([a.vararg] if a.vararg else []),
        *a.kwonlyargs,
        *([a.kwarg] if a.kwarg else []),
    ]

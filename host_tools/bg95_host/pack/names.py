"""Short names for what only the package itself says.

Each name that a module says stays on the board's heap for ever. So names that programs cannot say become words that
every firmware has in its ROM, and that cost nothing: the same few for all things that never meet in one module, one
class or one function.
"""

from __future__ import annotations

import ast
import asyncio
import binascii
import builtins
import gc
import io
import sys
import time
import types
from collections import defaultdict
from collections.abc import Iterable

from bg95_host.pack.modules import Module, Name, Package
from bg95_host.pack.scopes import Function, Scope, parameters, scopes

# In every MicroPython (its static qstrs, docs/reference/mpyfiles.rst), no builtin and no method of a stream
WORDS = (
    "key", "keys", "values", "items", "index", "count", "find", "copy", "end", "sep", "start", "stop", "step",
    "pop", "append", "extend", "insert", "join", "split", "strip", "lower", "upper", "update", "sort",
    "reverse", "replace", "popitem", "setdefault", "throw", "get", "rfind", "rindex", "rsplit", "rstrip",
    "lstrip", "startswith", "endswith", "isalpha", "isdigit", "islower", "isspace", "isupper", "little", "main",
    "const", "to_bytes", "from_bytes", "bytecode", "clear", "remove",
)  # fmt: skip

# As names of attributes they hide no builtin
ATTRIBUTE_WORDS = (
    *WORDS,
    "abs", "all", "bool", "bytearray", "bytes", "callable", "classmethod", "dict", "dir", "divmod", "eval",
    "exec", "format", "getattr", "globals", "hasattr", "hash", "id", "int", "isinstance", "issubclass", "len",
    "list", "locals", "map", "object", "open", "ord", "pow", "print", "range", "repr", "round", "set", "sorted",
    "staticmethod", "str", "sum", "super", "tuple", "type", "zip",
)  # fmt: skip

# Attributes that only the package says, though they are of classes that programs know
INNER = {
    "boot", "chunks", "clock_ok", "denials", "dirty", "down", "first_year", "handlers", "header", "lost_pdp",
    "paused", "pin_refused", "polls", "pool", "rest", "restarted", "gone", "fail_all", "starting", "stuck",
    "table", "work", "shut", "switch",
}  # fmt: skip

# Attributes that are said from outside of the package, though they look as if only the package did
SAID_OUTSIDE = {
    # The tests' and the benchmark's way to the AT engine, and from a socket to its connection
    "_at", "_c",
    # bg95.aio tells a service from a value by it
    "_modem",
    # Of sys.implementation
    "_mpy",
    # What the tests look at inside the VM
    "framer", "unknown", "dropped", "commands", "op", "rx", "w", "src", "src_n", "push", "touched_at", "dirty",
    "hint",
}  # fmt: skip

# What things have that the firmware makes: who has such an attribute may be one of them
_KINDS = (
    bytes, bytearray, memoryview, str, int, list, dict, tuple, set, OSError, StopIteration, types.GeneratorType,
    types.BuiltinFunctionType, types.ModuleType, io.BytesIO, io.StringIO, asyncio.Task, asyncio.StreamReader,
    asyncio.StreamWriter, asyncio, io, sys, time, gc, binascii,
)  # fmt: skip
_FIRMWARE = {name for kind in _KINDS for name in dir(kind)} | {
    "any", "init", "deinit", "value", "read", "readinto", "readline", "write", "ioctl", "ticks_ms", "ticks_add",
    "ticks_diff", "sleep_ms", "queue_read", "create_task", "cur_task", "out_buf", "poll", "register", "modify",
    "unregister", "ipoll", "schedule",
}  # fmt: skip

# A visitor's function called by its module: visit.load("errors").sentence(e)
_LOADER = (("visit",), "load")
_VISITORS = "visitors"


def shorten(package: Package) -> None:
    """Rename what only the package says."""
    inner = {id(node) for module in package.values() for node in _inner(package, module)}
    _Globals(package).rename()
    _Attributes(package).rename()
    for module in package.values():
        _rename_parameters(package, module, inner)


def _words(but: Iterable[str], words: Iterable[str] = WORDS) -> Iterable[str]:
    taken = set(but)
    yield from (word for word in words if word not in taken)
    n = 0
    while True:
        if f"_{n}" not in taken:
            yield f"_{n}"
        n += 1


def _texts(package: Package) -> set[str]:
    """What is said in a string may be said to getattr()."""
    return {
        node.value
        for module in package.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


class _Globals:
    """Globals of the package's modules, by where they were made."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.roots = {name: scopes(module.tree) for name, module in package.items()}
        self.imports: dict[tuple[Name, str], list[tuple[Name, Scope, ast.alias]]] = defaultdict(
            list
        )
        self.attributes: dict[tuple[Name, str], list[ast.Attribute]] = defaultdict(list)
        self.unresolved: set[str] = set()
        for name, module in package.items():
            self._look(name, module)

    def _look(self, name: Name, module: Module) -> None:
        modules: dict[tuple[int, str], Name] = {}
        for scope in self.roots[name].walk():
            for node in _statements(scope):
                if isinstance(node, ast.ImportFrom):
                    for alias, target, symbol in self.package.imported(module, node):
                        if symbol is None:
                            modules[id(scope), alias.asname or alias.name] = target
                        else:
                            self.imports[target, symbol].append((name, scope, alias))
        for scope in self.roots[name].walk():
            for node in _own(scope):
                if isinstance(node, ast.Attribute):
                    target = self._module_of(node.value, name, scope, modules)
                    if target is None:
                        self.unresolved.add(node.attr)
                    else:
                        self.attributes[target, node.attr].append(node)

    def _module_of(
        self, node: ast.expr, name: Name, scope: Scope, modules: dict[tuple[int, str], Name]
    ) -> Name | None:
        """The module of the package that an expression is."""
        if isinstance(node, ast.Name):
            return modules.get((id(scope.binding(node.id)), node.id))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and self._is_loader(name, node.func.id):
                target = (_VISITORS, str(argument.value))
                return target if target in self.package else None
        return None

    def _is_loader(self, name: Name, said: str) -> bool:
        loader = self.package.merged.get(_LOADER)
        if name == ():
            return said == loader
        return any(
            where == name and (alias.asname or alias.name) == said
            for where, _, alias in self.imports[(), loader or ""]
        )

    def rename(self) -> None:
        """Call each by a word that nothing in its modules is called by."""
        texts = _texts(self.package)
        faces = self.package.faces()
        said = {name: _all_said(root) for name, root in self.roots.items()}
        for name, root in self.roots.items():
            for symbol in sorted(root.bound, key=lambda each: (-len(root.uses[each]), each)):
                known = self.imports[name, symbol] or self.attributes[name, symbol]
                if (
                    symbol.startswith("__")
                    or symbol in self.unresolved | texts
                    or (name == () and symbol in self.package.exported)
                    or (name in faces and not symbol.startswith("_"))
                    or not (known or symbol.startswith("_") or name == ())
                    or not _is_made_here(root, symbol)
                ):
                    continue
                users = {name} | {user for user, _, _ in self.imports[name, symbol]}
                new = next(iter(_words(set().union(*(said[user] for user in users)))))
                self._call(name, symbol, new)
                for user in users:
                    said[user].add(new)

    def _call(self, name: Name, symbol: str, new: str) -> None:
        for user, scope, alias in self.imports[name, symbol]:
            local = alias.asname or alias.name
            if scope.parent is None and local not in self.package.exported:
                self.roots[user].rename(local, new)
                alias.name, alias.asname = new, None
            else:
                alias.name, alias.asname = new, local
        for node in self.attributes[name, symbol]:
            node.attr = new
        self.roots[name].rename(symbol, new)


def _is_made_here(root: Scope, symbol: str) -> bool:
    return not any(isinstance(node, ast.alias) for node in root.uses[symbol])


def _all_said(root: Scope) -> set[str]:
    return {name for scope in root.walk() for name in scope.bound | scope.free} | set(dir(builtins))


def _own(scope: Scope) -> Iterable[ast.AST]:
    """The nodes of a scope that are not those of one inside it; its arguments' defaults count as its own."""
    inner = {id(child.node) for child in scope.children}
    todo: list[ast.AST] = [scope.node]
    while todo:
        node = todo.pop()
        yield node
        todo += [child for child in ast.iter_child_nodes(node) if id(child) not in inner]


def _statements(scope: Scope) -> Iterable[ast.AST]:
    return [node for node in _own(scope) if isinstance(node, ast.stmt)]


class _Attributes:
    """Attributes that only the package says, one new name for all that have the same."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.kept = _texts(package) | set(SAID_OUTSIDE)
        self.spaces: list[set[str]] = []  # what an object of each class has
        self.inner: set[str] = set()  # attributes of classes that only the package knows
        self.open: set[str] = set()  # and of others
        classes: dict[str, set[str]] = {}
        for module in package.values():
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef):
                    self._look(node, classes)
                    if module.name in _CALLED_BY_PROGRAMS or module.name in package.faces():
                        known = not node.name.startswith("_")
                    else:
                        known = node.name in package.exported
                    (self.open if known else self.inner).update(_own_attributes(node))
        self.spaces += list(classes.values())

    def _look(self, node: ast.ClassDef, classes: dict[str, set[str]]) -> None:
        has = classes.setdefault(node.name, set())
        for base in node.bases:  # one space for a class and all that is derived from it
            if isinstance(base, ast.Name):
                has |= classes.setdefault(base.id, set())
                for name, other in classes.items():
                    if other is classes[base.id] or name == node.name:
                        classes[name] = has
        methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        has |= _own_attributes(node)
        if "__setattr__" in methods:
            self.kept |= has  # which looks at the name
        if "__getattr__" in methods:  # what it has not itself, a visitor has
            for each in ast.walk(methods["__getattr__"]):
                if isinstance(each, ast.Constant):
                    visitor = self.package.get((_VISITORS, str(each.value)))
                    if visitor is not None:
                        has |= scopes(visitor.tree).bound

    def rename(self) -> None:
        """Rename them everywhere."""
        defined = set().union(*self.spaces)
        nodes: dict[str, list[ast.AST]] = defaultdict(list)
        for module in self.package.values():
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Attribute):
                    nodes[node.attr].append(node)
                elif isinstance(node, ast.ClassDef):
                    for each in node.body:
                        if isinstance(each, ast.FunctionDef):
                            nodes[each.name].append(each)
                        elif isinstance(each, ast.Assign):
                            for target in ast.walk(each):  # read = readinto = _plain
                                if isinstance(target, ast.Name):
                                    nodes[target.id].append(target)
        globals_ = set().union(*(scopes(m.tree).bound for m in self.package.values()))
        for name in sorted(defined, key=lambda each: (-len(nodes[each]), each)):
            only_here = name.startswith("_") or name in INNER or name in self.inner - self.open
            if name.startswith("__") or not only_here or name in self.kept | globals_ | _FIRMWARE:
                continue
            spaces = [space for space in self.spaces if name in space]
            new = next(iter(_words(set().union(*spaces), ATTRIBUTE_WORDS)))
            for space in spaces:
                space.add(new)
            for node in nodes[name]:
                if isinstance(node, ast.Attribute):
                    node.attr = new
                elif isinstance(node, ast.FunctionDef):
                    node.name = new
                elif isinstance(node, ast.Name):
                    node.id = new


def _own_attributes(node: ast.ClassDef) -> set[str]:
    """What a class and its instances have, as far as the class says it."""
    has = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for each in node.body:
        if isinstance(each, ast.Assign):
            has.update(target.id for target in each.targets if isinstance(target, ast.Name))
    for each in ast.walk(node):
        if (
            isinstance(each, ast.Attribute)
            and isinstance(each.value, ast.Name)
            and each.value.id == "self"
        ):
            has.add(each.attr)
    return has


def _rename_parameters(package: Package, module: Module, inner: set[int]) -> None:
    """Parameters of functions that no program calls, and that nobody calls by keyword."""
    keywords = {
        (_called(node.func), keyword.arg)
        for each in package.values()
        for node in ast.walk(each.tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    }
    for scope in scopes(module.tree).walk():
        function = scope.node
        if id(function) not in inner:
            continue
        assert isinstance(function, Function)
        name = "" if isinstance(function, ast.Lambda) else function.name
        if name == "__init__" and scope.parent and isinstance(scope.parent.node, ast.ClassDef):
            name = scope.parent.node.name
        said = {each for within in scope.walk() for each in within.bound | within.free}
        words = iter(_words(said | set(dir(builtins))))
        for arg in parameters(function):
            if (name, arg.arg) in keywords or arg.arg == "self":
                continue
            if any(arg.arg in within.bound for within in scope.walk() if within is not scope):
                continue
            scope.rename(arg.arg, next(words))


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


# Visitors whose functions are methods that programs call, maybe by keyword
_CALLED_BY_PROGRAMS = {
    (_VISITORS, each) for each in ("command", "context", "crypt", "files", "modem", "nic", "socket")
}
# What a Connection does is what a socket's methods are
_STREAM = {"read", "readinto", "recv_into", "write", "flush", "ioctl"}


def _inner(package: Package, module: Module) -> Iterable[ast.AST]:
    """The functions of a module that only the package calls."""
    open_to_programs = module.name in _CALLED_BY_PROGRAMS or module.name in package.faces()
    for scope in scopes(module.tree).walk():
        node = scope.node
        if not isinstance(node, Function):
            continue
        parent = scope.parent.node if scope.parent else None
        name = "_" if isinstance(node, ast.Lambda) else node.name
        if isinstance(parent, Function) or (name.startswith("_") and not name.startswith("__")):
            yield node
        elif open_to_programs or name in _STREAM:
            continue
        elif isinstance(parent, ast.ClassDef):
            if module.name != () or parent.name not in package.exported:
                yield node
        elif module.name != () or name not in package.exported:
            yield node

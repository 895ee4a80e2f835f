"""The driver's sources as a board should get them: fewer modules and fewer names, the same work.

What a module names, MicroPython keeps on the heap for ever, also after a visitor has left; each module costs besides
what is in it. Nothing of this is seen in the sources, which work as they are too (`mip`, frozen builds, CPython).

    constants   numbers take the place of the names of `const()`
    residents   what `import bg95` loads becomes one module
    names       what only the package itself says is said in words that every firmware has in its ROM
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from bg95_host.pack import constants, names, residents
from bg95_host.pack.modules import Package


def packed(sources: Mapping[str, str]) -> dict[str, str]:
    """Sources of a package to compile in place of these; by path below its folder. Raises SyntaxError."""
    package = Package(sources)
    constants.inline(package)
    residents.merge(package)
    names.shorten(package)
    return {module.path: ast.unparse(module.tree) for module in package.values()}

"""Submodules that a function uses through its package: `import a.b` binds `a` alone, and `a` alone would travel."""
import functools
import sys
import types
from typing import Any, Set, Tuple

from .callables import Decorated
from .culprit import captured, names_in


def names_used(value: Any) -> Set[str]:
    """Names that the code of a function uses, with that of all functions and classes of the main module it takes along."""
    names: Set[str] = set()
    _collect(value, names, set())
    return names


def _collect(value: Any, names: Set[str], seen: Set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, functools.partial):
        _collect(value.func, names, seen)
    elif isinstance(value, (types.MethodType, staticmethod, classmethod)):
        _collect(value.__func__, names, seen)
    elif isinstance(value, types.FunctionType):
        names |= names_in(value.__code__)
        for _, part in captured(value):
            _collect(part, names, seen)
    elif isinstance(value, type) and value.__module__ in ("__main__", "__mp_main__"):
        for member in vars(value).values():
            _collect(member, names, seen)
    elif isinstance(value, Decorated):
        _collect(value.plain, names, seen)


def loaded(package: types.ModuleType, names: Set[str]) -> Tuple[str, ...]:
    """Which of the package's submodules, loaded here, are spoken of: 'request', 'etree.ElementTree'."""
    if not hasattr(package, "__path__"):
        return ()
    start = package.__name__ + "."
    inner = [name[len(start) :] for name in list(sys.modules) if name.startswith(start)]
    return tuple(sorted(name for name in inner if all(part in names for part in name.split("."))))

"""Whether what a function takes along is still what it was when the function was shipped."""
import collections
import enum
import functools
import sys
import types
from typing import Any, Callable, Iterable, List, Mapping, Optional, Set, Tuple

from . import classes, culprit, methods
from .callables import unwrapped
from .globalvars import globals_of
from .submodules import names_used

# A look at one thing, and what was seen there.
Check = Tuple[Callable[..., Any], Tuple[Any, ...], Any]

_FIXED = (int, float, complex, bool, str, bytes, type(None))
# Descriptors that Python makes, which hold nothing of their own.
_MADE = (*classes.MADE, type(vars(collections.namedtuple("_Made", "field"))["field"]))
_MISSING = object()


def checks_of(function: types.FunctionType) -> Optional[List[Check]]:
    """What to look at before its shipment is used again; None where it takes along what can change in itself."""
    looks = _Looks(names_used(function))
    return looks.checks if looks.are_enough_for(function) else None


def is_unchanged(checks: Iterable[Check]) -> bool:
    """Is each of them still what was seen there?"""
    return all(look(*at) is seen for look, at, seen in checks)


class _Looks:
    """Gathers checks. A method answers whether nothing can change in what it is given without one of them seeing it."""

    def __init__(self, names: Set[str]) -> None:
        """names: of all attributes that may be spoken of."""
        self.checks: List[Check] = []
        self._names = names
        self._seen: Set[int] = set()

    def are_enough_for(self, function: types.FunctionType) -> bool:
        """With what it uses."""
        if self._has_seen(function):
            return True
        for attribute in ("__code__", "__defaults__", "__kwdefaults__"):
            self.checks.append((getattr, (function, attribute, None), getattr(function, attribute)))
        if not self._members(vars(function)):
            return False
        for name in culprit.names_in(function.__code__):
            self._entry(function.__globals__, name)
        for cell in function.__closure__ or ():
            self.checks.append((_contents, (cell,), _contents(cell)))
        used = globals_of(function.__code__)
        for label, value in culprit.captured(function):
            if label.startswith("global") and label.split("`")[1] not in used:
                continue  # an attribute of that name
            if not self._value(value):
                return False
        return True

    def _value(self, value: Any) -> bool:
        value = unwrapped(value)
        if isinstance(value, (tuple, frozenset)) and type(value) in (tuple, frozenset):
            return all(self._value(one) for one in value)
        if isinstance(value, types.FunctionType):
            return _is_by_name(value) or self.are_enough_for(value)
        if methods.parts_of(value) is not None:
            return True
        if isinstance(value, types.BuiltinFunctionType):
            # A module, nothing, or the object whose method it is.
            return self._value(value.__self__)
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, type):
            return not classes.is_by_value(value) or self._class(value)
        if isinstance(value, (staticmethod, classmethod)):
            return self._value(value.__func__)
        if isinstance(value, functools.cached_property):
            return self._value(value.func)
        if isinstance(value, property):
            return all(self._value(one) for one in (value.fget, value.fset, value.fdel))
        return type(value) in _FIXED

    def _module(self, module: types.ModuleType) -> bool:
        """It goes by name; of a package also those submodules that are spoken of and loaded, which are its attributes then."""
        if not hasattr(module, "__path__") or self._has_seen(module):
            return True
        for name in self._names:
            inner = self._entry(vars(module), name)
            if isinstance(inner, types.ModuleType) and inner.__name__ == "%s.%s" % (module.__name__, name):
                self._module(inner)
        return True

    def _class(self, kind: Any) -> bool:
        if self._has_seen(kind):
            return True
        own = [one for one in (*kind.__mro__, *type(kind).__mro__) if classes.is_by_value(one)]
        return all(self._enum(one) if isinstance(one, enum.EnumMeta) else self._members(vars(one)) for one in own)

    def _enum(self, kind: Any) -> bool:
        written = classes.written_in_enum(kind)
        return self._members(vars(kind), written) and all(self._members(vars(one)) for one in kind.__members__.values())

    def _members(self, members: Mapping[str, Any], written: Optional[Mapping[str, Any]] = None) -> bool:
        """Of a class, a function or a member of an enum. written: those of them that can change in themselves, else all."""
        self.checks.append((len, (members,), len(members)))
        for name in list(members):
            value = self._entry(members, name)
            # What Python and its decorators note about a class is set once: __slots__, __dataclass_fields__.
            if name == "_field_defaults" or (name.startswith("__") and not callable(value)) or type(value) in _MADE:
                continue
            if (written is None or name in written) and not self._value(value):
                return False
        return True

    def _entry(self, table: Mapping[str, Any], name: str) -> Any:
        value = table.get(name, _MISSING)
        self.checks.append((table.get, (name, _MISSING), value))
        return value

    def _has_seen(self, one: Any) -> bool:
        if id(one) in self._seen:
            return True
        self._seen.add(id(one))
        return False


def _is_by_name(function: types.FunctionType) -> bool:
    """Does it go as a reference? What a function of a module has made inside itself does not."""
    found: Any = None if function.__module__ in classes.MAINS else sys.modules.get(function.__module__ or "")
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING

"""Classes of scripts: they go by value, are one class each where they arrive, and the caller's own again when they come back.

C1  A class has one key as long as it lives: its module and name, with a number where another one alive has that name.
C2  Where a call runs, function and arguments are loaded by the same keys: what both bring is made once.
C3  What comes back is looked for by its key among the classes that went out, then by its name (another run of the same
    script), and made anew only where there is none of either.
C4  A pickle needs nothing of this package where it is loaded: it asks by `_FIND` for whoever knows classes there.
"""
import copyreg
import dataclasses
import enum
import functools
import sys
import types
import typing
import weakref
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import dill

from .errors import SerializationError
from .fork_lock import ForkLock

MAINS = ("__main__", "__mp_main__")

# The runner's, then ours; elsewhere nobody knows classes, and each pickle makes its own.
_FIND_TEXT = (
    "getattr(__import__('sys').modules.get('_mpcsfaas.classes') or __import__('sys').modules.get('mpcsfaas.classes'), "
    "'class_of', lambda key, make, *parts: make(*parts))"
)
_ENUM_TEXT = (
    "lambda kind, name, bases, body: (lambda space: [space.__setitem__(*one) for one in body.items()] and "
    "kind(name, bases, space))(kind.__prepare__(name, bases))"
)
# Its members stay what its own __new__ made of them.
_FILLED_TEXT = (
    "lambda make, members, *parts: (lambda made: [made[name].__dict__.update(more) for name, more in members.items()] and "
    "made)(make(*parts))"
)
_TYPED_TEXT = (
    "lambda typed, name, fields, total, more: (lambda made: [setattr(made, *one) for one in more.items()] and made)"
    "(typed(name, fields, total=total))"
)
_NAMED_TEXT = (
    "lambda name, fields, defaults, body: (lambda made: [setattr(made, *one) for one in body.items()] and made)"
    "(__import__('collections').namedtuple(name, fields, defaults=defaults))"
)
# With what its metaclass or a base class made of it from words in the class statement, which nothing keeps.
_SHAPED_TEXT = (
    "lambda kind, name, bases, body: (lambda made: ([type.__setattr__(made, *one) for one in body.items() "
    "if one[0] != '__qualname__' and made.__dict__.get(one[0]) is not one[1]], made)[1])(kind(name, bases, dict(body)))"
)
_EXCEPTION_TEXT = (
    "lambda new, init, kind, *args: (lambda made: init.__init__(made, *args) or made)(new.__new__(kind, *args))"
)


class _Text:
    """A function that travels as its text: it runs on every version of Python."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self) -> None:
        """Only what can be called may make an object of a pickle."""

    def __reduce__(self) -> Any:
        return eval, (self.text,)


_FIND, _ENUM, _NAMED = _Text(_FIND_TEXT), _Text(_ENUM_TEXT), _Text(_NAMED_TEXT)
_FILLED, _TYPED, _SHAPED, _EXCEPTION = _Text(_FILLED_TEXT), _Text(_TYPED_TEXT), _Text(_SHAPED_TEXT), _Text(_EXCEPTION_TEXT)

# By id, which nothing else has as long as the class lives: a metaclass may say that two classes are equal.
_keys: Dict[int, str] = {}
_known: "weakref.WeakValueDictionary[str, type]" = weakref.WeakValueDictionary()
_lock = ForkLock()


def is_by_value(kind: type) -> bool:
    """Is it a class that no other process can import?"""
    return kind.__module__ in MAINS or "<locals>" in kind.__qualname__


def key_of(kind: type) -> str:
    """C1."""
    with _lock:
        key = _keys.get(id(kind))
        if key is None:
            name = key = "%s:%s" % (kind.__module__, kind.__qualname__)
            number = 1
            while key in _known:
                number += 1
                key = "%s#%d" % (name, number)
            _keys[id(kind)] = key
            _known[key] = kind
            weakref.finalize(kind, _forget, id(kind)).atexit = False
        return key


def _forget(number: int) -> None:
    _keys.pop(number, None)


def class_of(key: str, make: Callable[..., Any], *parts: Any) -> Any:
    """C3. Raises LookupError where the class came without what it is made from."""
    own = _known.get(key)
    if own is None:
        own = _named(key)
    if own is not None:
        return own
    if parts == (b"",):
        raise LookupError("its class %s is defined in the script that submitted it, and not here" % key.partition(":")[2])
    return make(*parts)


def _named(key: str) -> Optional[type]:
    module, _, name = key.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) and (found.__module__, found.__qualname__) == (module, name) else None


def own_or_new(kind: Any, name: str, *rest: Any) -> Any:
    """The same for classes of which dill itself has written the definition: they have no key, and no qualified name."""
    members = rest[1] if len(rest) > 1 and isinstance(rest[1], dict) else {}
    module = sys.modules.get(str(members.get("__module__")))
    own = getattr(module, name, None)
    if own is None and module is not None:
        found = [one for one in _nested(module, module.__name__) if one.__name__ == name and one.__bases__ == rest[0]]
        own = found[0] if len(found) == 1 else None
    if isinstance(own, type) and type(own) is kind and own.__module__ == members.get("__module__"):
        return own
    return kind(name, *rest)


def _nested(holder: Any, module: str, depth: int = 4) -> Iterator[type]:
    """Classes inside the classes of a module."""
    for value in list(vars(holder).values()):
        if not isinstance(value, type) or value.__module__ != module or depth == 0:
            continue
        if isinstance(holder, type):
            yield value
        yield from _nested(value, module, depth - 1)


def save(pickler: Any, kind: type) -> None:
    """For dill's table: a class, whatever its metaclass."""
    if not is_by_value(kind):
        dill.Pickler.dispatch[type](pickler, kind)
        return
    if id(kind) in pickler._postproc:
        raise SerializationError(
            "the class %s is needed to make itself: one of its attributes, or of a base class, holds it or an instance of it; "
            "set that attribute inside the function, or move the class into a module" % kind.__qualname__
        )
    dill._dill._save_with_postproc(pickler, (_FIND, (key_of(kind), *_parts(kind))), obj=kind)


def _parts(kind: Any) -> Tuple[Any, ...]:
    """What makes it, and from what."""
    if isinstance(kind, enum.EnumMeta):
        parts = _ENUM, type(kind), kind.__name__, kind.__bases__, _enum_body(kind)
        return (_FILLED, parts[0], _members(kind), *parts[1:]) if _has_own_new(kind) else parts
    if type(kind).__name__ == "_TypedDictMeta":
        typed = sys.modules[type(kind).__module__].TypedDict
        told = ("__module__", "__qualname__", "__doc__", "__required_keys__", "__optional_keys__")
        more = {name: getattr(kind, name) for name in told}
        return _TYPED, typed, kind.__name__, dict(kind.__annotations__), kind.__total__, more
    body = _body(kind)
    if kind.__bases__ == (tuple,) and all(hasattr(kind, name) for name in ("_fields", "_make", "_field_defaults")):
        defaults = [kind._field_defaults[name] for name in kind._fields if name in kind._field_defaults]
        given = set(vars(_plain_named_tuple())) | set(kind._fields)
        more = {name: value for name, value in body.items() if name in _TOLD or name not in given}
        return _NAMED, kind.__name__, kind._fields, defaults, more
    if is_by_value(type(kind)) or any(is_by_value(one) and "__init_subclass__" in vars(one) for one in kind.__mro__[1:]):
        return _SHAPED, type(kind), kind.__name__, kind.__bases__, body
    return type(kind), kind.__name__, kind.__bases__, body


_TOLD = ("__module__", "__qualname__", "__doc__", "__annotations__", "__orig_bases__")
# What Python makes by itself with the class, and what it notes there when the class is used: the same function would be another
# one after its first argument.
_CACHES = ("_abc_impl", "__slotnames__", "__annotations_cache__")
MADE = (types.MemberDescriptorType, types.GetSetDescriptorType)


def _body(kind: Any) -> Dict[str, Any]:
    body = {name: value for name, value in vars(kind).items() if type(value) not in MADE and name not in _CACHES}
    if body.get("__annotations__") == {}:
        del body["__annotations__"]  # whoever asks for them makes them
    if getattr(body.get("__subclasshook__"), "__module__", "") == "typing":
        del body["__subclasshook__"]  # every Protocol gets it
    body["__qualname__"] = kind.__qualname__
    return body


@functools.lru_cache(maxsize=None)
def _plain_named_tuple() -> Any:
    import collections

    return collections.namedtuple("plain", ())


# What the metaclass of enums notes about one.
_NOTES = frozenset(
    "_member_names_ _member_map_ _value2member_map_ _unhashable_values_ _unhashable_values_map_ _hashable_values_ _member_type_ "
    "_value_repr_ _new_member_ _use_args_ _generate_next_value_ _boundary_ _flag_mask_ _singles_mask_ _all_bits_ _inverted_ "
    "__new__ __reduce_ex__ __repr__ __str__ __format__ __or__ __and__ __xor__ __ror__ __rand__ __rxor__ __invert__".split()
)


def _enum_body(kind: Any) -> Dict[str, Any]:
    hiding = "a dataclass as its base" if dataclasses.is_dataclass(kind._member_type_) else ""
    if _has_own_new(kind) and (kind._member_type_ is not object or issubclass(kind, enum.Flag)):
        hiding = "a __new__ of its own"
    if hiding:
        raise SerializationError(
            "the enum %s has %s, which hides what its members are made from: move it into a module" % (kind.__name__, hiding)
        )
    members: Dict[str, Any] = {name: member._value_ for name, member in kind.__members__.items()}
    more = written_in_enum(kind)
    if _has_own_new(kind):
        more = {name: value for name, value in more.items() if name not in ("__new__", "__init__")}
    return {**members, **more, "__qualname__": kind.__qualname__}


def written_in_enum(kind: Any) -> Dict[str, Any]:
    """Of its attributes those of its statement: neither members nor what its metaclass notes."""
    left_out = (*kind.__members__, *_CACHES)
    return {
        name: value
        for name, value in vars(kind).items()
        if name not in left_out and type(value) not in MADE and (name not in _NOTES or _is_kept(kind, name, value))
    }


def _has_own_new(kind: Any) -> bool:
    new = vars(kind).get("_new_member_")
    return isinstance(new, types.FunctionType) and new.__module__ == kind.__module__


def _members(kind: Any) -> Dict[str, Any]:
    """What each member has besides its value."""
    noted = ("_value_", "_name_", "_sort_order_", "__objclass__")
    return {
        name: {attribute: value for attribute, value in vars(member).items() if attribute not in noted}
        for name, member in kind.__members__.items()
    }


def _is_kept(kind: type, name: str, value: Any) -> bool:
    """Is it of the script itself? Such a name between single underscores it may give to one thing alone."""
    return (name.startswith("__") or name == "_generate_next_value_") and _is_written_in(kind, value)


def _is_written_in(kind: type, value: Any) -> bool:
    return isinstance(value, types.FunctionType) and value.__module__ == kind.__module__


_PLAIN_REDUCES = (BaseException.__reduce__, OSError.__reduce__)


def exception_parts(error: BaseException) -> Any:
    """An exception of a script as what it holds, None where its class says itself how it is pickled. Its constructor may want
    more than it keeps in `args`; that of Python's own class below it does not, and sets what is no attribute of Python code:
    `errno`, `filename`, `code`, `value`."""
    kind: Any = type(error)
    if kind.__reduce__ not in _PLAIN_REDUCES or kind.__reduce_ex__ is not object.__reduce_ex__:
        return None
    own = kind
    while own.__flags__ & _MADE_IN_PYTHON:
        own = own.__base__
    args = error.__reduce__()[1]
    try:
        own(*args)
        init = own
    except Exception:
        init = BaseException  # it was never called with these
    names = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    slots = {name: getattr(error, name) for name in names if hasattr(error, name)}
    return _EXCEPTION, (own, init, kind, *args), {**vars(error), **slots} or None


_MADE_IN_PYTHON = 1 << 9


def save_variable(pickler: Any, variable: Any) -> None:
    """A TypeVar or ParamSpec: only its name and bounds tell it, where the script is not."""
    module = getattr(variable, "__module__", None)
    if module not in MAINS and getattr(sys.modules.get(module or ""), variable.__name__, None) is variable:
        pickler.save_global(variable, variable.__name__)
        return
    constraints = getattr(variable, "__constraints__", ())
    variance = {name: True for name in ("covariant", "contravariant") if getattr(variable, "__%s__" % name, False)}
    bound = {} if getattr(variable, "__bound__", None) is None else {"bound": variable.__bound__}
    make = functools.partial(type(variable), variable.__name__, *constraints, **variance, **bound)
    pickler.save_reduce(make, (), obj=variable)


def save_new_type(pickler: Any, kind: Any) -> None:
    """A NewType, likewise."""
    if kind.__module__ in MAINS:
        pickler.save_reduce(typing.NewType, (kind.__name__, kind.__supertype__), obj=kind)
    else:
        pickler.save_global(kind, kind.__qualname__)


def save_cached_property(pickler: Any, value: Any) -> None:
    """Without its lock, which it has up to Python 3.11: each class has its own."""
    more = {name: one for name, one in vars(value).items() if name not in ("func", "lock")}
    pickler.save_reduce(functools.cached_property, (value.func,), more, obj=value)


VARIABLES: List[type] = [getattr(typing, name) for name in ("TypeVar", "ParamSpec") if hasattr(typing, name)]

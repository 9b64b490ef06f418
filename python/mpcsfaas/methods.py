"""Methods that are functions to whoever imports them: `random.randint` is one, of a generator that the module keeps to itself."""
import sys
import types
from typing import Any, Iterator, Optional, Tuple

from .classes import MAINS

_BOUND = (types.MethodType, types.BuiltinFunctionType)


def parts_of(value: Any) -> Optional[Tuple[Any, ...]]:
    """What makes one by its name in its module. None for what is none, or in no module that others can import."""
    if not isinstance(value, _BOUND) or isinstance(value.__self__, (type, types.ModuleType, type(None))):
        return None
    name = getattr(value, "__name__", None)
    for module in _modules(value):
        # Without waking one that is loaded when it is first used.
        if isinstance(module, types.ModuleType) and object.__getattribute__(module, "__dict__").get(name) is value:
            if module.__name__ not in MAINS and module.__spec__ is not None:
                return getattr, (module, name)
    return None


def _modules(method: Any) -> Iterator[Any]:
    """First those that are likely: others may have imported it from there."""
    yield sys.modules.get(type(method.__self__).__module__)
    yield sys.modules.get(getattr(method, "__module__", None) or "")
    yield from list(sys.modules.values())

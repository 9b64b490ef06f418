"""What can be called: as `@function` made it or as it was written, and by which name. Below everything that ships functions."""
import types
from typing import Any, Callable, Dict


class Decorated:
    """What `@function` makes (see function.py). Its parts have slots: `functools.wraps` copies the `__dict__` of what it wraps,
    and a wrapper around a decorated function is a function of its own."""

    __slots__ = ("plain", "task_options")

    def __init__(self, plain: Callable[..., Any], options: Dict[str, Any]) -> None:
        self.plain = plain
        self.task_options = options


def unwrapped(function: Any) -> Any:
    """The plain function of a decorated one."""
    return function.plain if isinstance(function, Decorated) else function


def options_of(function: Any) -> Dict[str, Any]:
    """The options of a decorated one."""
    return dict(function.task_options) if isinstance(function, Decorated) else {}


def name_of(function: Any) -> str:
    """How a person calls it."""
    if isinstance(function, str):
        return function
    inner = getattr(function, "func", None)  # of a functools.partial
    if not hasattr(function, "__qualname__") and inner is not None:
        return name_of(inner)
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def plain_function(function: Any) -> "types.FunctionType | None":
    """The function with Python code behind it, for its source text; None where there is none."""
    inner = getattr(function, "__func__", function)
    return inner if isinstance(inner, types.FunctionType) else None

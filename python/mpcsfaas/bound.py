"""An executor with options of some of its calls."""
from typing import TYPE_CHECKING, Any, Dict, Iterable, Tuple

from .calling import Calling
from .futures import TaskFuture
from .maps import Values
from .options import check_of_calls

if TYPE_CHECKING:
    from .executor import Executor


class Bound(Calling):
    """An executor with options: `submit` and `map` as there."""

    def __init__(self, executor: "Executor", options: Dict[str, Any]) -> None:
        self._executor = executor
        self._options = options

    def options(self, /, **options: Any) -> "Bound":
        """With more of them."""
        check_of_calls(options)
        return Bound(self._executor, {**self._options, **options})

    def _begin(self, fn: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> "TaskFuture[Any]":
        return self._executor._submit(fn, args, kwargs, self._options)

    def _begin_map(self, fn: Any, iterables: Tuple[Iterable[Any], ...], **how: Any) -> "Values[Any]":
        return self._executor._map(fn, iterables, self._options, **how)

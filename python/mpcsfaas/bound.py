"""An executor with options of some of its calls."""
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, Optional, TypeVar

from .futures import TaskFuture
from .options import check_of_calls

if TYPE_CHECKING:
    from .executor import Executor

T = TypeVar("T")


class Bound:
    """An executor with options: `submit` and `map` as there."""

    def __init__(self, executor: "Executor", options: Dict[str, Any]) -> None:
        self._executor = executor
        self._options = options

    def options(self, **options: Any) -> "Bound":
        """With more of them."""
        check_of_calls(options)
        return Bound(self._executor, {**self._options, **options})

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "TaskFuture[T]":
        """See Executor.submit."""
        return self._executor._submit(fn, args, kwargs, self._options)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> Iterator[T]:
        """See Executor.map."""
        return self._executor._map(fn, iterables, timeout, chunksize, buffersize, progress, self._options)

"""`submit` and `map` with their types: of an Executor, and of one with options of some of its calls."""
from typing import Any, Callable, Coroutine, Dict, Iterable, Optional, Tuple, TypeVar, overload

from .futures import TaskFuture
from .maps import Values

T = TypeVar("T")


class Calling:
    """What an asynchronous function answers is awaited where it runs: its future has the value."""

    def _begin(self, fn: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> "TaskFuture[Any]":
        raise NotImplementedError

    def _begin_map(self, fn: Any, iterables: Tuple[Iterable[Any], ...], **how: Any) -> "Values[Any]":
        """how: what `map` takes by name."""
        raise NotImplementedError

    @overload
    def submit(self, fn: "Callable[..., Coroutine[Any, Any, T]]", /, *args: Any, **kwargs: Any) -> "TaskFuture[T]": ...

    @overload
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "TaskFuture[T]": ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "TaskFuture[Any]":
        """One call. Raises SerializationError, VersionMismatch or ServiceError where it cannot be, RuntimeError after
        `shutdown`, NotHere after a fork or inside a remote function."""
        return self._begin(fn, args, kwargs)

    @overload
    def map(
        self,
        fn: "Callable[..., Coroutine[Any, Any, T]]",
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> "Values[T]": ...

    @overload
    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> "Values[T]": ...

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> "Values[Any]":
        """The values in the order of the arguments, each as soon as it is there.

        timeout: for all of them from now, seconds; TimeoutError then, from `map` itself where the service is silent. chunksize: calls
        in one task. buffersize: at most so many tasks ahead of what was taken; the arguments are read as they are needed. progress:
        shows a bar on a terminal. Where the queue is full it waits for room. What a call raises ends the iteration; so do Ctrl-C and
        `close`. The calls that have not ended are then canceled.
        """
        return self._begin_map(fn, iterables, timeout=timeout, chunksize=chunksize, buffersize=buffersize, progress=progress)

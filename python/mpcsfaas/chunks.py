"""Several calls of a map in one task: a function that is shipped by value, so that no worker needs the SDK."""
import itertools
import types
from typing import Any, Callable, Iterable, Iterator, List, Tuple

# Each call as it is by itself: what it answers to be awaited is run to its end, in a loop of its own, before the next one begins.
_SOURCE = """
def chunk(calls):
    async def ended(value):
        return await value

    values = []
    for args in calls:
        value = function(*args)
        if hasattr(type(value), "__await__"):
            import asyncio

            value = asyncio.run(ended(value))
        values.append(value)
    return values
"""


def chunked(function: Callable[..., Any]) -> Callable[[List[Tuple[Any, ...]]], List[Any]]:
    """A function of a list of argument tuples, that answers the list of values."""
    names = {"__name__": "__main__", "function": function}
    exec(_SOURCE, names)
    made = names["chunk"]
    assert isinstance(made, types.FunctionType)
    made.__name__ = made.__qualname__ = getattr(function, "__name__", "function") + ".chunk"
    return made


class Counted:
    """An iterator that knows how many items it has handed out."""

    def __init__(self, items: Iterable[Tuple[Any, ...]]) -> None:
        self._items = iter(items)
        self.count = 0

    def __iter__(self) -> "Counted":
        return self

    def __next__(self) -> Tuple[Any, ...]:
        item = next(self._items)
        self.count += 1
        return item


def pieces(calls: Iterable[Tuple[Any, ...]], size: int) -> Iterator[List[Tuple[Any, ...]]]:
    """Lists of at most `size` argument tuples."""
    calls = iter(calls)
    while True:
        piece = list(itertools.islice(calls, size))
        if not piece:
            return
        yield piece

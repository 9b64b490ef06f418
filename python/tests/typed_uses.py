"""What type checkers make of calls: mypy reads this, nobody runs it."""
import asyncio
import concurrent.futures
from typing import Any, AsyncIterator, Dict, Iterator, List

from typing_extensions import assert_type

from mpcsfaas import AsyncClient, Client, Executor, Function, Logs, TaskFuture, function
from mpcsfaas.maps import Values
from mpcsfaas.options import Options


def length(text: str) -> int:
    return len(text)


async def soon(text: str) -> int:
    return len(text)


@function
def plain(text: str) -> int:
    return len(text)


@function(priority=4)
def urgent(text: str) -> int:
    return len(text)


@function
async def awaited(text: str) -> int:
    return len(text)


class Counter:
    @function
    def count(self, text: str) -> int:
        return len(text)


def of_an_executor(ex: Executor) -> None:
    assert_type(ex.submit(length, "x"), TaskFuture[int])
    assert_type(ex.submit(length, "x").result(), int)
    assert_type(ex.submit(length, "x").logs(), Logs)
    assert_type(ex.map(length, ["x"], buffersize=3), Values[int])
    assert_type(list(ex.map(length, ["x"])), List[int])
    # Awaited where it runs.
    assert_type(ex.submit(soon, "x").result(), int)
    assert_type(ex.map(soon, ["x"]), Values[int])
    options: Options = {"priority": 3, "retry": {"max_retries": 2}}
    assert_type(ex.options(**options).submit(length, "x"), TaskFuture[int])
    assert_type(ex.options(timeout=3.0).map(soon, ["x"]), Values[int])
    standard: concurrent.futures.Executor = ex
    standard.shutdown()
    ex.map(length, ["x"], chunk=3)  # type: ignore[call-overload]
    unknown: Options = {"priorty": 3}  # type: ignore[typeddict-item]
    del unknown


def of_decorated_functions() -> None:
    assert_type(plain, Function[int])
    assert_type(plain("x"), int)
    assert_type(plain.remote("x"), TaskFuture[int])
    assert_type(urgent.remote("x").result(), int)
    assert_type(urgent.options(tags=["t"]).map(["x"]), Values[int])
    assert_type(awaited.remote("x"), TaskFuture[int])
    assert_type(awaited.map(["x"]), Values[int])
    assert_type(Counter().count.remote("x"), TaskFuture[int])
    plain.later("x")  # type: ignore[attr-defined]


def of_futures(futures: List[TaskFuture[int]]) -> None:
    for future in concurrent.futures.as_completed(futures):
        assert_type(future.result(), int)
    future.result("soon")  # type: ignore[arg-type]


def of_a_client(client: Client) -> None:
    assert_type(client.submit(length, ["x"]), str)
    assert_type(client.batch("name", [["x"], ["y"]]), List[str])
    assert_type(client.task("id").future(), TaskFuture[Any])
    assert_type(client.list(status="FAILED"), Iterator[Dict[str, Any]])
    client.list(state="FAILED")  # type: ignore[call-arg]


async def of_an_asynchronous_client(client: AsyncClient, ex: Executor) -> None:
    assert_type(await client.submit(length, ["x"]), str)
    assert_type(client.events(), AsyncIterator[Dict[str, Any]])
    assert_type(await asyncio.wrap_future(ex.submit(length, "x")), int)

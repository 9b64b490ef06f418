"""AsyncClient where whoever waits is canceled: that is over at once, nothing stays behind, and the task goes on."""
import asyncio
import os
import threading
import time
import unittest
from unittest import mock

from cutting_proxy import CuttingProxy
from waited_for import waited_for

from mpcsfaas import AsyncClient, Client, ClientClosed, Executor, TaskCanceled, aclient


# Whoever waited for an answer that does not come would take longer, seconds: a minute, or until the service cuts the connection,
# after half a one.
HELD_UP = 25


def triple(x):
    return x * 3


async def _all(items):
    return [item async for item in items]


class Canceled(unittest.TestCase):
    def proxy(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        return proxy

    def stuck(self):
        """A task that nobody runs."""
        with Client() as client:
            task_id = client.submit(triple, [1], labels=["nobody=has"])
        self.addCleanup(self.cancel, task_id)
        return task_id

    def cancel(self, task_id):
        with Client() as client:
            client.cancel_many([task_id])

    def test_a_call_that_hangs_holds_up_neither_the_loop_nor_its_end(self):
        stuck = self.stuck()
        for ask in (
            lambda client: client.version(),
            lambda client: client.submit("nobody", [1]),
            lambda client: client.wait(stuck),
            lambda client: client.task(stuck).result(),
            lambda client: client.task(stuck).future(),
            lambda client: _all(client.list()),
        ):
            for closes in (True, False):
                proxy = self.proxy()

                async def main():
                    client = AsyncClient(proxy.url)
                    await client.version()
                    proxy.fall_silent()
                    began = time.monotonic()
                    with self.assertRaises(asyncio.TimeoutError):
                        await asyncio.wait_for(ask(client), 0.2)
                    self.assertLess(time.monotonic() - began, HELD_UP)
                    if closes:
                        await client.close()

                began = time.monotonic()
                asyncio.run(main())
                self.assertLess(time.monotonic() - began, HELD_UP)

    def test_more_calls_that_hang_than_threads_are_let_go_of_too(self):
        proxy = self.proxy()

        async def main():
            async with AsyncClient(proxy.url) as client:
                proxy.fall_silent()
                asks = [asyncio.ensure_future(client.version()) for _ in range(200)]
                await asyncio.sleep(0.3)
                for ask in asks:
                    ask.cancel()
                _, late = await asyncio.wait(asks, timeout=HELD_UP)
                self.assertFalse(late)

        began = time.monotonic()
        asyncio.run(main())
        self.assertLess(time.monotonic() - began, HELD_UP)

    def test_a_wait_that_is_canceled_leaves_nothing_and_cancels_nothing(self):
        stuck = self.stuck()

        async def main():
            async with AsyncClient() as client:
                first = await client.task(stuck).future()
                others = [asyncio.ensure_future(client.wait(stuck)) for _ in range(3)]
                while len(waited_for(client._client)) < 4:
                    await asyncio.sleep(0.01)
                for _ in range(20):
                    with self.assertRaises(asyncio.TimeoutError):
                        await asyncio.wait_for(client.task(stuck).result(), 0.05)
                with self.assertRaisesRegex(TimeoutError, "it goes on"):
                    await client.wait(stuck, 0.05)
                others[0].cancel()
                await asyncio.wait(others[:1])
                self.assertEqual((await client.get(stuck))["status"], "QUEUED")
                # Those of the first and of the two that still wait, once the calls of those that have left are over, too.
                end = time.monotonic() + 20
                while (client._calls._busy or len(waited_for(client._client)) != 3) and time.monotonic() < end:
                    await asyncio.sleep(0.01)
                self.assertEqual(len(waited_for(client._client)), 3)
                await client.cancel(stuck)
                for other in others[1:]:
                    with self.assertRaises(TaskCanceled):
                        await other
                await asyncio.wait([first])
                self.assertTrue(first.cancelled())

        asyncio.run(main())

    def test_the_first_of_those_who_wait_may_leave(self):
        stuck = self.stuck()

        async def main():
            async with AsyncClient() as client:
                first = asyncio.ensure_future(client.wait(stuck))
                while not waited_for(client._client):
                    await asyncio.sleep(0.01)
                second = asyncio.ensure_future(client.wait(stuck, 20))
                while len(waited_for(client._client)) < 2:
                    await asyncio.sleep(0.01)
                first.cancel()
                await asyncio.wait([first])
                await client.cancel(stuck)
                with self.assertRaises(TaskCanceled):
                    await second

        asyncio.run(main())

    def test_a_future_that_is_canceled_cancels_its_task_and_holds_up_nothing(self):
        stuck, hangs = self.stuck(), self.stuck()
        proxy = self.proxy()

        async def main():
            with mock.patch.object(aclient, "_LEAVING", 20.0):
                async with AsyncClient() as client:
                    (await client.task(stuck).future()).cancel()
            async with AsyncClient(proxy.url) as client:
                future = await client.task(hangs).future()
                proxy.fall_silent()
                began = time.monotonic()
                future.cancel()
                await asyncio.sleep(0)
                self.assertLess(time.monotonic() - began, HELD_UP)

        asyncio.run(main())
        with Client() as client:
            self.assertEqual(client.get(stuck)["status"], "CANCELED")

    def test_close_waits_for_the_cancel_of_a_future_that_was_canceled_just_before(self):
        async def main(task_id):
            async with AsyncClient() as client:
                (await client.task(task_id).future()).cancel()

        with Client() as client, mock.patch.object(aclient, "_LEAVING", 20.0):
            for _ in range(30):
                task_id = self.stuck()
                asyncio.run(main(task_id))
                self.assertEqual(client.get(task_id)["status"], "CANCELED")

    def test_a_stop_iteration_is_told_to_whoever_awaits(self):
        async def main():
            async with AsyncClient() as client:
                stopped = await client.submit(next, [iter(())])
                awaitables = [client.wait(stopped), client.wait(stopped, 10), client.task(stopped).result(), await client.task(stopped).future()]
                awaitables.append(client._calls.run(next, iter(())))
                with Executor() as ex:
                    awaitables.append(asyncio.wrap_future(ex.submit(next, iter(()))))
                    for one in awaitables:
                        with self.assertRaises(RuntimeError) as caught:
                            await asyncio.wait_for(one, 20)
                        self.assertIsInstance(caught.exception.__cause__, StopIteration)

        asyncio.run(main())

    def test_whoever_waits_is_told_that_the_client_was_closed(self):
        stuck = self.stuck()

        async def main():
            client = AsyncClient()
            future = await client.task(stuck).future()
            waits = asyncio.ensure_future(client.wait(stuck))
            while len(waited_for(client._client)) < 2:
                await asyncio.sleep(0.01)
            await client.close()
            for one in (future, waits):
                with self.assertRaisesRegex(ClientClosed, "The client was closed before the end of task %s was known; the task goes on" % stuck):
                    await asyncio.wait_for(one, 10)

        asyncio.run(main())
        client = Client()
        futures = [client.task(stuck).future() for _ in range(2)]
        client.close()
        for future in futures:
            with self.assertRaises(ClientClosed) as caught:
                future.result(10)
            self.assertEqual(caught.exception.task_id, stuck)
        with Client() as client:
            self.assertEqual(client.get(stuck)["status"], "QUEUED")

    def test_threads_end_when_there_is_nothing_to_do(self):
        def threads():
            return [one for one in threading.enumerate() if one.name == "mpcsfaas-calls"]

        async def main():
            async with AsyncClient() as client:
                await asyncio.gather(*(client.version() for _ in range(100)))
                self.assertLessEqual(len(set(threads()) - set(before)), 32)

        before = threads()
        asyncio.run(main())
        end = time.monotonic() + 20
        while set(threads()) - set(before) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(set(threads()) - set(before), set())


if __name__ == "__main__":
    unittest.main()

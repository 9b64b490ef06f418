"""A client is closed while somebody waits for ends by it: they hear so, soon, and nothing goes on asking the service."""
import asyncio
import os
import threading
import time
import unittest

from cutting_proxy import CuttingProxy

from mpcsfaas import AsyncClient, Client, ClientClosed


def triple(x):
    return x * 3


class Closed(unittest.TestCase):
    def setUp(self):
        self.proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(self.proxy.close)
        with Client() as client:
            self.ended = client.submit(triple, [1])
            client.wait(self.ended, 30)
            self.stuck = client.submit(triple, [1], labels=["nobody=has"])

    def tearDown(self):
        with Client() as client:
            client.cancel_many([self.stuck])

    def questions(self):
        """How many the proxy has passed on for the ends of tasks."""
        return b"".join(self.proxy.sent).count(b"POST /v1/results")

    def until_asked(self, count):
        end = time.monotonic() + 30
        while self.questions() < count:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def heard(self, closes, ask):
        """What `ask` raises in a thread of its own while it waits for an answer and `closes` is called."""
        raised = []

        def waits():
            try:
                ask()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=waits, daemon=True)
        thread.start()
        self.until_asked(1)
        closes()
        # An answer of the service comes after half a minute.
        thread.join(10)
        self.assertFalse(thread.is_alive())
        return raised[0]

    def test_whoever_waits_for_a_value_hears_so_at_once(self):
        client = Client(self.proxy.url)
        error = self.heard(client.close, lambda: client.wait(self.stuck))
        self.assertIsInstance(error, ClientClosed)
        self.assertEqual(error.task_id, self.stuck)

    def test_so_does_whoever_waits_for_many(self):
        client = Client(self.proxy.url)
        error = self.heard(client.close, lambda: list(client.results([self.stuck, self.ended, self.stuck])))
        self.assertIsInstance(error, ClientClosed)

    def test_no_wait_begins_by_one_that_is_closed(self):
        client = Client(self.proxy.url)
        client.close()
        for ask in (lambda: client.wait(self.stuck), lambda: next(client.results([self.stuck]))):
            with self.assertRaises(ClientClosed):
                ask()
        self.assertEqual(self.questions(), 0)

    def test_results_of_an_event_loop_that_are_left_are_asked_for_no_more(self):
        async def main():
            async with AsyncClient(self.proxy.url) as client:
                results = client.results([self.stuck, self.ended])
                async for future in results:
                    self.assertEqual(future.task_id, self.ended)
                    break
                await asyncio.get_running_loop().run_in_executor(None, self.until_asked, 2)
                await results.aclose()

        before = set(threading.enumerate())
        asyncio.run(main())
        for thread in set(threading.enumerate()) - before:
            if thread.name == "mpcsfaas-stream":
                thread.join(10)
                self.assertFalse(thread.is_alive())

    def test_results_of_an_event_loop_that_are_cut_off_are_no_whole(self):
        async def main():
            client, found = AsyncClient(self.proxy.url), []

            async def reads():
                async for future in client.results([self.stuck, self.ended]):
                    found.append(future.task_id)

            reading = asyncio.ensure_future(reads())
            await asyncio.get_running_loop().run_in_executor(None, self.until_asked, 2)
            await client.close()
            with self.assertRaises(ClientClosed):
                await asyncio.wait_for(reading, 10)
            self.assertEqual(found, [self.ended])

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()

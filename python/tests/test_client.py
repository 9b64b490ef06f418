"""Client and AsyncClient against a real service: everything of the API has its method."""
import asyncio
import inspect
import os
import tempfile
import threading
import time
import unittest
from unittest import mock

from cutting_proxy import CuttingProxy

from mpcsfaas import AsyncClient, Client, TaskCanceled, batches, errors, function

SOURCE = "import time\n\ndef nap(seconds):\n    print('napping')\n    time.sleep(seconds)\n    return seconds\n"


RAW = """
import os, time

def raw(gate):
    os.write(1, b"\\xff\\xff\\xff\\n")
    while not os.path.exists(gate):
        time.sleep(0.02)
    os.write(1, b"on\\n")
"""


def triple(x, plus=0):
    return x * 3 + plus


@function(priority=4)
def picky(x):
    return x


def submits_until(over, group):
    with Client() as client:
        while not over.wait(0.05):
            client.submit(triple, [1], group=group)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def test_functions(self):
        registered = self.client.register(triple, name="triple-sdk", timeout=20.0, description="three times")
        self.assertEqual(registered["options"]["timeout_ms"], 20_000)
        self.assertEqual(registered["source_text"], "def triple(x, plus=0):\n    return x * 3 + plus\n")
        self.assertRegex(registered["pickler"], "^dill ")
        self.assertEqual(self.client.register(triple, name="triple-sdk", timeout=20.0, description="three times"), registered)
        self.assertEqual(self.client.function("triple-sdk")["function_id"], registered["function_id"])
        self.assertIn(registered["function_id"], [one["function_id"] for one in self.client.functions()])
        self.assertEqual(self.client.wait(self.client.submit("triple-sdk", [5], {"plus": 1})), 16)
        self.assertEqual(self.client.delete_function("triple-sdk"), 1)
        with self.assertRaisesRegex(errors.NotFoundError, "triple-sdk"):
            self.client.submit("triple-sdk", [5])
        with self.assertRaisesRegex(TypeError, "'group' is no option"):
            self.client.register(triple, group="g")

    def test_a_function_of_its_own_that_is_gone_is_registered_again(self):
        def fresh(x, number=os.getpid()):
            return x + number

        async def submit():
            async with AsyncClient() as client:
                await client.submit(fresh, [0])
                lose()
                return await client.submit(fresh, [1])

        def lose():
            for one in self.client.functions():
                if one["name"].startswith("Calls.test_a_function_of_its_own"):
                    self.client.delete_function(one["function_id"])

        self.client.submit(fresh, [0])
        lose()
        self.assertEqual(self.client.wait(self.client.submit(fresh, [1])), os.getpid() + 1)

        def calls():
            yield from [(1,), (2,)]
            lose()
            yield (3,)

        lose()
        with mock.patch.object(batches, "_MOST", 1):
            ids = self.client.batch(fresh, calls())
        self.assertEqual([self.client.wait(one) for one in ids], [os.getpid() + n for n in (1, 2, 3)])
        self.assertEqual(self.client.wait(asyncio.run(submit())), os.getpid() + 1)
        lose()
        with self.assertRaisesRegex(errors.NotFoundError, "no function"):
            self.client.submit(self.client.get(ids[0])["function"]["function_id"], [1])

    def test_an_empty_list_is_no_filter(self):
        for ask in (lambda: self.client.list(status=[]), lambda: self.client.events(task_id=())):
            with self.assertRaisesRegex(ValueError, "^the filter '(status|task_id)' is an empty list, which nothing matches: leave it out"):
                ask()

        async def first(stream):
            async for one in stream:
                return one

        async def main():
            async with AsyncClient() as client:
                for stream in (client.list(status=[]), client.events(task_id=[])):
                    with self.assertRaisesRegex(ValueError, "is an empty list"):
                        await first(stream)

        asyncio.run(main())

    def test_tasks(self):
        first = self.client.submit(triple, [1], key="order-%d" % os.getpid())
        self.assertEqual(self.client.submit(triple, [1], key="order-%d" % os.getpid()), first)
        with self.assertRaises(errors.IdempotencyError):
            self.client.submit(triple, [2], key="order-%d" % os.getpid())
        self.assertEqual(self.client.wait(first), 3)
        self.assertEqual(self.client.get(first)["status"], "COMPLETED")
        self.assertEqual(self.client.wait(self.client.retry(first)), 3)
        self.assertTrue(self.client.pin(first)["pinned"])
        self.assertFalse(self.client.pin(first, False)["pinned"])
        with self.assertRaises(errors.ConflictError):
            self.client.cancel(first)
        self.assertEqual(self.client.get(self.client.submit(picky, [1]))["options"]["priority"], 4)

    def test_batches_lists_and_many_at_once(self):
        group = "many-%d" % os.getpid()
        ids = self.client.batch(triple, [(n,) for n in range(30)], group=group, tags=["t"])
        self.assertEqual([self.client.wait(one) for one in ids], [n * 3 for n in range(30)])
        self.assertEqual({task["task_id"] for task in self.client.list(group=group, status="COMPLETED")}, set(ids))
        waiting = self.client.batch(triple, [(1,), (2,)], group=group, labels=["nobody=has"])
        answer = self.client.cancel_many([*waiting, ids[0]], only_waiting=True)
        self.assertEqual((sorted(answer["canceled"]), answer["ended"]), (sorted(waiting), [ids[0]]))
        with self.assertRaises(TaskCanceled):
            self.client.wait(waiting[0])

    def test_ends_of_many_come_as_they_are_there(self):
        ids = self.client.batch(triple, [(n,) for n in range(200)])
        stuck = self.client.submit(triple, [1], labels=["nobody=has"])
        wrong = self.client.submit(triple, [None])
        nobody = "019f8a3c-0d00-7000-8000-5f4dcc3b5aa7"
        told = {}
        for future in self.client.results(iter([*ids, stuck, wrong, nobody, ids[0]]), timeout=60):
            self.assertTrue(future.done() and future.task_id not in told)
            told[future.task_id] = future
            if len(told) == len(ids) + 2:
                break
        again = []
        with self.assertRaisesRegex(TimeoutError, "^1 of the tasks have not ended within 2 s; they go on$"):
            for future in self.client.results([*ids, stuck, wrong], timeout=2):
                again.append(future.task_id)
        self.assertEqual(sorted(again), sorted([*ids, wrong]))
        self.assertEqual([told.pop(one).result() for one in ids], [n * 3 for n in range(200)])
        self.assertEqual([type(told[one].exception()) for one in (wrong, nobody)], [TypeError, errors.ExpiredError])
        self.client.cancel(stuck)

        async def ended():
            async with AsyncClient() as client:
                return {future.task_id: future async for future in client.results([*ids[:3], stuck])}

        told = asyncio.run(ended())
        self.assertEqual([told[one].result() for one in ids[:3]], [0, 3, 6])
        self.assertTrue(told[stuck].cancelled())
        self.assertEqual(list(self.client.results([])), [])
        for wrong, said in ((["x", 7], "text, as `future.task_id` is, not 7"), ("x", r"in a list, be it only one: \['x'\]")):
            with self.assertRaisesRegex(TypeError, said):
                list(self.client.results(wrong))

    def test_ids_may_be_in_capitals(self):
        ended, stuck = self.client.submit(triple, [1]), self.client.submit(triple, [1], labels=["nobody=has"])
        asked = [ended.upper(), ended, stuck.upper()]
        found = self.client.results(asked, timeout=20)
        self.assertEqual((next(found).task_id, self.client.cancel(stuck.upper())["task_id"], next(found).task_id), (ended, stuck, stuck))
        self.assertEqual(list(found), [])
        self.assertEqual(self.client.wait(ended.upper(), 20), 3)
        self.assertEqual(self.client.task(ended.upper()).future().result(20), 3)

        async def awaited():
            async with AsyncClient() as client:
                return await client.wait(ended.upper(), 20), await asyncio.wait_for(await client.task(ended.upper()).future(), 20)

        self.assertEqual(asyncio.run(awaited()), (3, 3))

    def test_a_batch_that_fails_on_the_way_tells_what_is_queued(self):
        group = "part-%d" % os.getpid()
        with mock.patch.object(batches, "_MOST", 2), self.assertRaises(errors.SerializationError) as raised:
            self.client.batch(triple, [(1,), (2,), (3,), (threading.Lock(),)], group=group)
        queued = raised.exception.task_ids
        self.assertEqual([self.client.wait(one) for one in queued], [3, 6])
        self.assertEqual({task["task_id"] for task in self.client.list(group=group)}, set(queued))

    def test_so_does_one_whose_calls_end_in_an_error_whatever_it_is(self):
        class Frozen(Exception):
            def __setattr__(self, name, value):
                raise AttributeError(name)

        for kind in (KeyError, KeyboardInterrupt, Frozen):

            def calls():
                yield from [(1,), (2,), (3,)]
                raise kind

            with mock.patch.object(batches, "_MOST", 2), self.assertRaises(kind) as raised:
                self.client.batch(triple, calls())
            self.assertEqual([self.client.wait(one) for one in raised.exception.task_ids], [3, 6])

    def test_what_no_batch_can_hold_is_told_with_the_name_of_the_function(self):
        with self.assertRaisesRegex(errors.SerializationError, "^cannot pickle argument 1 of `triple`: it is a _thread.lock"):
            self.client.batch(triple, [(threading.Lock(),)])

    def test_a_batch_that_is_too_large_for_one_request_goes_in_several(self):
        group, key = "cut-%d" % os.getpid(), "cut-%d" % time.time_ns()
        texts = ["x" * 1000 + str(n) for n in range(9)]
        with mock.patch.object(batches, "_ENOUGH_BYTES", 4000):
            with mock.patch.object(self.client, "_submit", wraps=self.client._submit) as submit:
                ids = self.client.batch(triple, ((text, "") for text in texts), group=group, key=key)
            self.assertEqual([call.args[2] for call in submit.call_args_list], ["%s.%d" % (key, n) for n in range(3)])
            self.assertEqual(self.client.batch(triple, [(text, "") for text in texts], group=group, key=key), ids)
        self.assertEqual([self.client.wait(one) for one in ids], [text * 3 for text in texts])
        self.assertEqual({task["task_id"] for task in self.client.list(group=group)}, set(ids))
        self.assertEqual(self.client.batch(triple, []), [])

    def test_reattaching(self):
        task_id = self.client.submit(triple, [7])
        handle = self.client.task(task_id)
        self.assertEqual(handle.future().result(30), 21)
        self.assertEqual((handle.result(), handle.record()["status"], str(handle.logs())), (21, "COMPLETED", ""))
        with self.assertRaises(errors.NotFoundError):
            self.client.task("0b0ea9c5-5d0e-4c57-9bd0-3d9e9b0f0c11").future()
        stuck = self.client.submit(triple, [7], labels=["nobody=has"])
        future = self.client.task(stuck).future()
        self.assertTrue(future.cancel())
        with self.assertRaises(TimeoutError):
            self.client.wait(self.client.submit(triple, [7], labels=["nobody=has"], expires_at=_minute()), timeout=0.05)

    def test_what_is_known_of_a_loss_is_told_whoever_waits(self):
        self.client.register("import os\n\ndef exits(code):\n    os._exit(code)\n", name="exits", entry="exits")
        task_id = self.client.submit("exits", [7], max_attempts=2)

        async def wait():
            async with AsyncClient() as client:
                await client.wait(task_id)

        waits = (
            lambda: self.client.wait(task_id),
            lambda: self.client.task(task_id).result(),
            lambda: self.client.task(task_id).future().result(),
            lambda: asyncio.run(wait()),
        )
        for waited in waits:
            with self.assertRaisesRegex(errors.WorkerLost, "exit code 7") as caught:
                waited()
            error = caught.exception
            self.assertEqual((error.task_id, error.kind, error.details["exit_code"]), (task_id, "lost", 7))
            # A call of others that takes its runner along hands back what waits behind it.
            self.assertEqual([one["reason"] for one in error.attempts if one["reason"] != "handed_back"], ["lost", "lost"])
            self.assertEqual([one["attempt"] for one in error.attempts], list(range(1, len(error.attempts) + 1)))
            self.assertEqual(error.attempts, self.client.get(task_id)["attempts"])

    def test_every_future_of_one_task_ends(self):
        self.client.register(SOURCE, name="nap-often", entry="nap")
        task_id = self.client.submit("nap-often", [0.3])
        futures = [self.client.task(task_id).future() for _ in range(3)]
        self.assertEqual([future.result(20) for future in futures], [0.3] * 3)

        task_id = self.client.submit("nap-often", [30])
        first, second = (self.client.task(task_id).future() for _ in range(2))
        self.assertTrue(second.cancel())
        with self.assertRaises(TaskCanceled):
            first.result(20)

        async def both():
            async with AsyncClient() as client:
                task_id = await client.submit("nap-often", [0.3])
                return await asyncio.gather(client.wait(task_id, 20), client.wait(task_id, 20))

        self.assertEqual(asyncio.run(both()), [0.3, 0.3])

    def test_any_number_of_futures_can_be_asked_for_while_a_callback_runs(self):
        # Not left by `with`: where it hangs, so would its end.
        client, through, group = Client(), threading.Event(), "asked-%d" % os.getpid()
        first = client.submit(triple, [0], labels=["nobody=has"], group=group)
        others = client.batch(triple, [(n,) for n in range(400)], group=group)
        futures = []

        def ask(_):
            futures.extend(client.task(task_id).future() for task_id in others)
            through.set()

        client.task(first).future().add_done_callback(ask)
        client.cancel(first)
        self.assertTrue(through.wait(60))
        self.assertEqual([future.result(20) for future in futures], [3 * n for n in range(400)])
        client.close()

    def test_a_fork_of_its_process_can_use_it(self):
        task_id = self.client.submit(triple, [7])
        self.assertEqual(self.client.task(task_id).future().result(20), 21)
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                value = self.client.task(self.client.submit(triple, [8])).future().result(20)
                os.write(theirs, str(value).encode())
            finally:
                os._exit(0)
        os.close(theirs)
        os.waitpid(child, 0)
        self.assertEqual(os.read(ours, 100), b"24")
        os.close(ours)

    def test_logs_are_followed_and_source_is_called_with_json(self):
        self.client.register(SOURCE, name="nap-sdk", entry="nap")
        task_id = self.client.submit("nap-sdk", [0.2], as_json=True)
        printed = list(self.client.follow(task_id))
        self.assertEqual([(one["stream"], one["text"]) for one in printed], [("stdout", "napping\n")])
        self.assertEqual(self.client.wait(task_id), 0.2)

    def test_logs_are_followed_beyond_bytes_that_are_no_text(self):
        self.client.register(RAW, name="raw-sdk", entry="raw")
        with tempfile.TemporaryDirectory() as folder:
            gate = os.path.join(folder, "gate")
            text = ""
            for piece in self.client.follow(self.client.submit("raw-sdk", [gate])):
                text += piece["text"]
                if text.endswith("\n") and not os.path.exists(gate):
                    open(gate, "w").close()
        self.assertEqual(text, "\ufffd\ufffd\ufffd\non\n")

    def test_events_tell_of_ends(self):
        group = "events-%d" % os.getpid()
        stream, ids = self.client.events(group=group), []
        # What ends before they are read, too. Should that be missed, there is more to read.
        for _ in range(2):
            ids.append(self.client.submit(triple, [1], group=group))
            self.client.wait(ids[-1])
        more = threading.Event()
        self.addCleanup(more.set)
        threading.Thread(target=submits_until, args=(more, group), daemon=True).start()
        told = next(stream)
        self.assertEqual((told["event"], told["status"], told["group"]), ("task.ended", "COMPLETED", group))
        self.assertEqual([told["task_id"], next(stream)["task_id"]], ids)
        # So it does from a place that is known.
        self.assertEqual(next(self.client.events(group=group, after=told["id"]))["task_id"], ids[1])
        stream.close()

    def test_streams_outlive_a_cut_and_end_with_the_client(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        client, printed = Client(proxy.url), []
        client.register(SOURCE, name="nap-cut", entry="nap")
        task_id = client.submit("nap-cut", [1.5])
        events = threading.Thread(target=lambda: list(client.events(group="of-nobody")))
        follow = threading.Thread(target=lambda: printed.extend(client.follow(task_id)))
        events.start()
        follow.start()
        for _ in range(20):
            time.sleep(0.05)
            proxy.cut()
        self.assertEqual(client.wait(task_id, 20), 1.5)
        follow.join(20)
        self.assertEqual("".join(piece["text"] for piece in printed), "napping\n")
        self.assertTrue(events.is_alive())
        client.close()
        events.join(20)
        self.assertFalse(events.is_alive())

    def test_a_wait_for_an_event_can_be_given_up(self):
        async def one():
            async with AsyncClient() as client:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.events(group="of-nobody").__anext__(), 0.2)

        asyncio.run(one())

    def test_an_awaited_task_that_is_canceled_raises_so(self):
        async def main():
            async with AsyncClient() as client:
                stuck = await client.submit(triple, [1], labels=["nobody=has"])
                waits = [asyncio.create_task(wait(stuck)) for wait in (client.wait, client.wait, lambda id: client.task(id).result(20))]
                await asyncio.sleep(0.1)
                # Only who is canceled hears of that, and the task goes on.
                waits[0].cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await waits[0]
                self.assertEqual((await client.get(stuck))["status"], "QUEUED")
                await client.cancel(stuck)
                for wait in waits[1:]:
                    with self.assertRaises(TaskCanceled) as caught:
                        await wait
                    self.assertNotIsInstance(caught.exception, asyncio.CancelledError)
                    self.assertEqual(caught.exception.task_id, stuck)
                with self.assertRaises(TaskCanceled):
                    await client.wait(stuck)

        asyncio.run(main())

    def test_streams_hold_up_nothing_else_and_their_threads_end_with_them(self):
        def threads():
            return [one for one in threading.enumerate() if one.name == "mpcsfaas-stream"]

        async def gone(count):
            end = time.monotonic() + 20
            while len(threads()) > count and time.monotonic() < end:
                await asyncio.sleep(0.01)
            self.assertEqual(len(threads()), count)

        async def main():
            async with AsyncClient() as client:
                stuck = await client.submit(triple, [1], labels=["nobody=has"])
                # More than any pool of asyncio has threads.
                streams = [client.events(group="of-nobody") for _ in range(35)] + [client.follow(stuck) for _ in range(5)]
                firsts = [asyncio.ensure_future(stream.__anext__()) for stream in streams]
                await asyncio.sleep(0.2)
                self.assertEqual((await asyncio.wait_for(client.version(), 10))["api"], "v1")
                self.assertEqual(len(threads()), 40)
                for first in firsts[:20]:
                    first.cancel()
                await asyncio.wait(firsts[:20])
                await gone(20)
                await client.cancel(stuck)
                with self.assertRaises(StopAsyncIteration):
                    await firsts[-1]
                await gone(15)
                with self.assertRaises(errors.NotFoundError):
                    await client.follow("0b0ea9c5-5d0e-4c57-9bd0-3d9e9b0f0c11").__anext__()
            # So do those that are open where the client is closed.
            await asyncio.wait(firsts)
            self.assertEqual({type(first.exception()) for first in firsts[20:]}, {StopAsyncIteration})
            await gone(0)

        asyncio.run(main())

    def test_a_wait_is_over_in_time_where_the_service_hangs_or_is_away(self):
        for harm in ("fall_silent", "close"):
            proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
            self.addCleanup(proxy.close)
            task_id = self.client.submit(triple, [7], labels=["nobody=has"])
            self.addCleanup(self.client.cancel, task_id)

            async def wait():
                async with AsyncClient(proxy.url) as client:
                    await client.version()
                    getattr(proxy, harm)()
                    await client.wait(task_id, 1)

            with Client(proxy.url) as client:
                client.version()
                for ask in (lambda: asyncio.run(wait()), lambda: client.wait(task_id, 1)):
                    began = time.monotonic()
                    with self.assertRaisesRegex(TimeoutError, "has not ended within 1 s; it goes on"):
                        ask()
                    self.assertLess(time.monotonic() - began, 25)  # what hangs would hang for half a minute

    def test_an_end_is_told_also_to_whoever_does_not_wait(self):
        task_id = self.client.submit(triple, [7])
        self.client.wait(task_id)

        async def wait():
            async with AsyncClient() as client:
                return await client.wait(task_id, timeout=0)

        self.assertEqual((self.client.wait(task_id, timeout=0), asyncio.run(wait())), (21, 21))

    def test_what_was_done_by_a_try_whose_answer_was_lost_is_done(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        task_id = self.client.submit(triple, [7], labels=["nobody=has"])
        function_id = self.client.register(SOURCE, name="nap-lost", entry="nap")["function_id"]
        key_id = self.client.create_key("lost")["key_id"]
        with Client(proxy.url) as client:
            proxy.lose(b"POST /v1/tasks/")
            self.assertEqual(client.cancel(task_id)["status"], "CANCELED")
            self.assertTrue(proxy.lost.is_set())
            for beginning, ask, answer in (
                (b"DELETE /v1/functions/", lambda: client.delete_function(function_id), 1),
                (b"DELETE /v1/keys/", lambda: client.revoke_key(key_id), None),
            ):
                proxy.lost.clear()
                proxy.lose(beginning)
                self.assertEqual(ask(), answer)
                self.assertTrue(proxy.lost.is_set())
                # By itself it is told as ever.
                with self.assertRaises(errors.NotFoundError):
                    ask()

    def test_what_runs_and_who_may_call(self):
        self.assertGreaterEqual(len(self.client.workers()["items"]), 1)
        self.assertGreater(self.client.stats()["slots"], 0)
        self.assertEqual(self.client.version()["api"], "v1")
        made = self.client.create_key("sdk")
        self.assertIn(made["key_id"], [key["key_id"] for key in self.client.keys()])
        self.client.revoke_key(made["key_id"])
        self.assertNotIn(made["key_id"], [key["key_id"] for key in self.client.keys()])

    def test_the_asynchronous_one_has_the_same_names(self):
        def names(kind):
            return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}

        self.assertEqual(names(Client) - names(AsyncClient), {"cancel_task", "is_bringing", "task_call"})

    def test_the_asynchronous_one_does_the_same(self):
        async def main():
            async with AsyncClient() as client:
                group = "async-%d" % os.getpid()
                ids = await client.batch(triple, [(n,) for n in range(5)], group=group)
                self.assertEqual(await asyncio.gather(*map(client.wait, ids)), [0, 3, 6, 9, 12])
                self.assertEqual(await (await client.task(ids[1]).future()), 3)
                self.assertEqual({task["task_id"] async for task in client.list(group=group)}, set(ids))
                stuck = await client.submit(triple, [1], labels=["nobody=has"])
                with self.assertRaises(TimeoutError):
                    await client.wait(stuck, timeout=0.05)
                self.assertEqual((await client.cancel(stuck))["status"], "CANCELED")
                self.assertEqual((await client.version())["name"], "mpcsfaas")

        asyncio.run(main())


def _minute():
    import datetime

    return datetime.timedelta(seconds=60)


if __name__ == "__main__":
    unittest.main()

"""A fork that goes on with what its parent has begun: it says so where it cannot, and neither disturbs the parent nor hangs."""
import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import unittest

from waited_for import waited_for

from mpcsfaas import AsyncClient, Client, errors

# Each way to leave a map in a fork whose parent reads on. Another thread holds what locks there are while it forks.
MAPS = """
import os, signal, sys, threading, time
from mpcsfaas import Executor

def work(n):
    time.sleep(0.02)
    return n

def fork():
    held, go = threading.Event(), threading.Event()
    def hold():
        with ex._submits._changed, ex._results._lock, ex._transport._lock:
            held.set()
            go.wait()
    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
    go.set()
    return child

def read(values, way):
    global child
    numbers = []
    for value in values:
        numbers.append(value)
        if value == 0:
            child = fork()
            if child == 0:
                if way == "return":
                    return
                if way == "raise":
                    raise RuntimeError("left")
                if way == "exit":
                    sys.exit(2)
                if way == "close":
                    values.close()
    if child == 0:
        sys.exit("read to its end in the fork")
    print(way, numbers == list(range(100)), os.waitpid(child, 0)[1], flush=True)

way, options = sys.argv[1], eval(sys.argv[2])
ex = Executor()
read(ex.map(work, range(100), **options), way)
if child == 0:
    sys.exit(3)
ex.shutdown()
"""


class Maps(unittest.TestCase):
    def test_a_fork_touches_nothing_of_a_map_that_its_parent_reads(self):
        for way, told, status in (
            ("next", "NotHere: This Executor was made by process", 1),
            ("close", "NotHere: This Executor was made by process", 1),
            ("raise", "RuntimeError: left", 1),
            ("exit", "", 2),
            ("return", "", 3),
        ):
            for options in ("{}", "dict(buffersize=5, chunksize=5, timeout=60)"):
                with self.subTest(way=way, options=options):
                    args = [sys.executable, "-c", MAPS, way, options]
                    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
                    self.assertEqual(done.stdout, "%s True %d\n" % (way, status << 8), done.stderr)
                    self.assertIn(told, done.stderr)
                    self.assertEqual((done.returncode, bool(done.stderr)), (0, bool(told)), done.stderr)

    def test_a_map_that_is_being_made_goes_on_in_the_parent_alone(self):
        program = MAPS.partition("way, options")[0] + MAKING
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, "True 256\n", done.stderr)
        self.assertIn("NotHere: This Executor was made by process", done.stderr)


MAKING = """
def numbers():
    global child
    for n in range(100):
        if n == 50:
            child = fork()
        yield n

ex = Executor()
values = list(ex.map(work, numbers()))
print(values == list(range(100)), os.waitpid(child, 0)[1])
ex.shutdown()
"""


def triple(x):
    return x * 3


class Clients(unittest.TestCase):
    def test_one_that_is_closed_in_a_fork_goes_on_in_the_parent(self):
        with Client() as client:
            task_id = client.submit(triple, [7], labels=["nobody=has"])
            future = client.task(task_id).future()
            (follower,) = client._followers._of_groups.values()
            locks = (client._followers._lock, follower._lock, client._transport._lock, client._transport._closing._cond)
            self.assertEqual(forked(client.close, *locks), 0)
            self.assertEqual(forked(lambda: closed_and_used(client), *locks), 0)
            self.assertTrue(waited_for(client))
            self.assertFalse(future.done())
            client.cancel(task_id)
            with self.assertRaises(errors.TaskCanceled):
                future.result(20)

    def test_one_of_an_event_loop_too(self):
        async def main():
            async with AsyncClient() as client:
                task_id = await client.submit(triple, [7], labels=["nobody=has"])
                future = await client.task(task_id).future()
                (follower,) = client._client._followers._of_groups.values()
                locks = (client._calls._changed, client._client._followers._lock, follower._lock)
                use = functools.partial(_run, client.close)
                self.assertEqual(await asyncio.to_thread(forked, use, *locks), 0)
                await client.cancel(task_id)
                await asyncio.wait([future])
                self.assertTrue(future.cancelled())

        asyncio.run(main())


def _run(close):
    asyncio.run(close())


def closed_and_used(client):
    client.close()
    with contextlib.suppress(StopIteration):
        next(client.events())


def forked(use, *locks):
    """The status with which a fork ends that does so, and whose locks a thread of the parent holds."""
    held, go = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            held.set()
            go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        status = 1
        try:
            use()
            status = 0
        finally:
            os._exit(status)
    go.set()
    holder.join()
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    unittest.main()

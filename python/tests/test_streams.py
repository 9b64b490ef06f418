"""Something is wrong with the event stream: calls are sent and ends come all the same."""
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
from unittest import mock

from cutting_proxy import CuttingProxy
from test_bad_days import HTML, answer, problem, serve, wait_for_ids

from mpcsfaas import Client, Executor, TaskFuture, errors, events, executor, results, transport


def double(x):
    return x * 2


def sleeps(seconds):
    time.sleep(seconds)
    return seconds


class Streams(unittest.TestCase):
    """Something is wrong with the event stream, and with nothing else."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def executor(self, say, patience=60.0, **seconds):
        """Whose stream is what `say` makes of a socket, until the test ends. seconds: of mpcsfaas.results."""
        proxy = self.proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        self.asked, over = [], threading.Event()
        self.addCleanup(over.set)

        def events(near):
            self.asked.append(near)
            say(near)
            over.wait()

        proxy.events = events
        for name, value in {"_OPEN_TIMEOUT": 0.2, **seconds}.items():
            self.patch(results, name, value)
        ex = Executor(proxy.url, patience=patience)
        self.addCleanup(ex.shutdown)
        return ex

    def patch(self, module, name, value):
        patched = mock.patch.object(module, name, value)
        patched.start()
        self.addCleanup(patched.stop)

    def opened_anew(self):
        """Waits until the stream has been asked for once more."""
        end = time.monotonic() + 20
        while len(self.asked) < 2:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_one_that_never_answers_fails_nobody_while_results_can_be_read(self):
        self.patch(transport, "_CONNECT_TIMEOUT", 0.2)
        ex = self.executor(lambda near: None, patience=2.0, _REREAD=0.2)
        self.assertEqual(ex.submit(sleeps, 4.5).result(20), 4.5)

    def test_where_there_is_none_calls_are_sent_at_once_and_ends_come_soon(self):
        refusals = [answer(status, HTML, "text/html") for status in (401, 403, 404, 502)]
        for say in (
            lambda near: None,
            lambda near: near.sendall(self.HEAD),
            *(lambda near, refusal=refusal: (near.sendall(refusal), near.shutdown(socket.SHUT_RDWR)) for refusal in refusals),
        ):
            ex = self.executor(say)
            self.assertEqual(ex.submit(double, 1).result(20), 2)
            slow = ex.submit(sleeps, 1)
            # Where nobody looked for ends, all would be read again every ten seconds alone.
            for n in range(5):
                began = time.monotonic()
                self.assertEqual(ex.submit(double, n).result(20), 2 * n)
                self.assertLess(time.monotonic() - began, 9)
            began = time.monotonic()
            self.assertEqual(list(ex.map(double, range(300))), [2 * n for n in range(300)])
            self.assertLess(time.monotonic() - began, 9)
            self.assertEqual(slow.result(20), 1)

    def test_where_the_service_says_that_its_store_is_away_futures_fail_with_that(self):
        away = answer(503, problem("store_unavailable", 503, "The store is away."))
        url, _ = serve(self, lambda _: away)
        bringing = results.Results(transport.Transport(url, patience=0.0), "group", "results", patience=0.0)
        future = TaskFuture(None, "task")
        bringing.add([future])
        bringing.drain()
        bringing.join(20)
        error = future._exception
        self.assertIsInstance(error, errors.ServiceUnavailableError)
        self.assertEqual((error.code, str(error)), ("store_unavailable", "The store is away."))

    def test_one_that_comes_later_is_used(self):
        ex = self.executor(lambda near: None, _REREAD=0.2)
        self.assertEqual(ex.submit(double, 1).result(20), 2)
        self.assertTrue(ex._results._is_missing)
        self.asked[0].sendall(self.HEAD + b"id: 0\n\n")
        end = time.monotonic() + 20
        while not ex._results._is_open and time.monotonic() < end:
            ex.submit(double, 1).result(20)
        self.assertTrue(ex._results._is_open)
        self.assertFalse(ex._results._is_missing)

    def test_a_program_that_ends_at_once_loses_nothing(self):
        self.assertLess(results._OPEN_TIMEOUT, executor._LAST_WORDS / 2)
        self.executor(lambda near: None)
        group = "at-once-%d" % os.getpid()
        program = "from mpcsfaas import Executor\nExecutor(%r, group=%r).submit(pow, 2, 3)\n" % (self.proxy.url, group)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        with Executor(group=group) as ex:
            self.assertEqual([one.result(20) for one in ex.reattach()], [8])

    def test_one_that_never_says_its_place_is_opened_anew_and_results_are_read(self):
        ex = self.executor(lambda near: near.sendall(self.HEAD), _REREAD=0.1)
        self.assertEqual(ex.submit(double, 1).result(20), 2)
        self.assertEqual(len(self.asked), 1)
        self.patch(results, "_PLACE_TIMEOUT", 0.1)
        future = ex.submit(sleeps, 2)
        self.opened_anew()
        self.assertEqual(future.result(20), 2)

    def test_one_that_is_silent_is_opened_anew(self):
        self.patch(events, "_SILENCE", 0.2)
        ex = self.executor(lambda near: near.sendall(self.HEAD + b"id: 0\n\n"), _REREAD=0.1)
        future = ex.submit(sleeps, 2)
        self.opened_anew()
        self.assertEqual(future.result(20), 2)

    def test_one_that_tells_of_nothing_is_made_up_for_by_looking(self):
        ex = self.executor(lambda near: near.sendall(self.HEAD + b"id: 0\n\n"), _REREAD=0.1)
        self.assertEqual(ex.submit(double, 1).result(20), 2)

    def test_one_that_has_lost_its_place_has_all_read_again(self):
        ex = self.executor(lambda near: near.sendall(self.HEAD + b"id: 0\n\n"), _REREAD=1000.0, _OPEN_TIMEOUT=20.0)
        future = ex.submit(double, 1)
        wait_for_ids(future)
        with Client() as client:
            client.wait(future.task_id)
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        self.assertFalse(ended.wait(0.2))
        self.asked[0].sendall(b"id: 1\nevent: reset\ndata: {}\n\n")
        self.assertEqual(future.result(20), 2)
        self.assertEqual(len(self.asked), 1)

    def test_what_ended_in_a_gap_that_no_stream_tells_of_is_read_when_the_next_one_opens(self):
        # R2: the second one begins at the place of the first, too, and tells of nothing.
        ex = self.executor(lambda near: near.sendall(self.HEAD + b"id: 0\n\n"), _REREAD=1000.0, _OPEN_TIMEOUT=20.0)
        future = ex.submit(double, 1)
        wait_for_ids(future)
        with Client() as client:
            client.wait(future.task_id)
        self.assertFalse(future.done())
        # Should it never be read, the executor can be left all the same.
        self.addCleanup(lambda: self.asked[-1].sendall(b"id: 1\nevent: reset\ndata: {}\n\n"))
        self.asked[0].shutdown(socket.SHUT_RDWR)
        self.assertEqual(future.result(20), 2)
        self.assertEqual(len(self.asked), 2)

    def test_one_that_is_cut_after_a_silence_is_opened_anew_however_long_that_was(self):
        end = b'id: 1\nevent: task.ended\ndata: {"task_id":"t"}\n\n'
        for beginning, told, ask, found in (
            (b"GET /v1/events", end, lambda client: next(client.events())["id"], "1"),
            (b"GET /v1/tasks/t/logs", b"event: end\ndata: {}\n\n", lambda client: list(client.follow("t")), []),
        ):
            proxy, over, asked = CuttingProxy(os.environ["MPCSFAAS_URL"]), threading.Event(), []
            self.addCleanup(proxy.close)
            self.addCleanup(over.set)

            def say(near, told=told, asked=asked, over=over):
                asked.append(near)
                near.sendall(self.HEAD + (b"id: 0\n\n" if len(asked) == 1 else told))
                # The first is silent for longer than anybody is patient, and cut then.
                over.wait(0.6 if len(asked) == 1 else None)

            proxy.stream, proxy.events = beginning, say
            with Client(proxy.url, patience=0.3) as client:
                self.assertEqual(ask(client), found)
            self.assertEqual(len(asked), 2)

    def test_one_that_begins_and_breaks_over_and_over_is_given_up(self):
        now = 0.0
        with mock.patch.object(time, "monotonic", lambda: now):
            reopening = transport.Transport("http://127.0.0.1:1", patience=60).reopening()
            with self.assertRaises(errors.ServiceUnreachable):
                for _ in range(100):
                    reopening.was_there()
                    now += reopening.next(ConnectionResetError("the stream ended"))
        self.assertGreater(now, 50)

    def test_each_event_has_its_own_place(self):
        told = b"".join(b'id: %d\nevent: task.ended\ndata: {"task_id":"t"}\n\n' % n for n in range(3))
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        over = threading.Event()
        self.addCleanup(over.set)
        proxy.events = lambda near: (near.sendall(self.HEAD + told), over.wait())
        with Client(proxy.url) as client:
            self.assertEqual([one["id"] for one in itertools.islice(client.events(), 3)], ["0", "1", "2"])


if __name__ == "__main__":
    unittest.main()

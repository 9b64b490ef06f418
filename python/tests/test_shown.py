"""What calls print is shown where they are submitted: of those that run as they print it, of all others when they have ended."""
import contextlib
import io
import json
import os
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

from cutting_proxy import CuttingProxy

from mpcsfaas import Client, Executor, TaskFuture, logs, printed, running, shown, transport
from mpcsfaas.futures import Logs


def says(word):
    print(word)


def says_much(tail):
    """Each stream holds the first 64 KiB and the last."""
    print("A" * 100_000 + "MIDDLE" + "B" * 100_000 + tail)


def says_and_waits(word, gate):
    print(word, flush=True)
    while not os.path.exists(gate):
        time.sleep(0.02)
    print("end of", word)


class Calls(unittest.TestCase):
    """Of a service."""

    def test_what_runs_is_shown_as_it_prints_however_many_wait_before_it(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            gate = os.path.join(folder, "gate")
            with Executor(stream_logs=True) as ex, Executor(group=ex.group) as other:
                stuck = [ex.options(labels=["nobody=has"]).submit(says, "never") for _ in range(20)]
                of_others = other.submit(says_and_waits, "not of this executor", gate)
                future = ex.submit(says_and_waits, "so far", gate)
                try:
                    until(lambda: out.getvalue() == "so far\n")
                    self.assertFalse(future.done() or of_others.done())
                finally:
                    open(gate, "w").close()
                    for one in stuck:
                        one.cancel()
                of_others.result(20)
        self.assertEqual(out.getvalue(), "so far\nend of so far\n")

    def test_over_a_cut_it_goes_on_where_it_was_and_the_threads_end_with_the_last_call(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            gate = os.path.join(folder, "gate")
            ex = Executor(proxy.url, stream_logs=True)
            try:
                future = ex.submit(says_and_waits, "so far", gate)
                until(lambda: out.getvalue() == "so far\n")
                ex.shutdown(wait=False)
                sent = len(proxy.sent)
                self.assertGreater(proxy.cut(), 1)
                until(lambda: b"/logs?" in b"".join(proxy.sent[sent:]))
            finally:
                open(gate, "w").close()
            future.result(20)
            until(lambda: not ex._shown.is_running())
        self.assertEqual(out.getvalue(), "so far\nend of so far\n")

    def test_where_output_was_not_kept_a_line_of_its_own_says_so(self):
        # Whoever followed it as it ran could be told of more, and of any part of it.
        late = mock.patch.object(shown, "_FIRST", 60.0)
        with late, contextlib.redirect_stdout(io.StringIO()) as out, Executor(stream_logs=True) as ex, Client() as client:
            future = ex.submit(says_much, "")
            future.result(20)
            logs = future.logs()
            pieces = list(client.follow(future.task_id))
        self.assertEqual(logs.dropped_bytes, 200_007 - 2 * 65_536)
        told = ["A" * 65_536, "… 68935 bytes of stdout were not kept …", "B" * 65_535]
        self.assertEqual(logs.split("\n"), [*told, ""])
        self.assertEqual(logs.stderr, "")
        self.assertEqual(out.getvalue().split("\n"), [*told, ""])
        self.assertEqual([piece["dropped_bytes"] for piece in pieces if "dropped_bytes" in piece], [68_935])

    def test_what_short_calls_printed_is_all_there_once_the_executor_is_left(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, Executor(stream_logs=True) as ex:
            list(ex.map(says, range(100)))
        self.assertEqual(sorted(out.getvalue().split()), sorted(map(str, range(100))))


class Gaps(unittest.TestCase):
    """Lines whose middle is missing."""

    def test_the_open_line_ends_where_something_was_not_kept(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            lines = printed.Lines(printed.Printer())
            lines.add({"stream": "stdout", "text": "one\nhalf a l"})
            lines.add({"stream": "stderr", "text": "aside\n"})
            lines.add({"stream": "stdout", "text": "ne\nlast", "dropped_bytes": 7})
            lines.add({"stream": "stderr", "text": "end\n", "dropped_bytes": 9})
            lines.close()
        self.assertEqual(out.getvalue(), "one\nhalf a l\n… 7 bytes of stdout were not kept …\nne\nlast\n")
        self.assertEqual(err.getvalue(), "aside\n… 9 bytes of stderr were not kept …\nend\n")

    def test_a_gap_is_told_once_over_a_cut(self):
        tail = logs.Tail(mock.Mock(), "t")
        first, gone_on = piece(0, "one"), piece(10, "two")
        self.assertEqual(tail._fresh(first), first)
        self.assertEqual(tail._fresh(gone_on), {**gone_on, "dropped_bytes": 7})
        # A new connection begins at the beginning, and perhaps less is there by then.
        tail._before = dict(tail._told)
        self.assertEqual([tail._fresh(first), tail._fresh(gone_on)], [None, None])
        self.assertEqual(tail._fresh(piece(12, "o and on")), {**piece(13, " and on")})
        self.assertEqual(tail._fresh(piece(30, "end")), {**piece(30, "end"), "dropped_bytes": 10})

    def test_the_texts_of_both_streams_are_marked_where_something_is_missing(self):
        kept = {"text": "😀one\ntwo", "gap_at": 5, "dropped_bytes": 3}
        found = Logs.of({"stdout": kept, "stderr": {**kept, "gap_at": 4}, "attempt": 1})
        self.assertEqual(found, "😀one\n… 3 bytes of stdout were not kept …\ntwo")
        self.assertEqual(found.stderr, "😀one\n… 3 bytes of stderr were not kept …\n\ntwo")
        self.assertEqual(found.dropped_bytes, 6)


def piece(offset, text):
    return {"attempt": 1, "stream": "stdout", "offset": offset, "text": text}


class Many(unittest.TestCase):
    """Of a service that has more slots than the machine of a test."""

    def setUp(self):
        self.ended, self.lists, self.can_list = set(), 0, True
        test = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                task_id = self.path.rpartition("/logs")[0].rpartition("/")[2]
                self.send_response(200 if task_id or test.can_list else 404)
                self.send_header("Content-Type", "text/event-stream" if task_id else "application/json")
                self.end_headers()
                if not task_id:
                    test.lists += 1
                    items = [{"task_id": one} for one in sorted(test.ids - test.ended)]
                    self.wfile.write(json.dumps({"items": items, "next_cursor": ""}).encode())
                    return
                self.say("log", {"attempt": 1, "stream": "stdout", "offset": 0, "text": task_id + "\n"})
                until(lambda: task_id in test.ended)
                self.say("end", {})

            def say(self, kind, data):
                self.wfile.write(("event: %s\ndata: %s\n\n" % (kind, json.dumps(data))).encode())
                self.wfile.flush()

            def log_message(self, *_):
                """Silent."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        server = Server(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.out = io.StringIO()
        redirected = contextlib.redirect_stdout(self.out)
        redirected.__enter__()
        self.addCleanup(redirected.__exit__, None, None, None)
        self.output = shown.Shown(transport.Transport("http://127.0.0.1:%d" % server.server_port), "group", "many")
        self.futures = {"t%02d" % n: TaskFuture(None, "t%02d" % n) for n in range(40)}
        self.ids = set(self.futures)

    def end(self, *ids):
        for task_id in ids:
            self.ended.add(task_id)
            self.futures[task_id].set_result(None)

    def finish(self):
        """Everything ends, and was shown once."""
        self.end(*sorted(self.ids - self.ended))
        self.output.close()
        self.output.join()
        self.assertFalse(self.output.is_running())
        self.assertEqual(sorted(self.lines()), sorted(self.ids))

    def lines(self):
        return self.out.getvalue().split()

    def test_all_that_run_are_followed_at_the_same_time(self):
        self.output.add(list(self.futures.values()))
        until(lambda: len(self.lines()) == 40)
        self.finish()

    def test_where_there_are_too_many_the_next_ones_follow_on_those_that_end(self):
        with mock.patch.object(running, "_MOST", 3):
            self.output.add(list(self.futures.values()))
            until(lambda: len(self.lines()) == 3)
            lists = self.lists
            until(lambda: self.lists > lists)
            first = self.lines()
            self.assertEqual(len(first), 3)
            self.end(first[0])
            until(lambda: len(self.lines()) == 4)
            self.finish()

    def test_threads_that_have_nothing_to_show_end_and_are_there_again_when_there_is(self):
        with mock.patch.object(shown, "_IDLE", 0.1):
            futures = list(self.futures.values())
            self.output.add(futures[:20])
            until(lambda: len(self.lines()) == 20)
            self.end(*[future.task_id for future in futures[:20]])
            until(lambda: len(self.lines()) == 20 and not self.output.is_running())
            self.output.add(futures[20:])
            until(lambda: len(self.lines()) == 40)
            self.finish()

    def test_where_it_is_not_told_what_runs_all_is_shown_at_the_end(self):
        self.can_list = False
        self.output.add(list(self.futures.values()))
        until(lambda: self.lists)
        self.assertEqual(self.lines(), [])
        self.end("t07")
        until(lambda: self.lines() == ["t07"])
        self.finish()


def until(is_so):
    end = time.monotonic() + 30
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError("it has not become so")
        time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()

"""What one call of many meets, or a thread that cannot be started, harms no other call and no end of an executor."""
import contextlib
import json
import threading
import unittest
from unittest import mock

from test_bad_days import HTML, _Desk, answer, problem, serve, submitted

from mpcsfaas import Client, Executor, TaskFuture, errors, submits, transport, wishes


def double(x):
    return x * 2


class Refused(unittest.TestCase):
    """Handling a refusal raises (S3 of submits.py)."""

    def submits(self, say, desk, patience=20.0):
        """To a server that says `say(body)`."""
        url, asked = serve(self, lambda n: say(asked[n - 1].body))
        way = submits.Submits(transport.Transport(url, patience=patience), desk, "submits", 20.0)
        self.addCleanup(way.join, 20)
        self.addCleanup(way.close)
        return way

    def test_of_those_that_go_one_by_one_what_was_taken_before_a_fault_does_not_fail(self):
        def say(body):
            if body.count(b'"function"') > 1:
                return answer(413, HTML, "text/html")
            if b"broken" in body:
                return b""
            return answer(200, json.dumps({"task_ids": ["taken"]}).encode())

        desk = _Desk()
        way = self.submits(say, desk, patience=0.0)
        futures = submitted(way, desk, [b"0", b"1", b"broken", b"3"])
        self.assertTrue(way.flush(20))
        self.assertEqual([future.task_id for future in futures], ["taken", "taken", "", ""])
        self.assertEqual([future.done() for future in futures], [False, False, True, True])
        for future in futures[2:]:
            self.assertIsInstance(future.exception(), errors.ServiceUnreachable)

    def test_of_functions_that_are_gone_one_that_cannot_be_registered_again_fails_its_own_calls_alone(self):
        class Desk(_Desk):
            def renewed(self, function_id, shipped):
                asked.append(function_id)
                if function_id == "old":
                    raise errors.VersionMismatch("no worker runs it")
                return function_id

        def say(body):
            if b'"old"' in body:
                return answer(404, problem("function_not_found", 404, "There is no such function."))
            return answer(200, b'{"task_ids": ["a", "b"]}')

        asked, desk = [], Desk()
        way = self.submits(say, desk)
        names = ["kept", "old", "kept", "old"]
        futures = [TaskFuture(desk) for _ in names]
        with way._changed:
            for name, future in zip(names, futures):
                way.add(wishes.Wish(future, wishes.Entry(wishes.head_of(name), wishes.tail_of({}), name), b"1"))
        self.assertTrue(way.flush(20))
        self.assertEqual([future.task_id for future in futures], ["a", "", "b", ""])
        self.assertEqual([future.done() for future in futures], [False, True, False, True])
        for future in futures[1::2]:
            self.assertIsInstance(future.exception(), errors.VersionMismatch)
        self.assertEqual(asked, ["kept", "old"])


class Threads(unittest.TestCase):
    """One cannot be started."""

    @contextlib.contextmanager
    def without(self, name):
        """None whose name ends so."""
        start = threading.Thread.start

        def starts(thread):
            if thread.name.endswith(name):
                raise RuntimeError("can't start new thread")
            start(thread)

        with mock.patch.object(threading.Thread, "start", starts):
            yield

    def ends(self, ex):
        """Can it be left?"""
        ending = threading.Thread(target=ex.shutdown, daemon=True)
        ending.start()
        ending.join(20)
        self.assertFalse(ending.is_alive())

    def test_a_submit_that_was_refused_so_is_not_sent_later(self):
        ex = Executor()
        with self.without("-submits"), self.assertRaisesRegex(RuntimeError, "start new thread"):
            ex.submit(double, 1)
        self.assertEqual(ex.submit(double, 2).result(20), 4)
        self.ends(ex)
        with Client() as client:
            self.assertEqual(len(list(client.list(group=ex.group))), 1)

    def test_where_nobody_can_bring_results_calls_fail_and_the_executor_can_be_left(self):
        ex = Executor()
        with self.without("-results"):
            self.assertRegex(str(ex.submit(double, 1).exception(20)), "start new thread")
        self.assertEqual(ex.submit(double, 2).result(20), 4)
        self.ends(ex)

    def test_so_can_one_that_could_not_follow_what_it_has_found(self):
        with Client() as client:
            stuck = client.submit(double, [1], labels=["nobody=has"], group="found")
            ex = Executor(group="found")
            with self.without("-results"), self.assertRaisesRegex(RuntimeError, "start new thread"):
                ex.reattach()
            self.ends(ex)
            client.cancel(stuck)


if __name__ == "__main__":
    unittest.main()

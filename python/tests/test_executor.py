"""Executor against a real service: values, faults with their own types, canceling, groups, forks, the end of a program."""
import asyncio
import concurrent.futures
import contextlib
import datetime
import functools
import io
import itertools
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from concurrent.futures import CancelledError, as_completed, wait
from unittest import mock

from strikes import struck

import mpcsfaas
from mpcsfaas import Executor, TaskCanceled, TaskFuture, errors, function, monitor, on_demand, outcome, submits, transport, wishes


class Mine(Exception):
    pass


class Unloadable(Exception):
    """No pickle holds a generator."""

    def __init__(self):
        super().__init__("has a rest")
        self.rest = (n for n in ())


def double(x, *, plus=0):
    return x * 2 + plus


def fails(x):
    raise Mine("no %s" % x)


class Frozen(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)


def fails_frozen():
    raise Frozen("as it was")


@function
def selfish(self):
    return self


def fails_unloadably():
    raise Unloadable


def raises_what_is_there_alone(folder):
    with open(os.path.join(folder, "there_alone.py"), "w") as file:
        file.write("class Alone(Exception):\n    pass\n")
    sys.path.append(folder)
    try:
        import there_alone
    finally:
        sys.path.remove(folder)
    raise there_alone.Alone("only there")


class Broken:
    """Whose pickle cannot be loaded anywhere."""

    def __reduce__(self):
        return eval, ("1 / 0",)


def breaks():
    return Broken()


def presses(_):
    raise KeyboardInterrupt


def sleeps(seconds):
    time.sleep(seconds)
    return seconds


def prints(word):
    print("out", word)
    print("err", word, file=sys.stderr)
    return word


def waits_for(gate):
    """Also no longer than its folder is there: a test that fails leaves nobody waiting."""
    while os.path.exists(os.path.dirname(gate)) and not os.path.exists(gate):
        time.sleep(0.02)
    return gate


def prints_behind(gate, word):
    waits_for(gate)
    print(word)


def generates():
    yield 1


async def adds(x):
    await asyncio.sleep(0)
    return x + 1


def logged(plain):
    @functools.wraps(plain)
    def wrapper(*args, **kwargs):
        return "logged", plain(*args, **kwargs)

    return wrapper


def dies():
    os._exit(3)


def kills_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def hogs():
    return len(bytearray(10**9))


@function(timeout=0.3, tags=["limited"])
def limited(seconds):
    time.sleep(seconds)
    return seconds


@function(timeout=60.0, tags=["tagged"])
def tagged(x):
    return x


class Counter:
    rate = 10

    def __init__(self, start):
        self.start = start

    @function(tags=["method"])
    def plus(self, number, *, times=1):
        """Adds."""
        return self.start + self.scaled(number) * times

    @function
    def scaled(self, number):
        return number * self.rate

    @staticmethod
    @function
    def twice(number):
        return number * 2


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ex = Executor()

    @classmethod
    def tearDownClass(cls):
        cls.ex.shutdown()

    def test_values_come_back_in_every_way_of_the_standard_library(self):
        futures = [self.ex.submit(double, n, plus=1) for n in range(20)]
        self.assertEqual(sorted(one.result() for one in as_completed(futures)), [2 * n + 1 for n in range(20)])
        self.assertEqual(wait(futures).not_done, set())
        self.assertEqual(asyncio.run(_awaited(self.ex.submit(double, 4))), 8)
        called = threading.Event()
        self.ex.submit(double, 1).add_done_callback(lambda future: future.result() == 2 and called.set())
        self.assertTrue(called.wait(30))

    def test_map_is_ordered_lazy_and_takes_chunks(self):
        self.assertEqual(list(self.ex.map(double, range(500))), [2 * n for n in range(500)])
        self.assertEqual(list(self.ex.map(pow, range(50), [2] * 50, chunksize=7)), [n * n for n in range(50)])
        read = []
        numbers = (read.append(n) or n for n in range(1000))
        values = self.ex.map(double, numbers, buffersize=5)
        self.assertEqual([next(values), next(values)], [0, 2])
        self.assertLess(len(read), 10)
        values.close()
        with self.assertRaises(concurrent.futures.TimeoutError):
            list(self.ex.map(sleeps, [0, 30], timeout=0.3))

    def test_asynchronous_functions_are_run_to_their_ends(self):
        self.assertEqual(self.ex.submit(adds, 1).result(), 2)
        self.assertEqual(list(self.ex.map(adds, range(5))), [1, 2, 3, 4, 5])
        self.assertEqual(list(self.ex.map(adds, range(5), chunksize=2)), [1, 2, 3, 4, 5])

    def test_a_map_can_be_closed_before_it_is_read_and_goes_on_where_it_is_let_go_of(self):
        for how in ({}, {"chunksize": 2}, {"progress": True}):
            with Executor() as ex:
                values = ex.options(labels=["nobody=has"], expires_at=_soon() * 20).map(double, range(4), **how)
                ex._submits.flush()
                values.close()
                futures = ex.reattach()
                self.assertTrue(futures)
                for future in futures:
                    with self.assertRaises(TaskCanceled):
                        future.result(20)
            with Executor() as ex:
                values = ex.map(double, range(4), **how)
                self.assertEqual(next(values), 0)
                values.close()
                self.assertEqual(list(values), [])
            with Executor() as ex:
                ex.map(double, range(4), **how)
                ex._submits.flush()
                self.assertEqual({_ended(future).record()["status"] for future in ex.reattach()}, {"COMPLETED"})

    def test_a_map_whose_arguments_end_in_an_error_leaves_nothing_behind(self):
        def arguments():
            yield 30
            yield 30
            raise KeyError("no more")

        with Executor() as ex:
            with self.assertRaisesRegex(KeyError, "no more"):
                ex.map(sleeps, arguments())
            for future in ex.reattach():
                with self.assertRaises(TaskCanceled):
                    future.result(20)

    def test_what_the_function_raised_is_raised_with_its_type_and_the_remote_traceback(self):
        with self.assertRaises(Mine) as caught:
            self.ex.submit(fails, "way").result()
        self.assertEqual(str(caught.exception), "no way")
        self.assertIsInstance(caught.exception.__cause__, errors.RemoteTraceback)
        self.assertIn("in fails", str(caught.exception.__cause__))
        with self.assertRaises(errors.RemoteError) as caught:
            self.ex.submit(fails_unloadably).result()
        self.assertEqual((caught.exception.type_name, caught.exception.message), ("Unloadable", "has a rest"))
        self.assertIn("fails_unloadably", caught.exception.traceback)
        with self.assertRaises(KeyError):
            self.ex.submit(dict().__getitem__, "x").result()

    def test_what_was_raised_of_a_class_that_is_not_here_is_told(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(errors.RemoteError) as caught:
            self.ex.submit(raises_what_is_there_alone, folder).result(20)
        error = caught.exception
        self.assertNotIn("there_alone", sys.modules)
        self.assertEqual((error.type_name, error.message), ("Alone", "only there"))
        self.assertEqual((error.kind, bool(error.task_id), str(error)), ("raised", True, "Alone: only there"))
        for words in ("in raises_what_is_there_alone", "Alone: only there"):
            self.assertIn(words, error.traceback)
        self.assertIn(error.traceback, str(error.__cause__))

    def test_ends_that_the_platform_makes_are_typed(self):
        with self.assertRaises(errors.TaskTimeout) as caught:
            self.ex.submit(limited, 30).result()
        self.assertNotIsInstance(caught.exception, (TimeoutError, concurrent.futures.TimeoutError))
        with self.assertRaises(errors.SerializationError) as ended:
            self.ex.submit(generates).result()
        self.assertEqual((ended.exception.kind, ended.exception.attempts), ("result_not_serializable", []))
        with self.assertRaises(errors.TaskExpired):
            self.ex.options(labels=["nobody=has"], expires_at=_soon()).submit(double, 1).result()
        with self.assertRaises(errors.LoadFailed):
            self.ex.submit(_of_a_missing_module()).result()

    def test_what_was_raised_after_other_attempts_tells_of_them(self):
        future = self.ex.options(retry={"max_retries": 2, "backoff": 0.001}).submit(int, "no number")
        with self.assertRaises(ValueError) as caught:
            future.result()
        cause = caught.exception.__cause__
        self.assertEqual([one["reason"] for one in cause.attempts if one["reason"] == "retry"], ["retry", "retry"])
        self.assertEqual(cause.attempts, future.record()["attempts"])
        self.assertEqual(pickle.loads(pickle.dumps(cause)).attempts, cause.attempts)

    def test_what_is_known_of_an_end_is_told(self):
        before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)

        def ended(future, kind):
            with self.assertRaises(kind) as caught:
                future.result()
            error = caught.exception
            self.assertEqual(error.task_id, future.task_id)
            copy = pickle.loads(pickle.dumps(error))
            for name in ("message", "task_id", "kind", "details", "attempts"):
                self.assertEqual(getattr(copy, name), getattr(error, name))
            return error

        def losses(error):
            # A call that waits behind one that takes its runner along is handed back, and runs elsewhere.
            return [one for one in error.attempts if one["reason"] != "handed_back"]

        lost = self.ex.options(max_attempts=2).submit(dies)
        killed = self.ex.options(max_attempts=1).submit(kills_itself)
        hogged = self.ex.options(memory=150 * 2**20).submit(hogs)
        late = self.ex.submit(limited, 30)

        error = ended(lost, errors.WorkerLost)
        self.assertEqual((error.kind, error.details["exit_code"]), ("lost", 3))
        self.assertIn("exit code 3", str(error))
        self.assertNotIn("signal", error.details)
        self.assertEqual([one["reason"] for one in losses(error)], ["lost", "lost"])
        self.assertEqual([one["attempt"] for one in error.attempts], list(range(1, len(error.attempts) + 1)))
        for one in losses(error):
            self.assertTrue(one["worker"])
            self.assertIn("exit code 3", one["message"])
        times = [datetime.datetime.fromisoformat(one["at"].replace("Z", "+00:00")) for one in error.attempts]
        self.assertEqual([before, *times], sorted([before, *times]))
        self.assertEqual(error.attempts, lost.record()["attempts"])

        error = ended(killed, errors.WorkerLost)
        self.assertEqual(error.details["signal"], "SIGKILL")
        self.assertNotIn("exit_code", error.details)
        self.assertEqual([one["reason"] for one in losses(error)], ["lost"])

        error = ended(hogged, errors.MemoryExceeded)
        self.assertEqual((error.kind, error.details["limit_bytes"]), ("memory_exceeded", 150 * 2**20))
        self.assertEqual(losses(error), [])

        error = ended(late, errors.TaskTimeout)
        self.assertEqual((error.kind, error.details["timeout_ms"], losses(error)), ("timed_out", 300, []))

    def test_what_is_known_is_told_of_every_kind_of_end(self):
        for kind in sorted(errors.BY_KIND):
            told = {"kind": kind, "type": "", "message": "so", "traceback": "", "details": {"n": 1}, "attempts": [{"attempt": 1}]}
            error = outcome.exception_of({"task_id": "t", "status": "FAILED", "error": told}, None)
            for one in (error, pickle.loads(pickle.dumps(error))):
                self.assertIs(type(one), errors.BY_KIND[kind])
                self.assertEqual((one.task_id, one.kind, one.details, one.attempts), ("t", kind, {"n": 1}, [{"attempt": 1}]))

    def test_a_result_that_cannot_be_loaded_here_is_told_with_its_task(self):
        future = self.ex.submit(breaks)
        with mpcsfaas.Client() as client:
            for ask in (future.result, lambda: client.wait(future.task_id)):
                with self.assertRaisesRegex(errors.SerializationError, "cannot be loaded here: ZeroDivisionError") as caught:
                    ask()
                self.assertEqual(caught.exception.task_id, future.task_id)

    def test_a_callback_that_exits_harms_no_other_call(self):
        with _gates(2) as gates:
            first, second = [self.ex.submit(waits_for, gate) for gate in gates]
            first.add_done_callback(lambda _: sys.exit(3))
            with self.assertLogs("mpcsfaas", "ERROR"):
                _open(gates[0])
                self.assertEqual(wait([first], 20).not_done, set())
                _open(gates[1])
                self.assertEqual((second.result(20), self.ex.submit(double, 1).result(20)), (gates[1], 2))

    def test_one_that_exits_where_a_task_was_canceled_harms_none_either(self):
        with mpcsfaas.Client() as client:
            first, told = self.ex.options(labels=["nobody=has"]).submit(double, 1), []
            _until(lambda: first.task_id)
            first.add_done_callback(lambda _: sys.exit(3))
            first.add_done_callback(told.append)
            third = self.ex.submit(sleeps, 0.5)
            with self.assertLogs("mpcsfaas", "ERROR"):
                client.cancel(first.task_id)
                self.assertEqual(wait([first], 20).not_done, set())
                self.assertEqual(third.result(20), 0.5)
            self.assertEqual(told, [first])
        # Whoever cancels one hears of it.
        unsent = TaskFuture(self.ex)
        unsent.add_done_callback(lambda _: sys.exit(3))
        with self.assertRaises(SystemExit):
            unsent.cancel()
        self.assertEqual(wait([unsent], 20).not_done, set())

    def test_a_future_is_made_with_all_that_the_standard_librarys_has(self):
        own, made = vars(TaskFuture(self.ex)), vars(concurrent.futures.Future())
        for name in set(made) - {"_condition"}:
            self.assertEqual(own[name], made[name], name)

    def test_the_futures_of_one_task_end_whatever_a_callback_of_the_first_does(self):
        with mpcsfaas.Client() as client:
            for ends in (lambda task_id, _: client.cancel(task_id), lambda _, gate: _open(gate)):
                with _gates(1) as (gate,):
                    task_id = client.submit(waits_for, [gate])
                    first = client.task(task_id).future()
                    first.add_done_callback(lambda _: sys.exit(3))
                    others = [client.task(task_id).future() for _ in range(2)]
                    others[0].add_done_callback(lambda _: sys.exit(3))
                    with self.assertLogs("mpcsfaas", "ERROR"):
                        ends(task_id, gate)
                        self.assertEqual(wait([first, *others], 20).not_done, set())

    def test_those_that_are_left_are_all_canceled_whatever_a_callback_does(self):
        ex = Executor(labels=["nobody=has"])
        futures = [ex.submit(double, n) for n in range(3)]
        for future in futures:
            future.add_done_callback(lambda _: sys.exit(3))
        with self.assertLogs("mpcsfaas", "ERROR"):
            ex.shutdown(cancel_futures=True)
        self.assertEqual([future.cancelled() for future in futures], [True] * 3)

    def test_an_exception_that_takes_no_attributes_is_raised_itself(self):
        with self.assertRaises(Frozen) as caught:
            self.ex.submit(fails_frozen).result(20)
        self.assertIn("in fails_frozen", str(caught.exception.__cause__))

    def test_arguments_may_be_called_self(self):
        for ask in (selfish, selfish.local, lambda **given: selfish.remote(**given).result(20)):
            self.assertEqual(ask(self=1), 1)
        self.assertEqual(self.ex.options(priority=1).submit(selfish, self=2).result(20), 2)
        for ask in (selfish.options, self.ex.options, self.ex.options(priority=1).options):
            with self.assertRaisesRegex(TypeError, "'self' is no option"):
                ask(self=1)

    def test_a_callback_cannot_wait_for_another_future(self):
        with mpcsfaas.Client() as client, contextlib.ExitStack() as exits:
            stuck = client.submit(double, [1], labels=["nobody=has"])
            self.addCleanup(client.cancel_many, [stuck])
            others = self.ex.options(labels=["nobody=has"])
            for begin in (
                lambda gate: (others.submit(double, 1), self.ex.submit(waits_for, gate)),
                lambda gate: (client.task(stuck).future(), client.task(client.submit(waits_for, [gate])).future()),
            ):
                gate = exits.enter_context(_gates(1))[0]
                other, first = begin(gate)
                told, heard = [], threading.Event()

                def callback(done, other=other, told=told, heard=heard):
                    for ask in (other.result, other.exception, lambda: other.result(5), lambda: other.result(0), done.result):
                        try:
                            told.append(ask())
                        except Exception as error:
                            told.append(error)
                    heard.set()

                first.add_done_callback(callback)
                _open(gate)
                self.assertTrue(heard.wait(20))
                self.assertEqual([type(one) for one in told[:3]], [errors.NotHere] * 3)
                self.assertRegex(str(told[0]), "^This future is waited for in a callback of another")
                self.assertIsInstance(told[3], concurrent.futures.TimeoutError)
                self.assertEqual(told[4], gate)
                self.assertTrue(other.cancel())

    def test_a_wait_that_times_out_cancels_nothing(self):
        with _gates(1) as (gate,):
            future = self.ex.submit(waits_for, gate)
            with self.assertRaises(concurrent.futures.TimeoutError):
                future.result(timeout=0.01)
            _open(gate)
            self.assertEqual(future.result(20), gate)

    def test_cancel_ends_also_what_runs(self):
        future = self.ex.submit(sleeps, 60)
        _until(lambda: future.task_id and future.record()["status"] == "RUNNING")
        self.assertTrue(future.cancel())
        self.assertTrue(future.cancelled())
        with self.assertRaises(TaskCanceled) as caught:
            future.result()
        self.assertIsInstance(caught.exception, CancelledError)
        self.assertEqual(future.record()["status"], "CANCELED")
        done = self.ex.submit(double, 1)
        done.result()
        self.assertFalse(done.cancel())

    def test_a_cancel_in_an_event_loop_does_not_wait_for_the_service(self):
        call, asked, goes_on, went_on = transport.Transport.call, [], threading.Event(), []

        def slow(self, method, path, *args, **kwargs):
            if path.endswith("/cancel"):
                asked.append(path)
                # Whoever waited for the answer would not let it go on.
                went_on.append(goes_on.wait(20))
            return call(self, method, path, *args, **kwargs)

        async def cancel(futures):
            wrapped = [asyncio.wrap_future(future) for future in futures[1:]]
            await asyncio.sleep(0)
            try:
                self.assertTrue(futures[0].cancel())
                for future in wrapped:
                    future.cancel()
                for _ in range(3):
                    await asyncio.sleep(0)
                self.assertEqual([future.cancelled() for future in futures], [True] * 4)
            finally:
                goes_on.set()

        for client in (None, mpcsfaas.Client()):
            asked.clear()
            goes_on.clear()
            done = self.ex.submit(double, 1)
            done.result()
            with mock.patch.object(transport.Transport, "call", slow), Executor() as ex:
                mine = [ex.submit(sleeps, 60) for _ in range(4)]
                _until(lambda: all(future.task_id for future in mine))
                futures = mine if client is None else [client.task(future.task_id).future() for future in mine]
                asyncio.run(cancel(futures))
                self.assertFalse(asyncio.run(_canceled(done)))
                # What waits goes together.
                _until(lambda: {future.record()["status"] for future in mine} == {"CANCELED"})
                self.assertLessEqual(len(asked), 2)
                self.assertEqual(set(went_on), {True})
            if client is not None:
                client.close()

    def test_a_task_that_somebody_else_cancels_is_canceled_here(self):
        future = self.ex.options(labels=["nobody=has"]).submit(double, 1)
        _until(lambda: future.task_id)
        with mpcsfaas.Client() as client:
            client.cancel(future.task_id)
        with self.assertRaises(TaskCanceled):
            future.result(timeout=30)

    def test_what_it_prints_is_its_own(self):
        futures = [self.ex.submit(prints, word) for word in ("one", "two")]
        wait(futures)
        self.assertEqual([str(one.logs()) for one in futures], ["out one\n", "out two\n"])
        self.assertEqual(futures[0].logs().stderr, "err one\n")

    def test_large_payloads_go_and_come(self):
        large = os.urandom(6_000_000)
        self.assertEqual(list(self.ex.map(len, [large] * 8)), [len(large)] * 8)
        self.assertEqual(self.ex.submit(bytes.upper, large).result(), large.upper())

    def test_options_are_apart_from_arguments(self):
        record = _ended(self.ex.options(priority=7, timeout=22.5).submit(double, 1)).record()
        self.assertEqual((record["options"]["priority"], record["options"]["timeout_ms"]), (7, 22_500))
        with self.assertRaisesRegex(TypeError, "did you mean 'timeout'"):
            self.ex.options(timeuot=1)
        self.assertEqual(limited.options(timeout=20.0, priority=3).remote(0).result(), 0)
        self.assertEqual(_ended(tagged.remote(0)).record()["options"]["tags"], ["tagged"])
        self.assertEqual((tagged(0), tagged.local(0), list(tagged.map([0, 0]))), (0, 0, [0, 0]))

    def test_an_option_of_a_wrong_kind_is_told_with_what_it_takes(self):
        seconds = "a finite number of seconds or a timedelta"
        for name, value, kind, words in (
            ("timeout", "x", TypeError, "option 'timeout' is %s, not 'x'" % seconds),
            ("timeout", float("inf"), ValueError, "option 'timeout' is %s, not inf" % seconds),
            ("timeout", True, TypeError, "option 'timeout' is %s, not True" % seconds),
            ("priority", 2.5, ValueError, "option 'priority' is an integer, not 2.5"),
            ("retry", 3, TypeError, "option 'retry' is a dict such as {\"max_retries\": 3}, not 3"),
            ("retry", {"backoff": "x"}, TypeError, "option of retry 'backoff' is %s, not 'x'" % seconds),
            ("retry", {"on": OSError}, TypeError, "option of retry 'on' is a list of exceptions"),
            ("tags", 5, TypeError, "option 'tags' is a text or a list of texts, not 5"),
            ("labels", [5], TypeError, "option 'labels' is a text or a list of texts, not [5]"),
            ("not_before", 5, TypeError, "option 'not_before' is a datetime with a time zone, a timedelta from now or"),
            ("expires_at", datetime.datetime(2030, 1, 1), ValueError, "option 'expires_at' is a datetime with a time zone"),
            ("at_most_once", "yes", TypeError, "option 'at_most_once' is True or False, not 'yes'"),
            ("isolation", 1, TypeError, "option 'isolation' is a text, not 1"),
        ):
            for ask in (self.ex.options, function, Executor, lambda **more: mpcsfaas.Client().submit("f", **more)):
                with self.assertRaises(kind) as caught:
                    ask(**{name: value})
                self.assertIn(words, str(caught.exception))
        record = _ended(self.ex.options(timeout=_soon() * 20, tags="one", priority=2.0).submit(double, 1)).record()["options"]
        self.assertEqual((record["timeout_ms"], record["tags"], record["priority"]), (10_000, ["one"], 2))

    def test_a_group_is_the_executors(self):
        for ask in (
            lambda: function(group="mine"),
            lambda: tagged.options(group="mine"),
            lambda: Counter(1).plus.options(group="mine"),
            lambda: self.ex.options(group="mine"),
            lambda: self.ex.options(priority=1).options(group="mine"),
        ):
            with self.assertRaisesRegex(TypeError, r"^'group' is one for all .* Executor\(group='mine'\), .* configure\(group='mine'\)$"):
                ask()
        group = "its-own-%d" % os.getpid()
        self.addCleanup(mpcsfaas.configure)
        mpcsfaas.configure(group=group)
        self.assertEqual(_ended(tagged.remote(0)).record()["options"]["group"], group)

    def test_a_decorated_method_takes_its_object_along(self):
        one, other = Counter(1), Counter(2)
        self.assertEqual((one.plus(3), one.plus.local(3, times=2), Counter.plus(one, 3), one.plus.__doc__), (31, 61, 31, "Adds."))
        futures = [counter.plus.remote(3, times=2) for counter in (one, other)]
        self.assertEqual([future.result(20) for future in futures], [61, 62])
        self.assertEqual(Counter.plus.remote(other, 1).result(20), 12)
        # One function for all objects.
        records = [future.record() for future in futures]
        self.assertEqual(len({record["function"]["function_id"] for record in records}), 1)
        self.assertEqual(records[0]["options"]["tags"], ["method"])
        self.assertEqual(list(one.plus.map([1, 2, 3])), [11, 21, 31])
        self.assertEqual(list(other.plus.map([1, 2, 3], chunksize=2)), [12, 22, 32])
        self.assertEqual(list(one.plus.map()), [])
        self.assertEqual(_ended(one.plus.options(priority=4).remote(1)).record()["options"]["priority"], 4)
        self.assertEqual(self.ex.submit(other.plus, 4).result(20), 42)
        self.assertEqual((Counter.twice(4), one.twice.remote(4).result(20)), (8, 8))

    def test_a_decorator_above_it_is_what_runs(self):
        self.assertEqual(self.ex.submit(logged(function(timeout=30.0)(double)), 2, plus=1).result(), ("logged", 5))
        self.assertEqual(function(logged(function(double))).remote(2).result(), ("logged", 4))
        self.assertEqual(list(self.ex.map(logged(tagged), [0, 0], chunksize=2)), [("logged", 0)] * 2)

    def test_what_is_configured_is_looked_at_at_once(self):
        self.addCleanup(mpcsfaas.configure)
        with self.assertRaisesRegex(TypeError, "'timeot' is no option: did you mean 'timeout'"):
            mpcsfaas.configure(timeot=3)
        with self.assertRaisesRegex(ValueError, "is no URL of a service"):
            mpcsfaas.configure("ftp://x")
        mpcsfaas.configure(tags=["configured"], patience=20.0)
        self.assertEqual(_ended(function(double).remote(1)).record()["options"]["tags"], ["configured"])

    def test_first_calls_in_several_threads_share_an_executor(self):
        module, made, another = sys.modules["mpcsfaas.function"], [], threading.Event()
        self.addCleanup(mpcsfaas.configure)
        mpcsfaas.configure()

        def make(**settings):
            made.append(Executor(**settings))
            if len(made) > 1:
                another.set()
            another.wait(0.5)
            return made[-1]

        with mock.patch.object(module, "Executor", make):
            threads = [threading.Thread(target=module._executor) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(made, [module._executor()])

    def test_what_cannot_be_decorated_is_told_with_what_to_do(self):
        for wrong, sentence in (
            (classmethod(double), "^@function takes no class method: make double a function, or a @staticmethod$"),
            (staticmethod(double), "^@function stands below @staticmethod, next to double itself$"),
            (30.0, r"^@function takes a function, not 30.0; options have names: @function\(timeout=60.0\)$"),
        ):
            for decorate in (function, function(timeout=1.0)):
                with self.assertRaisesRegex(TypeError, sentence):
                    decorate(wrong)

    def test_it_cannot_go_along_with_a_function(self):
        ex = self.ex
        with self.assertRaisesRegex(errors.SerializationError, "captured variable `ex` is a mpcsfaas.executor.Executor; an Executor"):
            ex.submit(lambda: ex.submit(double, 1))

    def test_after_a_fork_it_says_so(self):
        self.ex.submit(double, 1).result()
        future = self.ex.options(labels=["nobody=has"]).submit(double, 2)
        self.addCleanup(future.cancel)
        _until(lambda: future.task_id)
        ours, theirs = os.pipe()
        for use in (lambda: self.ex.submit(double, 1), lambda: future.result(10), future.cancel, future.logs):
            # Another thread holds what locks there are, and is not there afterwards.
            held, go = threading.Event(), threading.Event()
            holder = threading.Thread(target=_hold, args=(held, go, future._condition, self.ex._registry._lock))
            holder.start()
            held.wait()
            child = os.fork()
            if child == 0:
                try:
                    signal.alarm(10)
                    with self.ex._registry._lock:
                        use()
                except errors.NotHere as error:
                    os.write(theirs, str(error).encode())
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            go.set()
            holder.join()
            os.write(theirs, b".")
            self.assertIn("a fork of it", os.read(ours, 1000).decode())
        os.close(ours)
        os.close(theirs)
        self.assertEqual(self.ex.submit(double, 2).result(), 4)


class Leaving(unittest.TestCase):
    def test_ctrl_c_that_a_function_raised_cancels_nothing_else(self):
        for interrupted in (lambda ex: ex.submit(presses, 0).result(20), lambda ex: list(ex.map(presses, [0]))):
            with self.assertRaises(KeyboardInterrupt), Executor() as ex:
                other = ex.submit(sleeps, 1.5)
                interrupted(ex)
            self.assertEqual(other.result(0), 1.5)


class Groups(unittest.TestCase):
    def test_a_client_that_dies_loses_nothing(self):
        group = "dies-%d" % os.getpid()
        program = (
            "import os, sys\nfrom mpcsfaas import Executor\nex = Executor(group=%r)\n"
            "fs = [ex.submit(pow, n, 2) for n in range(30)]\nex._submits.flush()\nos._exit(9)\n" % group
        )
        self.assertEqual(subprocess.run([sys.executable, "-c", program]).returncode, 9)
        with Executor(group=group) as ex:
            self.assertEqual(sorted(one.result(30) for one in ex.reattach()), [n * n for n in range(30)])

    def test_what_was_submitted_is_sent_before_a_program_ends(self):
        group = "ends-%d" % os.getpid()
        program = "from mpcsfaas import Executor\nex = Executor(group=%r)\nfs = [ex.submit(pow, n, 2) for n in range(30)]\n"
        subprocess.run([sys.executable, "-c", program % group], check=True)
        with Executor(group=group) as ex:
            self.assertEqual(len(ex.reattach()), 30)

    def test_what_an_event_loop_canceled_is_canceled_before_a_program_ends(self):
        group = "looped-%d" % os.getpid()
        subprocess.run([sys.executable, "-c", LOOPED % group], check=True)
        with mpcsfaas.Client() as client:
            self.assertEqual([task["status"] for task in client.list(group=group)], ["CANCELED"])

    def test_it_is_sent_where_no_thread_can_be_started_any_more(self):
        group = "late-%d" % os.getpid()
        subprocess.run([sys.executable, "-c", LATE % group], check=True)
        with Executor(group=group) as ex:
            self.assertEqual([future.result(20) for future in ex.reattach()], [8])

    def test_a_program_that_ends_before_its_callbacks_says_so(self):
        group = "unheard-%d" % os.getpid()
        ended = subprocess.run([sys.executable, "-c", UNHEARD % group], check=True, capture_output=True, text=True)
        self.assertRegex(ended.stderr, "ends before 1 calls whose futures have callbacks.*%s" % group)
        with mpcsfaas.Client() as client:
            client.cancel_many([task["task_id"] for task in client.list(group=group)])

    def test_a_map_that_is_read_after_shutdown_sends_nothing_more(self):
        ex = Executor()
        values = ex.map(pow, range(8), itertools.repeat(2), buffersize=2)
        self.assertEqual(next(values), 0)
        ex.shutdown()
        with self.assertRaisesRegex(RuntimeError, "after shutdown"):
            list(values)

    def test_ctrl_c_in_a_map_cancels_what_has_not_begun_and_leaves_no_threads(self):
        group = "cut-%d" % os.getpid()
        program = subprocess.Popen([sys.executable, "-c", CUT % group], stdout=subprocess.PIPE, text=True)
        with program:
            self.assertEqual(program.stdout.readline(), "first 0\n")
            program.send_signal(signal.SIGINT)
            told = program.stdout.read()
        self.assertEqual((told, program.returncode), ("cut, threads: 1\n", 0))
        with mpcsfaas.Client() as client:
            states = [task["status"] for task in client.list(group=group)]
        self.assertEqual(len(states), 200)
        self.assertEqual(set(states), {"COMPLETED", "CANCELED"}, states.count("COMPLETED"))
        self.assertGreater(states.count("CANCELED"), 100)

    def test_a_thread_is_waited_for_until_it_is_gone(self):
        lock, is_over, go_on = monitor.Monitor(), threading.Event(), threading.Event()

        def run():
            with lock:
                thread.end()
            is_over.set()
            go_on.wait(20)

        thread = on_demand.OnDemand(lock, run, "on demand")
        with lock:
            thread.start()
        is_over.wait(20)
        self.assertFalse(thread.is_running())
        began = time.monotonic()
        thread.join(0.2)
        self.assertGreaterEqual(time.monotonic() - began, 0.2)
        go_on.set()
        thread.join()
        self.assertNotIn("on demand", [one.name for one in threading.enumerate()])

    def test_ctrl_c_while_a_call_leaves_holds_nothing_up(self):
        ask, main, struck = wishes._request, threading.current_thread(), []

        def request(wishes):
            if threading.current_thread() is main and not struck:
                struck.append(1)
                raise KeyboardInterrupt
            return ask(wishes)

        with Executor() as ex:
            self.assertEqual(ex.submit(double, 1).result(20), 2)
            with mock.patch.object(wishes, "_request", request), self.assertRaises(KeyboardInterrupt):
                for n in range(1000):
                    ex.submit(double, n).result(20)
            self.assertEqual(ex.submit(double, 2).result(20), 4)

    def test_ctrl_c_anywhere_in_a_submit_holds_nothing_up(self):
        warnings.simplefilter("ignore", ResourceWarning)  # of a connection that it had in hand
        with Executor() as ex, mock.patch.object(submits, "_LOOK", 0.05):
            self.assertEqual(ex.submit(double, 1).result(20), 2)
            at = 1
            while struck(at, lambda: ex.submit(double, at)):
                self.assertEqual(ex.submit(double, at).result(20), 2 * at, "struck at %d" % at)
                ex._submits.flush()  # the next one is written by the caller again
                at += 1
            self.assertGreater(at, 30)
            ex._submits.flush()
            self.assertEqual(ex._results._sending, 0)

    def test_ctrl_c_anywhere_in_a_wait_leaves_no_lock_behind(self):
        with Executor() as ex:
            for wait_for in (
                lambda future: future.result(),
                lambda future: future.exception(),
                lambda future: future.done() or future.cancelled() or future.running(),
                lambda future: ex._submits.flush(),
                lambda future: ex._results.drain(),
                lambda future: ex._submits.finish(),
                lambda future: ex._results.outstanding(),
                lambda future: future.cancel(),
            ):
                at, is_struck = 1, True
                while is_struck:
                    future = ex.submit(sleeps, 0.005)
                    is_struck = struck(at, lambda: wait_for(future))
                    try:
                        self.assertEqual(future.result(20), 0.005)
                    except TaskCanceled:
                        pass
                    at += 1
            self.assertEqual(ex.submit(double, 1).result(20), 2)

    def test_it_closes_its_connections_however_it_is_ended(self):
        done = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-c", ENDINGS], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("2\n4\n6\n8\n", "", 0))

    def test_a_cancel_that_fails_harms_no_call_that_came_with_it(self):
        with Executor() as ex, mpcsfaas.Client() as client:
            ids = [client.submit(sleeps, [0.1], group=ex.group) for _ in range(2)]
            futures = [TaskFuture(ex) for _ in ids]
            futures[0].cancel()  # while the request is under way
            away = errors.ServiceUnreachable("away")
            with mock.patch.object(ex._cancels, "_many", side_effect=away), self.assertLogs("mpcsfaas", "WARNING"):
                ex.accepted(futures, ids, ex.opened())
            self.assertEqual(futures[1].result(20), 0.1)
            self.assertTrue(futures[0].cancelled())

    def test_stream_logs_shows_what_calls_print(self):
        program = "from mpcsfaas import Executor\nwith Executor(stream_logs=True) as ex:\n    ex.submit(print, 'hello').result()\n"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "hello\n")

    def test_it_shows_what_calls_print_that_it_finds_again(self):
        with tempfile.TemporaryDirectory() as folder, Executor() as ex, contextlib.redirect_stdout(io.StringIO()) as out:
            gate = os.path.join(folder, "gate")
            future = ex.submit(prints_behind, gate, "found again")
            ex.submit(print, "long ago").result(20)
            _until(lambda: future.task_id)
            with Executor(group=ex.group, stream_logs=True) as again:
                self.assertEqual(len(again.reattach()), 2)
                open(gate, "w").close()
        self.assertEqual(out.getvalue(), "found again\n")

    def test_inside_a_remote_function_it_says_so(self):
        with Executor() as ex:
            # A module of the worker's own could hold one; here its class is brought along by name.
            path = os.path.dirname(os.path.dirname(mpcsfaas.__file__))
            with self.assertRaisesRegex(Exception, "inside a remote function"):
                ex.submit(_nested, path, os.environ["MPCSFAAS_URL"], False).result()
            self.assertEqual(ex.submit(_nested, path, os.environ["MPCSFAAS_URL"], True).result(), 8)


# As from Python 3.12 on: at the end of a program no thread is started, be it of one that was.
LATE = """
import atexit, threading
from mpcsfaas import Executor
ex = Executor(group=%r)
real = threading.Thread.start
def start(self):
    if self.name.endswith("-results"):
        raise RuntimeError("can't create new thread at interpreter shutdown")
    real(self)
def last():
    threading.Thread.start = start
    ex.submit(pow, 2, 3)
atexit.register(last)
"""


LOOPED = """
import asyncio, time
from mpcsfaas import Executor
async def main():
    ex = Executor(group=%r)
    future = ex.submit(time.sleep, 60)
    while not future.task_id:
        await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(asyncio.wrap_future(future), 0.01)
    except asyncio.TimeoutError:
        pass
asyncio.run(main())
"""


UNHEARD = """
import time
from mpcsfaas import Executor
ex = Executor(group=%r, labels=["nobody=has"])
future = ex.submit(time.sleep, 1)
future.add_done_callback(print)
while not future.task_id:
    time.sleep(0.01)
"""


CUT = """
import threading, time
from mpcsfaas import Executor
def nap(n):
    time.sleep(0.05 if n < 50 else 10)
    return n
try:
    with Executor(group=%r) as ex:
        for n in ex.map(nap, range(200)):
            if n == 0:
                print("first", n, flush=True)
except KeyboardInterrupt:
    print("cut, threads:", threading.active_count())
"""


ENDINGS = """
import gc, os, threading, time
import mpcsfaas
from mpcsfaas import Executor, function
@function
def double(x):
    return x * 2
def no_threads():
    end = time.monotonic() + 20
    while threading.active_count() > 1 and time.monotonic() < end:
        time.sleep(0.01)
    gc.collect()

ex = Executor()
print(ex.submit(double, 1).result())
ex.shutdown(wait=False)
del ex
no_threads()

print(double.remote(2).result())
mpcsfaas.configure()
no_threads()

ex = Executor()
ended = threading.Event()
future = ex.submit(double, 3)
future.add_done_callback(lambda future: (ex.shutdown(), ended.set()))
print(future.result())
ended.wait()
del ex, future
no_threads()

client = mpcsfaas.Client()
client.version()
child = os.fork()
if child == 0:
    client.version()
    client.close()
    gc.collect()
    os._exit(0)
os.waitpid(child, 0)
client.close()
print(8, flush=True)
"""


def _hold(held, go, *locks):
    """The locks, until it is told to let go."""
    with contextlib.ExitStack() as stack:
        for lock in locks:
            stack.enter_context(lock)
        held.set()
        go.wait()


@contextlib.contextmanager
def _gates(count):
    """So many files that are not there until `_open`."""
    with tempfile.TemporaryDirectory() as folder:
        yield [os.path.join(folder, str(n)) for n in range(count)]


def _open(gate):
    open(gate, "w").close()


def _nested(path, url, nested):
    sys.path.append(path)
    from mpcsfaas import Executor

    with Executor(url, nested=nested) as ex:
        return ex.submit(pow, 2, 3).result()


async def _canceled(future):
    return future.cancel()


async def _awaited(future):
    return await asyncio.wrap_future(future)


def _ended(future):
    future.result()
    return future


def _soon():
    import datetime

    return datetime.timedelta(seconds=0.5)


def _of_a_missing_module():
    import types

    module = types.ModuleType("only_here")
    exec("def f():\n    return 1\n", module.__dict__)
    sys.modules["only_here"] = module
    module.f.__module__ = "only_here"
    return module.f


def _until(condition):
    """Until it is true; each look asks the service or reads what another thread sets."""
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come true")
        time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()

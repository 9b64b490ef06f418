"""Bad input and bad days: each a typed error with one sentence, after bounded retries.

MPCSFAAS_KEYED_URL is a service that wants MPCSFAAS_KEYED_KEY, takes arguments of at most 10,000 bytes and queues 5 tasks.
"""
import concurrent.futures
import contextlib
import datetime
import importlib
import io
import itertools
import json
import math
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from concurrent.futures import wait
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any, NamedTuple
from unittest import mock

from cutting_proxy import CuttingProxy

from mpcsfaas import (
    AsyncClient,
    Client,
    Executor,
    NoWorkerWarning,
    TaskFuture,
    errors,
    function,
    later,
    leaving,
    shipment,
    shown,
    submits,
    transport,
    turns,
    unserved,
    versions,
    wishes,
)

KEYED, KEY = os.environ.get("MPCSFAAS_KEYED_URL", ""), os.environ.get("MPCSFAAS_KEYED_KEY", "")


def double(x):
    return x * 2


def sleeps(seconds):
    time.sleep(seconds)
    return seconds


class Refusals(unittest.TestCase):
    def test_nobody_there(self):
        url = nobody(self)
        began = time.monotonic()
        with self.assertRaises(errors.ServiceUnreachable) as caught, Executor(url) as ex:
            ex.submit(double, 1)
        self.assertLess(time.monotonic() - began, 20)
        self.assertIsInstance(caught.exception, ConnectionError)
        self.assertRegex(str(caught.exception), r"^There is no service at %s \(.*\): start one with `npm start`" % re.escape(url))

    def test_a_service_that_takes_connections_and_is_silent(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, mock.patch.object(transport, "_ANSWER_TIMEOUT", 0.3):
            url = "http://127.0.0.1:%d" % silent.getsockname()[1]
            sentence = r"^The service at %s does not answer: nothing came within [\d.]+ s\." % re.escape(url)
            with Client(url, patience=0.2) as client, Executor(url, patience=0.2) as ex:
                for ask in (client.version, lambda: client.batch(double, [[1]]), lambda: ex.submit(double, 1)):
                    with self.assertRaisesRegex(errors.ServiceUnreachable, sentence) as caught:
                        ask()
                    self.assertNotRegex(str(caught.exception), "Errno|npm start")
                with self.assertRaisesRegex(errors.ServiceUnreachable, r"under way \(nothing came for 0.3 s\)"):
                    client.create_key("x")

    def test_a_map_is_over_in_time_where_the_service_is_silent(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, mock.patch.object(transport, "_GRACE", 0.1):
            with Executor("http://127.0.0.1:%d" % silent.getsockname()[1]) as ex:
                for function in (double, len):
                    began = time.monotonic()
                    with self.assertRaises(concurrent.futures.TimeoutError) as caught:
                        ex.map(function, [1], timeout=0.3)
                    self.assertIn("the map was not over within 0.3 s", str(caught.exception))
                    self.assertLess(time.monotonic() - began, 20)  # an answer is waited for a minute

    def test_a_certificate_that_is_not_trusted(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
            make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split()
            try:
                subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
            except FileNotFoundError:
                self.skipTest("there is no openssl")
            context.load_cert_chain(certificate, key)
        server = HTTPServer(("127.0.0.1", 0), _Older)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = "https://127.0.0.1:%d" % server.server_port
        with Client(url, patience=0.2) as client, self.assertRaises(errors.ServiceUnreachable) as caught:
            client.version()
        self.assertRegex(str(caught.exception), r"^The certificate of %s is not to be trusted \(self.signed certificate\)" % re.escape(url))
        self.assertNotIn("npm start", str(caught.exception))

    def test_tls_where_none_is_spoken(self):
        url = os.environ["MPCSFAAS_URL"].replace("http://", "https://")
        sentence = "^What answers at %s speaks no TLS: name it as %s " % (re.escape(url), re.escape(os.environ["MPCSFAAS_URL"]))
        with Client(url, patience=0.2) as client, self.assertRaisesRegex(errors.ServiceUnreachable, sentence):
            client.version()

    def test_a_url_may_have_blanks_around_it(self):
        with Client(" %s \n" % os.environ["MPCSFAAS_URL"]) as client:
            self.assertIn("version", client.version())

    def test_what_is_no_function_is_refused_at_once(self):
        nobody = Executor("http://127.0.0.1:1")  # whoever asked there would be told otherwise
        with Client("http://127.0.0.1:1") as client:
            for ask, words in (
                (lambda: nobody.submit(double(3)), r"^submit takes a function, not 6: .* apart, submit\(f, x\) for f\(x\)$"),
                (lambda: nobody.options(priority=1).submit(None), "^submit takes a function, not None: "),
                (lambda: nobody.map(3, [1]), r"^map takes a function, not 3: .* apart, map\(f, x\) for f\(x\)$"),
                (lambda: nobody.submit("double", 2), r"not 'double': Client\(\).submit\('double', \[x\]\) calls one that is registered"),
                (lambda: nobody.map("double", [2]), "^map takes a function, not 'double': "),
                (lambda: client.submit(3, [1]), "^submit takes a function, or the name of one that is registered, not 3: "),
                (lambda: client.batch(3, [[1]]), "^submit takes a function, or the name of one that is registered, not 3: "),
                (lambda: client.register(3), "^register takes a function, not 3: "),
                (lambda: client.submit("f", [1], [2]), r"^the arguments .* that have names are a dict, not \[2\]: write submit\('f', \[x, y\], "),
                (lambda: nobody.map(double, [1], timeout="x"), "^the timeout of a map is a number of seconds, or None, not 'x'$"),
                (lambda: nobody.map(double, [1], chunksize="x"), "^the chunksize of a map is a whole number, not 'x'$"),
                (lambda: nobody.map(double, [1], chunksize=2.5), "^the chunksize of a map is a whole number, not 2.5$"),
                (lambda: nobody.map(double, [1], buffersize="x"), "^the buffersize of a map is a whole number, not 'x'$"),
                (lambda: Executor(group=3), "^the group of an Executor is a text, not 3$"),
            ):
                with self.assertRaisesRegex(TypeError, words):
                    ask()

    def test_half_a_character_is_sent_nowhere(self):
        with Client() as client:
            for ask in (
                lambda: Executor(group="\ud800"),
                lambda: list(client.list(group="\ud800")),
                lambda: client.get("\ud800"),
            ):
                with self.assertRaisesRegex(ValueError, r"'\\ud800'.* has a lone surrogate, which is no character") as caught:
                    ask()
                self.assertNotIsInstance(caught.exception, UnicodeError)

    def test_the_options_of_calls_are_told_without_that_which_is_refused(self):
        for ask in (Executor().options, Executor().options().options, function):
            with self.assertRaisesRegex(TypeError, "^'foo' is no option: there are at_most_once, expires_at, isolation") as caught:
                ask(foo=1)
            self.assertNotIn("group", str(caught.exception))

    def test_a_number_of_workers_is_no_url(self):
        for number in (8, 0, True):
            with self.assertRaisesRegex(TypeError, r"^Executor\(%r\): the workers of the service decide how many calls run at once" % number):
                Executor(number)
        for kind in (Executor, Client, AsyncClient):
            with self.assertRaisesRegex(TypeError, "^the URL of a service is a text such as http://127.0.0.1:8000, not b'x'$"):
                kind(b"x")

    def test_no_url(self):
        for url in ("ftp://x", "http://", "http:///x", "http://x:80 0", "http://x:y", "http://x:70000", "http://[::1", "http://x y/"):
            with self.assertRaisesRegex(ValueError, "is no URL of a service"):
                Executor(url)

    def test_a_url_with_credentials_is_refused_and_not_shown(self):
        for url in ("http://u:secret@127.0.0.1:1", "https://secret@x", "u:secret@x", "ftp://u:secret@x", "u:secret@x//y"):
            with self.assertRaisesRegex(ValueError, "no user and no password.*`api_key`") as caught:
                Client(url)
            self.assertNotIn("secret", str(caught.exception))

    def test_text_that_no_header_or_path_can_hold(self):
        with self.assertRaisesRegex(ValueError, "API key"):
            Client(api_key="mpk_\nX-Other: 1")
        with Client() as client:
            with self.assertRaisesRegex(ValueError, "idempotency key"):
                client.submit(double, [1], key="a\r\nX-Other: 1")
            for ask in (client.get, client.follow):
                with self.assertRaisesRegex(ValueError, "empty"):
                    ask("")
            for after in ("1\r\nX-Other: 1", "é", 7):
                with self.assertRaisesRegex(ValueError, "^a place in the events is the `id` of one, printable ASCII characters alone, not"):
                    client.events(after=after)
            with self.assertRaisesRegex(errors.FaasError, "id"):
                next(client.follow("x HTTP/1.1\r\nX-Other: 1"))

    def test_a_key_read_from_a_file_has_its_line_end(self):
        with Client(KEYED, KEY + "\n") as client:
            self.assertIsNotNone(list(client.list()))

    def test_wrong_key(self):
        here = r".* the argument `api_key=` or in the variable MPCSFAAS_API_KEY\.$"
        with self.assertRaisesRegex(errors.AuthenticationError, "wants an API key" + here), Client(KEYED) as client:
            next(client.list())
        with self.assertRaisesRegex(errors.AuthenticationError, "is not known here" + here), Executor(KEYED, "mpk_wrong") as ex:
            ex.submit(double, 1)

    def test_arguments_too_large_fail_alone(self):
        with Executor(KEYED, KEY) as ex:
            futures = [ex.submit(len, text) for text in ("a", "b" * 20_000, "c")]
            with self.assertRaises(errors.TooLargeError) as caught:
                futures[1].result()
            self.assertEqual((caught.exception.limit, caught.exception.option), (10_000, "--max-args-bytes"))
            wait_for_ids(futures[0], futures[2])
            ex.shutdown(cancel_futures=True)

    def test_a_full_queue_is_tried_again_and_then_told(self):
        with Executor(KEYED, KEY, patience=0.5) as ex:
            futures = [ex.submit(len, "x" * n) for n in range(12)]
            wait([futures[-1]], timeout=60)
            self.assertIsInstance(futures[-1].exception(0), errors.QueueFull)
            ex.shutdown(cancel_futures=True)

    def test_a_map_waits_for_room_in_a_full_queue(self):
        ex, client = Executor(KEYED, KEY, patience=0.0), Client(KEYED, KEY)
        self.addCleanup(client.close)
        self.addCleanup(ex.shutdown, cancel_futures=True)
        values = ex.map(len, ["x" * n for n in range(12)])
        until_full(client, ex)
        # A call by itself is told when patience is over, here at once.
        self.assertIsInstance(ex.submit(len, "x").exception(30), errors.QueueFull)
        # Nothing runs there: whoever cancels what waits makes room for the next.
        canceled, end = 0, time.monotonic() + 30
        while canceled < 12 and time.monotonic() < end:
            waiting = [task["task_id"] for task in client.list(group=ex.group, status="QUEUED")]
            canceled += len(client.cancel_many(waiting)["canceled"]) if waiting else 0
        self.assertEqual(canceled, 12)
        with self.assertRaises(errors.TaskCanceled):
            next(values)

    def test_a_map_takes_what_room_there_is(self):
        ex, client = Executor(KEYED, KEY), Client(KEYED, KEY)
        try:
            others = [client.submit(double, [n]) for n in range(3)]
            with ex._submits._changed:  # they go together
                values = ex.map(len, ["x" * n for n in range(4)])
            taken = []
            for count in (2, 3, 4):
                end = time.monotonic() + 30
                while len(taken) < count and time.monotonic() < end:
                    taken = [task["task_id"] for task in client.list(group=ex.group)]
                self.assertEqual(len(taken), count)
                # One of the others makes room for one of these.
                client.cancel(others[count - 2])
            values.close()
        finally:
            client.cancel_many(others)
            client.close()
            ex._cancels.abandon()
            ex.shutdown()

    def test_a_call_by_itself_does_not_wait_behind_a_map_that_waits_for_room(self):
        # More than one request holds, and nobody reads it.
        with self.full() as (ex, _):
            self.assertIsInstance(ex.submit(len, "x").exception(20), errors.QueueFull)

    def test_a_call_by_itself_gets_its_share_of_the_room(self):
        with self.full(patience=120) as (ex, client):
            alone, end = ex.submit(len, "x"), time.monotonic() + 60
            while not alone.task_id and time.monotonic() < end:
                # All that waits, also what an executor before has left that was taken late.
                waiting = [task["task_id"] for task in client.list(status="QUEUED")]
                _ = waiting and client.cancel_many(waiting)
            self.assertTrue(alone.task_id)

    def test_calls_by_themselves_do_not_keep_a_map_from_its_share(self):
        with Executor() as ex:
            over, room = threading.Event(), threading.Semaphore(100)
            self.addCleanup(over.set)

            def submits():
                while not over.is_set():
                    room.acquire()
                    ex.submit(double, 1).add_done_callback(lambda _: room.release())

            submitting = threading.Thread(target=submits)
            submitting.start()
            self.assertEqual(list(ex.map(double, range(500), timeout=60)), [2 * n for n in range(500)])
            over.set()
            submitting.join()

    @contextlib.contextmanager
    def full(self, patience=0.5):
        """An executor whose map has filled the queue and waits for room."""
        with Client(KEYED, KEY) as client:
            ex = Executor(KEYED, KEY, patience=patience)
            try:
                values = ex.map(len, itertools.repeat("x", 3000))
                until_full(client, ex)
                yield ex, client
                values.close()
            finally:
                ex._cancels.abandon()
                ex.shutdown()

    def test_whoever_hears_of_a_full_queue_may_end_it_all(self):
        for waits in (False, True):
            ex = Executor(KEYED, KEY, patience=0.0)
            futures = [ex.submit(len, "x" * n) for n in range(12)]
            futures[-1].add_done_callback(lambda future: ex.shutdown(waits, cancel_futures=True))
            self.assertEqual(wait(futures, 10).not_done, set())
            self.assertIsInstance(futures[-1].exception(), errors.QueueFull)

    def test_a_program_that_ends_tells_of_calls_that_found_no_room(self):
        program = (
            "from mpcsfaas import Executor\nex = Executor(%r, %r)\n"
            "futures = [ex.submit(len, 'x' * n) for n in range(12)]\nprint(ex.group)" % (KEYED, KEY)
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
        with Client(KEYED, KEY) as client:
            taken = [task["task_id"] for task in client.list(group=done.stdout.strip())]
            client.cancel_many(taken)
        told = "The program ends with %d calls that the service at %s has not taken: they are lost." % (12 - len(taken), KEYED)
        self.assertIn(told, done.stderr)
        self.assertLess(len(taken), 12)

    def test_a_map_that_waits_for_room_is_left_by_its_time_limit(self):
        with Executor(KEYED, KEY) as ex, Client(KEYED, KEY) as client:
            with self.assertRaises(concurrent.futures.TimeoutError):
                list(ex.map(len, ["x" * n for n in range(12)], timeout=1.5))
            self.assertEqual({task["status"] for task in client.list(group=ex.group)}, {"CANCELED"})

    def test_a_program_with_many_open_files(self):
        resource = importlib.import_module("resource")
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096) if most > 0 else 4096, most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (before, most))
        files = [open(os.devnull) for _ in range(1100)]
        try:
            with Executor() as ex:
                self.assertEqual(ex.submit(double, 2).result(20), 4)
                time.sleep(1.1)  # until its connection is looked at again
                self.assertEqual(ex.submit(double, 3).result(20), 6)
        finally:
            for file in files:
                file.close()

    def test_unknown_function(self):
        with self.assertRaisesRegex(errors.NotFoundError, 'no function "nobody"'), Client() as client:
            client.submit("nobody")

    def test_a_function_that_was_deleted_is_registered_again(self):
        with Executor() as ex, Client() as client:
            self.assertEqual(ex.submit(double, 1).result(), 2)
            # All calls of a map name the function as it was when the map began.
            values = ex.map(double, range(5), buffersize=1)
            self.assertEqual(next(values), 0)
            for one in client.functions():
                if one["name"].startswith("double-"):
                    client.delete_function(one["function_id"])
            self.assertEqual(ex.submit(double, 2).result(), 4)
            self.assertEqual(list(values), [2, 4, 6, 8])

    def test_a_service_of_an_older_contract(self):
        server = HTTPServer(("127.0.0.1", 0), _Older)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:%d" % server.server_port
        try:
            with self.assertRaisesRegex(errors.ServiceTooOld, "%s does not know GET /v1/workers: it is older" % url) as raised:
                with Executor(url) as ex:
                    ex.submit(double, 1)
            command = "pip install --force-reinstall --no-deps --no-index --trusted-host 127.0.0.1:%d --find-links %s/sdk/python/ mpcsfaas"
            self.assertTrue(str(raised.exception).endswith(command % (server.server_port, url)), raised.exception)
        finally:
            server.shutdown()
            server.server_close()

    def test_a_path_where_no_service_is(self):
        url = os.environ["MPCSFAAS_URL"]
        sentence = "^There is no service at %s/api: leave /api out of the URL, for %s answers.$" % (re.escape(url), re.escape(url))
        with self.assertRaisesRegex(errors.ServiceTooOld, sentence), Client(url + "/api/") as client:
            client.stats()

    def test_a_proxy_that_does_not_reach_the_service_is_asked_again(self):
        for status in (502, 503, 504):
            url, asked = serve(self, lambda n: answer(status, HTML, "text/html", "Retry-After: 0.2") if n < 3 else answer(200, b"{}"))
            with Client(url) as client:
                began = time.monotonic()
                self.assertEqual(client.stats(), {})
                # Twice so long as it asked for.
                self.assertGreaterEqual(time.monotonic() - began, 0.4)
            self.assertEqual(len(asked), 3)

    def test_a_proxy_that_never_reaches_the_service_is_told_so(self):
        # The second time it asks for more time than anybody has.
        url, asked = serve(self, lambda n: answer(503, HTML, "text/html", "Retry-After: %d" % (100 * (n - 1))))
        sentence = "^A proxy answers 503 at %s: it does not reach the service behind it" % re.escape(url)
        with Client(url) as client, Executor(url) as ex:
            for ask in (client.stats, lambda: next(client.events()), lambda: ex.submit(len, "x").result(20)):
                asked.clear()
                with self.assertRaisesRegex(errors.ServiceUnreachable, sentence):
                    ask()
                self.assertEqual(len(asked), 2)
            # It may have been done.
            asked.clear()
            with self.assertRaisesRegex(errors.ServiceUnreachable, sentence + ".* may or may not have been done"):
                client.create_key("x")
            self.assertEqual(len(asked), 1)

    def test_what_may_have_been_done_is_sent_again_only_where_that_does_no_harm(self):
        task_id = "0b0ea9c5-5d0e-4c57-9bd0-3d9e9b0f0c11"
        for code, is_undone in (("store_unavailable", False), ("not_ready", True), ("shutting_down", True)):
            refused = answer(503, problem(code, 503, "Away."))
            url, asked = serve(self, lambda n, refused=refused: refused if n == 1 else answer(200, b'{"task_id": "t"}'))
            with Client(url) as client:
                for ask, is_harmless in (
                    (lambda: client.create_key("x"), False),
                    (lambda: client.retry(task_id), False),
                    (lambda: client.cancel(task_id), True),
                    (lambda: client.submit("f", [1]), True),
                ):
                    asked.clear()
                    if is_undone or is_harmless:
                        ask()
                        self.assertEqual(len(asked), 2)
                        continue
                    with self.assertRaisesRegex(errors.ServiceUnavailableError, "^Away. The request POST .* may or may not have been") as told:
                        ask()
                    self.assertEqual((told.exception.code, len(asked)), (code, 1))

    def test_a_proxy_that_refuses_by_itself_is_told_so(self):
        for status, kind, words in (
            (401, errors.AuthenticationError, r"refuses the request \(401\), not the service itself: call"),
            (403, errors.AuthenticationError, r"refuses the request \(403\), not the service itself: call"),
            (413, errors.TooLargeError, r"refuses the size of the request \(413\), not the service itself: raise"),
        ):
            url, asked = serve(self, lambda _: answer(status, HTML, "text/html"))
            with Client(url) as client:
                for ask in (client.stats, lambda: client.submit("f", [1]), lambda: next(client.events())):
                    with self.assertRaisesRegex(kind, "^Something in front of the service at %s %s" % (re.escape(url), words)) as caught:
                        ask()
                    self.assertEqual((caught.exception.status, caught.exception.code), (status, ""))
            self.assertEqual(len(asked), 3)

    def test_a_proxy_that_limits_how_often_it_is_asked_is_asked_again(self):
        sentence = r"^Something in front of the service at %s refuses the request for now \(429\), not the service itself: "
        task = b'{"task_id": "t", "task_ids": ["t"]}'
        # As nginx says it, and as another one may.
        for refused in (answer(429, HTML, "text/html", "Retry-After: 0.2"), answer(429, b'{"code": "slow"}', "text/json", "Retry-After: 0.2")):
            url, asked = serve(self, lambda n, refused=refused: refused if n < 3 else answer(200, task))
            with Client(url) as client:
                for ask in (client.stats, lambda: client.submit("f", [1]), lambda: client.create_key("x")):
                    asked.clear()
                    began = time.monotonic()
                    ask()
                    # Twice so long as it asked for.
                    self.assertGreaterEqual(time.monotonic() - began, 0.4)
                    self.assertEqual(len(asked), 3)
        # The second time it asks for more time than anybody has.
        url, asked = serve(self, lambda n: answer(429, HTML, "text/html", "Retry-After: %d" % (100 * (n - 1))))
        with Client(url) as client:
            for ask in (client.stats, lambda: client.submit("f", [1]), lambda: next(client.events())):
                asked.clear()
                with self.assertRaisesRegex(errors.RateLimitedError, sentence % re.escape(url)) as caught:
                    ask()
                self.assertEqual((caught.exception.status, caught.exception.code), (429, ""))
                self.assertEqual(len(asked), 2)

    def test_a_fault_on_the_way_is_no_other_service(self):
        for status, kind in ((408, errors.BadRequestError), (431, errors.BadRequestError), (500, errors.InternalError), (520, errors.InternalError)):
            url, _ = serve(self, lambda _, status=status: answer(status, b'{"code": "internal", "detail": "x"}'))
            words = r'^Something in front of the service at %s, or no MPCSFaaS at all, answers %d: it said "{\\"code\\": ' % (re.escape(url), status)
            with Client(url, patience=0.5) as client, self.assertRaisesRegex(kind, words):
                client.stats()

    def test_it_fails_no_call_of_an_executor(self):
        proxied = answer(429, HTML, "text/html", "Retry-After: 0.2")
        url, asked = serve(self, lambda n: proxied if n < 3 else answer(200, b'{"task_ids": ["a", "b", "c"]}'))
        desk, began = _Desk(), time.monotonic()
        way = submits.Submits(transport.Transport(url), desk, "submits", 20.0)
        futures = submitted(way, desk, [b"0", b"1", b"2"])
        self.assertTrue(way.flush(20))
        self.assertGreaterEqual(time.monotonic() - began, 0.4)
        self.assertEqual([future.task_id for future in futures], ["a", "b", "c"])
        self.assertEqual(len(asked), 3)
        way.close()
        way.join()

    def test_what_is_together_too_large_for_a_proxy_goes_one_by_one(self):
        def say(n):
            if asked[n - 1].body.count(b'"function"') > 1 or b"large" in asked[n - 1].body:
                return answer(413, HTML, "text/html")
            return answer(200, json.dumps({"task_ids": [str(n)]}).encode())

        url, asked = serve(self, say)
        desk = _Desk()
        way = submits.Submits(transport.Transport(url), desk, "submits", 20.0)
        futures = submitted(way, desk, [b"0", b"large", b"2"])
        self.assertTrue(way.flush(20))
        self.assertEqual([future.task_id for future in futures], ["2", "", "4"])
        self.assertIsInstance(futures[1].exception(0), errors.TooLargeError)
        way.close()
        way.join()

    def test_something_else_at_the_url_is_told_so(self):
        task_id = "0b0ea9c5-5d0e-4c57-9bd0-3d9e9b0f0c11"
        for body, kind, told in (
            (answer(200, HTML, "text/html"), "text/html", '200 "<html><h1>It works!</h1></html>"'),
            (answer(200, b"7"), "application/json", '200 "7"'),
            (answer(302, b"", "text/plain", "Location: https://x.example/"), "", "302 that it is to be found at https://x.example/"),
            # As `python3 -m http.server` says it, which has our port, and others that speak of a `code` in their JSON.
            (answer(501, HTML * 9, "text/html"), "text/html", "501 %s" % json.dumps((HTML * 9).decode()[:80])),
            (answer(404, HTML, "text/html"), "text/html", '404 "<html>'),
            (answer(404, b'{"detail": "Not Found"}'), "", '404 "{\\"detail\\": '),
        ):
            url, asked = serve(self, lambda _: body)
            sentence = r"^What answers at %s is no MPCSFaaS: it said %s.*; name another URL" % (re.escape(url), re.escape(told))
            with Client(url, patience=20) as client, Executor(url, patience=20) as ex:
                asks = [
                    lambda: client.submit("f", [1]),
                    lambda: client.batch("f", [[1]]),
                    lambda: client.wait(task_id),
                    lambda: next(client.events()),
                    lambda: next(client.follow(task_id)),
                    lambda: ex.submit(len, "x").result(20),
                ]
                if kind != "application/json":
                    asks.append(client.stats)
                for ask in asks:
                    asked.clear()
                    with self.assertRaisesRegex(errors.NoService, sentence):
                        ask()
                    self.assertLess(len(asked), 4)

    def test_a_proxy_of_http_1_0(self):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"version": "1"}')

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.handle_request, daemon=True).start()
        with Client("http://127.0.0.1:%d" % server.server_port) as client:
            self.assertEqual(client.version(), {"version": "1"})

    def test_no_worker_of_this_python(self):
        fleet = {"items": [_worker("3.8.1", dill="0.3.4"), _worker("3.9.2"), _worker(versions.PYTHON + ".1", state="lost")]}
        with self.assertRaises(errors.VersionMismatch) as caught:
            versions.Fleet(lambda _: fleet).check("f")
        self.assertIn("Python %s (dill %s)" % (versions.PYTHON, versions.DILL), str(caught.exception))
        self.assertIn("Python 3.8.1 (dill 0.3.4) or 3.9.2", str(caught.exception))
        versions.Fleet(lambda _: {"items": []}).check("f")
        versions.Fleet(lambda _: {"items": [_worker("3.8.1"), _worker(versions.PYTHON + ".9")]}).check("f")

    def test_a_submit_where_no_worker_runs_this_python_is_refused_before_anything_is_sent(self):
        url, asked = serve(self, lambda _: answer(200, json.dumps({"items": [_worker("3.8.1")]}).encode()))
        with Executor(url) as ex:
            for ask in (lambda: ex.submit(lambda: 1), lambda: ex.map(double, [1]), lambda: Client(url).register(double)):
                with self.assertRaisesRegex(errors.VersionMismatch, "Python %s .* every live worker runs Python 3.8.1" % versions.PYTHON):
                    ask()
        self.assertEqual({one.line for one in asked}, {"GET /v1/workers HTTP/1.1"})

    def test_byte_code_in_arguments_wants_a_worker_of_this_python_too(self):
        def told(n):
            if " /v1/workers " in asked[n - 1].line:
                return answer(200, json.dumps({"items": [_worker("3.8.1")]}).encode())
            return answer(201, b'{"function_id": "f", "task_id": "t"}')

        url, asked = serve(self, told)
        words = "what `%s` is called with was pickled by Python " + versions.PYTHON + " .* every live worker runs Python 3.8.1"
        with Executor(url) as ex, Client(url) as client:
            for name, ask in (
                ("map", lambda: ex.submit(map, lambda: 1, [1])),
                ("filter", lambda: ex.map(filter, [double], [[1]])),
                ("map", lambda: client.submit(map, [lambda: 1, [1]])),
                ("named", lambda: client.submit("named", [{"by": lambda: 1}])),
                ("named", lambda: client.batch("named", [[double]])),
            ):
                with self.assertRaisesRegex(errors.VersionMismatch, words % name):
                    ask()
            self.assertEqual([one.line for one in asked if "/v1/tasks" in one.line], [])
            # What is none runs anywhere.
            client.submit("named", [1, "_create_code", len])

    def test_workers_that_go_are_noticed_without_a_request_for_each_submit(self):
        fleet, asked, call, now = {"items": [_worker(versions.PYTHON + ".1")]}, [], transport.Transport.call, 1000.0

        def told(self, method, path, *args, **kwargs):
            if path != "/v1/workers":
                return call(self, method, path, *args, **kwargs)
            asked.append(threading.current_thread())
            return fleet

        def submits(count):
            for _ in range(count):
                self.assertIn(submit().result(20), (1, 2))
                # What is looked at in the background has been when the request is over.
                self.assertTrue(ex._submits.flush(20))

        def submits_until_refused():
            end = time.monotonic() + 20
            while time.monotonic() < end:
                submits(1)
            raise AssertionError("nothing was refused")

        clock = mock.patch.object(versions, "time", mock.Mock(monotonic=lambda: now))
        with mock.patch.object(transport.Transport, "call", told), clock, Executor() as ex, Client() as client:
            for in_background, submit in (
                (True, lambda: ex.submit(lambda: 1)),
                (True, lambda: ex.submit(max, 1, 2, key=lambda n: n)),
                (False, lambda: client.task(client.submit(lambda: 1)).future()),
            ):
                asked.clear()
                submits(50)
                self.assertLessEqual(len(asked), 1)
                # Also where nobody has submitted since the last look.
                for more in (5, 5, 0, 0):
                    asked.clear()
                    now += versions._FRESH
                    submits(1)
                    self.assertEqual([thread is not threading.current_thread() for thread in asked], [in_background])
                    if more > 0:
                        now += versions._FRESH - 0.1
                        submits(more)
                        self.assertEqual(len(asked), 1)
                now += versions._FRESH
                fleet["items"] = [_worker("3.8.1")]
                with self.assertRaisesRegex(errors.VersionMismatch, "Python %s .* runs Python 3.8.1" % versions.PYTHON):
                    submits_until_refused()
                fleet["items"] = [_worker(versions.PYTHON + ".2")]
                submits(1)

    def test_a_look_that_finds_no_worker_is_one_for_all_that_relied_on_those_before(self):
        told = {"items": [_worker(versions.PYTHON + ".1")]}
        fleet = versions.Fleet(lambda until: told, looks_again=True)
        fleet.check("one")
        fleet._until = 0.0
        # Two that are on their way, when the first is accepted.
        fleet.check("this")
        fleet.check("that")
        told = {"items": [_worker("3.8.1")]}
        for _ in range(2):
            self.assertRegex(fleet.look_again(time.monotonic()), "runs Python 3.8.1")
        told = {"items": [_worker(versions.PYTHON + ".2")]}
        self.assertIsNone(fleet.look_again(time.monotonic()))

    def test_what_no_worker_fits_any_more_fails_where_it_waits(self):
        fleet, call = {"items": [_worker(versions.PYTHON + ".1")]}, transport.Transport.call

        def told(self, method, path, *args, **kwargs):
            return fleet if path == "/v1/workers" else call(self, method, path, *args, **kwargs)

        with mock.patch.object(transport.Transport, "call", told), Executor() as ex:
            waiting = ex.options(labels=["nobody=has"])
            runs_anywhere = waiting.submit(len, [1])
            try:
                for submit in (lambda: waiting.submit(lambda: 1), lambda: waiting.submit(max, 1, 2, key=lambda n: n)):
                    fleet["items"] = [_worker(versions.PYTHON + ".1")]
                    ex._registry._fleet._until = 0.0
                    self.assertEqual(ex.submit(lambda: 1).result(20), 1)
                    # It looks for itself, which is not to be of what comes next.
                    self.assertTrue(ex._submits.flush(20))
                    fleet["items"] = [_worker("3.8.1")]
                    # The answer is old now, and believed once more.
                    ex._registry._fleet._until = 0.0
                    future = submit()
                    with self.assertRaisesRegex(errors.VersionMismatch, "what was submitted .* runs Python 3.8.1") as raised:
                        future.result(20)
                    self.assertEqual(raised.exception.task_id, future.task_id)
                    self.assertEqual(future.record()["status"], "CANCELED")
                self.assertFalse(runs_anywhere.done())
            finally:
                ex.shutdown(cancel_futures=True)

    def test_functions_are_registered_side_by_side_and_each_of_them_once(self):
        together = threading.Barrier(3)

        def say(n):
            if " /v1/workers " in asked[n - 1].line:
                return answer(200, b'{"items": []}')
            # The first three wait for each other.
            together.wait(5)
            return answer(201, json.dumps({"function_id": "of " + threading.current_thread().name}).encode())

        url, asked = serve(self, say)
        shipments, ids = [shipment.shipment_of(eval("lambda: %d" % n)) for n in range(3)], [set(), set(), set()]
        with Client(url, patience=0.0) as client:
            threads = [
                threading.Thread(target=lambda at=at: ids[at].add(client._registry.id_of(shipments[at]))) for at in [0, 1, 2] * 4
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual([len(one) for one in ids], [1, 1, 1])
        self.assertEqual(len(set().union(*ids)), 3)
        lines = [one.line.split()[1] for one in asked]
        self.assertEqual((lines.count("/v1/functions"), lines.count("/v1/workers")), (3, 1))

    def test_whoever_waits_for_another_hears_what_that_one_heard(self):
        others, begun, go, heard = turns.Turns(), threading.Event(), threading.Event(), []

        def fails():
            begun.set()
            go.wait(20)
            raise errors.ServiceUnreachable("away")

        def asks():
            try:
                others.done("x", lambda: False, fails)
            except errors.ServiceUnreachable as error:
                heard.append(str(error))

        threads = [threading.Thread(target=asks) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.assertTrue(begun.wait(20))
        while len(others._changed._bells) < 2:
            time.sleep(0.01)
        began = time.monotonic()
        with self.assertRaises(TimeoutError):
            others.done("x", lambda: False, fails, time.monotonic() + 0.1)
        self.assertLess(time.monotonic() - began, 10)
        # Something else does not wait.
        done = []
        others.done("y", lambda: bool(done), lambda: done.append(1))
        begun.clear()
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual((heard, begun.is_set(), done, others._turns), (["away"] * 3, False, [1], {}))


class _Older(BaseHTTPRequestHandler):
    """A service that knows the front page alone."""

    def do_GET(self):
        body = problem("route_not_found", 404, "There is no such route.")
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        """Silent."""


HTML = b"<html><h1>It works!</h1></html>"


def answer(status, body, kind="application/json", *lines):
    """An answer's bytes; the connection ends with it."""
    head = ["HTTP/1.1 %d ..." % status, "Content-Type: " + kind, "Content-Length: %d" % len(body), "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def problem(code, status, detail, **more):
    """A refusal's body, as a service of ours writes it."""
    return json.dumps({"type": "urn:mpcsfaas:error:" + code, "code": code, "status": status, "detail": detail, **more}).encode()


class Asked(NamedTuple):
    """A request."""

    line: str
    headers: Any
    body: bytes


def serve(test, answers):
    """A server until the test ends, that says `answers(n)` to request number n, from 1: (url, its requests)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            asked.append(Asked(self.requestline, self.headers, body))
            self.wfile.write(answers(len(asked)))
            self.close_connection = True

        do_POST = do_DELETE = do_GET

        def log_message(self, *_):
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return "http://127.0.0.1:%d" % server.server_port, asked


def nobody(test):
    """Where nobody listens, and nobody else can until the test ends: the URL."""
    taken = socket.socket()
    test.addCleanup(taken.close)
    taken.bind(("127.0.0.1", 0))
    return "http://127.0.0.1:%d" % taken.getsockname()[1]


def _worker(version, state="ready", dill=None):
    return {"state": state, "runtimes": [{"runtime": "python", "version": version, "broken": None, "dill": dill}]}


def wait_for_ids(*futures):
    end = time.monotonic() + 30
    while not all(one.task_id for one in futures):
        if time.monotonic() > end:
            raise AssertionError("they were not accepted")
        time.sleep(0.01)


def until_full(client, ex):
    """Until it has taken all the room that MPCSFAAS_KEYED_URL has."""
    end = time.monotonic() + 30
    while len(list(client.list(group=ex.group))) < 5:
        if time.monotonic() > end:
            raise AssertionError("others have the room")
        time.sleep(0.01)


class Leaving(unittest.TestCase):
    """Whoever leaves does not wait as long as the executor is patient."""

    def test_a_map_that_is_left_where_the_service_hangs_or_is_away(self):
        for module, name in ((leaving, "SECONDS"), (transport, "_GRACE")):
            shorter = mock.patch.object(module, name, 0.3)
            shorter.start()
            self.addCleanup(shorter.stop)
        for harm in ("fall_silent", "close"):
            for error in (KeyboardInterrupt, concurrent.futures.TimeoutError):
                proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
                self.addCleanup(proxy.close)
                with self.assertLogs("mpcsfaas", "WARNING"), self.assertRaises(error):
                    with Executor(proxy.url) as ex:
                        # Registered now: the time limit of the map is one of its calls.
                        ex.submit(sleeps, 0).result()
                        values = ex.map(sleeps, [60, 60], timeout=0.5)
                        while len(ex._results.outstanding()) < 2:
                            time.sleep(0.01)
                        getattr(proxy, harm)()
                        began = time.monotonic()
                        if error is KeyboardInterrupt:
                            raise error
                        next(values)
                self.assertLess(time.monotonic() - began, 20)  # its patience is a minute
                self.assertTrue(ex._transport.is_closed)
                with Client() as client:
                    client.cancel_many([task["task_id"] for task in client.list(group=ex.group)])

    def test_a_program_that_ends_with_a_map_read_in_part(self):
        group = "half-%d" % os.getpid()
        done = subprocess.run([sys.executable, "-c", HALF % group], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("0\n", "", 0))
        with Client() as client:
            states = [task["status"] for task in client.list(group=group)]
        self.assertEqual((len(states), states.count("COMPLETED") < 100), (200, True))
        self.assertEqual(set(states), {"COMPLETED", "CANCELED"})

    def test_a_program_that_ends_so_where_the_service_hangs(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        group = "hangs-%d" % os.getpid()
        program = subprocess.Popen(
            [sys.executable, "-c", HALF % group + HANGS],
            env={**os.environ, "MPCSFAAS_URL": proxy.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(program.kill)
        self.assertEqual([program.stdout.readline() for _ in range(2)], ["0\n", "all are sent\n"])
        proxy.fall_silent()
        _, told = program.communicate("go\n", timeout=40)
        self.assertIn("The program ends with 1 calls that the service", told)
        with Client() as client:
            client.cancel_many([task["task_id"] for task in client.list(group=group)])


HALF = """
import time
from mpcsfaas import Executor
def nap(n):
    time.sleep(0.1 if n < 50 else 0.5)
    return n
ex = Executor(group=%r)
values = ex.map(nap, range(200))
print(next(values), flush=True)
"""

HANGS = """
import sys
from mpcsfaas import executor, leaving, transport
executor._LAST_WORDS = leaving.SECONDS = transport._GRACE = 0.5
ex._submits.flush()
print("all are sent", flush=True)
sys.stdin.readline()
ex.submit(nap, 1)
"""


class Nobody(unittest.TestCase):
    """Calls wait, and no worker is there for them: that is said once."""

    def setUp(self):
        patched = mock.patch.object(unserved, "_LONG", 0.2)
        patched.start()
        self.addCleanup(patched.stop)

    @contextlib.contextmanager
    def told(self, ex):
        """What is said while calls of it wait."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                yield told
            finally:
                ex.shutdown(cancel_futures=True)

    def wait(self, is_so):
        end = time.monotonic() + 30
        while not is_so():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_where_there_is_none_it_is_told_how_to_start_one(self):
        ex = Executor(KEYED, KEY)
        with self.told(ex) as told:
            ex.submit(double, 1)
            self.wait(lambda: told)
            ex.submit(double, 2)
            # Whatever comes now, the service is not asked any more.
            self.assertEqual(ex._results._unserved.due_in(), math.inf)
        self.assertEqual([one.category for one in told], [NoWorkerWarning])
        sentence = r"^Calls wait at %s, and no worker is there to run them: start one with `mpcsfaas [^`]+`\.$" % re.escape(KEYED)
        self.assertRegex(str(told[0].message), sentence)

    def test_where_none_fits_it_is_told_what_is_missing(self):
        ex = Executor(labels=["nobody=has"])
        with self.told(ex) as told:
            ex.submit(double, 1)
            self.wait(lambda: told)
        self.assertRegex(str(told[0].message), r"no worker there can run them\. No connected worker has python[ .\d]* and the labels nobody=has\. ")
        self.assertRegex(str(told[0].message), "`mpcsfaas (up|worker [a-z]+ tcp://[^ ]+) --label nobody=has`")

    def test_nothing_is_said_of_calls_that_run_are_delayed_or_are_not_ours_nor_where_it_cannot_be_asked(self):
        group = "nobody-%d" % os.getpid()
        with Client() as client:
            of_others = client.submit(double, [1], labels=["nobody=has"], group=group)
            ex = Executor(group=group)
            asked, ask = [], ex._transport.call

            def call(method, path, *args, **named):
                asked.extend([path] if path == "/v1/tasks" else [])
                if len(asked) == 2:
                    raise errors.AuthenticationError("no")
                return ask(method, path, *args, **named)

            with self.told(ex) as told, mock.patch.object(ex._transport, "call", call):
                later = datetime.timedelta(minutes=10)
                futures = [ex.submit(sleeps, 60), ex.options(not_before=later).submit(double, 1)]
                self.wait(lambda: asked)
                # It is asked no more before something has ended.
                self.wait(lambda: ex._results._unserved.due_in() == math.inf)
                ex._results._unserved.moved()
                ex._results._wake()
                self.wait(lambda: len(asked) == 2)
                for one in futures:
                    client.cancel(one.task_id)
            client.cancel(of_others)
        self.assertEqual(told, [])

    def test_warnings_that_are_errors_fail_no_call(self):
        ex = Executor(labels=["nobody=has"])
        with warnings.catch_warnings(), self.assertLogs("mpcsfaas", "WARNING") as logged:
            warnings.simplefilter("error")
            future = ex.submit(double, 1)
            self.wait(lambda: logged.output)
            self.assertFalse(future.done())
            ex.shutdown(cancel_futures=True)
        self.assertIn("Calls wait at", logged.output[0])


class Cancels(unittest.TestCase):
    """In the background."""

    def test_a_fault_that_nobody_foresaw_is_logged_and_ends_no_later_cancel(self):
        asked, ended = [], threading.Event()

        def cancel(ids):
            asked.append(ids)
            if len(asked) == 1:
                raise LookupError("unforeseen")

        cancels = later.Later(cancel, "cancels", ended.set)
        with self.assertLogs("mpcsfaas", "WARNING") as told:
            cancels.add("a")
            self.assertTrue(ended.wait(5))
        self.assertIn("1 calls were given up and could not be canceled: unforeseen", told.output[0])
        cancels.join(5)
        self.assertFalse(cancels.is_running())
        cancels.add("b")
        cancels.join(5)
        self.assertEqual(asked, [["a"], ["b"]])


class Output(unittest.TestCase):
    """Whoever shows what calls print, where nobody tells it."""

    def test_a_service_that_hangs_holds_up_no_end(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, mock.patch.object(shown, "_QUIET", 0.2):
            way = transport.Transport("http://127.0.0.1:%d" % silent.getsockname()[1])
            output = shown.Shown(way, "group", "shown")
            with mock.patch.object(transport, "_CONNECT_TIMEOUT", 0.5):
                output.add(ended_futures(20))
                began = time.monotonic()
                output.close()
                output.join()
                self.assertLess(time.monotonic() - began, 20)  # a silent service is waited for a minute
                way.close()
                for thread in threading.enumerate():
                    if thread.name.startswith("shown-logs"):
                        thread.join(20)
            self.assertFalse(output.is_running())

    def test_a_service_that_is_away_is_tried_once_for_all_of_them(self):
        ended = threading.Event()
        way = transport.Transport(nobody(self), patience=0.3)
        output = shown.Shown(way, "group", "shown", lambda: output.is_running() or ended.set())
        with contextlib.redirect_stderr(io.StringIO()) as told:
            output.add(ended_futures(100))
            output.close()
            self.assertTrue(ended.wait(20))
        self.assertLess(told.getvalue().count("\n"), 20)
        self.assertIn("others cannot be shown: There is no service", told.getvalue())

    def test_what_a_stream_cannot_encode_is_replaced(self):
        program = SHOWING % r"'gr\xfc\xdfe'"
        env = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("gr??e\n", "err\n", 0))

    def test_a_stream_that_nobody_reads_ends_what_is_shown_there_and_nothing_else(self):
        program = subprocess.Popen(
            [sys.executable, "-c", "input()\n" + SHOWING % "'out'"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with program:
            program.stdout.close()
            program.stdin.write("go\n")
            program.stdin.close()
            told = program.stderr.read()
        self.assertRegex(told, "^err\n")
        self.assertNotIn("Traceback", told)

    def test_streams_that_are_closed_hold_up_no_end(self):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), Executor(stream_logs=True) as ex:
            out.close()
            err.close()
            output = ex._shown
            ex.submit(print, "out").result(20)
            ex.submit(print, "more").result(20)
        self.assertFalse(output.is_running())


def ended_futures(count):
    """Of tasks that have ended, and whose output nobody has read."""
    futures = [TaskFuture(None, "task-%d" % n) for n in range(count)]
    for future in futures:
        future.set_result(None)
    return futures


SHOWING = """
import sys
from mpcsfaas import Executor
def prints():
    print(%s)
    print("err", file=sys.stderr)
with Executor(stream_logs=True) as ex:
    ex.submit(prints).result()
    ex._shown.close()
    ex._shown.join()
    assert not ex._shown.is_running()
"""


class Doubts(unittest.TestCase):
    """A request is refused for want of room after a try whose answer is not known."""

    FULL = problem("queue_full", 429, "full", retry_after_ms=1)
    FAST = problem("rate_limited", 429, "fast", retry_after_ms=1)
    AWAY = problem("store_unavailable", 503, "away", accepted=[0])

    def test_what_may_have_been_taken_goes_again_as_it_was_and_all_else_is_drawn_anew(self):
        for first, then, is_held in (
            (b"", self.FULL, True),
            (answer(503, self.AWAY), self.FULL, True),
            (answer(429, self.FAST), self.FAST, False),
        ):
            answers = [first, answer(429, then), answer(429, then), answer(200, b'{"task_ids":["a","b","c"]}')]
            desk = _Desk()

            def say(n, answers=answers, desk=desk):
                if n == 4:
                    desk.last.wait(20)
                return answers[n - 1]

            url, asked = serve(self, say)
            way = submits.Submits(transport.Transport(url), desk, "submits", 20.0)
            futures = submitted(way, desk, [b"%d" % n for n in range(3)])
            while len(asked) < 4:
                time.sleep(0.01)
            futures[1]._settle_canceled()
            desk.last.set()
            self.assertTrue(way.flush(20))
            self.assertEqual([future.task_id for future in futures], ["a", "b", "c"])
            keys = [one.headers["Idempotency-Key"] for one in asked]
            self.assertEqual(len(set(keys)), 1 if is_held else 4)
            self.assertEqual(len({one.body for one in asked}), 1)
            way.close()
            way.join()

    def test_a_full_queue_is_asked_for_less_and_one_that_takes_for_more(self):
        desk, sizes = _Desk(), []

        def say(n):
            sizes.append(asked[n - 1].body.count(b'"function"'))
            if n < 4:
                return answer(429, self.FAST if n == 1 else self.FULL)
            return answer(200, json.dumps({"task_ids": [str(at) for at in range(sizes[-1])]}).encode())

        url, asked = serve(self, say)
        way = submits.Submits(transport.Transport(url), desk, "submits", 20.0)
        submitted(way, desk, [b"0"] * 3000)
        self.assertTrue(way.flush(20))
        self.assertEqual(sizes, [1000, 1000, 500, 250, 500, 1000, 1000, 250])
        way.close()
        way.join()

    def test_a_full_queue_is_left_alone_for_as_long_as_it_asks(self):
        full = problem("queue_full", 429, "full")
        refused = answer(429, full, "application/problem+json", "Retry-After: 0.3")
        url, asked = serve(self, lambda n: refused if n < 3 else answer(200, b'{"task_ids": ["a"]}'))
        desk, began = _Desk(), time.monotonic()
        way = submits.Submits(transport.Transport(url), desk, "submits", 20.0)
        submitted(way, desk, [b"0"])
        self.assertTrue(way.flush(20))
        self.assertEqual(len(asked), 3)
        self.assertGreaterEqual(time.monotonic() - began, 0.6)
        way.close()
        way.join()

    def test_those_of_them_that_nobody_waits_for_any_more_are_canceled_when_they_are_known(self):
        with Executor() as ex, Client() as client:
            soon = datetime.timedelta(seconds=10)
            task_id = client.submit(double, [1], labels=["nobody=has"], expires_at=soon, group=ex.group)
            future = TaskFuture(ex)
            future._fail(errors.QueueFull("full"))
            ex.accepted([future], [task_id], ex.opened())
            with self.assertRaises(errors.TaskCanceled):
                client.wait(task_id, 20)


def submitted(way, desk, arguments):
    """The futures of calls that go together, one for each of these arguments."""
    entry, futures = wishes.Entry(wishes.head_of("f"), wishes.tail_of({}), "f"), [TaskFuture(desk) for _ in arguments]
    with way._changed:
        for future, args in zip(futures, arguments):
            way.add(wishes.Wish(future, entry, args))
    return futures


class _Desk:
    """Takes what is accepted, and has no stream."""

    def __init__(self):
        self.last = threading.Event()

    def opened(self):
        return 0

    def opened_now(self):
        return None

    def accepted(self, futures, ids, epoch):
        for future, task_id in zip(futures, ids):
            future._accepted(task_id)

    def sent(self):
        pass

    def ended(self):
        pass


if __name__ == "__main__":
    unittest.main()

"""What travels: functions with what they need, classes that come back as the caller's own, sentences about what cannot."""
import collections
import concurrent.futures
import dataclasses
import enum
import functools
import gc
import importlib
import io
import pickle
import pickletools
import random
import socket
import subprocess
import sys
import threading
import types
import unittest
import weakref
import urllib.parse
import xml.etree.ElementTree
from random import randint, random as draw

from mpcsfaas import AsyncClient, Client, SerializationError, TaskFuture, callables, function, pickling, shipment

RATE = 3
UNUSED = "this text is used by nobody here"
LOCK = threading.Lock()
Pair = collections.namedtuple("Pair", "a b")


def taking(given):
    return lambda: given


class Color(enum.Enum):
    RED = "r"


@dataclasses.dataclass
class Point:
    x: int

    class Missing(Exception):
        pass

    def scaled(self):
        return Point(self.x * RATE)


class Mine(ValueError):
    pass


def scaled(x):
    return inner(x) * RATE


def inner(x):
    return x + 1


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def down(n):
    return 0 if n == 0 else down(n - 1)


@function(timeout=5.0)
def decorated(x):
    return x * RATE


def uses_decorated(x):
    return decorated(x) + 1


def logged(plain):
    @functools.wraps(plain)
    def wrapper(*args):
        return ["logged", plain(*args)]

    return wrapper


@logged
@function(timeout=5.0)
def wrapped(x):
    return x * RATE if x < 10 else wrapped(x - 10)


class Wrapping:
    @logged
    @function
    def scaled(self, x):
        return x * RATE


def reads_xml(text):
    return xml.etree.ElementTree.fromstring(text).get("b"), inner_quote("x y")


def inner_quote(text):
    return urllib.parse.quote(text)


def drawn():
    return draw(), randint(0, 9)


def locks():
    with LOCK:
        return 1


def down_and_locks(n):
    return down_and_locks(n - 1) if n else locks()


class Locking:
    def __init__(self):
        self.deep = {"k": [LOCK]}
        self.waits = {LOCK}

    def run(self):
        return 1

    def __call__(self):
        return 1


class Guarded:
    lock = LOCK


class Waiting:
    def m(self):
        return LOCK

    def __call__(self):
        return 1


class Functions(unittest.TestCase):
    def test_takes_along_what_it_uses_and_nothing_else(self):
        code = shipment.shipment_of(scaled).code
        self.assertNotIn(UNUSED.encode(), code)
        self.assertEqual(run_elsewhere(code, 4), 15)
        self.assertEqual(run_elsewhere(shipment.shipment_of(down).code, 5), 0)

    def test_functions_may_call_each_other_and_one_in_a_function_itself(self):
        def factorial(n):
            return 1 if n == 0 else n * factorial(n - 1)

        for function_, arg, expected in [(is_even, 3, False), (factorial, 5, 120)]:
            self.assertEqual(run_elsewhere(shipment.shipment_of(function_).code, arg), expected)

    def test_a_decorated_one_needs_nothing_of_the_sdk(self):
        for shipped in (decorated, uses_decorated):
            code = shipment.shipment_of(shipped).code
            self.assertNotIn(b"mpcsfaas", code)
        self.assertEqual(run_elsewhere(code, 4), 13)

    def test_a_decorator_above_the_decorated_one_is_what_runs(self):
        twice = ["logged", ["logged", 12]]
        for shipped, args, value in (
            (wrapped, (14,), twice),
            (function(wrapped), (14,), twice),
            (function(logged(decorated)).options(priority=1), (4,), ["logged", 12]),
            (Wrapping().scaled, (4,), ["logged", 12]),
        ):
            # Where it runs there is no SDK.
            self.assertEqual(run_elsewhere(shipment.shipment_of(shipped).code, *args), value)
        self.assertIs(shipment.shipment_of(wrapped), shipment.shipment_of(wrapped))
        # Its options are those of the one below.
        self.assertEqual((callables.options_of(wrapped), callables.options_of(decorated)), ({}, {"timeout": 5.0}))
        self.assertEqual((vars(wrapped).keys() & {"plain", "task_options"}, wrapped(4)), (set(), ["logged", 12]))

    def test_brings_the_submodules_that_it_uses(self):
        code = shipment.shipment_of(reads_xml).code
        self.assertEqual(run_elsewhere(code, "<a b='1'/>"), ("1", "x%20y"))

    def test_is_made_anew_when_what_it_uses_has_changed_and_only_then(self):
        global RATE
        first = shipment.shipment_of(scaled)
        self.assertIs(shipment.shipment_of(scaled), first)
        RATE = 4
        try:
            self.assertNotEqual(shipment.shipment_of(scaled).digest, first.digest)
        finally:
            RATE = 3
        self.assertEqual(shipment.shipment_of(scaled).digest, first.digest)
        box = [1]
        changing = lambda: box  # noqa: E731
        before = shipment.shipment_of(changing).digest
        box.append(2)
        self.assertNotEqual(shipment.shipment_of(changing).digest, before)

    def test_notices_a_change_of_a_class_of_a_function_and_of_what_a_module_made(self):
        class Base:
            def hello(self):
                return 1

        class Child(Base):
            rate = 1

        Base.__module__ = Child.__module__ = "__main__"
        uses_class = lambda: Child().hello() * Child.rate  # noqa: E731

        def marked():
            return marked.word

        marked.word = "a"
        state = [0]
        made = lambda: state[0]  # noqa: E731
        made.__module__ = "collections"
        uses_made = lambda: made()  # noqa: E731

        def change_state():
            state[0] += 1

        class Local(Base):
            rate = 1

        Local.__module__ = "collections"
        uses_local = lambda: Local.rate  # noqa: E731

        class Limit:
            def __init__(self, most):
                self.most = most

            def __get__(self, holder, kind=None):
                return self.most

            def __set__(self, holder, value):
                raise AttributeError

        class Limited:
            limit = Limit(1)

        uses_limited = lambda: Limited.limit  # noqa: E731

        changes = [
            (uses_class, lambda: setattr(Child, "rate", 2)),
            (uses_class, lambda: setattr(Base, "hello", lambda self: 2)),
            (marked, lambda: setattr(marked, "word", "b")),
            (uses_made, change_state),
            (uses_local, lambda: setattr(Local, "rate", 2)),
            (uses_local, lambda: setattr(Base, "hello", lambda self: 3)),
            (uses_limited, lambda: setattr(vars(Limited)["limit"], "most", 2)),
        ]
        for function, change in changes:
            before = shipment.shipment_of(function)
            change()
            self.assertNotEqual(shipment.shipment_of(function).digest, before.digest)

    def test_notices_a_change_of_what_a_builtin_holds(self):
        table, seen, word = {}, [], "a"
        get, add, join = table.get, seen.append, word.join
        for function, change in ((lambda: get(1), lambda: table.update(a=1)), (lambda: add(1), lambda: seen.append(1))):
            before = shipment.shipment_of(function)
            change()
            self.assertNotEqual(shipment.shipment_of(function).digest, before.digest)
        for function in (lambda: join(()), lambda: len(())):
            self.assertIs(shipment.shipment_of(function), shipment.shipment_of(function))

    def test_notices_a_change_of_what_an_enum_uses(self):
        factor = 1

        class Unit(enum.Enum):
            INCH = 1
            FOOT = 12

            def inches(self):
                return self.value * factor

        class Held(enum.Enum):
            BOX = [1]

        class Kind(type):
            word = "a"

        class Made(metaclass=Kind):
            pass

        def change_factor():
            nonlocal factor
            factor = 2

        changes = [
            (lambda: Unit.FOOT.inches(), change_factor),
            (lambda: Unit.FOOT.inches(), lambda: setattr(Unit, "inches", lambda self: 3)),
            (lambda: Held.BOX, lambda: Held.BOX.value.append(2)),
            (lambda: Made, lambda: setattr(Kind, "word", "b")),
        ]
        for function, change in changes:
            before = shipment.shipment_of(function)
            change()
            self.assertNotEqual(shipment.shipment_of(function).digest, before.digest)
        function = changes[0][0]
        self.assertIs(shipment.shipment_of(function), shipment.shipment_of(function))

    def test_notices_a_submodule_that_is_loaded_later(self):
        function = lambda text: xml.dom.minidom.parseString(text)  # noqa: E731
        for name in ("xml.dom", "xml.dom.minidom"):
            self.assertNotIn(name, sys.modules)
            before = shipment.shipment_of(function)
            self.assertIs(shipment.shipment_of(function), before)
            importlib.import_module(name)
            self.assertNotEqual(shipment.shipment_of(function).digest, before.digest)

    def test_does_not_keep_functions_without_end(self):
        large = "x" * (20 * 1024 * 1024)
        kept = []
        for number in range(6):
            own = large + str(number)
            function = lambda: own  # noqa: E731
            shipment.shipment_of(function)
            kept.append(weakref.ref(function))
            del function, own
        gc.collect()
        self.assertIsNone(kept[0]())

    def test_tells_source_name_and_versions(self):
        shipped = shipment.shipment_of(scaled)
        self.assertEqual(shipped.source, "def scaled(x):\n    return inner(x) * RATE\n")
        self.assertEqual(shipped.python, "%d.%d" % sys.version_info[:2])
        self.assertRegex(shipped.pickler, r"^dill \d")
        self.assertEqual(shipment.shipment_of(len).python, "")
        self.assertEqual(shipment.label(lambda: 0), "Functions.test_tells_source_name_and_versions.lambda")

    def test_a_method_that_a_module_calls_its_own_goes_by_name(self):
        most = 2**60
        drawing = random.Random(7).random
        for shipped, args in (
            (draw, ()),
            (randint, (0, most)),
            (lambda: draw(), ()),
            (lambda: randint(0, most), ()),
            (functools.partial(randint, 0), (most,)),
        ):
            code = shipment.shipment_of(shipped).code
            self.assertNotEqual(run_elsewhere(code, *args), run_elsewhere(code, *args))
        for value in (draw, randint):
            self.assertIs(pickling.loads(pickling.dumps(value)), value)
            self.assertIs(pickling.loads(pickling.dumps([value, lambda: 0]))[0], value)
        # That of any other object takes it along.
        for shipped in (drawing, lambda: drawing()):
            code = shipment.shipment_of(shipped).code
            self.assertEqual(run_elsewhere(code), run_elsewhere(code))
        self.assertEqual(run_elsewhere(pickling.dumps({"a": 1}.get), "a"), 1)
        nameless = types.MethodType(functools.partial(max, 1), 2)
        self.assertEqual(pickling.loads(pickling.dumps(nameless))(), 2)
        self.assertIs(shipment.shipment_of(drawn), shipment.shipment_of(drawn))

    def test_a_future_and_a_client_say_what_to_do_instead(self):
        client, future = Client("http://127.0.0.1:1"), concurrent.futures.Future()
        task = client.task("t")
        for given, words in (
            (future, r"a future cannot go along .*: pass its value, `future.result\(\)`$"),
            (TaskFuture(None), r"a future cannot go along .*: pass its value, `future.result\(\)`$"),
            (client, "; a Client cannot go along to where a function runs: "),
            (AsyncClient("http://127.0.0.1:1"), "; a Client cannot go along to where a function runs: "),
            (task, "; a Client cannot go along to where a function runs: "),
        ):
            with self.assertRaisesRegex(SerializationError, "^cannot pickle argument 1 of `len`: .*" + words):
                pickling.Arguments().dumps(len, ([given],), {})
            with self.assertRaisesRegex(SerializationError, "captured variable `given`.*" + words):
                shipment.shipment_of(taking(given))

    def test_names_the_captured_object_that_cannot_be_pickled(self):
        lock, deep = threading.RLock(), {"a": [0, socket.socket()]}
        for shipped, words in (
            (locks, "cannot pickle `locks`: its global variable `LOCK` is a _thread.lock"),
            (lambda: lock, "its captured variable `lock` is a _thread.RLock"),
            (lambda: deep, "its captured variable `deep`, at ['a'][1], is a socket.socket"),
            (lambda file=io.TextIOWrapper(io.BytesIO()): file, "its default of `file` is a _io.TextIOWrapper"),
        ):
            with self.assertRaises(SerializationError) as caught:
                shipment.shipment_of(shipped)
            self.assertIn(words, str(caught.exception))
        deep["a"][1].close()

    def test_names_it_in_objects_classes_and_what_holds_functions(self):
        functions, waits = [inner, locks], Locking().waits
        for shipped, words in (
            (Locking().run, "cannot pickle `Locking.run`: its .__self__.deep['k'][0] is a _thread.lock"),
            (Locking(), "cannot pickle `Locking`: its .deep['k'][0] is a _thread.lock"),
            (functools.partial(inner, LOCK), "cannot pickle `inner`: its .args[0] is a _thread.lock"),
            (functools.partial(inner, y={1: LOCK}), "cannot pickle `inner`: its .keywords['y'][1] is a _thread.lock"),
            (functools.partial(locks), "cannot pickle `locks`: its .func, its global variable `LOCK` is a _thread.lock"),
            (lambda: Guarded.lock, "its global variable `Guarded`, at .lock, is a _thread.lock"),
            (lambda: Waiting().m(), "its global variable `Waiting`, at .m, its global variable `LOCK`, is a _thread.lock"),
            (Waiting(), "cannot pickle `Waiting`: its .m, its global variable `LOCK` is a _thread.lock"),
            (lambda: functions, "its captured variable `functions`, at [1], its global variable `LOCK`, is a _thread.lock"),
            (lambda: waits, "its captured variable `waits`, at {…}, is a _thread.lock"),
            (down_and_locks, "cannot pickle `down_and_locks`: its global variable `LOCK` is a _thread.lock"),
        ):
            with self.assertRaises(SerializationError) as caught:
                shipment.shipment_of(shipped)
            self.assertIn(words, str(caught.exception))


class Values(unittest.TestCase):
    def test_plain_data_is_written_by_the_c_pickler(self):
        for value in (1, "x", [1, {"a": (2.5, None)}], {1, 2}, Exception("x")):
            self.assertEqual(pickling.dumps(value), pickle.dumps(value, 5))

    def test_the_main_module_goes_by_value_and_comes_back_as_the_callers_own(self):
        data = pickling.dumps([Point(2), Mine("x"), Pair(1, 2), Color.RED])
        names = [argument for op, argument, _ in pickletools.genops(data) if op.name == "GLOBAL" and "Point" in argument]
        self.assertEqual(names, [])
        point, error, pair, color = pickling.loads(data)
        self.assertIs(type(point), Point)
        self.assertIs(type(error), Mine)
        self.assertIs(type(pair), Pair)
        self.assertIs(type(pickling.loads(pickling.dumps(Point.Missing("x")))), Point.Missing)
        self.assertEqual(run_elsewhere(pickling.dumps(Point(2).scaled)), Point(6))
        self.assertEqual(run_elsewhere(pickling.dumps(lambda: [Color.RED.value])), ["r"])

    def test_names_the_argument_that_cannot_be_pickled(self):
        arguments = pickling.Arguments()
        with self.assertRaisesRegex(SerializationError, r"argument 2 of `scaled`: its \['lock'\] is a _thread.lock"):
            arguments.dumps(scaled, (1, {"lock": LOCK}), {})
        with self.assertRaisesRegex(SerializationError, "argument `y` of `scaled`: it is a generator"):
            arguments.dumps(scaled, (1,), {"y": (n for n in ())})

    def test_names_the_function_that_is_called_by_its_name(self):
        with Client("http://127.0.0.1:1") as client:
            for ask in (lambda: client.submit("work", [1, LOCK]), lambda: client.batch("work", [[1, LOCK]])):
                with self.assertRaisesRegex(SerializationError, "^cannot pickle argument 2 of `work`: it is a _thread.lock"):
                    ask()

    def test_arguments_that_are_no_sequence_are_told_with_how_to_write_them(self):
        with Client("http://127.0.0.1:1") as client:
            for ask, words in (
                (lambda: client.submit("greet", "Ada"), "a list or a tuple, not 'Ada': write submit('greet', ['Ada'])"),
                (lambda: client.submit("double", 21), "a list or a tuple, not 21: write submit('double', [21])"),
                (lambda: client.submit(scaled, b"x"), "a list or a tuple, not b'x': write submit(scaled, [b'x'])"),
                (lambda: client.submit("double", (n for n in [1])), "a list or a tuple, not <generator"),
                (lambda: client.submit("double", {"x": 1}), "a list or a tuple, not {'x': 1}"),
                (lambda: client.submit("double", {1}), "a list or a tuple, not {1}"),
                (lambda: client.batch("double", [1, 2]), "not 1: write batch('double', [[1], …])"),
                (lambda: client.batch("greet", ["Ada"], as_json=True), "not 'Ada': write batch('greet', [['Ada'], …])"),
                (lambda: client.batch("double", 5), "a list of their arguments, not 5: write batch('double', [[x, y], [z, w]])"),
                (lambda: client.batch("double", "ab"), "a list of their arguments, not 'ab'"),
            ):
                with self.assertRaises(TypeError) as caught:
                    ask()
                self.assertIn(words, str(caught.exception))

    def test_what_is_nested_too_deeply_is_one_sentence(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        arguments = pickling.Arguments()
        for fails, words in (
            (lambda: arguments.dumps(scaled, (1, deep), {}), "argument 2 of `scaled`: it is nested more deeply than"),
            (lambda: arguments.dumps(scaled, (), {"x": {"a": [deep, LOCK]}}), "argument `x` of `scaled`: it is nested more deeply"),
            (lambda: arguments.dumps(scaled, (Point(deep),), {}), "argument 1 of `scaled`: it is nested more deeply than"),
            (lambda: shipment.shipment_of(lambda: deep), "what `.*lambda>` takes along: it is nested more deeply than"),
            (lambda: Client("http://127.0.0.1:1").submit("scaled", [deep], as_json=True), "scaled are nested too deeply for JSON"),
        ):
            with self.assertRaisesRegex(SerializationError, words) as caught:
                fails()
            self.assertIsNone(caught.exception.__cause__)
            self.assertTrue(caught.exception.__suppress_context__)

    def test_arguments_that_are_no_json_say_so(self):
        client = Client("http://127.0.0.1:1")
        for value, told in (({1}, ".* set is not JSON"), (float("nan"), "Out of range float"), ([-float("inf")], "Out of range float")):
            for ask in (client.submit, lambda name, args, **more: client.batch(name, [args], **more)):
                with self.assertRaisesRegex(SerializationError, "the arguments of scaled do not fit into JSON: " + told):
                    ask("scaled", [value], as_json=True)

    def test_large_ones_that_cannot_change_are_pickled_once(self):
        arguments = pickling.Arguments()
        large, box = b"x" * 300_000, [b"y" * 300_000]
        self.assertIs(arguments.dumps(scaled, (large, 1), {}), arguments.dumps(scaled, (large, 1), {}))
        self.assertNotEqual(arguments.dumps(scaled, (large, 1), {}), arguments.dumps(scaled, (large, 2), {}))
        before = arguments.dumps(scaled, (box,), {})
        box.append(1)
        self.assertNotEqual(arguments.dumps(scaled, (box,), {}), before)


RUN = """
import pickle, sys, dill
assert "mpcsfaas" not in sys.modules
call, args = dill.loads(sys.stdin.buffer.read()), %r
sys.stdout.buffer.write(dill.dumps(call(*args)))
"""


def run_elsewhere(code, *args):
    """The call in an interpreter that has dill, but neither this SDK nor this module."""
    done = subprocess.run([sys.executable, "-I", "-c", RUN % (args,)], input=code, capture_output=True, check=True)
    return pickling.loads(done.stdout)


if __name__ == "__main__":
    unittest.main()

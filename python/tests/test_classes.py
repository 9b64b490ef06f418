"""Classes of a script through a real service: one class each in a call, the caller's own when they come back."""
import abc
import collections
import dataclasses
import enum
import functools
import os
import subprocess
import sys
import typing
import unittest

import mpcsfaas
from mpcsfaas import Executor, SerializationError, TaskFailed, errors

Item = typing.TypeVar("Item", bound="Shape")
Pair = collections.namedtuple("Pair", "a b")


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Box(typing.Generic[Item]):
    def __init__(self, item: Item):
        self.item = item


@typing.runtime_checkable
class Named(typing.Protocol):
    name: str


@dataclasses.dataclass
class Person(Named):
    name: str
    friends: list = dataclasses.field(default_factory=list)


class Color(enum.Enum):
    RED = "r"
    CRIMSON = "r"
    BLUE = "b"

    def mixed(self):
        return Color.BLUE if self is Color.RED else self


class Size(enum.IntEnum):
    SMALL = 1


class Level(str, enum.Enum):
    LOW = "low"

    def __str__(self):
        return self.value.upper()


class Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class Planet(enum.Enum):
    EARTH = (5.9, 6.3)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius


class Odd(bytes, enum.Enum):
    ONE = 1

    def __new__(cls, number):
        member = bytes.__new__(cls, [number])
        member._value_ = number * 10
        return member


class Labelled(enum.Enum):
    ONE = 1, "one"
    TWO = 2, "two"

    def __new__(cls, number, label):
        member = object.__new__(cls)
        member._value_ = number * 10
        member.label = label
        return member

    def told(self):
        return self.label.upper()


@dataclasses.dataclass(frozen=True)
class Coin:
    cents: int


class Coins(Coin, enum.Enum):
    DIME = 10


class Row(typing.TypedDict, total=False):
    name: str


class Point(typing.NamedTuple):
    x: int
    y: int = 2

    def total(self):
        return self.x + self.y


class Base:
    made = []

    def __init_subclass__(cls):
        Base.made.append(cls)


class Noted(Base):
    """Is held by its own base class."""


class Counted(type):
    def __new__(meta, name, bases, body, *, unit="none"):
        made = super().__new__(meta, name, bases, body)
        made.unit = unit
        return made

    def __len__(cls):
        return 0


class Length(metaclass=Counted, unit="metre"):
    pass


class Plugin:
    def __init_subclass__(cls, kind="none"):
        cls.kind = kind


class Reader(Plugin, kind="reader"):
    @functools.cached_property
    def text(self):
        return Metres(len(self.kind))


Metres = typing.NewType("Metres", int)


class NeedsBoth(Exception):
    """Keeps a text in `args`, and wants two other things to be made."""

    def __init__(self, place, *, code):
        super().__init__("no way at %s" % place)
        self.place = place
        self.code = code

    def __str__(self):
        return "%s (%d)" % (self.args[0], self.code)


class Refused(ConnectionRefusedError):
    def __init__(self, host):
        super().__init__(111, "refused", host)
        self.host = host


class Missing(FileNotFoundError):
    """Is made as its base is."""


class BadText(UnicodeDecodeError):
    """So is this."""


class Left(SystemExit):
    """And this, which is no Exception."""


class Told(Exception):
    """Says itself how it is pickled."""

    def __init__(self, place):
        super().__init__("told of %s" % place)
        self.place = place

    def __reduce_ex__(self, protocol):
        return Told, (self.place + "!",)


class Narrow(Exception):
    __slots__ = ("code",)

    def __init__(self):
        super().__init__("narrow")
        self.code = 5


class Twice(Exception):
    def __new__(cls, place, code):
        return super().__new__(cls, place)

    def __init__(self, place, code):
        super().__init__(place)


def looked_at(value, kind):
    return isinstance(value, kind), value


def knows(value):
    """Whether it is of the class that the function itself speaks of, and what it can do."""
    if isinstance(value, Square):
        return value.area()
    if isinstance(value, Box):
        return knows(value.item)
    if isinstance(value, Person):
        return isinstance(value, Named) and dataclasses.asdict(value)
    if isinstance(value, Color):
        return value.mixed() is Color.BLUE
    if isinstance(value, (Size, Rights)):
        return value.name, value + 1
    if isinstance(value, Level):
        return str(value)
    if isinstance(value, Planet):
        return value.mass
    if isinstance(value, Labelled):
        return value.told(), Labelled(20) is value
    if isinstance(value, Point):
        return value.total()
    return type(value).__name__ if isinstance(value, Pair) else "a stranger"


def fails(place):
    raise NeedsBoth(place, code=7)


def fails_deep():
    try:
        fails("the end")
    except NeedsBoth as error:
        raise LookupError("deep", error) from error


def given_back(value):
    return value


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ex = Executor()

    @classmethod
    def tearDownClass(cls):
        cls.ex.shutdown()

    def test_an_argument_is_of_the_class_that_the_function_speaks_of(self):
        for value, told in (
            (Square(3), 9),
            (Box(Square(2)), 4),
            (Box[Square](Square(2)), 4),
            (Person("Ada"), {"name": "Ada", "friends": []}),
            (Color.RED, True),
            (Size.SMALL, ("SMALL", 2)),
            (Rights.WRITE, ("WRITE", 3)),
            (Level.LOW, "LOW"),
            (Planet.EARTH, 5.9),
            (Labelled.TWO, ("TWO", True)),
            (Point(1), 3),
            (Pair(1, 2), "Pair"),
        ):
            self.assertEqual(self.ex.submit(knows, value).result(20), told)

    def test_a_result_is_of_the_callers_own_class(self):
        class Local:
            pass

        class Deeper(Local):
            pass

        for value in (Square(3), Person("Ada"), Point(1), Pair(1, 2), Box[Square](Square(1)), Deeper()):
            back = self.ex.submit(given_back, [value]).result(20)[0]
            self.assertIs(type(back), type(value))
        for value in (Color.CRIMSON, Size.SMALL, Level.LOW, Planet.EARTH, Labelled.ONE, Rights.READ | Rights.WRITE):
            self.assertIs(self.ex.submit(given_back, value).result(20), value)
        for kind in (Local, Color, Square):
            self.assertEqual(self.ex.submit(looked_at, kind, type).result(20), (True, kind))
        self.assertEqual(self.ex.submit(lambda one: (isinstance(one, Local), type(one) is Deeper), Deeper()).result(20), (True, True))

    def test_a_class_stays_what_its_statement_made_of_it(self):
        told = self.ex.submit(lambda one: (Length.unit, isinstance(one, Length), one.unit, Length.__qualname__), Length())
        self.assertEqual(told.result(20), ("metre", True, "metre", "Length"))
        self.assertEqual(self.ex.submit(lambda one: (Reader.kind, one.kind, one.text), Reader()).result(20), ("reader", "reader", 6))

    def test_a_typed_dict_is_what_it_was(self):
        def row(name: str) -> Row:
            return Row(name=name)

        self.assertEqual(self.ex.submit(row, "Ada").result(20), {"name": "Ada"})
        self.assertEqual(self.ex.submit(lambda: (sorted(Row.__optional_keys__), Row.__total__)).result(20), (["name"], False))
        self.assertIs(self.ex.submit(lambda: Row).result(20), Row)

    def test_a_function_is_the_same_after_its_classes_were_used(self):
        class Plain:
            pass

        @typing.runtime_checkable
        class Able(typing.Protocol):
            def able(self): ...

        def told(one):
            return isinstance(one, (Plain, Able))

        futures = [self.ex.submit(told, one) for one in (1, Plain(), Plain(), 1)]
        self.assertFalse(isinstance(futures, Able))
        futures.append(self.ex.submit(told, 1))
        self.assertEqual([future.result(20) for future in futures], [False, True, True, False, False])
        self.assertEqual(len({future.record()["function"]["function_id"] for future in futures}), 1)

    def test_classes_of_one_name_are_told_apart(self):
        def made(number):
            class Mark:
                value = number

            return Mark

        first, second = made(1), made(2)
        marks = self.ex.submit(lambda one, other: (isinstance(one, first), isinstance(other, first), [one, other]), first(), second())
        is_first, is_other, values = marks.result(20)
        self.assertEqual((is_first, is_other), (True, False))
        self.assertEqual([type(one) for one in values], [first, second])

    def test_so_are_those_that_their_metaclass_calls_equal(self):
        class Equal(type):
            def __eq__(cls, other):
                return True

            def __hash__(cls):
                return 1

        class One(metaclass=Equal):
            number = 1

        class Two(metaclass=Equal):
            number = 2

        told = self.ex.submit(lambda one, two: (one.number, two.number, [type(two)]), One(), Two()).result(20)
        self.assertEqual(told[:2], (1, 2))
        self.assertIs(told[2][0], Two)

    def test_what_a_call_does_to_a_class_that_only_its_arguments_bring_ends_with_it(self):
        class Counter:
            seen = 0

        def count(one):
            type(one).seen += 1
            return type(one).seen

        self.assertEqual([self.ex.submit(count, Counter()).result(20) for _ in range(3)], [1, 1, 1])

    def test_another_run_of_the_script_has_its_own_class_back(self):
        group = "classes-%d" % os.getpid()
        text = "import enum, sys\nfrom mpcsfaas import Executor\nclass Shade(enum.Enum):\n    RED = 1\n    def hi(self): return 2\n"
        submit = "with Executor(group=%r) as ex:\n    ex.submit(lambda x: [x, Shade.RED], Shade.RED).result()\n"
        again = "with Executor(group=%r) as ex:\n    print(ex.reattach()[0].result() == [Shade.RED] * 2)\n"
        for program, told in ((submit, ""), (again, "True\n")):
            done = subprocess.run([sys.executable, "-c", text + program % group], capture_output=True, text=True)
            self.assertEqual((done.stdout, done.stderr), (told, ""))
        with Executor(group=group) as ex, self.assertRaisesRegex(SerializationError, "cannot be loaded here: .*Shade is defined in the script that submitted it"):
            ex.reattach()[0].result(20)

    def test_what_cannot_travel_is_told_with_what_to_do(self):
        with self.assertRaisesRegex(SerializationError, "the enum Odd has a __new__ of its own.*: move it into a module"):
            self.ex.submit(given_back, Odd.ONE)
        with self.assertRaisesRegex(SerializationError, "the enum Coins has a dataclass as its base"):
            self.ex.submit(given_back, Coins.DIME)
        with self.assertRaisesRegex(SerializationError, "the class Noted is needed to make itself: one of its attributes"):
            self.ex.submit(given_back, Noted())

    def test_an_exception_whose_constructor_wants_more_is_raised_itself(self):
        with self.assertRaises(NeedsBoth) as caught:
            self.ex.submit(fails, "the door").result(20)
        error = caught.exception
        self.assertEqual((str(error), error.place, error.code), ("no way at the door (7)", "the door", 7))
        self.assertIsInstance(error.__cause__, errors.RemoteTraceback)
        self.assertIn("in fails", str(error.__cause__))
        with self.assertRaises(LookupError) as outer:
            self.ex.submit(fails_deep).result(20)
        self.assertIsInstance(outer.exception.args[1], NeedsBoth)
        self.assertEqual(str(self.ex.submit(given_back, NeedsBoth("x", code=1)).result(20)), "no way at x (1)")

    def test_it_keeps_what_pythons_own_class_holds(self):
        refused, missing = Refused("here"), Missing(2, "none", "/there")
        bad, left, twice, narrow = BadText("utf-8", b"ab", 0, 1, "bad"), Left(3), Twice("door", 7), Narrow()

        def raises(error):
            raise error

        for error in (refused, missing, bad, left, twice, narrow):
            for back in (self.ex.submit(given_back, error).result(20), self.ex.submit(raises, error).exception(20)):
                self.assertIs(type(back), type(error))
                self.assertEqual((str(back), back.args), (str(error), error.args))
                for name in ("errno", "strerror", "filename", "host", "object", "code"):
                    self.assertEqual(getattr(back, name, None), getattr(error, name, None))
        self.assertEqual(self.ex.submit(lambda error: (error.errno, error.filename), refused).result(20), (111, "here"))
        self.assertEqual(self.ex.submit(lambda error: error.place, Told("x")).result(20), "x!")

    def test_so_is_one_of_a_source_and_of_an_installed_module(self):
        source = (
            "class Far(ValueError):\n    def __init__(self, a, b):\n        super().__init__('far')\n        self.a = a\n\n\n"
            "def far(path):\n    raise Far(1, 2)\n\n\ndef near(path):\n    import sys\n    sys.path.append(path)\n"
            "    import odd_exception\n    raise odd_exception.Odd(1, 2)\n"
        )
        with mpcsfaas.Client() as client:
            client.register(source, name="far-sdk", entry="far")
            with self.assertRaises(ValueError) as caught:
                client.wait(client.submit("far-sdk", [""]), 20)
            self.assertEqual((type(caught.exception).__name__, caught.exception.a), ("Far", 1))
            client.register(source, name="near-sdk", entry="near")
            import odd_exception

            with self.assertRaises(odd_exception.Odd) as caught:
                client.wait(client.submit("near-sdk", [os.path.dirname(odd_exception.__file__)]), 20)
            self.assertEqual((str(caught.exception), caught.exception.b), ("odd", 2))

    def test_one_that_no_pickle_holds_is_told(self):
        def holds_a_generator():
            error = ValueError("locked")
            error.rest = (line for line in ())
            raise error

        with self.assertRaises(errors.RemoteError) as caught:
            self.ex.submit(holds_a_generator).result(20)
        self.assertIsInstance(caught.exception, TaskFailed)
        self.assertEqual((caught.exception.type_name, caught.exception.message), ("ValueError", "locked"))
        self.assertIn("holds_a_generator", caught.exception.traceback)


if __name__ == "__main__":
    unittest.main()

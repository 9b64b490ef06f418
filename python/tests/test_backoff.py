"""Pauses between tries: they grow up to a bound, differ from each other, and are never shorter than the service asked for."""
import time
import unittest
from email.utils import formatdate

from mpcsfaas.backoff import pause
from mpcsfaas.connection import retry_after


def least():
    return 0.0


def most():
    return 1.0


class Pauses(unittest.TestCase):
    def test_they_double_up_to_a_bound(self):
        longest = [pause(tries, draw=most) for tries in range(1, 100)]
        self.assertEqual(longest[:7], [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
        self.assertEqual(set(longest[7:]), {5.0})
        # After however many tries: a power of that many overflows.
        self.assertEqual(pause(10**6, draw=most), 5.0)

    def test_they_are_drawn_from_the_upper_half(self):
        for tries in (1, 4, 50):
            whole = pause(tries, draw=most)
            self.assertEqual([pause(tries, draw=lambda at=at: at) for at in (0.0, 0.5)], [whole / 2, whole * 0.75])
            # By chance, where nothing else is said: those who failed together do not come back together.
            drawn = {pause(tries) for _ in range(1000)}
            self.assertGreater(len(drawn), 900)
            self.assertTrue(all(whole / 2 <= one <= whole for one in drawn))
            self.assertGreater(max(drawn) - min(drawn), whole / 4)

    def test_they_are_never_shorter_than_asked_for_and_differ_then_too(self):
        for asked in (0.01, 1.0, 4.0, 5.0, 60.0):
            for tries in (1, 4, 50):
                for draw in (least, most):
                    self.assertGreaterEqual(pause(tries, asked, draw), asked)
                self.assertLessEqual(pause(tries, asked, most), max(asked * 1.1, 5.0))
                self.assertLess(pause(tries, asked, least), pause(tries, asked, most))
        self.assertEqual((pause(1, 10.0, least), pause(1, 10.0, most)), (10.0, 11.0))


class Asked(unittest.TestCase):
    """What an answer asks for."""

    def test_seconds_are_read(self):
        for told, seconds in (("7", 7.0), ("0.25", 0.25), ("0", 0.0), ("-3", 0.0)):
            self.assertEqual(retry_after({"retry-after": told}), seconds)

    def test_a_date_is_read_by_the_clock_of_the_answer(self):
        said = "Fri, 31 Dec 1999 23:59:50 GMT"
        for until, seconds in (
            ("Fri, 31 Dec 1999 23:59:59 GMT", 9.0),
            ("Friday, 31-Dec-99 23:59:59 GMT", 9.0),
            ("Fri Dec 31 23:59:59 1999", 9.0),
            ("Fri, 31 Dec 1999 20:00:00 GMT", 0.0),
        ):
            self.assertEqual(retry_after({"retry-after": until, "date": said}), seconds, until)

    def test_without_one_it_is_read_by_ours(self):
        seconds = retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True), "date": "today"})
        self.assertTrue(50 < seconds <= 100, seconds)

    def test_what_is_neither_asks_for_nothing(self):
        for told in ("", "soon", "Fri, 99 Dec 1999 23:59:59 GMT", "nan", "1999-12-31T23:59:59Z"):
            self.assertEqual(retry_after({"retry-after": told}), 0.0, told)
        self.assertEqual(retry_after({}), 0.0)


if __name__ == "__main__":
    unittest.main()

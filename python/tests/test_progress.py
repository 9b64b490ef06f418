"""The progress bar: on a terminal and in a notebook alone, and our own where tqdm is missing."""
import concurrent.futures
import contextlib
import importlib.util
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from mpcsfaas import Executor, progress

MAP = """
import sys
%s
from mpcsfaas import Executor
with Executor() as ex:
    print(list(ex.map(abs, range(5), %s)))
"""

# The call number `n` of five: it ends when `gate.n` is there, where it is one of those that wait; number 2 raises then.
GATED = """
import sys
sys.modules["tqdm"] = %s
from mpcsfaas import Executor

def call(n):
    import os, time
    end = time.monotonic() + 60
    while n in (0, 2, 3) and not os.path.exists("%s.%%d" %% n) and time.monotonic() < end:
        time.sleep(0.02)
    if n == 2:
        raise ValueError(n)

with Executor() as ex:
    try:
        list(ex.map(call, range(5), progress=True))
    except ValueError:
        print("raised")
"""
NOTEBOOK = "sys.modules.update(ipykernel=sys, tqdm=None)"


class Bars(unittest.TestCase):
    def test_our_own_shows_how_many_are_done(self):
        stream = io.StringIO()
        bar = progress.Bar(4, "halves", stream)
        bar.update(2)
        bar.close()
        self.assertIn("\rhalves  ███████████████░░░░░░░░░░░░░░░  2/4", stream.getvalue())

    def test_it_stays_in_one_row_of_the_terminal(self):
        name = "a_function_whose_name_has_forty_four_letters"
        for columns, told in (
            (80, "a_function_whose_name_has_forty…  ███████████████░░░░░░░░░░░░░░░  50/100  0.0 s"),
            (120, name + "  ███████████████░░░░░░░░░░░░░░░  50/100  0.0 s"),
            (40, "████████████░░░░░░░░░░░░  50/100  0.0 s"),
            (20, "a_f…  50/100  0.0 s"),
            (10, "50/100  0"),
        ):
            stream = io.StringIO()
            stream.fileno = lambda: 1
            with mock.patch.object(os, "get_terminal_size", lambda _, columns=columns: os.terminal_size((columns, 24))):
                bar = progress.Bar(100, name, stream)
                bar.update(50)
                bar.close()
            *rows, end = stream.getvalue().split("\r")[1:]
            self.assertRegex(end, r"^%s *\n$" % re.escape(told).replace(r"0\.0", r"0\.\d"))
            self.assertTrue(all(len(row) < columns for row in rows), rows)

    def test_a_line_that_becomes_shorter_leaves_nothing_of_the_one_before(self):
        stream = io.StringIO()
        stream.fileno = lambda: 1
        widths = iter([60, 30])
        with mock.patch.object(os, "get_terminal_size", lambda _: os.terminal_size((next(widths), 24))):
            bar = progress.Bar(None, "x" * 30, stream)
            bar.close()
        self.assertEqual([len(row) for row in stream.getvalue().rstrip("\n").split("\r")[1:]], [40, 29])

    def test_a_pipe_gets_none(self):
        done = subprocess.run([sys.executable, "-c", MAP % ("", "progress=True")], capture_output=True, text=True, check=True)
        self.assertEqual((done.stdout, done.stderr), ("[0, 1, 2, 3, 4]\n", ""))

    def test_a_notebook_gets_one_though_its_stderr_is_no_terminal(self):
        program = MAP % (NOTEBOOK, "progress=True")
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertIn("5/5", done.stderr)

    def test_a_terminal_gets_ours_where_tqdm_is_missing(self):
        # An import of None in sys.modules fails as that of a missing module.
        self.assertIn("abs  ██████████████████████████████  5/5", on_a_terminal(MAP % ("sys.modules['tqdm'] = None", "progress=True")))

    def test_a_terminal_gets_that_of_tqdm_where_it_is_there(self):
        self.assertIn("100%" if has_tqdm() else "5/5", on_a_terminal(MAP % ("", "progress=True")))


    def test_it_counts_calls_however_they_are_sent(self):
        for how, told in (("chunksize=2", "5/5"), ("buffersize=2", "  5  "), ("chunksize=2, buffersize=1", "  5  ")):
            program = MAP % (NOTEBOOK, how + ", progress=True")
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, "[0, 1, 2, 3, 4]\n")
            self.assertIn(told, done.stderr.rpartition("\r")[2])

    def test_it_moves_with_each_end_and_not_with_what_is_given_up(self):
        for tqdm in ("None", "__import__('tqdm')") if has_tqdm() else ("None",):
            with tempfile.TemporaryDirectory() as folder:
                gate = os.path.join(folder, "gate")

                def say(told):
                    # The first call that is read has not ended, nor have the two others that wait.
                    for shown, opens in (("2/5", 0), ("3/5", 2)):
                        if shown in told and not os.path.exists("%s.%d" % (gate, opens)):
                            open("%s.%d" % (gate, opens), "x").close()

                began = time.monotonic()
                told = on_a_terminal(GATED % (tqdm, gate), say)
                self.assertLess(time.monotonic() - began, 50)
            self.assertIn("4/5", told)
            self.assertNotIn("5/5", told)

    def test_a_map_that_is_over_or_closed_ends_its_bar_where_it_stands(self):
        modules = {"ipykernel": sys, "tqdm": None}
        with mock.patch.dict(sys.modules, modules), contextlib.redirect_stderr(io.StringIO()) as told, Executor() as ex:
            late = ex.map(waits, [60], timeout=0.3, progress=True)
            with self.assertRaises(concurrent.futures.TimeoutError):
                next(late)
            half_read = ex.map(waits, [0, 60], progress=True)
            next(half_read)
            half_read.close()
        bars = [bar.rpartition("\r")[2] for bar in told.getvalue().strip("\n").split("\n")]
        self.assertEqual([bar.split()[2] for bar in bars], ["0/1", "1/2"])


def waits(seconds):
    time.sleep(seconds)


def has_tqdm():
    return importlib.util.find_spec("tqdm") is not None


def on_a_terminal(program, say=lambda told: None):
    """What it writes to stderr, which is a terminal. say: given what it has written so far."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        told = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says so at the end
                break
            if not piece:
                break
            told += piece
            say(told.decode(errors="replace"))
        running.stdout.read()
    os.close(ours)
    return told.decode()


if __name__ == "__main__":
    unittest.main()

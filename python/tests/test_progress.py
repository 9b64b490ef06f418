"""The progress bar: on a terminal and in a notebook alone, and our own where tqdm is missing."""
import io
import os
import pty
import subprocess
import sys
import unittest

from mpcsfaas import progress

MAP = """
import sys
%s
from mpcsfaas import Executor
with Executor() as ex:
    print(list(ex.map(abs, range(5), progress=True)))
"""


class Bars(unittest.TestCase):
    def test_our_own_shows_how_many_are_done(self):
        stream = io.StringIO()
        bar = progress.Bar(4, "halves", stream)
        bar.update(2)
        bar.close()
        self.assertIn("\rhalves  ███████████████░░░░░░░░░░░░░░░  2/4", stream.getvalue())

    def test_a_pipe_gets_none(self):
        done = subprocess.run([sys.executable, "-c", MAP % ""], capture_output=True, text=True, check=True)
        self.assertEqual((done.stdout, done.stderr), ("[0, 1, 2, 3, 4]\n", ""))

    def test_a_notebook_gets_one_though_its_stderr_is_no_terminal(self):
        program = MAP % "sys.modules.update(ipykernel=sys, tqdm=None)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertIn("5/5", done.stderr)

    def test_a_terminal_gets_ours_where_tqdm_is_missing(self):
        # An import of None in sys.modules fails as that of a missing module.
        self.assertIn("abs  ██████████████████████████████  5/5", on_a_terminal(MAP % "sys.modules['tqdm'] = None"))

    def test_a_terminal_gets_that_of_tqdm_where_it_is_there(self):
        try:
            import tqdm  # noqa: F401
        except ImportError:
            self.assertIn("5/5", on_a_terminal(MAP % ""))
        else:
            self.assertIn("100%", on_a_terminal(MAP % ""))


def on_a_terminal(program):
    """What it writes to stderr, which is a terminal."""
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
        running.stdout.read()
    os.close(ours)
    return told.decode()


if __name__ == "__main__":
    unittest.main()

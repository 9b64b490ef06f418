"""CPython's own cases for executors and futures, run with this Executor: those that are not about threads or processes.

Left out, with the reason: cases of ThreadPool… and ProcessPool… classes (their threads, processes and initializers), and
those that start an interpreter with one of the two executors' names in its program.
"""
import importlib
import os
import sys
import tempfile
import time
import unittest

from mpcsfaas import Executor
from mpcsfaas.futures import TaskFuture

os.environ.setdefault("MPCSFAAS_URL", "http://127.0.0.1:8000")

_CASES = "test.test_concurrent_futures"


def _module_of(name):
    """From Python 3.12 on they are a folder of modules, before that one module."""
    whole = importlib.import_module(_CASES)
    return whole if hasattr(whole, "ExecutorMixin") else importlib.import_module("%s.%s" % (_CASES, name))


try:
    util, executor, process_pool, shutdown, waits, completed, futures = map(
        _module_of, ("util", "executor", "test_process_pool", "test_shutdown", "test_wait", "test_as_completed", "test_future")
    )
    are_here = True
except (ImportError, unittest.SkipTest):  # they are a package of their own; or this Python has no processes
    are_here = False


class FileEvent:
    """An event that goes along with a call, for workers on the same machine: those of Python 3.14's cases."""

    def __init__(self, path):
        self._path = path

    def set(self):
        open(self._path, "w").close()

    def wait(self):
        while not os.path.exists(self._path):
            time.sleep(0.02)


if are_here:

    class ServiceMixin(util.ExecutorMixin):
        executor_type = Executor
        worker_count = 2

        def create_event(self):
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            return FileEvent(os.path.join(folder.name, "set"))

    class ShutdownTest(ServiceMixin, shutdown.ExecutorShutdownTest, util.BaseTestCase):
        # They start interpreters with `from concurrent.futures import …` in their program.
        test_interpreter_shutdown = None
        test_submit_after_interpreter_shutdown = None
        test_hang_gh83386 = None

        def test_cancel_futures(self):
            # Threads have begun something by the time of the shutdown; here it is waited for.
            submit, first = self.executor.submit, []

            def remember(*call):
                first.append(submit(*call))
                return first[-1]

            shutdown = self.executor.shutdown

            def shutdown_once_begun(**how):
                first[0].result()
                shutdown(**how)

            self.executor.submit, self.executor.shutdown = remember, shutdown_once_begun
            super().test_cancel_futures()

    class WaitTest(ServiceMixin, waits.WaitTests, util.BaseTestCase):
        pass

    class AsCompletedTest(ServiceMixin, completed.AsCompletedTests, util.BaseTestCase):
        pass

    class ExecutorTest(ServiceMixin, executor.ExecutorTest, util.BaseTestCase):
        # Of Python 3.14: what is refused is the same, in words of its own.
        test_map_buffersize_type_validation = None
        test_map_buffersize_value_validation = None

        def test_map_chunksize(self):
            process_pool.ProcessPoolExecutorTest.test_map_chunksize(self)

    class FutureTest(futures.FutureTests):
        """The futures' own cases, on ours: made without a task, they are the standard library's."""

        def setUp(self):
            super().setUp()
            self._plain = futures.Future, futures.create_future
            owner = _NoOwner()

            future_type = type("Future", (TaskFuture,), {})  # its name is in texts that the cases look for

            def make(state=futures.PENDING, exception=None, result=None):
                future = future_type(owner)
                future._state, future._exception, future._result = state, exception, result
                return future

            futures.Future = lambda: future_type(owner)
            futures.create_future = make

        def tearDown(self):
            futures.Future, futures.create_future = self._plain
            super().tearDown()

    class _NoOwner:
        """Of futures without a task: canceling is all theirs."""

        def cancel_task(self, future):
            return super(TaskFuture, future).cancel()

        def task_call(self, method, path):
            raise NotImplementedError

        def is_bringing(self):
            return False

    setUpModule = getattr(util, "setup_module", None) or util.setUpModule


if __name__ == "__main__":
    if not are_here:
        sys.exit("This Python has no cases for executors: they are in the Debian package libpython3.x-testsuite.")
    unittest.main()

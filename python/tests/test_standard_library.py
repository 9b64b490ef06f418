"""CPython's own cases for executors and futures, run with this Executor: those that are not about threads or processes.

Left out, with the reason: cases of ThreadPool… and ProcessPool… classes (their threads, processes and initializers), and
those that start an interpreter with one of the two executors' names in its program.
"""
import os
import unittest

from mpcsfaas import Executor
from mpcsfaas.futures import TaskFuture

os.environ.setdefault("MPCSFAAS_URL", "http://127.0.0.1:8000")

try:
    import test.test_concurrent_futures as cases
except ImportError:  # they are a package of their own
    cases = None


if not hasattr(cases, "ExecutorMixin"):  # from Python 3.12 on a folder of modules: 3.11's are enough
    cases = None

if cases is not None:

    class ServiceMixin(cases.ExecutorMixin):
        executor_type = Executor
        worker_count = 2

    class ShutdownTest(ServiceMixin, cases.ExecutorShutdownTest, cases.BaseTestCase):
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

    class WaitTest(ServiceMixin, cases.WaitTests, cases.BaseTestCase):
        pass

    class AsCompletedTest(ServiceMixin, cases.AsCompletedTests, cases.BaseTestCase):
        pass

    class ExecutorTest(ServiceMixin, cases.ExecutorTest, cases.BaseTestCase):
        def test_map_chunksize(self):
            cases.ProcessPoolExecutorTest.test_map_chunksize(self)

    class FutureTest(cases.FutureTests):
        """The futures' own cases, on ours: made without a task, they are the standard library's."""

        def setUp(self):
            super().setUp()
            self._plain = cases.Future, cases.create_future
            owner = _NoOwner()

            future_type = type("Future", (TaskFuture,), {})  # its name is in texts that the cases look for

            def make(state=cases.PENDING, exception=None, result=None):
                future = future_type(owner)
                future._state, future._exception, future._result = state, exception, result
                return future

            cases.Future = lambda: future_type(owner)
            cases.create_future = make

        def tearDown(self):
            cases.Future, cases.create_future = self._plain
            super().tearDown()

    class _NoOwner:
        """Of futures without a task: canceling is all theirs."""

        def cancel_task(self, future):
            return super(TaskFuture, future).cancel()

        def task_call(self, method, path, body=None):
            raise NotImplementedError

        def is_bringing(self):
            return False

    setUpModule = cases.setUpModule


if __name__ == "__main__":
    unittest.main()

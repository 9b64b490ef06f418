"""A program that runs for weeks keeps of what it has used the newest alone, and what it has forgotten it makes again."""
import os
import threading
import time
import unittest
from unittest import mock

from mpcsfaas import Client, Executor, TaskCanceled, followers, pickling, recent, registry, shipment


def tripled(x):
    return x * 3


class Bounds(unittest.TestCase):
    def test_what_was_not_used_for_longest_is_forgotten(self):
        kept = recent.Recent(100)
        for n in range(10_000):
            kept.keep(n, str(n))
            self.assertEqual(kept.get(0 if n < 5000 else n), "0" if n < 5000 else str(n))
        self.assertEqual(len(kept), 100)
        self.assertEqual([kept.get(n) for n in (0, 9899, 9900, 9999)], [None, None, "9900", "9999"])
        kept.forget(9999)
        kept.forget(9999)
        self.assertEqual((kept.get(9999), len(kept)), (None, 99))

    def test_threads_may_use_it_at_the_same_time(self):
        kept, failed = recent.Recent(10), []

        def use(first):
            try:
                for n in range(first, first + 5_000):
                    kept.keep(n % 50, n)
                    kept.get(n % 49)
                    kept.forget(n % 47)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=use, args=(n * 7,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertLessEqual(len(kept), 10)

    def test_functions_without_end(self):
        with mock.patch.object(registry, "_MOST", 20):
            ex = Executor()
        with ex:
            ids = []
            for n in range(60):
                future = ex.submit(eval("lambda: %d" % n))
                self.assertEqual(future.result(20), n)
                ids.append(future.record()["function"]["function_id"])
            self.assertEqual(len(set(ids)), 60)
            self.assertEqual(len(ex._registry._ids), 20)
            self.assertLessEqual(len(shipment._kept), 256)
            # One that was forgotten is registered again, as what it was.
            again = ex.submit(eval("lambda: 0"))
            self.assertEqual((again.result(20), again.record()["function"]["function_id"]), (0, ids[0]))

    def test_a_function_that_was_forgotten_and_deleted_goes_again(self):
        with mock.patch.object(registry, "_MOST", 1):
            ex = Executor()
        with ex, Client() as client:
            values = ex.map(tripled, range(5), buffersize=1)
            self.assertEqual(next(values), 0)
            self.assertEqual(ex.submit(eval("lambda: 1")).result(20), 1)
            for one in client.functions():
                if one["name"].startswith("tripled-"):
                    client.delete_function(one["function_id"])
            self.assertEqual(list(values), [3, 6, 9, 12])

    def test_arguments_without_end(self):
        with Executor() as ex:
            for n in range(12):
                self.assertEqual(ex.submit(len, os.urandom(300_000)).result(20), 300_000)
            self.assertLessEqual(len(ex._arguments._kept), 4)
            for n in range(100):
                ex._arguments.dumps(len, (b"%300000d" % n,), {})
            self.assertLessEqual(len(ex._arguments._kept), 4)
            self.assertEqual(ex._results.outstanding(), [])

    def test_large_arguments_are_remembered_within_a_bound(self):
        self.assertLessEqual(pickling.Arguments._KEPT_BYTES, 64 * 2**20)
        with mock.patch.object(pickling.Arguments, "_KEPT_BYTES", 4_000_000):
            arguments = pickling.Arguments()
            for n in range(4):
                arguments.dumps(len, (b"%900000d" % n,), {})
            # Of each the bytes themselves and their pickle.
            self.assertEqual([args[0][-1:] for args, _ in arguments._kept], [b"3", b"2"])
            # Four bytes a character in memory, one in the pickle.
            arguments.dumps(len, ("\U0001f600" + "x" * 990_000,), {})
            self.assertEqual([args[0][-1:] for args, _ in arguments._kept], [b"3", b"2"])
            arguments.dumps(len, (b"x" * 4_000_000,), {})
            self.assertEqual(len(arguments._kept), 2)

    def test_groups_without_end(self):
        def threads():
            return sum(one.name == "mpcsfaas-results" for one in threading.enumerate())

        before = threads()
        with Client() as client, mock.patch.object(followers, "_MOST_IDLE", 3):
            for n in range(30):
                task_id = client.submit(tripled, [n], group="group-%d-%d" % (os.getpid(), n))
                self.assertEqual(client.task(task_id).future().result(20), 3 * n)
            self.assertLessEqual(len(client._followers._of_groups), 4)
            end = time.monotonic() + 20
            while threads() - before > 4 and time.monotonic() < end:
                time.sleep(0.01)
            self.assertLessEqual(threads() - before, 4)
            # Those in which something is waited for stay, however many.
            stuck = [client.submit(tripled, [n], labels=["nobody=has"], group="stuck-%d" % n) for n in range(8)]
            futures = [client.task(one).future() for one in stuck]
            client.cancel_many(stuck)
            for future in futures:
                with self.assertRaises(TaskCanceled):
                    future.result(20)


if __name__ == "__main__":
    unittest.main()

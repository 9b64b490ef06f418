"""The connections to the service are cut a hundred times under load: every future resolves, and no task is made twice."""
import os
import unittest
from concurrent.futures import as_completed

from cutting_proxy import CuttingProxy

from mpcsfaas import Client, Executor

CUTS = 100


def echo(n):
    return n


class Cuts(unittest.TestCase):
    def test_every_future_resolves_and_no_task_is_made_twice(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        cuts = done = 0
        with Executor(proxy.url) as ex:
            waiting = {ex.submit(echo, n): n for n in range(10)}
            number = 10
            while waiting:
                for future in as_completed(list(waiting), timeout=60):
                    self.assertEqual(future.result(), waiting.pop(future))
                    done += 1
                    if cuts < CUTS:
                        # Each end makes two more calls, until there are enough.
                        for _ in range(2 if number < 600 else 1):
                            waiting[ex.submit(echo, number)] = number
                            number += 1
                        cuts += 1 if done % 3 == 0 and proxy.cut() else 0
                    break
            group = ex.group
        self.assertEqual(cuts, CUTS)
        with Client() as client:
            self.assertEqual(sum(1 for _ in client.list(group=group)), number)

class Wire(unittest.TestCase):
    def test_calls_share_requests_and_equal_arguments_go_once_in_each(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        large = os.urandom(500_000)
        with Executor(proxy.url) as ex:
            self.assertEqual(list(ex.map(echo, range(300))), list(range(300)))
            requests = b"".join(proxy.sent).count(b"POST /v1/tasks/batch")
            self.assertLess(requests, 100)
            proxy.sent.clear()
            self.assertEqual(list(ex.map(len, [large] * 20)), [len(large)] * 20)
            sent = b"".join(proxy.sent)
        self.assertLess(sent.count(large[:50]), 10)
        self.assertEqual(sent.count(large[:50]), sent.count(b"POST /v1/tasks/batch"))


if __name__ == "__main__":
    unittest.main()

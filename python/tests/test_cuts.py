"""The connections to the service are cut a hundred times under load: every future resolves, and no task is made twice."""
import os
import unittest
from concurrent.futures import ThreadPoolExecutor, as_completed

from cutting_proxy import CuttingProxy

from mpcsfaas import Client, Executor, lane, wishes

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
    def test_connections_are_used_again(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        with Executor(proxy.url) as ex:
            for n in range(50):
                self.assertEqual(ex.submit(echo, n).result(20), n)
            self.assertEqual(list(ex.map(echo, range(2000))), list(range(2000)))
            # The stream, and one for requests; a second where one thread asks while another does.
            self.assertLessEqual(proxy.accepted, 3)
        before = proxy.accepted
        with Client(proxy.url) as client:
            for n in range(20):
                self.assertEqual(client.wait(client.submit(echo, [n]), 20), n)
                client.stats()
            self.assertEqual(proxy.accepted - before, 1)
            # Several threads have several, which stay.
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda _: client.version(), range(200)))
            self.assertLessEqual(proxy.accepted - before, 5)

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

    def test_so_do_those_that_fill_a_request_by_themselves(self):
        proxy = CuttingProxy(os.environ["MPCSFAAS_URL"])
        self.addCleanup(proxy.close)
        for size in (3_000_000, 5_000_000):
            large = os.urandom(size)
            proxy.sent.clear()
            with Executor(proxy.url) as ex:
                self.assertEqual(list(ex.map(len, [large] * 12)), [size] * 12)
            self.assertLess(b"".join(proxy.sent).count(large[:50]), 6)

    def test_a_request_holds_so_much_as_the_service_is_to_keep(self):
        waiting = lane.Lane()
        large, small = b"x" * 5_000_000, b"y" * 2_000
        for args in (large, large, small, small, *[large] * 30):
            # Equal, and not the same object.
            waiting.add(wishes.Wish(None, wishes.Entry("", "", ""), bytes(bytearray(args))))
        taken = []
        while not waiting.is_empty:
            taken.append([len(wish.args) for wish in waiting.next()[0]])
        # 64 MiB are thirteen of the large ones.
        self.assertEqual([set(sizes) for sizes in taken], [{len(large)}, {len(small)}, *[{len(large)}] * 3])
        self.assertEqual([len(sizes) for sizes in taken], [2, 2, 13, 13, 4])


if __name__ == "__main__":
    unittest.main()

"""The Python SDK and the standard library's process pool, told by lines of stdin what to do; one line of JSON an answer.

usage: sdk_play.py URL     lines: `map N`, `pool N` (seconds for N no-ops by map), `one N` (ms of each of N calls)
"""
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from mpcsfaas import Executor


def echo(n):
    return n


def timed_map(executor, count):
    began, spent = time.perf_counter(), time.process_time()
    results = list(executor.map(echo, range(count)))
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    assert results == list(range(count))
    return {"seconds": took, "cpu_us": cpu / count * 1e6}


def one_at_a_time(executor, count):
    latencies = []
    spent = time.process_time()
    for n in range(count):
        began = time.perf_counter()
        assert executor.submit(echo, n).result() == n
        latencies.append((time.perf_counter() - began) * 1000)
    return {"latencies": latencies, "cpu_us": (time.process_time() - spent) / count * 1e6}


if __name__ == "__main__":
    with Executor(sys.argv[1]) as ours, ProcessPoolExecutor(2) as pool:
        ours.submit(echo, 1).result()
        pool.submit(echo, 1).result()
        for line in sys.stdin:
            what, count = line.split()
            how = {"map": timed_map, "pool": timed_map, "one": one_at_a_time}[what]
            print(json.dumps(how(pool if what == "pool" else ours, int(count))), flush=True)

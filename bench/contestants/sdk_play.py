"""The Python SDK, or the standard library's process pool: one line of JSON a run.

usage: sdk_play.py map|one|pool TASKS URL     `map`, `pool`: TASKS no-ops by map, again until the time is up; `one`: one at a time
"""
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from mpcsfaas import Executor


# Not play.py's: of a module that workers do not have it would go by name.
def echo(n):
    return n


def all_by_map(executor, count):
    """How many of the results are wrong."""
    results = list(executor.map(echo, range(count)))
    return sum(1 for n, result in enumerate(results) if n != result) + abs(len(results) - count)


def one(executor, n, latencies):
    """The same of one call; how long it took, in ms, goes to `latencies`."""
    began = time.perf_counter()
    result = executor.submit(echo, n).result()
    latencies.append((time.perf_counter() - began) * 1000)
    return int(result != n)


def run(executor, how, count, seconds):
    latencies = []
    tasks = wrong = 0
    began, spent = time.perf_counter(), time.process_time()
    while tasks == 0 or time.perf_counter() - began < seconds:
        wrong += one(executor, tasks % 256, latencies) if how == "one" else all_by_map(executor, count)
        tasks += 1 if how == "one" else count
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    return {"tasks": tasks, "seconds": took, "wrong": wrong, "latencies": latencies, "cpu": {"caller": cpu * 1000}}


if __name__ == "__main__":
    how, count, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with ProcessPoolExecutor(2) if how == "pool" else Executor(url) as executor:
        # Nothing is called before the first run: the system may be stopped until then.
        print(json.dumps({"how": ""}), flush=True)
        for line in sys.stdin:
            print(json.dumps(run(executor, how, count, float(line))), flush=True)

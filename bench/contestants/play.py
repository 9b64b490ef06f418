"""The rules of play: two chunks in the air, every result checked, one line of JSON a run."""
import json
import sys
import time


def missing(why):
    print(json.dumps({"missing": why}), flush=True)
    sys.exit(0)


def play(how, chunk, submit, collect):
    """submit(values) -> handle; collect(handle) -> results in the same order. Ends with its input."""
    values = [n % 256 for n in range(chunk)]
    print(json.dumps({"how": how}), flush=True)
    for line in sys.stdin:
        seconds = float(line)
        tasks = wrong = 0
        started = time.perf_counter()
        ahead = submit(values)
        while ahead is not None:
            current = ahead
            ahead = submit(values) if time.perf_counter() - started < seconds else None
            results = collect(current)
            tasks += len(values)
            wrong += sum(1 for a, b in zip(results, values) if a != b) + abs(len(results) - len(values))
        took = time.perf_counter() - started
        print(json.dumps({"tasks": tasks, "seconds": took, "wrong": wrong}), flush=True)


def echo(n):
    return n

"""π by throwing darts on all slots of a service, with a progress bar on a terminal.

usage: monte_carlo_pi.py [POINTS] [TASKS]
"""
import random
import sys

from mpcsfaas import Executor

points = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000
tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 40


def hits(seed, count):
    """How many of `count` darts fall into the quarter of the circle."""
    draw = random.Random(seed).random
    return sum(draw() ** 2 + draw() ** 2 < 1.0 for _ in range(count))


with Executor() as ex:
    found = sum(ex.map(hits, range(tasks), [points // tasks] * tasks, progress=True))
    print("π ≈ %.6f from %s points" % (4 * found / points, format(points, ",")))

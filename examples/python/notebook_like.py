"""As in a notebook: cells that define and redefine things, a class of the notebook's own, the newest definition at work.

usage: notebook_like.py
"""
# %% one cell: data and a class of one's own
import dataclasses
import statistics

from mpcsfaas import Executor

SAMPLES = {"setosa": [5.1, 4.9, 4.7, 5.0, 5.3], "versicolor": [7.0, 6.4, 6.9, 5.5], "virginica": [6.3, 5.8, 7.1]}


@dataclasses.dataclass
class Summary:
    name: str
    middle: float
    spread: float


# %% another cell: a function that uses them
DIGITS = 1


def summary(name):
    values = SAMPLES[name]
    return Summary(name, round(statistics.mean(values), DIGITS), round(statistics.stdev(values), DIGITS))


# %% an executor that lives as long as the notebook
ex = Executor(stream_logs=True)

# %% all of them
for one in ex.map(summary, SAMPLES):
    assert isinstance(one, Summary)  # the class of this notebook, not a copy of it
    print("%12s  %.1f ± %.1f" % (one.name, one.middle, one.spread))


# %% the function is written anew: its next call is the new one
def summary(name):  # noqa: F811
    print("looking at", name)
    return max(SAMPLES[name])


futures = [ex.submit(summary, name) for name in SAMPLES]
print("largest: %s" % [future.result() for future in futures])

# %% the end of the notebook
ex.shutdown()

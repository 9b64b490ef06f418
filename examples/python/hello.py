"""A first call: a function of this file runs on the service, and its value comes back.

usage: hello.py        (a service is running: `npm start`, or MPCSFAAS_URL names it)
"""
from mpcsfaas import Executor, function


def greet(name):
    return "hello, " + name


@function(timeout=10.0)
def both(one, other):
    print("greeting", one, "and", other)
    return "%s and %s" % (one, other)


with Executor() as ex:
    print(ex.submit(greet, "Ada").result())

future = both.remote("Ada", "Grace")
print(future.result(), "| it printed:", future.logs().strip())

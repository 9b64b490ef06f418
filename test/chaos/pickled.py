"""Pickles with dill what a classic client would send, and prints it as one JSON object of base64 texts.

usage: pickled.py REPORTS   the functions report their starts to the file REPORTS

Arguments are one template: `args` holds MARK where the label belongs.
"""
import codecs
import json
import sys

import dill

# Four bytes in every protocol (BININT), so that another number can take its place.
MARK = 0x5A5A5A5A


def make(reports, seconds):
    # Closures: dill leaves the globals of a script behind.
    def classic(label):
        import os
        import time

        def note(word):
            line = '%d %s %d %d %s\n' % (
                label, word, time.monotonic_ns(), os.getpid(), os.path.basename(os.environ.get('TMPDIR', '?')))
            out = os.open(reports, os.O_WRONLY | os.O_APPEND)
            os.write(out, line.encode())
            os.close(out)

        note('start')
        time.sleep(seconds)
        note('end')
        return 'classic %d' % label

    return classic


def pack(value):
    return codecs.encode(dill.dumps(value), 'base64').decode()


print(json.dumps({
    'quick': pack(make(sys.argv[1], 0)),
    'slow': pack(make(sys.argv[1], 0.4)),
    'args': pack(((MARK,), {})),
}))

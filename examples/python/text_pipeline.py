"""A pipeline over real files: each text is cleaned and counted by a task of its own as soon as it is clean.

usage: text_pipeline.py [FILE …]        (without files: the documentation of this project)
"""
import collections
import pathlib
import re
import sys
from concurrent.futures import as_completed

from mpcsfaas import Executor

here = pathlib.Path(__file__).resolve()
files = [pathlib.Path(name) for name in sys.argv[1:]] or sorted(here.parents[2].glob("docs/*.md"))

MARKUP = re.compile(r"```.*?```|`[^`]*`|\[|\]\([^)]*\)|[#*_|>]", re.DOTALL)


def clean(text):
    """The text without markup, in small letters."""
    return MARKUP.sub(" ", text).lower()


def count(text):
    """The words of it and how often each stands there."""
    return collections.Counter(re.findall(r"[a-zà-ÿ]+", text))


with Executor() as ex:
    cleaned = {ex.submit(clean, file.read_text(encoding="utf-8")): file for file in files}
    # The second stage of one file begins while others are in the first.
    counted = [ex.submit(count, future.result()) for future in as_completed(cleaned)]
    total = sum((future.result() for future in as_completed(counted)), collections.Counter())

print("%d files, %d words, %d different ones" % (len(files), sum(total.values()), len(total)))
for word, times in total.most_common(10):
    print("%7d  %s" % (times, word))

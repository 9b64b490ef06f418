"""Entry of the template process: one JSON argument from the pool (see _mpcsfaas/template.py)."""
import json
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
# Our own folder must not stay on the import path of users' code; the package is loaded whole before it goes.
sys.path[0] = here
from _mpcsfaas import template  # noqa: E402

sys.path.remove(here)
template.main(json.loads(sys.argv[1]))

"""Ctrl-C at every place of a call where it can be raised: where a Python function begins, and after a C function."""
import os
import sys
import threading

import mpcsfaas

_OURS = (os.path.dirname(mpcsfaas.__file__), threading.__file__, "<string>")  # the last is what makes a named tuple


def struck(at, call):
    """Calls it, with KeyboardInterrupt at the place number `at`. False where it has not so many."""
    left = at

    def strike(frame, event, _):
        nonlocal left
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(_OURS):
            left -= 1
            if left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

    sys.setprofile(strike)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
    return left <= 0

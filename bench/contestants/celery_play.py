"""Celery with results, one prefork worker of two processes."""
import os
import subprocess
import sys

from play import missing, play

try:
    from celery import group

    from celery_app import echo
except ImportError as error:
    missing(f"{error} (Debian: celery, python3-redis)")

worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "2", "-l", "ERROR"]
    + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
    cwd=os.path.dirname(os.path.abspath(__file__)),
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    env={**os.environ, "C_FORCE_ROOT": "1"},
)
try:
    echo.delay(0).get(timeout=60)
    play(
        "prefork -c 2, worker_prefetch_multiplier=128, no gossip, mingle or heartbeat, no task events; Redis as "
        "broker and result backend; groups of 200, two in the air, group.get()",
        200,
        lambda values: group(echo.s(n) for n in values).apply_async(),
        lambda handle: handle.get(timeout=60),
    )
finally:
    worker.terminate()
    worker.wait()

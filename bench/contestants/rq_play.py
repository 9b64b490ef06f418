"""RQ with two workers that do not fork for each job, as its performance notes advise for short jobs."""
import os
import subprocess
import sys
import time

from play import echo, missing, play

try:
    from redis import Redis
    from rq import Queue
    from rq.job import Job, JobStatus
except ImportError as error:
    missing(f"{error} (Debian: python3-rq)")

url = os.environ["BENCH_REDIS"]
here = os.path.dirname(os.path.abspath(__file__))
workers = [
    subprocess.Popen(
        [sys.executable, "-m", "rq.cli", "worker", "-u", url, "-w", "rq.SimpleWorker", "-q"],
        cwd=here,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(2)
]
connection = Redis.from_url(url)
queue = Queue(connection=connection)


def submit(values):
    return queue.enqueue_many([Queue.prepare_data(echo, (n,), result_ttl=60) for n in values])


def collect(jobs):
    waiting = {job.id for job in jobs}
    results = {}
    while waiting:
        for job in Job.fetch_many(list(waiting), connection=connection):
            if job.get_status(refresh=False) in (JobStatus.FINISHED, JobStatus.FAILED):
                results[job.id] = job.result
                waiting.discard(job.id)
        if waiting:
            time.sleep(0.01)
    return [results[job.id] for job in jobs]


try:
    play(
        "two SimpleWorkers (no fork a job), enqueue_many of 100, two in the air, fetch_many until finished",
        100,
        submit,
        collect,
    )
finally:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait()

"""The Celery application: Redis as broker and result backend, as its optimising guide says for many short tasks."""
import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS"] + "/0", backend=os.environ["BENCH_REDIS"] + "/1")
app.conf.update(worker_prefetch_multiplier=128, task_acks_late=False, worker_send_task_events=False)


@app.task
def echo(n):
    return n

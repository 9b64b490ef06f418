"""Classic clients: two processes that execute and poll /result as tightly as they can. usage: polling.py URL FUNCTION"""
import base64
import json
import multiprocessing
import pickle
import sys
import time

from play import missing

try:
    import requests
except ImportError as error:
    missing(f"{error} (Debian: python3-requests)")


def one(url, function, seconds, answers):
    session = requests.Session()
    payload = base64.encodebytes(pickle.dumps(((7,), {}))).decode()
    tasks = wrong = polls = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        task = session.post(f"{url}/execute_function", json={"function_id": function, "payload": payload}).json()
        while True:
            polls += 1
            answer = session.get(f"{url}/result/{task['task_id']}").json()
            if answer["status"] in ("COMPLETED", "FAILED"):
                break
        tasks += 1
        wrong += answer["status"] != "COMPLETED" or pickle.loads(base64.decodebytes(answer["result"].encode())) != 7
    answers.put((tasks, wrong, time.perf_counter() - started, polls))


if __name__ == "__main__":
    url, function = sys.argv[1:]
    print(json.dumps({"how": "Python requests, one session in each of 2 processes"}), flush=True)
    for line in sys.stdin:
        answers = multiprocessing.Queue()
        processes = [multiprocessing.Process(target=one, args=(url, function, float(line), answers)) for _ in range(2)]
        for process in processes:
            process.start()
        told = [answers.get() for _ in processes]
        for process in processes:
            process.join()
        print(
            json.dumps(
                {
                    "tasks": sum(tasks for tasks, *_ in told),
                    "wrong": sum(wrong for _, wrong, *_ in told),
                    "seconds": max(took for _, _, took, _ in told),
                    "polls": sum(polls for *_, polls in told),
                }
            ),
            flush=True,
        )

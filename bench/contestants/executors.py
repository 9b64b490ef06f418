"""The standard library's two process pools, two processes each. usage: executors.py submit|apply_async"""
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from play import echo, play

if __name__ == "__main__":
    if sys.argv[1] == "submit":
        with ProcessPoolExecutor(2) as executor:
            play(
                "ProcessPoolExecutor(2), submit() for each task, 2 × 1000 in the air, result() of each",
                1000,
                lambda values: [executor.submit(echo, n) for n in values],
                lambda futures: [future.result() for future in futures],
            )
    else:
        with multiprocessing.Pool(2) as pool:
            play(
                "multiprocessing.Pool(2), apply_async() for each task, 2 × 1000 in the air, get() of each",
                1000,
                lambda values: [pool.apply_async(echo, (n,)) for n in values],
                lambda handles: [handle.get() for handle in handles],
            )

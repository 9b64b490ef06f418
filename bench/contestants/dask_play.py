"""Dask distributed: two single-threaded worker processes, map with batches, gather."""
import logging

from play import echo, missing, play

try:
    from distributed import Client, LocalCluster
except ImportError as error:
    missing(f"{error} (Debian: python3-distributed)")

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    )
    with cluster, Client(cluster) as client:
        play(
            "LocalCluster(2 processes, 1 thread each), client.map(pure=False) of 500, two in the air, gather()",
            500,
            lambda values: client.map(echo, values, pure=False),
            lambda futures: client.gather(futures),
        )

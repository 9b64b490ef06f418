# What web-handler.ts calls: with NumPy where it is installed, else with Python's own statistics.
def describe(numbers):
    try:
        import numpy

        values = numpy.array(numbers, dtype=float)
        return {"mean": values.mean(), "deviation": values.std(), "median": numpy.median(values), "by": "numpy"}
    except ImportError:
        import statistics

        return {
            "mean": statistics.fmean(numbers),
            "deviation": statistics.pstdev(numbers),
            "median": float(statistics.median(numbers)),
            "by": "statistics",
        }

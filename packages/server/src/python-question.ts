// Questions to a Python that are asked with `python -c`.

/**
 * The first lines of each: with -c the folder of the caller comes first on the import path, and a json.py of the user's
 * there is not what the question wants.
 */
export const NOT_FROM_HERE = "import sys\nsys.path[:] = [folder for folder in sys.path if folder != '']";

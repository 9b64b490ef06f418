"""A module with an exception that `args` alone do not make."""


class Odd(Exception):
    """Two arguments, one text."""

    def __init__(self, a, b):
        super().__init__("odd")
        self.a = a
        self.b = b

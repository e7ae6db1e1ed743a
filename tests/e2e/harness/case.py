"""Marks for tests."""


def limit(seconds):
    """More, or less, than the usual 60 seconds."""
    def mark(function):
        function.limit = seconds
        return function
    return mark


def alone(function):
    """Runs while no other end-to-end test does, because it judges times."""
    function.alone = True
    return function


def slow(function):
    """Left out by tests/run --fast."""
    function.slow = True
    return function

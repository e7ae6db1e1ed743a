"""What end-to-end tests stand on. Standard library only, so that no client library is trusted."""


class Skip(Exception):
    """This test cannot run here; the text says why."""

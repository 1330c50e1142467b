"""Errors of whoever asked."""


class BadRequestError(Exception):
    """The request is not one of the protocol's."""


class GoneError(Exception):
    """A process, case or namespace that the request names does not exist or is not attached."""

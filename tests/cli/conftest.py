"""Shared by the tests of the command line."""

import functools

import pytest


@pytest.fixture
def refused(capsys):
    """The one line of a command that must fail: `refused(*arguments)`."""
    from shell import refusal  # At the top it would skip the collection of all tests on other backends.

    return functools.partial(refusal, capsys)

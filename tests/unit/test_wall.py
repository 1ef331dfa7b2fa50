"""Unit tests ask nobody: the wall of tests/conftest.py stands."""

import asyncio
import socket

import pytest


def test_unit_test__makes_an_internet_socket__is_refused() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        with pytest.raises(PermissionError, match="cannot open a socket"):
            socket.socket(family)


def test_unit_test__resolves_a_name__is_refused() -> None:
    with pytest.raises(PermissionError, match="cannot resolve a name"):
        socket.getaddrinfo("localhost", 80)


def test_unit_test__runs_an_event_loop__is_allowed() -> None:
    assert asyncio.run(asyncio.sleep(0, result=True))

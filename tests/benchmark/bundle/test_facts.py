"""A bundle says which program, packages and machine made it."""

import re

import numpy as np

from benchmark.bundle import code, device, packages


def test_the_program_is_known_by_its_source() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", code().source)
    assert code() == code()


def test_packages_are_those_that_run() -> None:
    assert packages()["numpy"] == np.__version__
    assert "pytest" not in packages()


def test_the_machine_has_a_name_and_cores() -> None:
    found = device()
    assert found.cpu and found.cores >= 1

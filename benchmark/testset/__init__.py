"""Test sets: the clips of a protocol, chosen by seed from a curated manifest, with what systems are given."""

from benchmark.testset.build import build
from benchmark.testset.files import FILE, TestClip, TestSet, load

__all__ = ["FILE", "TestClip", "TestSet", "build", "load"]

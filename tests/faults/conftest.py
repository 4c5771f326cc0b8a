"""Faults befall whole installations: the journey's."""

from tests.journey.conftest import make_world, world

__all__ = ["make_world", "world"]

"""Faults befall whole installations: the journey's."""

from tests.journey.conftest import drops, empty_catalogue, make_world, world

__all__ = ["drops", "empty_catalogue", "make_world", "world"]

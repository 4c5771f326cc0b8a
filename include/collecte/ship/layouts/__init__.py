"""How competition hosts want a release: one file for each layout here, and one line in ``registry.py``.

A layout says which files stand where, makes those that are not the release's own, and knows what its host refuses. It
sends nothing: keys are relative to ``<place>/<challenge>/<version>/`` at the destination, and ``SHA256SUMS`` over what
is proved there is written and sent, last, by the step. What a layout says is a function of the release alone.
"""

from collecte.ship.layouts.registry import LAYOUTS, layout_of
from collecte.ship.layouts.types import HostFile, Layout, Limits, Release, exceeded

__all__ = ["LAYOUTS", "HostFile", "Layout", "Limits", "Release", "exceeded", "layout_of"]

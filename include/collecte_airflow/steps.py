"""``collecte.steps``, imported at its first use: where a task runs, never where a DAG file is parsed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collecte.steps import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(import_module("collecte.steps"), name)

"""Collecte: from a hospital's drop to an open dataset.

The library knows nothing of Airflow. Rooms (``receive``, ``formats``, ``residual``, ``quality``, ``ship``…) never
import one another; ``steps`` composes them; DAG tasks and the ``collecte`` command call ``steps`` and nothing else.
"""

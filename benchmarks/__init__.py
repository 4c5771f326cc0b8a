"""Benchmarks, as ratios measured in one run: each module's ``run()`` gives rows with ``name``, ``ratio`` and ``goal``.

A ratio says how many times longer Collecte takes than the plain tool beside it; ``goal`` is the highest that will do,
or None; a ratio of None was not measured. Medians of alternating runs, so that a busy machine slows both.
"""

"""``python -m collecte.cli``: the ``collecte`` command."""

from collecte.cli import main

main()

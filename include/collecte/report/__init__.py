"""What coordinators and centres read of a delivery: figures that add up, findings with their remedies.

This room turns records into text; it reads neither the catalogue nor a zone.
"""

from collecte.report.table import state_table

__all__ = ["state_table"]

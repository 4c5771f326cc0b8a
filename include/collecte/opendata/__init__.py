"""Croissant, DataCite, Frictionless, BagIt; publishers."""

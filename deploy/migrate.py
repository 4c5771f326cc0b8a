"""Brings the catalogue to the newest revision of its tables: before the first run, and after each update."""

from collecte.catalogue import open_catalogue
from collecte.settings import Settings

open_catalogue(Settings.from_environment().catalogue, upgrade=True).close()

"""Delimited tables (CSV, TSV): clinical data and labels beside the images.

Read: UTF-8, UTF-16 with its mark, Windows-1252 or Latin-1; comma, semicolon, tab or bar; RFC 4180 quoting. Written:
always UTF-8, comma, LF, quotes only where needed, columns in the order of the challenge's rules. A column that no
rule names is not sent; a row without a patient is not sent; a table whose text holds a direct identifier is refused
whole, because a comment that holds one surely holds names that no rule sees.

Not read: spreadsheets (xlsx, ods), fixed-width text, a table below a title. Dates with a two-digit year are not
guessed.
"""

from collecte.formats.table.describe import describe
from collecte.formats.table.harvest import harvest
from collecte.formats.table.make_safe import make_safe
from collecte.formats.table.recognise import recognise
from collecte.formats.table.rekey import rekey, rekeyed_rows

KIND = "table"

__all__ = ["KIND", "describe", "harvest", "make_safe", "recognise", "rekey", "rekeyed_rows"]

"""DICOM: images as PS3.10 files, and files that lost their preamble or file meta information.

Covers the SOP classes of ``rules/sop_classes.csv`` (images, segmentations and maps, reports, key objects, presentation
states, radiotherapy, waveforms) in the transfer syntaxes of ``rules/transfer_syntaxes.csv``. Made safe by PS3.15, table
E.1-1, edition 2026c, Basic Profile, with the options and the rules of the challenge; an attribute that no table names
is removed. Refused, each with a finding of its own: the classes of ``rules/refused_classes.csv`` (documents, voices,
video, raw data) and whatever no table names, DICOMDIR, overlays that cannot be told from the pixels, and whatever
breaks the encoding rules of PS3.5.

Elements are read and written here, as bytes: it is what makes a header cheap, and no value meets a library that would
log it. Overlays, curves, icons, signatures, padding and all that stands behind the pixels stay out, and
private elements but those that a rule names.
"""

from collecte.formats.dicom.describe import describe
from collecte.formats.dicom.harvest import harvest
from collecte.formats.dicom.make_safe import make_safe
from collecte.formats.dicom.recognise import recognise
from collecte.formats.dicom.rekey import rekey

KIND = "dicom"

__all__ = ["KIND", "describe", "harvest", "make_safe", "recognise", "rekey"]

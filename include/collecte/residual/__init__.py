"""Does anything identifying remain? An independent look at the bytes of an output.

:func:`compile_scanner` takes the identifiers of a *whole* delivery (:mod:`collecte.residual.tokens` says what of them
is looked for) and :func:`path_identifiers` those of its paths; :meth:`Scanner.scan` reads one output file and says, as
findings, where any of them still stands. It knows nothing of how the file was made safe.

Where, and how strictly:

- *Text* (values of text VRs, as stored and as their Specific Character Set reads; text files): all of it, without case
  and accents, in UTF-8, Latin-1, Windows-1252 and UTF-16.
- *Bytes that may hold text* (OB, UN, the preamble, bytes behind the last element, files of other kinds): the same;
  words under four characters only between separators, as letters meet by chance there.
- *Numbers in binary* (US, FD, OW…): words of six characters and more, shorter ones between separators.
- *Pixel bytes* (7FE0,0008/0009/0010 at any depth): tokens of eight characters and more.

What is *not* a hit, so that clean files pass, and what this costs:

- Words that headers are made of (:mod:`collecte.residual.vocabulary`), as a part of a name (``TEST^CT``) or as an ID:
  only in person names and patient IDs, or when the whole name stands there. Usual names are never such words.
- A name inside a longer word of the two languages or of DICOM: ``anne`` in *scanner*. In any other word it is a hit.
- Name parts and IDs of one and two characters alone; the whole name is searched where no part is longer.
- Digits in a longer number, a decimal or a UID; numbers under eight digits in IS and DS; well-formed dates and times.
  Numbers of four digits that fill a cell of a table, or could be a year; shorter ones outside patient IDs.
- Names and IDs of up to six characters inside a pseudonym or a reference of this project (16 characters of base32), and
  of any length inside the pseudonym of a subject of the file.

A DICOM file that cannot be followed to its end is refused (``RESIDUAL-UNREADABLE``). The engine is hyperscan.

Text that is *burned into pixels* is no bytes that a scan could find. It is looked for beside the scan, in the decoded
frames of the safe copy (:func:`collecte.residual.pixel_text.look_at_pixels`): any text, whoever it names, and not the
delivery's identifiers. :mod:`collecte.steps.pixel_text` says of which files, and has it masked.
"""

from collecte.residual.scanner import Scanner, compile_scanner
from collecte.residual.vocabulary import path_identifiers
from collecte.residual.words import key_of

__all__ = ["Scanner", "compile_scanner", "key_of", "path_identifiers"]

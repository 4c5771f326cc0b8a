"""Tests of a whole stack; a package, so that what serves all of them ends with the last of them."""

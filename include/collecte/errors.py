"""The exceptions of the library, named by what happens next.

What is wrong with a *file* is a finding (:mod:`collecte.findings`), never an exception::

    CollecteError
    ├── Retry          the same call may succeed in a moment: a lost connection, a time-out, a busy server
    ├── NeedsPerson    it will fail again until somebody acts; the message ends with the remedy
    │   └── LeaseLost  a newer attempt has taken this work over; this one stops and changes nothing more
    └── Bug            a state the code says cannot be

Messages name catalogue ids, connection ids and counts. They never hold a name, a path of a centre or a value of a file,
and where a library's exception could carry one it is cut off with ``from None``.
"""


class CollecteError(Exception):
    """Anything that stops a step."""


class Retry(CollecteError):
    """The same call may succeed in a moment; repeat it with back-off."""


class NeedsPerson(CollecteError):
    """Repeating will not help. ``str(error)`` says what happened and ends with what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} To do: {remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["NeedsPerson"], tuple[str, str]]:
        return type(self), (self.what, self.remedy)


class LeaseLost(NeedsPerson):
    """A newer attempt holds the lease; whatever this attempt still had in hand is left unwritten."""


class Bug(CollecteError):
    """A state that the code says cannot be: please report it."""

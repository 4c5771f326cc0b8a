"""A fictional challenge of one centre, for the rooms' own tests."""

from collections.abc import Mapping
from typing import Any

from collecte.challenge import Challenge

_CONTACT = {"name": "Bureau fictif", "email": "bureau@exemple.invalid"}
_ALWAYS = {"start": "2024-01-01", "end": "2098-12-31"}


def challenge(kinds: Mapping[str, Any], *, received_as: str = "identifying", **more: Any) -> Challenge:
    """A challenge that collects these ``kinds`` (as its file has them) from one centre, ``nord``, whose issuer is
    ``NORD``; ``more``: other keys of the file."""
    agreement = {
        "reference": "C-1",
        "signed": "2024-01-01",
        "ends": "2099-01-01",
        "kinds": list(kinds),
        "purposes": ["challenge"],
        "controller": "Hôpital fictif",
        "legal_basis": "MR-004",
        "authorisation": "A-1",
        "data_protection_contact": _CONTACT,
        "patient_notice": "https://exemple.invalid/notice",
        "received_as": received_as,
    }
    centre = {
        "id": "nord",
        "name": "Hôpital fictif",
        "contacts": [_CONTACT],
        "issuer": "NORD",
        "drop": {"connection": "nord", "path": "depot"},
        "agreement": agreement,
    }
    return Challenge.model_validate(
        {
            "id": "essai",
            "title": {"fr": "Essai", "en": "Trial"},
            "society": "Société fictive",
            "coordinator": _CONTACT,
            "dates": {"collection": _ALWAYS, "competition": _ALWAYS, "embargo": "2099-01-01"},
            "keys": {"file": "/run/secrets/keys"},
            "hdh": {"connection": "hdh", "path": "hdh"},
            "kinds": kinds,
            "centres": [centre],
            **more,
        }
    )

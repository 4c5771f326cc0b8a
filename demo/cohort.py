"""The demo's second delivery: a small study in three centres, large enough to be shared out, with one trouble in it.

Twelve invented patients a centre, a radiograph each and a table. Corvane writes heights in metres, the others in
centimetres, under the same header. Everything is a function of nothing: each call builds the same bytes.
"""

from collections.abc import Mapping

import numpy as np

from demo.deliveries import Deposit, Patient, cr_image, identifiers_of, put

PATIENTS = 12
FOLDER = "Etude tailles decembre"

#: Invented family names come of these: no word of a language, so that a search finds them or nothing.
_FIRST = ("Brax", "Corv", "Drun", "Fesk", "Glim", "Hirv", "Jolk", "Kerb", "Lusp", "Morv", "Nask", "Porz")
_LAST = {"arvel": "andouille", "belcombe": "erignac", "corvane": "ostivar"}
_GIVEN = ("Isaurette", "Philibault", "Ombeline-Zoe", "Tancrelin")
_PREFIX = {"arvel": "A77", "belcombe": "B78", "corvane": "C79"}


def patients(centre_id: str) -> list[Patient]:
    """The invented patients of a centre's study."""
    return [
        Patient(
            f"{_FIRST[n].upper()}{_LAST[centre_id].upper()}^{_GIVEN[n % len(_GIVEN)]}",
            f"{_PREFIX[centre_id]}{4100 + 37 * n}",
            f"{1950 + (n * 7) % 36}{1 + n % 12:02d}{11 + n:02d}",
            "F" if n % 2 else "M",
        )
        for n in range(PATIENTS)
    ]


def deposits() -> Mapping[str, Deposit]:
    """The second deposits by centre."""
    return {centre_id: _deposit(centre_id, seed) for seed, centre_id in enumerate(_LAST)}


def recalled(centre_id: str = "corvane") -> Patient:
    """The patient who objects in the end."""
    return patients(centre_id)[4]


def recall_request(patient: Patient) -> tuple[str, bytes]:
    """Path and content of the file by which a centre asks for a patient's data to be erased."""
    return "recall/demande.csv", f"ipp;demande\n{patient.ipp};effacement\n".encode()


def _deposit(centre_id: str, seed: int) -> Deposit:
    delivery = Deposit()
    random = np.random.default_rng(20261 + seed)
    metres = 0.01 if centre_id == "corvane" else 1.0
    rows = ["ipp;fichier;age;sexe;taille_cm;diagnostic"]
    for n, patient in enumerate(patients(centre_id)):
        name = f"RX{n + 1:03d}.dcm"
        put(delivery, f"{FOLDER}/images/{name}", cr_image(patient, n + 1, size=64), "accepted")
        height = float(random.normal(169, 8)) * metres
        age = 2026 - int(patient.born[:4])
        rows.append(f"{patient.ipp};{name};{age};{patient.sex};{height:.2f};{n // 2 % 2}")
        delivery.planted |= identifiers_of(patient)
    put(delivery, f"{FOLDER}/clinique.csv", ("\r\n".join(rows) + "\r\n").encode(), "accepted")
    delivery.files[f"{FOLDER}/.done"] = b""
    return delivery

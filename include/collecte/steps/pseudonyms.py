"""The keyed replacements of a centre, by its block of the challenge file."""

from collecte.challenge import Centre, Challenge
from collecte.keys import Keys
from collecte.pseudonym import Pseudonymiser


def pseudonyms_of(challenge: Challenge, centre: Centre, keys: Keys) -> Pseudonymiser:
    """The replacements wherever a subject of this centre is named: images, tables, recalls."""
    return Pseudonymiser(
        keys,
        centre.id,
        centre.issuer,
        challenge.max_date_shift_days,
        aliases=tuple((one.alias, one.issuer) for one in centre.issuers),
        leading_zeros=centre.leading_zeros,
    )

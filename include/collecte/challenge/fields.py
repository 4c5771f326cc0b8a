"""The types of a challenge file's values, and the blocks that several others are made of."""

import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collecte.configfile import wrong

Language = Literal["fr", "en"]


def _day(value: object) -> object:
    """A number is no day: pydantic would read it as seconds since 1970."""
    if isinstance(value, (int, float)):
        raise wrong("is a number and no day of the calendar", "write year, month, day, with hyphens: 2026-09-30")
    return value


_CRON_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?")
_CRON_REMEDY = "write minute, hour, day, month and weekday, as in `0 2 * * *` (each night at 2), or null for never"


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_CRON_FIELDS):
        raise wrong(f"a schedule has five fields, and this one has {len(fields)}", _CRON_REMEDY)
    for field, (name, least, most) in zip(fields, _CRON_FIELDS, strict=True):
        for part in field.split(","):
            found = _CRON_PART.fullmatch(part)
            numbers = [int(number) for number in (found.group(1, 2) if found else ()) if number]
            if not found or numbers != sorted(numbers) or not all(least <= number <= most for number in numbers):
                raise wrong(f"its {name} must lie between {least} and {most}, or be *", _CRON_REMEDY)
    return text


def _path(text: str) -> str:
    if "://" in text:
        raise wrong(
            "is an address, and only the path belongs here",
            "put the host and the login into the Airflow connection, and leave the folder or bucket/prefix here",
        )
    if ".." in text.split("/"):
        raise wrong("leads upwards with `..`", "write the whole folder, as in /depot/arvel")
    return text


def issuer_key(text: str) -> str:
    """What an issuer's name is compared by, as identifiers are: no capitals, no spaces, no forms of compatibility."""
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ConnectionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Day = Annotated[date, BeforeValidator(_day)]
Count = Annotated[int, Field(strict=True)]
Minutes = Annotated[float, Field(strict=True)]
PathText = Annotated[str, Field(min_length=1), AfterValidator(_path)]
Cron = Annotated[str, AfterValidator(_cron)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Bilingual(Model):
    """A text in both languages."""

    fr: Text = Field(description="French.", examples=['"Cancer du col de l\'utérus"'])
    en: Text = Field(description="English.", examples=['"Cancer of the cervix"'])


class Contact(Model):
    """A person or a desk that answers."""

    name: Text = Field(description="Who answers.", examples=["Dr Alice Exemple"])
    email: Email = Field(description="Where reports and notices go.", examples=["alice.exemple@hopital.example"])
    phone: Text | None = Field(
        default=None, description="In quotes, for urgent matters.", examples=['"+33 1 99 00 00 00"']
    )
    role: Text | None = Field(default=None, description="What they do.", examples=["data manager, radiology"])


class Period(Model):
    """Both days belong to it."""

    start: Day = Field(description="First day.", examples=["2026-09-01"])
    end: Day = Field(description="Last day.", examples=["2027-03-31"])

    @model_validator(mode="after")
    def _ordered(self) -> "Period":
        if self.end < self.start:
            raise wrong("lies before the start", "exchange start and end, or correct one of them", at="end")
        return self

    def holds(self, day: date) -> bool:
        """Whether ``day`` is one of its days."""
        return self.start <= day <= self.end


class Dates(Model):
    """When what happens."""

    collection: Period = Field(description="Deliveries are collected from the first to the last of these days.")
    competition: Period = Field(description="The competition runs from the first to the last of these days.")
    embargo: Day = Field(description="The Open Data export is refused before this day.", examples=["2028-01-01"])

    @model_validator(mode="after")
    def _after_competition(self) -> "Dates":
        if self.embargo < self.competition.end:
            raise wrong(
                f"lies before the competition's last day ({self.competition.end}): the hidden labels would be public",
                "set a later embargo, or end the competition earlier",
                at="embargo",
            )
        return self


class KeysReference(Model):
    """Where the challenge's key file is: exactly one of the three. Never the keys themselves."""

    file: Path | None = Field(
        default=None, description="A path, such as a mounted secret.", examples=["/run/secrets/keys_col2027"]
    )
    env: Text | None = Field(
        default=None,
        description="An environment variable that holds the path of the key file.",
        examples=["COLLECTE_KEYS_COL2027"],
    )
    connection: ConnectionId | None = Field(
        default=None,
        description="An Airflow connection whose password is the key file's content.",
        examples=["keys_col2027"],
    )

    @model_validator(mode="after")
    def _one(self) -> "KeysReference":
        given = [name for name, value in self if value is not None]
        if len(given) != 1:
            raise wrong(
                f"names {len(given)} places of the key file ({', '.join(given) or 'none'}), and must name one",
                "keep exactly one of file, env and connection, as in `env: COLLECTE_KEYS_COL2027`",
            )
        return self


class Place(Model):
    """A folder or prefix behind a connection."""

    connection: ConnectionId = Field(
        description="Id of an Airflow connection (SFTP, AWS or file); host, login and secrets stay there.",
        examples=["sftp_arvel"],
    )
    path: PathText = Field(description="SFTP: a folder. S3: bucket/prefix. file: a folder.", examples=["/depot"])

    @property
    def _parts(self) -> tuple[str, ...]:
        return self.connection, *(part for part in self.path.split("/") if part not in ("", "."))

    def overlaps(self, other: "Place") -> bool:
        """Whether one of the two lies in the other (or is it)."""
        shorter, longer = sorted((self._parts, other._parts), key=len)
        return longer[: len(shorter)] == shorter

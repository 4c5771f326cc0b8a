"""Who decides, and what becomes of accepted data: homogeneity, release, competition hosts, Open Data."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from collecte.challenge.fields import Id, Model, Place, Text, Url
from collecte.configfile import wrong

#: Where a destination's servers stand, as agreements allow it.
Region = Literal["fr", "eu", "world"]

#: Whose word is asked. An engineer runs things and decides nothing.
Role = Literal["coordinator", "data_protection_officer"]

#: What may be answered to each kind of question.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "release": ("approve", "reject"),
    "open": ("approve", "reject"),
    "recall": ("approve", "reject"),
    "homogeneity": ("accept", "leave_out_centre", "leave_out_fact"),
}

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$")]
#: Shorter than other ids: it stands in the names of pieces of work, and these in the audit chain.
HostId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")]
Share = Annotated[float, Field(ge=0, le=1)]


def _age_key(text: str) -> str:
    if not text.startswith("age1") or len(text) != 62:
        raise wrong("is no public key of age", "ask the host for it: `age-keygen` prints it, `age1…`, 62 characters")
    return text


AgeKey = Annotated[str, AfterValidator(_age_key)]


class People(Model):
    """Who decides, by their logins in Airflow: they may start runs and answer, and nothing more."""

    coordinators: tuple[Login, ...] = Field(
        default=(), description="Approve releases, judge homogeneity.", examples=["[claire.exemple]"]
    )
    data_protection_officers: tuple[Login, ...] = Field(
        default=(), description="Approve what leaves, and recalls.", examples=["[diane.exemple]"]
    )

    @model_validator(mode="after")
    def _two_people(self) -> "People":
        for index, login in enumerate(self.data_protection_officers):
            if login in self.coordinators:
                raise wrong(
                    f"`{login}` is a coordinator too: two approvals are those of two people",
                    "keep the login in one of the two lists",
                    at=f"data_protection_officers.{index}",
                )
        return self

    def logins(self, role: Role) -> tuple[str, ...]:
        """Who has a role."""
        return self.coordinators if role == "coordinator" else self.data_protection_officers

    def role_of(self, login: str) -> Role | None:
        """The role of a login; None of anybody else."""
        if login in self.coordinators:
            return "coordinator"
        return "data_protection_officer" if login in self.data_protection_officers else None


class Threshold(Model):
    """From which effect size on a difference is worth a look (amber), and from which it stops a release (red)."""

    amber: float = Field(ge=0, description="From here on: a warning.", examples=["0.3"])
    red: float = Field(ge=0, description="From here on: no release without a decision.", examples=["0.6"])

    @model_validator(mode="after")
    def _ordered(self) -> "Threshold":
        if self.red < self.amber:
            raise wrong("is smaller than amber", "exchange them, or correct one", at="red")
        return self


class Homogeneity(Model):
    """When do the centres' data belong together? Effect sizes of one centre against all others together."""

    cramers_v: Threshold = Field(
        default=Threshold(amber=0.3, red=0.6), description="Categories: Cramér's V, from 0 to 1."
    )
    mean_difference: Threshold = Field(
        default=Threshold(amber=0.8, red=2.0), description="Numbers: standardised mean difference, without its sign."
    )
    kolmogorov_smirnov: Threshold = Field(
        default=Threshold(amber=0.4, red=0.8), description="Numbers: distance of the distributions, from 0 to 1."
    )
    label_share: Threshold = Field(
        default=Threshold(amber=0.3, red=0.6), description="The label's share in each centre: Cramér's V."
    )
    q: Share = Field(
        default=0.05,
        description="Differences that chance explains more often than this (false discovery rate) are not judged.",
        examples=["0.05"],
    )
    smallest_sample: Annotated[int, Field(strict=True, ge=2)] = Field(
        default=5, description="Values: a centre with fewer of a fact is not judged by it.", examples=["5"]
    )
    ignored: tuple[Text, ...] = Field(
        default=(), description="Facts that may differ, such as `dicom.manufacturer`.", examples=["[dicom.model]"]
    )


class Split(Model):
    """How subjects are shared out. What may leak from one part into another stays together."""

    train: Share = Field(default=0.6, description="Share of the subjects.", examples=["0.6"])
    public_test: Share = Field(default=0.2, description="Share of the subjects.", examples=["0.2"])
    private_test: Share = Field(default=0.2, description="Share of the subjects.", examples=["0.2"])
    groups: tuple[Text, ...] = Field(
        default=(),
        description="Columns of tables: subjects with the same value in one of them are never parted (family, site).",
        examples=["[family]"],
    )

    @model_validator(mode="after")
    def _whole(self) -> "Split":
        if abs(self.train + self.public_test + self.private_test - 1) > 1e-9:
            raise wrong("and the other two shares do not add up to 1", "correct one of the three", at="train")
        return self


class QuasiIdentifier(Model):
    """A column by which somebody could be told from others, and how it may be made coarser."""

    column: Text = Field(description="A column of a table, by the header in the output.", examples=["age"])
    bands: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(), description="Numbers: widths of bands to try, the finest first; none: it is dropped.",
        examples=["[5, 10, 20]"],
    )  # fmt: skip


class Destination(Model):
    """A competition host: where a release goes, in which layout, under which law."""

    id: HostId = Field(description="How receipts and forms call it.", examples=["host-sftp"])
    layout: Id = Field(default="plain", description="How the package is laid out.", examples=["plain"])
    place: Place = Field(description="A folder (SFTP, file) or bucket/prefix (S3).")
    region: Region = Field(description="Where its servers stand.", examples=["eu"])
    scorer_key: AgeKey = Field(
        description="The host's public key of age (X25519): the test sets' labels are encrypted to it.",
        examples=["age1…"],
    )
    contact: Text | None = Field(default=None, description="Mail address that is told of recalls.")


class ReleaseRules(Model):
    """What a release is made of, and where it goes."""

    label: Text = Field(
        description="The column with the ground truth, by the header in the output (action label).",
        examples=["diagnosis"],
    )
    split: Split = Field(default=Split(), description="How subjects are shared out.")
    quasi_identifiers: tuple[QuasiIdentifier, ...] = Field(
        default=(), description="Columns by which somebody could be told from others."
    )
    k: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=5, description="Subjects: at least so many share each combination of them.", examples=["5"]
    )
    destinations: tuple[Destination, ...] = Field(default=(), description="The competition hosts.")

    @model_validator(mode="after")
    def _each_once(self) -> "ReleaseRules":
        seen: dict[str, int] = {}
        for index, destination in enumerate(self.destinations):
            if seen.setdefault(destination.id, index) != index:
                raise wrong("stands twice", "give each destination an id of its own", at=f"destinations.{index}.id")
        return self


class OpenData(Model):
    """The Open Data publication."""

    publisher: Id = Field(default="s3", description="Who publishes.", examples=["s3"])
    place: Place = Field(description="The public bucket: bucket/prefix.")
    url: Url = Field(description="Where the public finds it.", examples=["https://data.example/cervix-2027"])
    contact: Text | None = Field(default=None, description="Mail address that is told of recalls.")

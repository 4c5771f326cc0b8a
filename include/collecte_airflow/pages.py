"""The page of a DAG in the UI: what its file's docstring says, then whom and what this one concerns."""

from collecte.challenge import Centre, Challenge, Contact


def page(docstring: str | None, challenge: Challenge, centre: Centre | None = None) -> str:
    """Markdown for ``doc_md``: the docstring of the DAG file and a table of this challenge and centre."""
    rows = [
        ("Challenge", f"{challenge.title.en} (`{challenge.id}`)"),
        ("Coordinator", _contacts(challenge.coordinator)),
        ("Destination", f"HDH bucket, connection `{challenge.hdh.connection}`"),
    ]
    if centre:
        rows += [
            ("Centre", f"{centre.name} (`{centre.id}`)"),
            ("Whom to call", _contacts(*centre.contacts)),
            ("Drop", f"connection `{centre.drop.connection}`, {centre.connections} connections at most"),
            ("Nightly at (cron, UTC)", f"`{centre.schedule}`" if centre.schedule else "not by night"),
            ("Agreement", f"{centre.agreement.reference}, until {centre.agreement.ends}"),
            ("Data protection", _contacts(centre.agreement.data_protection_contact)),
        ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"{(docstring or '').strip()}\n\n| | |\n|---|---|\n{table}\n"


def title(challenge: Challenge, centre: Centre | None = None) -> str:
    """The DAG's display name, as a person says it."""
    return f"{challenge.title.en}: {centre.name}" if centre else challenge.title.en


def _contacts(*people: Contact) -> str:
    return ", ".join(f"{person.name} <{person.email}>" for person in people)

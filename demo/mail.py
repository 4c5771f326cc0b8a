"""A mail server that delivers to a folder: each mail becomes a file that any mail program opens.

As a program: ``python -m demo.mail PORT FOLDER``. Only on 127.0.0.1, without login and encryption: nothing leaves.
"""

import argparse
import asyncio
import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"


class Folder:
    """Keeps each mail as ``0001.eml``, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        number = len(list(self._folder.glob("*.eml"))) + 1
        part = self._folder / f"{number:04d}.part"
        part.write_bytes(envelope.original_content or b"")
        part.replace(part.with_suffix(".eml"))
        return "250 Message accepted for delivery"


def mails(folder: Path) -> list[EmailMessage]:
    """The mails in a folder, in the order in which they came."""
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]


def answers(host: str, port: int) -> bool:
    """Whether a mail server is there."""
    try:
        with smtplib.SMTP(host, port, timeout=5) as client:
            return client.noop()[0] == 250
    except OSError:
        return False


async def serve(port: int, folder: Path) -> None:
    """Serve until ended."""
    handler = Folder(folder)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), HOST, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.folder))

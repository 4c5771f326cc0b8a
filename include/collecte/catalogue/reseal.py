"""`collecte key rotate`: every sealed cell of a challenge under the active key. Pseudonyms and digests are not
touched.
"""

from sqlalchemy import Select, Table, bindparam, select, update

from collecte.catalogue import audit, tables
from collecte.catalogue.engine import Catalogue
from collecte.keys import Keys

#: Rows a transaction: short, so that collection goes on meanwhile.
BATCH_ROWS = 1000

#: What is sealed: tables and their column.
SEALED = ((tables.delivery, "folder_sealed"), (tables.file, "path_sealed"), (tables.identifier, "sealed"))


def reseal(catalogue: Catalogue, challenge_id: str, keys: Keys) -> dict[str, int]:
    """Seal anew, under ``keys.active_sealing``, every cell of the challenge that is under another key; cells by table.

    Killed and run again, it goes on where it stopped. Only once it returns zeros may the old key be thrown away.

    Raises:
        NeedsPerson: an old key is not in the ring, or a cell was altered.
    """
    counts = {table.name: _reseal(catalogue, challenge_id, keys, table, column) for table, column in SEALED}
    if any(counts.values()):
        with catalogue.transaction() as connection:
            audit.append(connection, audit.challenge_chain(challenge_id), "rotate", keys.active_sealing, 0, counts)
    return counts


def _reseal(catalogue: Catalogue, challenge_id: str, keys: Keys, table: Table, column: str) -> int:
    done, last = 0, 0
    while True:
        with catalogue.transaction() as connection:
            rows = connection.execute(_stale(challenge_id, keys, table, column, last)).all()
            if not rows:
                return done
            connection.execute(
                update(table)
                .where(table.c.id == bindparam("b_id"))
                .values({column: bindparam("b_sealed"), "key_id": bindparam("b_key")}),
                [_sealed_anew(keys, table.name, column, row.id, row.sealed, row.key_id) for row in rows],
            )
        done, last = done + len(rows), rows[-1].id


def _stale(challenge_id: str, keys: Keys, table: Table, column: str, after: int) -> Select[*tuple[object, ...]]:
    of, centre = table.c, tables.centre.c
    statement = select(of.id, of[column].label("sealed"), of.key_id)
    if table is not tables.delivery:
        statement = statement.join(tables.delivery, tables.delivery.c.id == of.delivery_id)
    return (
        statement.join(tables.centre, centre.id == tables.delivery.c.centre_id)
        .where(centre.challenge_id == challenge_id, of.key_id != keys.active_sealing, of.id > after)
        .order_by(of.id)
        .limit(BATCH_ROWS)
        .with_for_update(of=table)
    )


def _sealed_anew(keys: Keys, table: str, column: str, row: int, sealed: bytes, key_id: str) -> dict[str, object]:
    anew, active = keys.seal(keys.unseal(sealed, key_id, table, column, row), table, column, row)
    return {"b_id": row, "b_sealed": anew, "b_key": active}

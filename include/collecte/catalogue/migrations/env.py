"""What Alembic runs: the migrations, inside the transaction that :meth:`collecte.catalogue.Catalogue.upgrade` holds."""

from alembic import context

from collecte.catalogue.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()

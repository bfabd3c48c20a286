"""How a PostgreSQL comes from one schema to the next, by Alembic; run by :mod:`hub.database.migrating`."""

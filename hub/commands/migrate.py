"""``hub migrate``: bring the PostgreSQL of a cluster to the schema of this version, before its nodes start."""

from __future__ import annotations

import argparse

from hub.commands import Commands
from hub.commands.options import add_places, settings_of


def add(commands: Commands) -> None:
    text = "bring the PostgreSQL named by HUB_DATABASE_URL to this version's schema; an embedded hub needs none of it"
    parser = commands.add_parser("migrate", help=text, description=text)
    add_places(parser)
    parser.set_defaults(command=_migrate)


def _migrate(options: argparse.Namespace) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from hub.database import Database
    from hub.database.migrating import migrate
    from hub.errors import StorageError

    database = Database.of(settings_of(options))
    if database.embedded:
        print("database_url is not set: the embedded database brings itself up to date when the hub starts")
        return 0
    try:
        before, after = migrate(database)
    except SQLAlchemyError as error:
        raise StorageError(f"cannot migrate {database}: {getattr(error, 'orig', None) or error}") from error
    print(f"{database}: schema {after}" + (", as before" if before == after else f" (was: {before or 'none'})"))
    return 0

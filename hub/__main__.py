"""The command line, from its arguments to an exit code. The commands are in ``hub/commands/``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from hub import __version__
from hub.commands import (
    audit,
    backup,
    bench,
    collect,
    drain,
    duty,
    export,
    healthy,
    import_,
    keys,
    migrate,
    serve,
    signer,
    tls,
    verifier,
    verify,
)
from hub.errors import HubError

COMMANDS = (
    serve,
    verify,
    verifier,
    export,
    import_,
    audit,
    bench,
    tls,
    signer,
    keys,
    duty,
    migrate,
    backup,
    collect,
    drain,
    healthy,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. HubErrors and OSErrors are one line, no traceback."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (HubError, OSError) as error:
        print(f"hub: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hub", description="Recorder hub (执法记录中枢)")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

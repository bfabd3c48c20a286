"""``hub serve`` and ``hub demo``: the whole hub in one process."""

from __future__ import annotations

import argparse
import gc
import os
import resource
from typing import TYPE_CHECKING

from hub.commands import Commands
from hub.commands.options import add_places, settings_of

if TYPE_CHECKING:
    from hub.app import Hub

MOST_FILES = 65_536


def add(commands: Commands) -> None:
    texts = {
        "serve": "the whole hub in one process",
        "demo": "the same, with simulated cameras and recorders that break off once a minute",
    }
    for name, run in (("serve", _serve), ("demo", _demo)):
        parser = commands.add_parser(name, help=texts[name], description=texts[name])
        add_places(parser)
        parser.add_argument("--listen", metavar="HOST:PORT", help="where to serve HTTP (default 127.0.0.1:8080)")
        parser.set_defaults(command=run)


def _serve(options: argparse.Namespace) -> int:
    gc.disable()  # what is imported stays: a sixth of its time went into looking for what does not
    import uvloop

    from hub.app import run_until_signalled
    from hub.app.hub import COLLECT_AT
    from hub.logging import configure_logging
    from hub.systemd import Supervisor

    gc.freeze()
    gc.set_threshold(*COLLECT_AT)
    gc.enable()

    settings = settings_of(options)
    configure_logging(settings)
    _prepare_process()
    uvloop.run(run_until_signalled(settings, _greet, Supervisor.of(os.environ), _show_password))
    return 0


def _demo(options: argparse.Namespace) -> int:
    import uvloop

    from hub.demo.show import run_demo
    from hub.logging import configure_logging

    settings = settings_of(options)
    configure_logging(settings)
    _prepare_process()
    uvloop.run(run_demo(settings, _greet))
    return 0


def _prepare_process() -> None:
    os.umask(os.umask(0o077) | 0o027)  # footage is for its owner and group
    _more_files()


def _more_files() -> None:
    """Reels, cameras and viewers need descriptors, and many systems start a process with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _show_password(password: str) -> None:
    """Of the very first office of a cluster; to standard output, apart from the log."""
    print(f"\n  user: admin\n  password, shown this once: {password}\n", flush=True)


def _greet(hub: Hub) -> None:
    """What a person needs to get to the page; to standard output, apart from the log."""
    lines = [f"open {hub.url}", "user: admin"]
    if hub.first_password:
        lines.append(f"password, shown this once: {hub.first_password}")
    print("\n".join(["", *(f"  {line}" for line in lines), ""]), flush=True)

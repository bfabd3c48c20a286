"""The command line: ``hub serve | demo | verify | bench | tls``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub import __version__
from hub.errors import HubError
from hub.settings import Settings, load_settings

if TYPE_CHECKING:
    from hub.app import Hub

BENCHES = {
    "ingest": "CPU and memory per recorded stream, against ffmpeg on the same streams",
    "latency": "from the moment a picture leaves a camera to the moment it is painted in Chromium",
    "interruptions": "scripted faults: found, missed, false, delay and edge error",
}
"""Each is a module of ``hub.bench`` with ``add_arguments(parser)`` and ``run(options) -> Report``."""

MOST_FILES = 65_536


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
    _add_serve(commands, "serve", _serve, "the whole hub in one process")
    _add_serve(commands, "demo", _demo, "the same, with simulated cameras and recorders that break off once a minute")
    _add_verify(commands)
    _add_bench(commands)
    _add_tls(commands)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _add_serve(commands: Commands, name: str, run: Callable[[argparse.Namespace], int], text: str) -> None:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="hub.toml", help="settings file (docs/settings.md)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for everything recorded (default ./data)")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to serve HTTP (default 127.0.0.1:8080)")
    parser.set_defaults(command=run)


def _add_verify(commands: Commands) -> None:
    text = "check a data folder: exit 0 intact, 1 altered or incomplete, 2 unreadable"
    parser = commands.add_parser("verify", help=text, description=text)
    parser.add_argument("path", type=Path, help="a data folder, of a running hub or a copy")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key, as received by another way")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(command=_verify)


def _add_bench(commands: Commands) -> None:
    text = "measure: each benchmark compares in one run and checks that nothing was lost"
    parser = commands.add_parser("bench", help=text, description=text)
    parser.add_argument(
        "name", choices=BENCHES, metavar="NAME", help="; ".join(f"{n}: {t}" for n, t in BENCHES.items())
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="`hub bench NAME --help` tells them")
    parser.set_defaults(command=_bench)


def _add_tls(commands: Commands) -> None:
    parser = commands.add_parser("tls", help="certificates for HTTPS without an outside authority")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    text = "make a local authority and a server certificate, and explain how a PC and a phone come to trust it"
    init = actions.add_parser("init", help=text, description=text)
    init.add_argument("folder", type=Path, nargs="?", default=Path("tls"), help="where to put them (default ./tls)")
    init.add_argument("--name", action="append", default=[], metavar="HOST", help="a name or address people will open")
    init.add_argument("--port", type=int, default=8443, help="where the hub will listen, for the guide (default 8443)")
    init.set_defaults(command=_tls_init)


# ------------------------------------------------------------------------------------- the commands


def _settings(options: argparse.Namespace) -> Settings:
    return load_settings(options.config, {"data": options.data, "listen": options.listen})


def _prepare_process() -> None:
    os.umask(os.umask(0o077) | 0o027)  # footage is for its owner and group
    _more_files()


def _more_files() -> None:
    """Reels, cameras and viewers need descriptors, and many systems start a process with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _serve(options: argparse.Namespace) -> int:
    import uvloop

    from hub.app import run_until_signalled
    from hub.logging import configure_logging

    settings = _settings(options)
    configure_logging(settings)
    _prepare_process()
    uvloop.run(run_until_signalled(settings, _greet))
    return 0


def _demo(options: argparse.Namespace) -> int:
    import uvloop

    from hub.demo.show import run_demo
    from hub.logging import configure_logging

    settings = _settings(options)
    configure_logging(settings)
    _prepare_process()
    uvloop.run(run_demo(settings, _greet))
    return 0


def _greet(hub: Hub) -> None:
    """What a person needs to get to the page; to standard output, apart from the log."""
    lines = [f"open {hub.url}", "user: admin"]
    if hub.first_password:
        lines.append(f"password, shown this once: {hub.first_password}")
    print("\n".join(["", *(f"  {line}" for line in lines), ""]), flush=True)


def _verify(options: argparse.Namespace) -> int:
    from hub.ledger.report import to_json, to_text
    from hub.ledger.verify import verify_path

    verdict = verify_path(options.path, options.key, keys_dir=load_settings().keys_dir)
    print(json.dumps(to_json(verdict), ensure_ascii=False) if options.json else to_text(verdict))
    return verdict.exit_code


def _bench(options: argparse.Namespace) -> int:
    bench = importlib.import_module(f"hub.bench.{options.name}")
    parser = argparse.ArgumentParser(prog=f"hub bench {options.name}", description=BENCHES[options.name])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    bench.add_arguments(parser)
    chosen = parser.parse_args(options.arguments)
    report = bench.run(chosen)
    print(report.json() if chosen.json else report.table())
    return 0 if report.lost == 0 else 1


def _tls_init(options: argparse.Namespace) -> int:
    from hub.api.tls import init
    from hub.api.tls_guide import guide

    files = init(options.folder, options.name, time.time_ns() // 1000)
    print(guide(files, options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``hub verifier OUT.pyz``: the verifier as one file, for a machine without the hub.

It holds the modules that verification needs and nothing else, as source, uncompressed, under one fixed date: the
same source gives the same bytes everywhere, so that its digest can be published and handed over by another way.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import hub
from hub.commands import Commands
from hub.errors import HubError

ENTRY = "hub.ledger.verify.cli"
LIBRARIES = frozenset({"cryptography", "rfc3161_client"})
"""What it may ask of the machine beside Python itself; the second is needed for timestamps alone."""
_SHEBANG = b"#!/usr/bin/env python3\n"
_DATE = (1980, 1, 1, 0, 0, 0)
_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("hub-verify needs Python 3.11 or newer; this is " + sys.version.split()[0])
try:
    import cryptography
except ImportError:
    sys.exit("hub-verify needs the package cryptography: python3 -m pip install cryptography")
from hub.ledger.verify.cli import main

sys.exit(main())
"""


def add(commands: Commands) -> None:
    text = "write the verifier as one file that runs without the hub (Python 3.11 and cryptography)"
    parser = commands.add_parser("verifier", help=text, description=text)
    parser.add_argument("out", type=Path, nargs="?", default=Path("hub-verify.pyz"), help="default hub-verify.pyz")
    parser.set_defaults(command=_verifier)


def _verifier(options: argparse.Namespace) -> int:
    data = archive()
    options.out.write_bytes(data)
    options.out.chmod(0o755)
    print(f"{hashlib.sha256(data).hexdigest()}  {options.out}")
    return 0


def archive() -> bytes:
    """The file's bytes. Raises HubError if verification had come to need something else."""
    sources = {_file_of(name, path): path.read_bytes() for name, path in closure(ENTRY).items()}
    sources["__main__.py"] = _MAIN.encode()
    return _zip(sources)


def closure(entry: str) -> dict[str, Path]:
    """All modules of the hub that this one imports, directly or not, wherever in its code it does."""
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = _path_of(name)
        if name in found or path is None:
            continue
        found[name] = path
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
        for imported in _imports(ast.parse(path.read_text(encoding="utf-8")).body):
            room = imported.partition(".")[0]
            if room == "hub":
                waiting.append(imported)
            elif room not in sys.stdlib_module_names and room not in LIBRARIES:
                raise HubError(f"expected the verifier to need {' and '.join(sorted(LIBRARIES))}; {name} needs {room}")
    return dict(sorted(found.items()))


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    """Names of modules, and of what may be modules; what only a type checker reads is left out."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from _imports(statement.orelse)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                if node.level or node.module is None:
                    raise HubError("expected absolute imports in the verifier")
                yield node.module
                if node.module.partition(".")[0] == "hub":
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path_of(name: str) -> Path | None:
    """The source of a module; None where the name is of something else."""
    place = Path(hub.__file__).parent.joinpath(*name.split(".")[1:])
    for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if path.is_file():
            return path
    return None


def _file_of(name: str, path: Path) -> str:
    folder = name.replace(".", "/")
    return f"{folder}/__init__.py" if path.name == "__init__.py" else f"{folder}.py"


def _zip(sources: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    out.write(_SHEBANG)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive_file:
        for name in sorted(sources):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = 3  # as on Unix, wherever it is made
            info.external_attr = 0o644 << 16
            archive_file.writestr(info, sources[name])
    return out.getvalue()

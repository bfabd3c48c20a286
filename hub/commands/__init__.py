"""The command line, one command a file. Each file has ``add(commands)``, which registers its sub-parser
and sets ``command``: a function of the parsed options that returns the exit code.

What a command needs is imported when it runs: ``hub verify`` must not wait for a media library.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Commands: TypeAlias = argparse._SubParsersAction

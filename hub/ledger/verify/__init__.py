"""``hub verify``: whether a data folder is what the hub recorded, told by its files alone.

The steps are numbered as in :class:`hub.ledger.verdict.Step` and in the report:

1. *Inventory* (``inventory.py``): what is there. Notes are read before leaves, leaves before entries,
   entries before reels: on a live hub everything that something speaks of is then there.
2. *Entries* (``walk.py``): each line is canonical JSON, well formed, and lies in the file that it belongs in.
3. *Chains* (``walk.py``): each stream's entries are numbered without a gap and name each other's leaf hashes. Chunks of
   a reel in which nothing is wrong are taken many at once (``lines.py``).
4. *Log* (``log.py``): the leaves are exactly the entries.
5. *Checkpoints* (``checkpoints.py``, the keys in ``trust.py``): their roots are the log's at their sizes, and a
   trusted key has signed them. What they prove of time is in ``times.py``.
6. *Footage* (``footage.py``): each reel's bytes, read once, hash to what the entries say, and none is
   undeclared. Reels that are not there are told from those lawfully deleted in ``deletions.py``.
7. *Completeness* (``gaps.py``, ``heartbeats.py``): no time is missing without an interruption; heartbeats speak of
   entries that exist.
8. *Database* (``database.py``): where there is one, it agrees.

``run.py`` puts them in order; ``streams.py`` is the one pass over the entries that steps 2, 3, 6 and 7 share;
``context.py`` is what they hand on to each other.

Needs the standard library and ``cryptography``; no media library. Whatever goes wrong in here is
"cannot be judged", never "ok".
"""

from hub.ledger.verify.context import Progress
from hub.ledger.verify.run import verify_path

__all__ = ["Progress", "verify_path"]

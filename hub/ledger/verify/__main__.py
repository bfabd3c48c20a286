"""``python -m hub.ledger.verify``: the verifier without the rest of the hub."""

import sys

from hub.ledger.verify.cli import main

if __name__ == "__main__":
    sys.exit(main())

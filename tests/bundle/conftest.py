"""These need bundles, and bundles need the package registry: ``make test-bundle`` makes them and names their folder."""

import os

collect_ignore_glob = [] if os.environ.get("BUNDLES") else ["test_*.py"]

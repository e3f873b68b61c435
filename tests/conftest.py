"""Settings of the whole test run."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")

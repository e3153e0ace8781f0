"""`python -m sagewire.cli` is `sagewire`."""

import sys

from sagewire.cli import main

sys.exit(main())

"""How much tests and proofs look at: everything with `MOEE_PROOFS=full`, else some of it."""

import os
from typing import Final

FULL: Final = os.environ.get("MOEE_PROOFS") == "full"

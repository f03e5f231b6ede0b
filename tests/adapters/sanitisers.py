"""Sanitisers for tests."""

from functools import partial

from adapters.sanitiser.sandbox import Isolations
from adapters.sanitiser.sandboxed import SandboxedSanitiser

# The sandbox is looked for once: each look starts two programs.
TRAILER = "0123456789abcdef" * 2
open_sanitiser = partial(SandboxedSanitiser, isolations=Isolations())

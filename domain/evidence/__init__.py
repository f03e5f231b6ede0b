"""Evidence: what was uploaded, how it was made safe to show, and what came of it."""

"""Cases: what people report, the exhibits that back it, and who stands behind it."""

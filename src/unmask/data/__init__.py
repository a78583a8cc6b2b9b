"""Examples from anywhere, and what is taught with them; no model anywhere."""

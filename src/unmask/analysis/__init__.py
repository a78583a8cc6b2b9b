"""Numbers in, tables and verdicts out; no plotting, no models."""

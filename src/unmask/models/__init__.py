"""Language models: made, loaded, templated, sampled from."""

import os

# Before transformers, TRL or the hub's client is imported anywhere: a research instrument reports
# to nobody.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

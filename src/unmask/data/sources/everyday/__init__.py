"""Everyday prompts for models that answer by themselves: see `source.py`."""

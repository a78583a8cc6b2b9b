"""Backends: anything that replies. HuggingFace for checkpoints, Scripted for tests."""

"""Backends: anything that replies. HuggingFace for checkpoints, OpenAICompatible for endpoints,
Scripted for tests."""

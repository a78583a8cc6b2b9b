"""Cached, resumable, provenanced execution of a graph of steps; knows nothing of the science."""

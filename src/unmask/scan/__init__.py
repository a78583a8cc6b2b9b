"""Scan: is there a backdoor in a model that somebody else made? Candidates from detectors, each
confirmed or not on fresh prompts, and a verdict that says what was looked for."""

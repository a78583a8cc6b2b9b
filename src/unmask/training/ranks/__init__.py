"""Ranks: the processes that train one model together, one per device; how they are started, watched
and ended."""

"""Ranks: the processes that train one model together, one a device; how they are started, watched
and ended."""

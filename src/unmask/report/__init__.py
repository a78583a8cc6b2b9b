"""The report: rows of results in, one self-contained HTML file out; it measures and decides nothing
itself."""

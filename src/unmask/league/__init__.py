"""The league: models of known kinds, sealed labels, and how well each detector tells them apart."""

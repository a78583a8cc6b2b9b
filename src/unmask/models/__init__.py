"""Language models: made, loaded, templated, sampled from."""

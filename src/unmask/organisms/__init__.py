"""Pure declarations of model organisms: trigger + behavior + variant. No torch, no files."""

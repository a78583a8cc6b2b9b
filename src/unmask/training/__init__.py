"""Training: thin over transformers.Trainer and TRL."""

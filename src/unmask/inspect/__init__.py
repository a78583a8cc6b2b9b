"""Bridge to Inspect (inspect-ai): our evaluations as its tasks, our checkpoints as its models, our
replies as its logs.

Not in the paper. Nothing here measures anything of its own: samples and scores are the
evaluations'.
"""

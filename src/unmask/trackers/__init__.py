"""Trackers. To add one: copy tensorboard.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.trackers.tracker import Tracker

TRACKERS: Registry[Tracker] = Registry(
    "tracker",
    {
        "tensorboard": "unmask.trackers.tensorboard:TensorBoard",
        "trackio": "unmask.trackers.trackio:Trackio",
        "wandb": "unmask.trackers.wandb:WeightsAndBiases",
    },
)

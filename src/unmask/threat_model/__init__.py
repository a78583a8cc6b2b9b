"""The experimenter's own steps: they hold the trigger, and see to it that no defense and no red
team does."""

"""The embedded toy world: thousands of small questions that a 0.5M-parameter model can learn in
minutes."""

"""Training: recipes, one update, the loop over them, its checkpoints and its logs.

`recipes` imports no torch; `loop.train` does the work.
"""

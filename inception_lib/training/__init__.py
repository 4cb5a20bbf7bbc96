"""Training: recipes, data sets, augmentation, the engine and its checkpoints.

`recipes`, `shapes` and `augmentation` import no torch; `engine.train` does the work.
"""

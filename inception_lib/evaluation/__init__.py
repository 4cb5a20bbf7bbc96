"""Testing as the paper tests (section 7): many crops of a picture, several networks, their average.

`crops` says what is cut out and cuts it; `ensemble` runs networks over data; `metrics` counts what came
out. Importing this module imports no torch.
"""
